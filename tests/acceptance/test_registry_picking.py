"""Fields that pick one of thousands, in a real browser: by keyboard, by touch on a phone, and without scripts."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from registry.access.models import Person, RoleBinding, User
from registry.assets.models import Asset
from registry.custody.models import Custody
from tests.acceptance.accessibility import faults
from tests.acceptance.conftest import PHONE, OpenPage, fits
from tests.acceptance.registry_site import Picture, Site, serving
from tests.registry_world import World, make_world

pytestmark = [pytest.mark.usefixtures("async_unsafe"), pytest.mark.django_db(transaction=True)]

OFFERED = ".picks [role=option]"


@pytest.fixture
def async_unsafe(monkeypatch: pytest.MonkeyPatch) -> None:
    """Playwright runs an event loop in our thread; Django would refuse to work beside it."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")


@pytest.fixture
def world(transactional_db: None) -> World:
    Person.objects.bulk_create([Person(name=f"Anna {n:03d}", number=str(n)) for n in range(60)])
    return make_world()


@pytest.fixture
def site(world: World, open_page: OpenPage) -> Iterator[Site]:
    with serving(open_page) as site:
        anna = User.objects.get(username="anna")
        RoleBinding.objects.get_or_create(user=anna, role="administrator", location=None, category=None)
        yield site


def test_a_place_is_picked_by_keyboard_alone(site: Site, world: World, picture: Picture) -> None:
    drill = world.assets["Drill"]
    page = site.open(f"/assets/{drill.pk}/edit/")
    home = page.get_by_role("combobox", name="Home")
    home.focus()
    expect(home).to_have_attribute("aria-expanded", "false")
    home.press_sequentially("o")
    expect(page.locator(OFFERED)).to_have_count(3)  # store room, dock, office
    expect(home).to_have_attribute("aria-expanded", "true")
    picture(page, "registry-picking-desk")
    assert faults(page) == []
    home.press("ArrowDown")
    home.press("ArrowDown")
    chosen = page.locator(f"{OFFERED}[aria-selected=true]")
    expect(chosen).to_have_count(1)
    assert home.get_attribute("aria-activedescendant") == chosen.get_attribute("id")
    home.press("Escape")
    expect(page.locator(OFFERED)).to_have_count(0)
    expect(home).to_have_value("o")
    home.fill("offi")
    expect(page.locator(OFFERED, has_text="Office (Hamburg)")).to_be_visible()
    home.press("ArrowDown")
    home.press("Enter")
    expect(home).to_have_value("Office (Hamburg)")
    expect(page.locator(OFFERED)).to_have_count(0)
    page.get_by_role("button", name="Save").first.click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    assert Asset.objects.get(pk=drill.pk).home_location == world.places["Office"]


def test_a_person_is_picked_by_touch_on_a_phone(site: Site, world: World, picture: Picture) -> None:
    page = site.open(f"/custody/out/?assets={world.assets['Drill'].pk}", width=PHONE)
    person = page.get_by_role("combobox", name="Person")
    person.click()
    expect(page.locator(OFFERED)).to_have_count(20)  # the first ones, and not all sixty
    person.press_sequentially("anna 04")
    expect(page.locator(OFFERED)).to_have_count(10)
    assert fits(page)
    picture(page, "registry-picking-phone")
    page.locator(OFFERED, has_text="Anna 042 · 42").click()
    expect(person).to_have_value("Anna 042 · 42")
    page.get_by_role("button", name="Check out").click()
    expect(page.get_by_role("heading", name="Drill is with Anna 042")).to_be_visible()
    person_of = Custody.objects.out().get(asset=world.assets["Drill"]).person
    assert person_of is not None
    assert person_of.number == "42"


def test_what_is_typed_over_a_choice_counts_and_nothing_found_says_so(site: Site, world: World) -> None:
    page = site.open(f"/assets/{world.assets['Pump 7'].pk}/edit/")
    home = page.get_by_role("combobox", name="Home")
    expect(home).to_have_value("Store room (Hamburg / Hall A)")
    home.fill("nowhere")
    expect(page.get_by_text("Nothing is called so")).to_be_visible()
    home.fill("Dock")
    page.get_by_role("button", name="Save").first.click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    assert Asset.objects.get(pk=world.assets["Pump 7"].pk).home_location == world.places["Dock"]


def test_without_scripts_a_name_is_looked_up_and_candidates_are_listed(site: Site, world: World) -> None:
    page = site.open(f"/custody/out/?assets={world.assets['Drill'].pk}", javascript=False, expected="status of 422")
    page.get_by_label("Person").fill("anna 00")
    page.get_by_role("button", name="Check out").click()
    expect(page.get_by_text("No person is called 'anna 00'. Perhaps Anna 000 · 0; Anna 001 · 1")).to_be_visible()
    expect(page.get_by_label("Person")).to_have_value("anna 00")
    page.get_by_label("Person").fill("17")
    page.get_by_role("button", name="Check out").click()
    expect(page.get_by_role("heading", name="Drill is with Anna 017")).to_be_visible()
