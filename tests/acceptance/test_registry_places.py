"""Places in a real browser: a floor plan drawn on with the mouse and by keyboard, on a date, expected, and the map."""

import re
from collections.abc import Iterator
from io import BytesIO

import pytest
from django.utils import timezone
from PIL import Image, ImageDraw
from playwright.sync_api import expect

from registry.access.models import RoleBinding, User
from registry.assets.models import Asset, Location
from registry.assets.trees import change_location
from registry.places import plans
from tests.acceptance.conftest import DESK, PHONE, OpenPage, fits
from tests.acceptance.registry_site import Picture, Site, pick, serving
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
    many_assets(world, 40)
    plans.put(by=ROOT, location=world.places["Hall A"], file=BytesIO(drawn()))
    change_location(by=ROOT, location=world.places["Hamburg"], latitude=53.5503, longitude=9.992)
    cars = (("Pump 7", 53.56, 10.01), ("Pump 8", 53.5601, 10.0101), ("Ladder long", 53.62, 9.93))
    for name, latitude, longitude in cars:
        Asset.objects.filter(name=name).update(latitude=latitude, longitude=longitude, coordinates_at=timezone.now())
    return world


def drawn() -> bytes:
    """A hall with two rooms."""
    plan = Image.new("RGB", (800, 500), "white")
    pen = ImageDraw.Draw(plan)
    for box in ((20, 20, 780, 480), (20, 20, 380, 300), (380, 20, 780, 300)):
        pen.rectangle(box, outline="black", width=4)
    out = BytesIO()
    plan.save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def site(world: World, open_page: OpenPage) -> Iterator[Site]:
    with serving(open_page) as site:
        anna = User.objects.get(username="anna")
        RoleBinding.objects.get_or_create(user=anna, role="administrator", location=None, category=None)
        yield site


def test_rooms_are_outlined_by_mouse_and_by_keyboard(site: Site, world: World, picture: Picture) -> None:
    hall, dock = (world.places[name] for name in ("Hall A", "Dock"))
    page = site.open(f"/places/{hall.pk}/plan/edit/")
    pick(page, "Place", "store")
    box = page.locator("svg.plan").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.03, box["y"] + box["height"] * 0.05)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.47, box["y"] + box["height"] * 0.59, steps=6)
    page.mouse.up()
    expect(page.get_by_label("Corners")).to_have_value(re.compile(r"^[23]\.\d\d,[45]\.\d\d 4[67]\.\d\d,[45]\.\d\d"))
    picture(page, "registry-plan-edit")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_contain_text("Store room is outlined")
    pick(page, "Place", "dock")
    page.get_by_label("Corners").fill("48,5 97,5 97,59 48,59")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_contain_text("Dock is outlined")
    assert len(Location.objects.get(pk=dock.pk).outline) == 4
    page.get_by_role("link", name="Done").click()
    expect(page.get_by_role("heading", name="43 assets on this floor plan")).to_be_visible()
    expect(page.get_by_role("link", name="Store room: 42 assets")).to_be_visible()
    fits(page)
    picture(page, "registry-plan")
    phone = site.open(f"/places/{hall.pk}/plan/", width=PHONE, theme="dark")
    fits(phone)
    picture(phone, "registry-plan-phone")


def test_on_a_date_and_expected(site: Site, world: World, picture: Picture) -> None:
    store = world.places["Store room"]
    for width in (DESK, PHONE):
        page = site.open(f"/places/{store.pk}/expected/", width=width)
        expect(page.get_by_role("heading", name="2 of 3 that belong here are here")).to_be_visible()
        fits(page)
        picture(page, f"registry-expected-{width}")
    page = site.open(f"/places/{store.pk}/")
    page.get_by_role("link", name="On a date").click()
    expect(page.get_by_role("heading", name="42 assets")).to_be_visible()
    page.get_by_label("Date and time").fill("2020-01-01T12:00")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("heading", name="Nothing was here then")).to_be_visible()
    expect(page.get_by_label("Date and time")).to_have_value("2020-01-01T12:00")  # in the reader's zone, there and back
    picture(page, "registry-then")


def test_the_map_is_moved_by_buttons_keys_and_drag(site: Site, picture: Picture) -> None:
    page = site.open("/map/")
    expect(page.get_by_role("link", name="Hamburg")).to_be_visible()
    expect(page.locator("[data-map]")).to_have_attribute("data-zoom", "12")
    picture(page, "registry-map")
    page.get_by_role("link", name="Nearer", exact=True).click()
    expect(page.locator("[data-map]")).to_have_attribute("data-zoom", "13")
    expect(page.locator("[data-map]")).to_be_focused()
    page.keyboard.press("-")
    expect(page.locator("[data-map]")).to_have_attribute("data-zoom", "12")
    before = page.locator("[data-map]").get_attribute("data-lon")
    expect(page.locator("[data-map]")).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(page.locator("[data-map]")).not_to_have_attribute("data-lon", before or "")
    box = page.locator("[data-map]").bounding_box()
    assert box is not None
    before = page.locator("[data-map]").get_attribute("data-lat")
    page.mouse.move(box["x"] + 200, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + 320, box["y"] + 220, steps=5)
    page.mouse.up()
    expect(page.locator("[data-map]")).not_to_have_attribute("data-lat", before or "")
    page.get_by_role("link", name="Everything").click()
    expect(page.get_by_role("link", name="2 close together: go nearer")).to_be_visible()
    phone = site.open("/map/", width=PHONE)
    fits(phone)
    picture(phone, "registry-map-phone")


def test_the_map_works_without_scripts(site: Site) -> None:
    page = site.open("/map/", javascript=False)
    page.get_by_role("link", name="Nearer", exact=True).click()
    expect(page.locator("[data-map]")).to_have_attribute("data-zoom", "13")
