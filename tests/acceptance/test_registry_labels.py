"""Labels in a real browser: choosing, seeing the label change, getting the file; with scripts and without; a camera reads it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from identity.resolve import resolve_barcode
from registry.access.models import RoleBinding, User
from registry.assets.models import Asset
from registry.assets.services import resolve_code
from tests import labels_printed
from tests.acceptance.conftest import DESK, PHONE, OpenPage, fits
from tests.acceptance.registry_site import Picture, Site, serving
from tests.integration.registry.test_labels import company
from tests.registry_world import ROOT, World, make_world

pytestmark = [pytest.mark.usefixtures("async_unsafe"), pytest.mark.django_db(transaction=True)]


@pytest.fixture
def async_unsafe(monkeypatch: pytest.MonkeyPatch) -> None:
    """Playwright runs an event loop in our thread; Django would refuse to work beside it."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")


@pytest.fixture
def world(transactional_db: None) -> World:
    return make_world()


@pytest.fixture
def site(world: World, open_page: OpenPage) -> Iterator[Site]:
    with company(), serving(open_page) as site:
        RoleBinding.objects.get_or_create(
            user=User.objects.get(username="anna"), role="administrator", location=None, category=None
        )
        yield site


def address(*assets: Asset) -> str:
    return "/labels/?assets=" + ",".join(str(one.pk) for one in assets)


def downloaded(page: Page, button: str) -> bytes:
    with page.expect_download() as got:
        page.get_by_role("button", name=button).click()
    return Path(got.value.path()).read_bytes()


def test_a_label_is_shown_as_it_is_chosen_and_what_is_printed_leads_to_the_asset(
    site: Site, world: World, picture: Picture
) -> None:
    pump = world.assets["Pump 8"]
    page = site.open(address(pump))
    expect(page.get_by_role("heading", name="Label of Pump 8")).to_be_visible()
    expect(page.locator(".label-preview")).to_contain_text("Pump 8")
    page.get_by_label("Labels").select_option("tape-18")
    expect(page.locator("#preview")).to_contain_text("50 x 18 mm in print")
    page.get_by_label("Code", exact=True).select_option("code128-gs1")
    expect(page.locator(".label-preview path")).to_have_attribute("d", re.compile("^M0 0h2v"))
    page.get_by_label("Code", exact=True).select_option("qr-link")
    expect(page.locator(".label-preview path")).to_have_attribute("d", re.compile("^M0 0h7v"))  # a corner of a QR code
    picture(page, "registry-label-one")
    made = downloaded(page, "Download PDF")
    [read] = [one for sheet in labels_printed.pages(made) for one in labels_printed.read(sheet)]
    assert resolve_code(resolve_barcode(read.payload, read.symbology).key, by=ROOT).asset == pump
    page.goto(site.url + read.payload.decode().removeprefix("https://id.example.com"))
    expect(page.get_by_role("heading", name="Pump 8")).to_be_visible()


def test_a_mistake_is_said_beside_the_label_and_at_its_field(site: Site, world: World, picture: Picture) -> None:
    page = site.open(address(world.assets["Pump 8"]), expected="status of 422")
    page.get_by_label("Code", exact=True).select_option("code128-number")
    expect(page.locator("#preview")).not_to_contain_text("(8004)")
    page.get_by_label("Labels").select_option("avery-l4731")
    expect(page.locator("#preview")).to_contain_text("Avery L4731 has 25.4 x 10 mm")
    page.get_by_role("button", name="Download PDF").click()
    expect(page.get_by_role("alert")).to_contain_text("One thing to correct")
    expect(page.locator(".field.wrong")).to_contain_text("Take a DataMatrix")
    expect(page.get_by_label("Code", exact=True)).to_have_value("code128-number")
    picture(page, "registry-label-wrong")


def test_many_labels_on_desk_and_phone_in_both_themes(site: Site, world: World, picture: Picture) -> None:
    for width, theme in ((DESK, "light"), (DESK, "dark"), (PHONE, "light")):
        page = site.open(address(*world.assets.values()), width=width, theme=theme)
        expect(page.get_by_role("heading", name="Labels of 6 assets")).to_be_visible()
        expect(page.locator("#preview")).to_contain_text("6 labels on 1 sheet of Avery L7160")
        page.get_by_text("A sheet already begun").click()
        page.get_by_label("Begin at label").fill("18")
        expect(page.locator("#preview")).to_contain_text("6 labels on 2 sheets")
        assert fits(page)
        picture(page, f"registry-labels-{width}-{theme}")


def test_without_scripts_the_same_can_be_done(site: Site, world: World) -> None:
    page = site.open(address(world.assets["Pump 8"]), javascript=False)
    page.get_by_label("Labels").select_option("roll-57x32")
    page.get_by_label("Code", exact=True).select_option("datamatrix-gs1")
    page.get_by_role("button", name="Show the label").click()
    expect(page.locator("#preview")).to_contain_text("57 x 32 mm in print")
    page.get_by_text("Label printer (ZPL), RFID").click()
    page.get_by_label("Write the RFID tag inside each label").check()
    made = downloaded(page, "Download ZPL").decode()
    assert "^RFW,H^FD" in made
    assert "^BXN" in made
