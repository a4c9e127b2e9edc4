"""An audit in a real browser, from its plan to the signed report: on a desk, and through the rooms with a phone and a scanner
that types."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from pypdf import PdfReader

from registry.assets.models import Asset
from registry.audits import signing, sweeping
from registry.audits.models import Campaign, Signature
from registry.tracking.services import map_zone
from tests.acceptance.accessibility import faults
from tests.acceptance.conftest import PHONE, OpenPage, fits
from tests.acceptance.registry_site import Picture, Site, pick, serving
from tests.registry_world import ROOT, World, event, make_world

pytestmark = [pytest.mark.usefixtures("async_unsafe"), pytest.mark.django_db(transaction=True), pytest.mark.timeout(120)]


@pytest.fixture
def world(transactional_db: None) -> World:
    return make_world()


@pytest.fixture
def site(world: World, open_page: OpenPage) -> Iterator[Site]:
    with serving(open_page) as site:
        yield site


def wedge(page: Page, code: str, says: str) -> None:
    """What a scanner does once a room is open: it types into the field that has the focus."""
    expect(page.locator("#text")).to_be_focused()
    page.keyboard.type(code)
    page.keyboard.press("Enter")
    expect(page.locator(".audit-answer")).to_contain_text(says)


def resolve(page: Page, kind: str, resolution: str, note: str = "") -> None:
    page.get_by_role("navigation", name="Findings").get_by_role("link", name=kind).click()
    page.get_by_label("The chosen ones").select_option(label=resolution)
    page.get_by_label("Note").fill(note)
    page.get_by_role("button", name="Resolve").click()
    expect(page.get_by_text("1 resolved.")).to_be_visible()


def test_an_audit_from_its_plan_to_the_signed_report(site: Site, world: World, picture: Picture) -> None:
    desk = site.open("/audits/", width=1440)
    desk.get_by_role("link", name="Plan an audit").click()
    desk.get_by_role("textbox", name="Name").fill("Hall A in spring")
    pick(desk, "Place optional", "hall a")
    picture(desk, "audit-plan")
    desk.get_by_role("button", name="Make the draft").click()
    expect(desk.locator("h1")).to_have_text("Hall A in spring: 5 assets to find")
    picture(desk, "audit-draft")
    desk.get_by_role("button", name="Open it").click()
    expect(desk.locator("h1")).to_have_text("Hall A in spring: 0 of 5 seen already")
    audit = Campaign.objects.get()

    tell = world.gateway.tell
    tell(event("arrived", "8004:061414100008", "store-room"))
    map_zone(by=ROOT, zone=world.zone("store-room"), location=world.places["Store room"])
    tell(event("seen", "8004:061414100008", "store-room"))
    assert sweeping.sweep_all() == 1
    desk.reload()
    expect(desk.locator("h1")).to_have_text("Hall A in spring: 1 of 5 seen already")

    phone = site.open(f"/audits/{audit.pk}/walk/", width=PHONE)
    expect(phone.locator("h1")).to_have_text("2 rooms to walk, 4 assets left")
    picture(phone, "audit-walk-phone")
    phone.get_by_role("link", name="Store room").click()
    expect(phone.locator("h1")).to_have_text("Store room: 2 of 3 left")
    wedge(phone, world.assets["Ladder long"].asset_no, "Ladder long is where it should be")  # the room is in its hall
    wedge(phone, "NOBODYS", "is a code that no asset has")
    assert fits(phone)
    assert faults(phone, "structure") == []
    picture(phone, "audit-room-phone")
    phone.get_by_role("button", name="I have looked everywhere here").click()
    expect(phone.get_by_text("Looked over")).to_be_visible()
    phone.get_by_role("link", name="Walk list").click()
    phone.locator(".audit-rooms a", has_text="Hall A").click()
    wedge(phone, "(8004)061414100007", "Pump 7 should be in another place")
    phone.locator("summary", has_text="Ladder short").click()
    phone.get_by_label("It is damaged").check()
    picture(phone, "audit-tick-phone")
    phone.get_by_role("button", name="I see it").click()
    expect(phone.locator("h1")).to_have_text("Hall A: all 2 seen")
    phone.get_by_role("link", name="Walk list").click()
    expect(phone.locator("h1")).to_have_text("Every room is done")
    picture(phone, "audit-walked-phone")

    desk.reload()
    expect(desk.locator("h1")).to_have_text("Hall A in spring: 4 of 5 seen already")
    picture(desk, "audit-coverage")
    desk.get_by_role("button", name="Begin the review").click()
    desk.get_by_role("link", name="Findings", exact=True).click()
    expect(desk.locator("h1")).to_have_text("4 findings to resolve")
    picture(desk, "audit-findings")
    resolve(desk, "In another place", "Move accepted")
    resolve(desk, "Missing", "Searched, not there", "twice, also in the cellar")
    resolve(desk, "Unknown code", "Left as it is")
    resolve(desk, "Damaged", "Left as it is")
    expect(desk.locator("h1")).to_have_text("Everything is resolved")
    picture(desk, "audit-sign")
    desk.get_by_label("Your name").fill("Anna Berg")
    desk.get_by_role("button", name="Sign and close").click()
    expect(desk.get_by_role("heading", name="Signed by Anna Berg")).to_be_visible()
    picture(desk, "audit-signed")
    audit.refresh_from_db()
    assert audit.state == Campaign.State.CLOSED
    assert (Asset.objects.get(name="Pump 7").home_location, Asset.objects.get(name="Pump 9").status) == (
        world.places["Hall A"],
        "missing",
    )
    with desk.expect_download() as download:
        desk.get_by_role("link", name="PDF").click()
    text = "".join(page.extract_text() for page in PdfReader(Path(download.value.path())).pages)
    signature = Signature.objects.get()
    assert "Signed by Anna Berg (anna)" in text
    assert signature.digest in "".join(text.split())
    assert signing.seal_holds(audit)
    desk.get_by_role("link", name="Findings", exact=True).click()
    expect(desk.locator("h1")).to_have_text("What was found")
    phone.goto(f"{site.url}/audits/{audit.pk}/findings/?outcome=missing")
    expect(phone.locator("tbody tr")).to_contain_text("twice, also in the cellar")
    assert fits(phone)
    picture(phone, "audit-findings-phone")
