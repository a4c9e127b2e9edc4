"""The live page in a real browser: it updates by itself, never under the reader's hand, and the two clicks do what they say."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.acceptance.conftest import DESK, PHONE, OpenPage, fits
from tests.acceptance.registry_site import Picture, Site, beat, serving
from tests.registry_world import World, event, make_world, tell_a_day

pytestmark = [pytest.mark.usefixtures("async_unsafe"), pytest.mark.django_db(transaction=True)]


@pytest.fixture
def async_unsafe(monkeypatch: pytest.MonkeyPatch) -> None:
    """Playwright runs an event loop in our thread; Django would refuse to work beside it."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")


@pytest.fixture
def world(transactional_db: None) -> World:
    world = make_world()
    tell_a_day(world)
    world.gateway.health()
    beat()
    return world


@pytest.fixture
def site(world: World, open_page: OpenPage) -> Iterator[Site]:
    with serving(open_page) as site:
        yield site


def test_what_stands_there(site: Site, picture: Picture) -> None:
    for width in (DESK, PHONE):
        page = site.open("/live/", width=width)
        expect(page.locator("h1")).to_contain_text("1 of 1 gateway online, last event")
        expect(page.locator("[data-part=unmapped] tbody tr")).to_have_count(2)
        expect(page.locator("[data-part=unknown] tbody tr")).to_have_count(2)
        expect(page.locator("[data-part=events] li").first).to_contain_text("Pump 7 seen in Store room")
        expect(page.locator("[data-part=gateways]")).to_contain_text("Hamburg dock Online")
        expect(page.locator("[data-part=ingest]")).to_contain_text("Not signed by its gateway1")
        assert fits(page)
        picture(page, f"registry-live-{width}")


def test_it_updates_by_itself(site: Site, world: World) -> None:
    page = site.open("/live/")
    expect(page.locator("[data-live-sign]")).to_have_text("Live")
    world.gateway.tell(event("moved", "8004:061414100008", "dock", origin="store-room"))
    newest = page.locator("[data-part=events] li").first
    expect(newest).to_contain_text("Pump 8 moved from Store room to Dock", timeout=10_000)
    expect(newest).to_have_class(re.compile("new"))
    expect(page.locator(".zone-list")).to_contain_text(re.compile(r"Dock dock\s*2"))
    world.gateway.tell(event("seen", "tag:NEVER-SEEN", "dock"))
    expect(page.locator("[data-part=unknown]")).to_contain_text("NEVER-SEEN", timeout=10_000)
    expect(page.locator("[data-part=summary]")).to_contain_text("3 unknown tags")


def test_what_is_being_read_does_not_move(site: Site, world: World) -> None:
    page = site.open("/live/")
    first = page.locator("[data-part=events] li").first
    first.hover()
    key = first.get_attribute("data-key")
    world.gateway.tell(event("moved", "8004:061414100008", "dock", origin="store-room"))
    button = page.locator("[data-part=events] [data-held]")
    expect(button).to_have_text("Show 1 new", timeout=10_000)
    assert page.locator("[data-part=events] li").first.get_attribute("data-key") == key
    page.mouse.move(5, 400)
    expect(page.locator("[data-part=events] li").first).to_contain_text("Pump 8 moved")
    expect(button).to_be_hidden()


def test_a_row_being_filled_in_keeps_what_was_chosen(site: Site, world: World) -> None:
    page = site.open("/live/")
    select = page.get_by_label("Place of yard")
    select.select_option(label=re.sub("^", "\u2003", "Office"))
    select.focus()
    world.gateway.tell(event("arrived", "tag:LADDER-1", "yard"))
    expect(page.locator("[data-key^=zone-]", has_text="yard").locator("td.number")).to_have_text("1", timeout=10_000)
    expect(select).to_be_focused()
    assert select.evaluate("s => s.selectedOptions[0].textContent.trim()") == "Office"


@pytest.mark.parametrize("width", [DESK, PHONE])
def test_a_zone_is_mapped_by_one_click(site: Site, world: World, width: int) -> None:
    page = site.open("/live/", width=width)
    page.locator("[data-part=unmapped] tr", has_text="mezzanine").get_by_role("button", name="Map").click()
    expect(page.locator("[data-part=unmapped]")).to_contain_text("is Mezzanine now")
    page.mouse.move(5, 300)
    expect(page.locator(".zone-list")).to_contain_text("Mezzanine mezzanine", timeout=10_000)
    expect(page.locator("[data-part=summary]")).to_contain_text("1 zone without a place")
    page.goto(site.url + "/assets/?q=LADDER-1")
    expect(page.locator("tbody tr")).to_contain_text("Mezzanine")


@pytest.mark.parametrize("width", [DESK, PHONE])
def test_a_tag_is_claimed_for_an_asset_that_is_searched(site: Site, world: World, width: int, picture: Picture) -> None:
    page = site.open("/live/", width=width)
    row = page.locator("[data-part=unknown] tr", has_text="0614 1419 9999")
    row.get_by_text("Claim", exact=True).click()
    box = row.locator(".claim-box")
    expect(box.get_by_role("button", name="Drill")).to_be_visible()
    expect(box.get_by_role("searchbox")).to_be_focused()
    box.get_by_role("searchbox").fill("ladder")
    expect(box.get_by_role("button")).to_have_count(2)
    assert fits(page)
    picture(page, f"registry-live-claim-{width}")
    world.gateway.tell(event("seen", "tag:ANOTHER", "dock"))  # the page changes around it; the box stays
    page.wait_for_timeout(700)
    expect(box.get_by_role("searchbox")).to_have_value("ladder")
    box.get_by_role("button", name="Ladder long").click()
    expect(page.locator("[data-part=unknown]")).to_contain_text("is Ladder long now")
    page.get_by_role("link", name="Ladder long").first.click()
    expect(page.locator("#identifiers")).to_contain_text("0614 1419 9999")


def test_a_new_asset_of_a_tag(site: Site) -> None:
    page = site.open("/live/")
    page.locator("[data-part=unknown] tr", has_text="0614 1419 9999").get_by_role("link", name="New asset").click()
    expect(page.get_by_label("Code on its tag or label")).to_have_value("8004:061414199999")
    page.get_by_label("Name", exact=True).fill("Found crate")
    page.get_by_role("button", name="Register").click()
    expect(page.locator("h1")).to_have_text("Found crate")
    expect(page.locator(".sentence")).to_contain_text("In Store room")


def test_a_page_that_hears_nothing_says_since_when(world: World, open_page: OpenPage) -> None:
    with serving(open_page) as site:
        page = site.open(
            "/live/", expected="ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED|ERR_EMPTY_RESPONSE|ERR_CONNECTION_RESET"
        )
        expect(page.locator("[data-live-sign]")).to_have_text("Live")
    expect(page.locator("[data-live-sign]")).to_have_text(re.compile(r"As of \d\d:\d\d:\d\d"))
    expect(page.locator("main")).to_have_class(re.compile("is-stale"))


def test_whoever_is_logged_out_is_told(site: Site, world: World) -> None:
    page = site.open("/live/", expected="status of 401")
    expect(page.locator("[data-live-sign]")).to_have_text("Live")
    page.context.clear_cookies()
    world.gateway.tell(event("seen", "tag:LADDER-2", "dock"))
    expect(page.locator("[data-live-sign]")).to_contain_text("Logged out.", timeout=10_000)
    page.get_by_role("link", name="Log in again").click()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()


def test_without_scripts_it_stands_still_and_works(site: Site) -> None:
    page = site.open("/live/", javascript=False)
    expect(page.locator("body")).to_contain_text("load it again to see what is new")
    page.locator("tr", has_text="yard").get_by_role("button", name="Map").click()
    expect(page.locator("main")).to_contain_text("yard is Yard now.")
    page.locator("tr", has_text="0614 1419 9999").get_by_text("Claim", exact=True).click()
    page.get_by_role("link", name="Search the asset it is on").first.click()
    page.get_by_role("searchbox", name="Which asset").fill("drill")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Drill").click()
    expect(page.locator("h1")).to_have_text("Drill")
    expect(page.locator(".sentence")).to_contain_text("In Store room")
