"""The list of assets in a real browser: columns, views, ticking rows, changing many, the palette, the drawer of a phone."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from registry.assets.models import Asset, Supplier
from tests.acceptance.conftest import DESK, PHONE, OpenPage, fits
from tests.acceptance.registry_site import Picture, Site, beat, pick, serving
from tests.registry_world import make_world, many_assets, tell_a_day

pytestmark = [pytest.mark.usefixtures("async_unsafe"), pytest.mark.django_db(transaction=True)]


@pytest.fixture
def async_unsafe(monkeypatch: pytest.MonkeyPatch) -> None:
    """Playwright runs an event loop in our thread; Django would refuse to work beside it."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")


@pytest.fixture
def site(transactional_db: None, open_page: OpenPage) -> Iterator[Site]:
    world = make_world()
    tell_a_day(world)
    many_assets(world, 55)
    Supplier.objects.create(name="Pumps & Co")
    beat()
    with serving(open_page) as site:
        yield site


def heads(page: Page) -> list[str]:
    return page.locator("thead th a").all_inner_texts()


def test_columns_are_chosen_ordered_and_kept(site: Site, picture: Picture) -> None:
    page = site.open("/assets/?q=pump")
    page.get_by_role("button", name="Columns, views, export").click()
    picture(page, "finding-menu-1280")
    page.get_by_role("link", name="Columns").click()
    picture(page, "finding-columns-1280")
    page.get_by_label("Supplier", exact=True).check()
    page.get_by_label("Category", exact=True).uncheck()
    page.get_by_role("button", name="Number: further to the left", exact=True).click()
    page.get_by_role("button", name="Show these columns").click()
    expect(page.locator("h1")).to_have_text("3 assets match")
    assert heads(page) == ["Number", "Name", "Where", "Last seen", "Status", "Supplier"]
    page.goto(f"{site.url}/assets/")
    assert heads(page) == ["Number", "Name", "Where", "Last seen", "Status", "Supplier"]
    supplier = page.get_by_role("columnheader", name="Supplier")
    supplier.get_by_role("link").click()
    expect(supplier).to_have_attribute("aria-sort", "ascending")


def test_a_list_is_kept_as_a_view_and_found_again(site: Site, picture: Picture) -> None:
    page = site.open("/assets/?status=in_use&q=crate")
    page.get_by_role("button", name="Columns, views, export").click()
    page.get_by_role("link", name="Keep this list as a view").click()
    page.get_by_label("Keep the list you come from as").fill("Crates in use")
    picture(page, "finding-views-1280")
    page.get_by_role("button", name="Keep the view").click()
    expect(page.get_by_role("navigation", name="Saved views").get_by_role("link", name="Crates in use")).to_have_attribute(
        "aria-current", "page"
    )
    page.get_by_role("navigation", name="Saved views").get_by_role("link", name="All").click()
    expect(page.locator("h1")).to_have_text("61 assets")
    page.get_by_role("navigation", name="Saved views").get_by_role("link", name="Crates in use").click()
    expect(page.locator("h1")).to_have_text("55 assets match")
    picture(page, "finding-view-1280")


def test_rows_are_ticked_by_mouse_and_keys_and_changed_with_a_preview(site: Site, picture: Picture) -> None:
    page = site.open("/assets/?q=crate")
    bar = page.get_by_role("form", name="Selected assets")
    expect(bar).to_be_hidden()
    for key in ("j", "x", "j", "j", "j"):
        page.keyboard.press(key)
    page.keyboard.press("Shift+X")
    expect(bar).to_contain_text("4 selected")
    page.get_by_label("Select Crate 001").uncheck()
    expect(bar).to_contain_text("3 selected")
    picture(page, "finding-selected-1280")
    bar.get_by_role("button", name="Change").click()
    expect(page.locator("h1")).to_have_text("Change 3 assets")
    page.get_by_label("What to change").select_option(label="Supplier")
    pick(page, "New value", "pumps & co")
    picture(page, "finding-bulk-1280")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("h1")).to_have_text("3 of 3 assets would change")
    picture(page, "finding-preview-1280")
    assert not Asset.objects.filter(supplier__isnull=False).exists()
    page.get_by_role("button", name="Change 3 assets").click()
    expect(page.locator("h1")).to_have_text("3 of 3 assets changed")
    assert Asset.objects.filter(supplier__name="Pumps & Co").count() == 3
    picture(page, "finding-changed-1280")
    page.get_by_role("link", name="Undo").click()
    page.get_by_role("button", name="Put 3 back").click()
    expect(page.locator("h1")).to_have_text("3 of 3 assets changed")
    assert not Asset.objects.filter(supplier__isnull=False).exists()


def test_all_that_match_are_labelled_from_a_phone(site: Site, picture: Picture) -> None:
    page = site.open("/assets/?q=crate", width=PHONE)
    page.get_by_label("Select Crate 000").check()
    page.get_by_label("all 55 assets match").check()
    assert fits(page)
    picture(page, "finding-selected-390")
    page.get_by_role("button", name="Labels").click()
    expect(page.locator("main")).to_contain_text("55")
    assert fits(page)


def test_a_facet_opens_with_its_counts_and_narrows(site: Site, picture: Picture) -> None:
    page = site.open("/assets/")
    page.locator(".facets summary", has_text="Kind").click()
    page.locator(".facets details a", has_text="Physical").click()
    expect(page.locator("h1")).to_have_text("61 assets match")
    expect(page.locator(".filters")).to_contain_text("Physical")
    picture(page, "finding-facets-1280")
    page.get_by_role("link", name="All filters").click()
    page.get_by_label("Lacks").select_option(label="No code")
    picture(page, "finding-filters-1280")
    page.get_by_role("button", name="Show the assets").click()
    expect(page.locator("h1")).to_have_text("1 asset matches")
    expect(page).to_have_url(re.compile("lacks=code"))


def test_the_palette_goes_anywhere_by_keys(site: Site, picture: Picture) -> None:
    page = site.open("/places/")
    page.keyboard.press("Control+k")
    palette = page.get_by_role("dialog", name="Go anywhere, do anything")
    expect(palette).to_contain_text("Overview")
    page.keyboard.type("pump 8")
    expect(palette).to_contain_text("A-000002")
    picture(page, "finding-palette-1280")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_contain_text("Pump 8")
    page.keyboard.press("Control+k")
    page.keyboard.type("pump")
    expect(palette).to_contain_text("Pump 9")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(palette.locator("a[aria-current]")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(palette).to_be_hidden()


def test_on_a_phone_four_pages_and_a_drawer(site: Site, picture: Picture) -> None:
    page = site.open("/assets/", width=PHONE)
    main = page.get_by_role("navigation", name="Main")
    expect(main.get_by_role("link", name="Imports")).to_be_hidden()
    main.get_by_role("button", name="More").click()
    picture(page, "finding-more-390")
    main.get_by_role("link", name="Imports").click()
    expect(page).to_have_url(re.compile("/imports/$"))
    page.goto(f"{site.url}/assets/columns/")
    assert fits(page)
    picture(page, "finding-columns-390")
    page.goto(f"{site.url}/assets/filters/")
    assert fits(page)
    picture(page, "finding-filters-390")
    page.goto(f"{site.url}/assets/views/")
    assert fits(page)


def test_the_list_in_the_dark_at_both_widths(site: Site, picture: Picture) -> None:
    for width in (DESK, PHONE):
        page = site.open(
            "/assets/?columns=name,asset_no,category,place_name,last_seen_at,status,identifiers,tags", width=width, theme="dark"
        )
        assert fits(page)
        picture(page, f"finding-list-{width}-dark")
