"""An asset's page, its form, its files and the company's words, in a real browser on desk and phone."""

from collections.abc import Iterator
from io import BytesIO

import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import FilePayload, Page, expect

from registry.assets import files
from registry.assets.containers import put_all_into
from registry.assets.models import Asset, Category
from registry.assets.services import change_asset
from registry.assets.starter import put_starter_set
from tests.acceptance.conftest import DESK, PHONE, OpenPage, fits
from tests.acceptance.registry_site import Picture, Site, beat, pick, serving
from tests.registry_world import ROOT, World, make_world, tell_a_day

pytestmark = [pytest.mark.usefixtures("async_unsafe"), pytest.mark.django_db(transaction=True)]
REFUSED = "status of 422"


@pytest.fixture
def async_unsafe(monkeypatch: pytest.MonkeyPatch) -> None:
    """Playwright runs an event loop in our thread; Django would refuse to work beside it."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")


def photo(colour: tuple[int, int, int] = (60, 120, 90)) -> bytes:
    image = Image.new("RGB", (900, 700), colour)
    ImageDraw.Draw(image).ellipse((250, 150, 650, 550), fill=(220, 220, 210))
    out = BytesIO()
    image.save(out, "JPEG")
    return out.getvalue()


@pytest.fixture
def world(transactional_db: None) -> World:
    world = make_world()
    tell_a_day(world)
    beat()
    put_starter_set(by=ROOT)
    pump = world.assets["Pump 7"]
    machines = Category.objects.get(name="Machines")
    changes = {
        "category": machines, "serial_no": "SN-4711-B", "warranty_until": "2099-12-31", "condition": 4, "purchase_cost": "12500",
        "currency": "EUR", "acquired_on": "2024-03-01", "in_service_on": "2024-03-14", "notes": "Oil every spring.",
    }  # fmt: skip
    own = {"voltage": 400, "power": 2200, "manufactured_on": "2023-11-02"}
    change_asset(by=ROOT, asset_id=pump.pk, version=1, changes=changes, custom=own, tags=["cold room", "critical spare"])
    put_all_into(by=ROOT, pairs=[(world.assets["Pump 8"], pump), (world.assets["Drill"], pump)])
    files.attach(by=ROOT, asset=pump, file=BytesIO(photo()), name="pump.jpg")
    files.attach(by=ROOT, asset=pump, file=BytesIO(photo((150, 80, 60))), name="plate.jpg")
    files.attach(by=ROOT, asset=pump, file=BytesIO(b"%PDF-1.4 manual"), name="Manual.pdf")
    return world


@pytest.fixture
def site(world: World, open_page: OpenPage) -> Iterator[Site]:
    with serving(open_page) as site:
        yield site


def pump(world: World) -> str:
    return f"/assets/{world.assets['Pump 7'].pk}/"


def test_the_page_of_an_asset_says_what_matters_at_a_glance(site: Site, world: World, picture: Picture) -> None:
    for width, theme in ((DESK, "light"), (DESK, "dark"), (PHONE, "light")):
        page = site.open(pump(world), width=width, theme=theme)
        glance = page.locator(".glance")
        for text in ("SN-4711-B", "until 31 Dec 2099", "4 of 5", "12,500 EUR"):
            expect(glance).to_contain_text(text)
        expect(page.locator("#parts")).to_contain_text("Drill")
        expect(page.locator("#facts")).to_contain_text("400 V")
        expect(page.locator("#files img")).to_have_count(2)
        picture(page, f"registry-record-{width}-{theme}")
        assert fits(page)


def test_files_go_by_choosing_and_show_at_once(site: Site, world: World) -> None:
    page = site.open(pump(world))
    page.locator("#new-files").set_input_files(
        [
            FilePayload(name="invoice.pdf", mimeType="application/pdf", buffer=b"%PDF-1.4 x"),
            FilePayload(name="virus.exe", mimeType="image/png", buffer=b"MZ\x90\x00"),
        ]
    )
    expect(page.locator("main")).to_contain_text("1 file added.")
    expect(page.locator("main")).to_contain_text("virus.exe: Virus.exe is of a kind that is not kept")
    expect(page.locator("#files")).to_contain_text("invoice.pdf")
    with page.expect_download() as download:
        page.get_by_role("link", name="invoice.pdf").click()
    assert download.value.suggested_filename == "invoice.pdf"
    page.get_by_role("button", name="Delete invoice.pdf").click()
    expect(page.locator("#files")).not_to_contain_text("invoice.pdf")


@pytest.mark.parametrize("javascript", [True, False])
def test_the_form_asks_for_the_fields_of_the_category(site: Site, world: World, picture: Picture, javascript: bool) -> None:
    page = site.open("/assets/new/", javascript=javascript, expected=REFUSED)
    page.get_by_label("Name", exact=True).fill("Van 3")
    pick(page, "Category", "Vans and trucks")
    if javascript:
        expect(page.get_by_label("Licence plate")).to_be_visible()
        page.get_by_label("Licence plate").fill("HH-SP 3")
        page.get_by_label("Purchase cost").fill("a lot")
        page.get_by_role("button", name="Register").click()
        expect(page.get_by_role("alert")).to_contain_text("One thing to correct")
        expect(page.get_by_label("Licence plate")).to_have_value("HH-SP 3")
        picture(page, "registry-record-form")
        page.get_by_label("Purchase cost").fill("")
    page.get_by_role("button", name="Register").click()
    expect(page.get_by_role("heading", name="Van 3")).to_be_visible()
    assert Asset.objects.get(name="Van 3").kind == "vehicle" or not javascript


def test_the_form_fits_a_phone(site: Site, world: World, picture: Picture) -> None:
    page = site.open(pump(world) + "edit/", width=PHONE)
    expect(page.get_by_label("Voltage (V)")).to_have_value("400")
    assert fits(page)
    picture(page, "registry-record-form-phone")
    page.get_by_label("Voltage (V)").fill("230")
    page.get_by_label("Tags").fill("cold room")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#facts")).to_contain_text("230 V")


def test_parts_go_in_by_code_and_come_out(site: Site, world: World) -> None:
    page = site.open(pump(world))
    page.locator("#parts summary").click()
    page.get_by_label("Lay something into it").fill("tag:LADDER-2")
    page.get_by_role("button", name="Add", exact=True).first.click()
    expect(page.locator("#parts")).to_contain_text("Ladder short")
    page.get_by_role("button", name="Take out Ladder short").click()
    expect(page.locator("#parts")).not_to_contain_text("Ladder short")


@pytest.mark.parametrize("width", [DESK, PHONE])
def test_words_are_listed_added_and_changed(site: Site, width: int, picture: Picture) -> None:
    page: Page = site.open("/settings/words/", width=width, expected=REFUSED)
    picture(page, f"registry-words-{width}")
    page.get_by_role("link", name="Suppliers").click()
    page.get_by_label("Name", exact=True).fill("Acme")
    page.get_by_label("E-mail").fill("nobody")
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_role("alert")).to_be_visible()
    page.get_by_label("E-mail").fill("a@example.com")
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_role("heading", name="1 supplier")).to_be_visible()
    page.get_by_role("link", name="Acme").click()
    page.get_by_label("Offered").uncheck()
    page.get_by_role("button", name="Save").click()
    expect(page.locator("table")).to_contain_text("not offered")
    page.goto(site.url + "/settings/words/categories/")
    expect(page.locator("table")).to_contain_text("Virtual servers")
    assert fits(page)
    picture(page, f"registry-categories-{width}")
