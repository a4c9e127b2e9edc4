"""The API of places and categories."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from pytest_django.plugin import DjangoDbBlocker

from tests.registry_world import Caller, World, lasting, tell_a_day

pytestmark = pytest.mark.django_db
ANY = {"If-Match": "*"}


@pytest.fixture
def call() -> Caller:
    return Caller()


@pytest.fixture(scope="module")
def made(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[World]:
    with lasting(django_db_blocker) as world:
        yield world


@pytest.fixture
def world(made: World, db: None) -> World:
    return deepcopy(made)


def test_the_tree_is_listed_parents_first_with_their_ids(call: Caller, world: World) -> None:
    items = call("GET", "/locations").json()["items"]
    assert [(item["name"], item["depth"]) for item in items] == [
        ("Hamburg", 1),
        ("Hall A", 2),
        ("Store room", 3),
        ("Dock", 3),
        ("Office", 2),
    ]
    by_id = {item["id"]: item["name"] for item in items}
    assert [by_id.get(item["parent"]) for item in items] == [None, "Hamburg", "Hall A", "Hall A", "Hamburg"]
    inside = call("GET", "/locations", query_params={"within": str(world.places["Hall A"].pk)}).json()["items"]
    assert [item["name"] for item in inside] == ["Hall A", "Store room", "Dock"]


def test_the_tree_is_paged(call: Caller, world: World) -> None:
    names: list[str] = []
    cursor: dict[str, Any] = {}
    while True:
        page = call("GET", "/locations", query_params={"limit": 2, **cursor}).json()
        names += [item["name"] for item in page["items"]]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert names == ["Hamburg", "Hall A", "Store room", "Dock", "Office"]


def test_a_place_is_made_renamed_and_moved_with_all_inside_it(call: Caller, world: World) -> None:
    made = call("POST", "/locations", {"name": "Shelf 1", "kind": "bin", "parent": str(world.places["Store room"].pk)})
    assert made.status_code == 201
    place = made.json()
    assert (place["code"], place["depth"]) == ("HAMBURG-HALL-A-STORE-ROOM-SHELF-1", 4)
    moved = call("PATCH", f"/locations/{world.places['Hall A'].pk}", {"name": "Hall B", "parent": None}, headers=ANY).json()
    assert (moved["name"], moved["parent"], moved["depth"]) == ("Hall B", None, 1)
    assert call("GET", f"/locations/{place['id']}").json()["depth"] == 3


def test_a_place_cannot_be_put_inside_itself_and_a_refused_move_renames_nothing(call: Caller, world: World) -> None:
    path = f"/locations/{world.places['Hall A'].pk}"
    response = call("PATCH", path, {"name": "Hall B", "parent": str(world.places["Dock"].pk)}, headers=ANY)
    assert (response.status_code, response.json()["errors"][0]["pointer"]) == (422, "#/parent")
    assert call("GET", path).json()["name"] == "Hall A"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"name": "Office", "parent": "Hamburg"}, 409),
        ({"name": "New", "code": "HAMBURG"}, 409),
        ({"name": "New", "parent": "00000000-0000-0000-0000-000000000001"}, 404),
        ({"name": "New", "kind": "cave"}, 422),
        ({"name": ""}, 422),
    ],
)
def test_refused_places(call: Caller, world: World, body: dict[str, Any], status: int) -> None:
    ids = {name: str(place.pk) for name, place in world.places.items()}
    response = call(
        "POST", "/locations", {key: ids.get(value, value) if key == "parent" else value for key, value in body.items()}
    )
    assert response.status_code == status, response.content


def test_what_is_at_a_place_counts_what_is_inside_and_not_what_has_left(call: Caller, world: World) -> None:
    tell_a_day(world)

    def there(place: str) -> list[str]:
        return [item["name"] for item in call("GET", f"/locations/{world.places[place].pk}/assets").json()["items"]]

    assert there("Hamburg") == there("Hall A") == ["Ladder short", "Pump 7", "Pump 8"]
    assert there("Dock") == ["Ladder short"]
    assert there("Office") == []


def test_categories(call: Caller, world: World) -> None:
    items = call("GET", "/categories").json()["items"]
    assert [(item["name"], item["depth"]) for item in items] == [("Tools", 1), ("Ladders", 2), ("Pumps", 1)]
    saws = call("POST", "/categories", {"name": "Saws", "parent": str(world.categories["Tools"].pk)})
    assert saws.json()["parent"] == str(world.categories["Tools"].pk)
    assert call("POST", "/categories", {"name": "Saws", "parent": str(world.categories["Tools"].pk)}).status_code == 409
    path = f"/categories/{saws.json()['id']}"
    assert call("PATCH", path, {"name": "Band saws"}, headers=ANY).json()["depth"] == 2
    assert call("PATCH", path, {"parent": None}, headers=ANY).json()["parent"] is None
