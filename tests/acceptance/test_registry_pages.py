"""The registry's pages in a real browser, on desk and phone: what stands there, what clicks and keys do, with scripts or without.

A console error fails a test, and so does whatever the content security policy had to stop."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from registry.access.services import create_administrator
from registry.assets.services import change_asset
from tests.acceptance.conftest import DESK, PHONE, OpenPage, fits
from tests.acceptance.registry_site import Picture, Site, beat, pick, serving
from tests.registry_world import ROOT, World, make_world, many_assets, tell_a_day

pytestmark = [pytest.mark.usefixtures("async_unsafe"), pytest.mark.django_db(transaction=True)]


@pytest.fixture
def async_unsafe(monkeypatch: pytest.MonkeyPatch) -> None:
    """Playwright runs an event loop in our thread; Django would refuse to work beside it."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")


@pytest.fixture
def world(transactional_db: None) -> World:
    world = make_world()
    tell_a_day(world)
    beat()
    return world


@pytest.fixture
def site(world: World, open_page: OpenPage) -> Iterator[Site]:
    with serving(open_page) as site:
        yield site


LOOKS = ((DESK, "light"), (DESK, "dark"), (PHONE, "light"))  # in one test: setting up a site costs more than a page
REFUSED = "status of 422"  # what Chromium notes when a form comes back with errors


def names(page: Page) -> list[str]:
    return page.locator("main [data-open]").all_inner_texts()


# ---- coming in -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [DESK, PHONE])
def test_coming_in_with_a_one_time_password(site: Site, open_page: OpenPage, width: int, picture: Picture) -> None:
    one_time = create_administrator(by=ROOT, username="root")
    page = open_page(site.url + "/assets/", width=width)
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    picture(page, f"registry-login-{width}")
    page.get_by_label("Name").fill("root")
    page.get_by_label("Password").fill("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("do not match")
    expect(page.get_by_label("Name")).to_have_value("root")
    expect(page.get_by_label("Password")).to_be_focused()
    page.get_by_label("Password").fill(one_time)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Choose your own password")).to_be_visible()
    picture(page, f"registry-password-{width}")
    page.get_by_label("Password until now").fill(one_time)
    page.get_by_label("New password", exact=True).fill("a horse and a battery")
    page.get_by_label("New password again").fill("a horse and a battery")
    page.get_by_role("button", name="Save the new password").click()
    expect(page.locator("main")).to_contain_text("Your new password holds from now on.")
    page.get_by_role("button", name="root: password, log out").click()
    page.get_by_role("button", name="Log out", exact=True).click()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()


# ---- overview ------------------------------------------------------------------------------------------------------------------


def test_overview(site: Site, picture: Picture) -> None:
    for width, theme in LOOKS:
        page = site.open("/", width=width, theme=theme)
        expect(page.locator("h1")).to_contain_text("3 of 6 assets are in a known place, 5 seen in the last day")
        expect(page.locator(".where tr").first).to_contain_text("Store room")
        expect(page.locator(".todo")).to_contain_text("2 zones without a place")
        expect(page.locator(".feed li")).to_have_count(8)  # ten events: the same told again is one line
        assert fits(page)
        picture(page, f"registry-overview-{width}-{theme}")


# ---- the list ------------------------------------------------------------------------------------------------------------------


def test_the_list(site: Site, world: World, picture: Picture) -> None:
    many_assets(world, 60)
    for width, theme in LOOKS:
        page = site.open("/assets/?sort=-seen", width=width, theme=theme)
        expect(page.locator("h1")).to_have_text("66 assets")
        expect(page.locator("tbody tr")).to_have_count(50)
        expect(page.locator("tbody tr").first).to_contain_text("Store room")
        expect(page.locator("tbody tr").first).to_contain_text(re.compile(r"\d+ (s|min) ago"))
        assert fits(page)
        picture(page, f"registry-assets-{width}-{theme}")
        page.get_by_role("link", name="Next 50").click()
        expect(page.locator("tbody tr")).to_have_count(16)
        expect(page).to_have_url(re.compile("cursor="))


def test_searching_filters_while_typing_and_the_address_keeps_it(site: Site) -> None:
    page = site.open("/assets/")
    page.keyboard.press("/")
    expect(page.locator("#q")).to_be_focused()
    page.keyboard.type("pump")
    expect(page.locator("h1")).to_have_text("3 assets match")
    expect(page).to_have_url(re.compile(r"\?q=pump$"))
    expect(page.locator("#q")).to_be_focused()
    page.locator(".facets").get_by_role("link", name="In stock").click()
    expect(page.locator("h1")).to_have_text("1 asset matches")
    expect(page).to_have_url(re.compile(r"q=pump&status=in_stock"))
    assert names(page) == ["Pump 8"]
    page.get_by_role("link", name="Without In stock").click()
    expect(page.locator("h1")).to_have_text("3 assets match")
    number = page.get_by_role("columnheader", name="Number")
    for direction in ("ascending", "descending"):
        number.get_by_role("link").click()
        expect(number).to_have_attribute("aria-sort", direction)
    assert names(page) == ["Pump 9", "Pump 8", "Pump 7"]
    page.go_back()
    expect(number).to_have_attribute("aria-sort", "ascending")
    assert names(page) == ["Pump 7", "Pump 8", "Pump 9"]
    page.locator("#q").fill("7")  # the order chosen stays while searching on
    expect(page).to_have_url(re.compile(r"\?q=7&sort=number"))
    page.reload()
    expect(page.locator("#q")).to_have_value("7")


def test_a_code_and_enter_open_the_asset(site: Site) -> None:
    page = site.open("/")
    page.keyboard.press("/")
    page.keyboard.type("(8004)061414100008")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Pump 8")
    page.goto(site.url + "/assets/")
    page.keyboard.press("/")
    page.keyboard.type("LADDER-2")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Ladder short")


def test_rows_by_keyboard_and_the_list_of_keys(site: Site) -> None:
    page = site.open("/assets/")
    for key in "jjk":
        page.keyboard.press(key)
    expect(page.locator("tbody tr").nth(0).locator("[data-open]")).to_be_focused()
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Ladder long")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.keyboard.press("g")
    page.keyboard.press("l")
    expect(page).to_have_url(re.compile("/live/$"))


def test_on_a_phone_the_filters_are_a_drawer(site: Site, picture: Picture) -> None:
    page = site.open("/assets/", width=PHONE)
    facet = page.get_by_role("link", name="In stock")
    expect(facet).to_be_hidden()
    page.get_by_role("button", name="Filter").click()
    expect(facet).to_be_visible()
    picture(page, "registry-assets-drawer")
    facet.click()
    expect(page.locator("h1")).to_have_text("1 asset matches")
    expect(page.locator(".filters")).to_contain_text("In stock")


def test_the_export_is_a_download(site: Site) -> None:
    page = site.open("/assets/?q=pump")
    page.get_by_role("button", name="Columns, views, export").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Export CSV").click()
    assert download.value.suggested_filename.startswith("assets-")
    lines = Path(download.value.path()).read_text("utf-8-sig").splitlines()
    assert [line.split(",")[0] for line in lines] == ["name", "Pump 7", "Pump 8", "Pump 9"]


# ---- one asset -----------------------------------------------------------------------------------------------------------------


def test_the_asset_page(site: Site, world: World, picture: Picture) -> None:
    for width, theme in LOOKS:
        page = site.open(f"/assets/{world.assets['Pump 7'].pk}/", width=width, theme=theme)
        expect(page.locator(".sentence")).to_contain_text(re.compile(r"In Store room, Hall A, seen \d+ min ago by store-room:1"))
        expect(page.locator("rect.stay")).to_have_count(5)
        assert page.locator("rect.stay.open").bounding_box() != page.locator("rect.stay").nth(1).bounding_box()
        expect(page.locator("#timeline > li")).to_have_count(6)
        page.locator("#timeline summary").nth(2).click()
        expect(page.locator("#timeline > li").nth(2)).to_contain_text("strongest -54 dBm")
        assert fits(page)
        picture(page, f"registry-asset-{width}-{theme}")
        page.get_by_role("link", name="Hour").click()
        expect(page.locator("rect.stay")).to_have_count(1)
        expect(page).to_have_url(re.compile("span=hour"))


def test_a_code_is_copied_by_a_click(site: Site, world: World) -> None:
    page = site.open(f"/assets/{world.assets['Pump 7'].pk}/")
    page.locator("#identifiers .code").click()
    assert page.evaluate("navigator.clipboard.readText()") == "8004:061414100007"


@pytest.mark.parametrize("width", [DESK, PHONE])
def test_an_asset_is_changed_in_place(site: Site, world: World, width: int, picture: Picture) -> None:
    pump = world.assets["Pump 7"]
    page = site.open(f"/assets/{pump.pk}/", width=width)
    page.get_by_role("link", name="Edit").click()
    page.get_by_label("Name", exact=True).fill("")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".field.wrong .error")).to_have_text("This field is required.")
    change_asset(by=ROOT, asset_id=pump.pk, version=1, changes={"status": "in_maintenance"})
    page.get_by_label("Name", exact=True).fill("Pump seven")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("Somebody changed this asset meanwhile")
    expect(page.get_by_label("Name", exact=True)).to_have_value("Pump seven")
    assert fits(page)
    picture(page, f"registry-asset-overtaken-{width}")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("h1")).to_have_text("Pump seven")
    expect(page.locator(".notice")).to_have_text("Saved.")


def test_codes_are_added_and_retired_by_clicking(site: Site, world: World, picture: Picture) -> None:
    page = site.open(f"/assets/{world.assets['Drill'].pk}/")
    page.get_by_label("Add a code").fill("LADDER-1")
    page.get_by_role("button", name="Add").click()
    expect(page.locator("#new-code-error")).to_contain_text("Asset A-000004 has tag:LADDER-1")
    page.get_by_label("Add a code").fill("(8004)061414199999")
    page.get_by_role("button", name="Add").click()
    expect(page.locator(".sentence")).to_contain_text("In Store room")
    page.get_by_role("button", name="Retire 8004:061414199999").click()
    expect(page.get_by_text("What was told of it stays here")).to_be_visible()
    picture(page, "registry-asset-retire")
    page.get_by_role("button", name="Retire the code").click()
    expect(page.locator(".notice")).to_contain_text("8004:061414199999 is retired")


@pytest.mark.parametrize("width", [DESK, PHONE])
def test_a_new_asset(site: Site, width: int, picture: Picture) -> None:
    page = site.open("/assets/new/", width=width, expected=REFUSED)
    page.get_by_label("Code on its tag or label").fill("LADDER-1")
    page.get_by_role("button", name="Register").click()
    expect(page.locator(".error-summary")).to_contain_text("One thing to correct")
    page.get_by_label("Name", exact=True).fill("Vice")
    page.get_by_role("button", name="Register").click()
    expect(page.locator(".field.wrong")).to_contain_text("Asset A-000004 has tag:LADDER-1.")
    assert fits(page)
    picture(page, f"registry-asset-new-{width}")
    page.get_by_label("Code on its tag or label").fill("VICE-1")
    pick(page, "Home", "office")
    page.get_by_role("button", name="Register").click()
    expect(page.locator("h1")).to_have_text("Vice")
    expect(page.locator("#facts")).to_contain_text("Office")


# ---- places --------------------------------------------------------------------------------------------------------------------


def test_places(site: Site, picture: Picture) -> None:
    for width, theme in LOOKS:
        page = site.open("/places/", width=width, theme=theme)
        expect(page.locator("h1")).to_have_text("3 assets in known places now")
        if width == PHONE:
            page.get_by_role("button", name="Tree").click()
            picture(page, "registry-places-drawer")
        page.get_by_role("navigation", name="Places").get_by_role("link", name="Store room").click()
        expect(page.locator("h1")).to_have_text("Store room: 2 assets here now")
        expect(page).to_have_url(re.compile(r"/places/[0-9a-f-]{36}/$"))
        expect(page).to_have_title("Store room · Sightpost")
        expect(page.get_by_role("region", name="Belongs here, is elsewhere")).to_contain_text("Pump 9")
        assert fits(page)
        picture(page, f"registry-place-{width}-{theme}")
        page.go_back()
        expect(page.locator("h1")).to_have_text("3 assets in known places now")


def test_a_place_is_made_renamed_and_an_occupied_one_not_deleted(site: Site, world: World) -> None:
    page = site.open(f"/places/{world.places['Hall A'].pk}/")
    page.get_by_role("link", name="Place inside").click()
    expect(page.get_by_label("Inside")).to_have_value("Hall A (Hamburg)")
    page.get_by_label("Name", exact=True).fill("Loft")
    page.get_by_role("button", name="Make the place").click()
    expect(page.locator("h1")).to_have_text("Loft: 0 assets here now")
    page.get_by_role("link", name="Edit").click()
    page.get_by_label("Name", exact=True).fill("Attic")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("h1")).to_contain_text("Attic")
    page.get_by_role("link", name="Edit").click()
    page.get_by_role("button", name="Delete").click()
    expect(page.locator(".notice")).to_contain_text("Attic is gone.")
    page.goto(f"{site.url}/places/{world.places['Dock'].pk}/edit/")
    page.get_by_role("button", name="Delete").click()
    expect(page.locator(".notice")).to_contain_text("in use by")


# ---- without scripts, and when something is wrong ------------------------------------------------------------------------------


def test_without_scripts_everything_works_by_forms_and_links(site: Site, world: World) -> None:
    page = site.open("/assets/", javascript=False, expected=REFUSED)
    page.get_by_role("searchbox").fill("pump")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("3 assets match")
    page.locator(".facets").get_by_role("link", name="In use").click()
    expect(page.locator("h1")).to_have_text("1 asset matches")
    page.get_by_role("link", name="Pump 7").click()
    page.get_by_role("link", name="Edit").click()
    page.get_by_label("Status", exact=True).select_option("missing")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("main")).to_contain_text("Missing")
    page.get_by_label("Add a code").fill("LADDER-1")
    page.get_by_role("button", name="Add").click()
    expect(page.locator("#new-code-error")).to_contain_text("Asset A-000004")
    page.get_by_role("link", name="Places").click()
    page.get_by_role("navigation", name="Places").get_by_role("link", name="Dock").click()
    expect(page.locator("h1")).to_have_text("Dock: 1 asset here now")


def test_a_registry_that_does_not_answer_is_said_and_nothing_typed_is_lost(world: World, open_page: OpenPage) -> None:
    with serving(open_page) as site:
        page = site.open(
            f"/assets/{world.assets['Drill'].pk}/",
            expected="ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|htmx:(afterRequest|sendError)",
        )
        page.get_by_label("Add a code").fill("DRILL-1")
    page.get_by_role("button", name="Add").click()
    expect(page.locator("#page-notice")).to_contain_text("cannot be reached")
    expect(page.get_by_label("Add a code")).to_have_value("DRILL-1")


def test_nothing_at_an_address(site: Site, picture: Picture) -> None:
    page = site.open("/assets/00000000-0000-0000-0000-000000000001/", expected="404")
    expect(page.locator("h1")).to_have_text("There is nothing here that you may see")
    picture(page, "registry-404")


def test_the_reference_of_the_api_opens_under_its_policy(site: Site) -> None:
    page = site.open("/api/v1/docs")
    expect(page.locator("#swagger-ui")).to_contain_text("List and search assets")
