"""Pages of places: the tree with counts, what is there, what belongs there, and changing the tree."""

import re
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from django.test import Client
from pytest_django.plugin import DjangoDbBlocker

from registry.assets import trees
from registry.assets.models import Location
from registry.assets.trees import create_location
from tests.registry_world import ROOT, World, event, lasting, make_user, tell_a_day

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def made(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[World]:
    with lasting(django_db_blocker, tell_a_day) as world:
        yield world


@pytest.fixture
def world(made: World, db: None) -> World:
    return deepcopy(made)


@pytest.fixture
def anna(client: Client) -> Client:
    client.force_login(make_user())
    return client


def text(response: Any) -> str:
    assert response.status_code == 200, response.content
    return re.sub(r"\s+", " ", re.sub(r"<(script|svg).*?</\1>|<[^>]+>", " ", response.content.decode(), flags=re.S))


def path(place: Location) -> str:
    return f"/places/{place.pk}/"


def test_the_tree_counts_what_is_inside(anna: Client, world: World) -> None:
    page = text(anna.get("/places/"))
    assert "3 assets in known places now" in page
    assert "1 more is in zones that no place is mapped to" in page
    assert re.search(r"Hamburg 3 Hall A 3 Store room 2 Dock 1 Office 0", page)


def test_a_place_shows_what_is_there_what_left_and_what_belongs_there(anna: Client, world: World) -> None:
    dock = text(anna.get(path(world.places["Dock"])))
    assert "Dock: 1 asset here now" in dock
    assert "zone Hamburg dock dock" in dock
    assert re.search(r"Left, not seen since 1 Pump 9", dock)
    store = text(anna.get(path(world.places["Store room"])))
    assert re.search(r"Belongs here, is elsewhere 1 Pump 9 A-000003 Left Dock", store)
    office = text(anna.get(path(world.places["Office"])))
    assert "Nothing is here now" in office
    assert "No zone of a gateway is mapped to this place" in office


def test_a_big_tree_opens_along_the_way(anna: Client, world: World) -> None:
    for n in range(70):
        shelf = create_location(by=ROOT, name=f"Shelf {n}", kind="bin", parent=world.places["Store room"])
    assert "Shelf 3" not in text(anna.get("/places/"))
    assert "Store room" in text(anna.get(path(world.places["Hall A"])))
    opened = text(anna.get(path(shelf)))
    assert "Shelf 3" in opened
    assert "Office" in opened


def test_a_place_is_made_inside_another(anna: Client, world: World) -> None:
    hall = world.places["Hall A"]
    assert f'value="{hall.pk}" data-picked' in anna.get("/places/new/", query_params={"inside": str(hall.pk)}).content.decode()
    response = anna.post("/places/new/", {"name": "Loft", "kind": "floor", "parent": str(hall.pk)})
    loft = Location.objects.get(name="Loft")
    assert response["Location"] == path(loft)
    assert (loft.code, loft.depth) == ("HAMBURG-HALL-A-LOFT", 3)


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"name": "", "kind": "room"}, "This field is required"),
        ({"name": "Hamburg", "kind": "room"}, "Taken in the same place"),
        ({"name": "Loft", "kind": "room", "code": "HAMBURG"}, "Taken."),
        ({"name": "Loft", "kind": "cave"}, "Select a valid choice"),
    ],
)
def test_a_refused_place_keeps_what_was_typed(anna: Client, world: World, form: dict[str, str], error: str) -> None:
    response = anna.post("/places/new/", form)
    assert response.status_code == 422
    body = response.content.decode()
    assert error in body
    assert f'value="{form["name"]}"' in body or not form["name"]


def test_a_place_is_renamed_and_moved_and_its_contents_move_along(anna: Client, world: World) -> None:
    store = world.places["Store room"]
    form = {"name": "Stores", "kind": "room", "code": store.code, "parent": str(world.places["Office"].pk), "version": "1"}
    assert anna.post(f"{path(store)}edit/", form).status_code == 302
    assert "Office: 2 assets here now" in text(anna.get(path(world.places["Office"])))
    assert "Stores" in text(anna.get("/places/"))


def test_a_lost_update_is_refused_and_shown(anna: Client, world: World) -> None:
    store = world.places["Store room"]
    trees.change_location(by=ROOT, location=store, name="Stores", notes="by somebody else")
    form = {"name": "Store", "kind": "room", "code": store.code, "parent": str(world.places["Hall A"].pk), "version": "1"}
    refused = anna.post(f"{path(store)}edit/", form)
    assert refused.status_code == 422
    body = refused.content.decode()
    assert "Name is now: Stores" in body
    assert 'value="Store"' in body
    assert 'name="version" value="2"' in body
    assert anna.post(f"{path(store)}edit/", form | {"version": "2"}).status_code == 302
    store.refresh_from_db()
    assert (store.name, store.version) == ("Store", 3)


def test_every_field_of_a_place_is_edited_and_what_contradicts_is_said(anna: Client, world: World) -> None:
    office = world.places["Office"]
    there, form = (
        f"{path(office)}edit/",
        {"name": "Office", "kind": "room", "code": "OFF", "parent": str(world.places["Hamburg"].pk)},
    )
    for wrong, said in (
        ({"latitude": "53.5"}, "go together"),
        ({"latitude": "99", "longitude": "1"}, "from -90 to 90"),
        ({"gln": "4012345000001"}, "check digit"),
        ({"storage_cost_month": "3"}, "in which currency"),
    ):
        answer = anna.post(there, form | {"version": "1"} | wrong)
        assert answer.status_code == 422
        assert said in answer.content.decode().lower()
    more = {"latitude": "53.5", "longitude": "9.9", "gln": "4012345000009", "storage_cost_month": "12.50", "currency": "eur"}
    assert anna.post(there, form | {"version": "1", "notes": "third floor"} | more).status_code == 302
    office.refresh_from_db()
    assert (office.latitude, office.gln, office.currency, office.notes) == (53.5, "4012345000009", "EUR", "third floor")
    assert office.coordinates_at is not None


def test_a_place_does_not_go_into_what_is_inside_it(anna: Client, world: World) -> None:
    hall, dock = world.places["Hall A"], world.places["Dock"]
    given = {"name": "Hall A", "kind": "building", "code": hall.code, "version": hall.version, "parent": str(dock.pk)}
    assert anna.post(f"{path(hall)}edit/", given).status_code == 422
    assert Location.objects.get(pk=hall.pk).depth == hall.depth


def test_only_an_empty_place_is_deleted(anna: Client, world: World) -> None:
    response = anna.post(f"{path(world.places['Dock'])}delete/", follow=True)
    assert "in use by" in response.content.decode()
    assert anna.post(f"{path(world.places['Office'])}delete/")["Location"] == path(world.places["Hamburg"])
    assert not Location.objects.filter(name="Office").exists()


def test_rows_are_sorted_by_what_was_clicked(anna: Client, world: World) -> None:
    def order(sort: str) -> list[str]:
        body = anna.get(path(world.places["Hamburg"]), query_params={"sort": sort}).content.decode()
        return re.findall(r"data-open href=\"/assets/[^\"]+\">([^<]+)<", body)[:3]

    assert order("name") == ["Ladder short", "Pump 7", "Pump 8"]
    assert order("-name") == ["Pump 8", "Pump 7", "Ladder short"]
    assert order("-seen") == ["Pump 7", "Ladder short", "Pump 8"]


def test_the_first_page_says_what_is_where(anna: Client, world: World) -> None:
    page = text(anna.get("/"))
    assert "3 of 6 assets are in a known place, 5 seen in the last day" in page
    assert "1 in zones without a place" in page
    assert re.search(r"Store room Hall A 2 Dock Hall A 1", page)
    assert "2 zones without a place" in page
    assert "2 unknown tags" in page
    assert "Hamburg dock: online Does not read at belt-cam" in page
    world.gateway.tell(event("moved", "8004:061414100008", "dock", origin="store-room"))
    assert "Pump 8 moved from Store room to Dock" in text(anna.get("/"))
