"""The API of assets: what is sent is what is stored, lists are filtered and paged, and nobody's change is overwritten unseen."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django.plugin import DjangoDbBlocker

from registry.assets.models import Asset
from tests.registry_world import Caller, World, event, lasting, many_assets, tell_a_day

pytestmark = pytest.mark.django_db


@pytest.fixture
def call() -> Caller:
    return Caller()


@pytest.fixture(scope="module")
def made(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[World]:
    with lasting(django_db_blocker, tell_a_day) as world:
        yield world


@pytest.fixture
def world(made: World, db: None) -> World:
    return deepcopy(made)


def names(response: Any) -> list[str]:
    assert response.status_code == 200, response.content
    return [item["name"] for item in response.json()["items"]]


def test_an_asset_is_made_with_its_codes_and_read_back(call: Caller, world: World) -> None:
    body = {
        "name": "Forklift 3",
        "asset_no": "F-3",
        "kind": "vehicle",
        "status": "in_use",
        "category": str(world.categories["Tools"].pk),
        "home": str(world.places["Dock"].pk),
        "identifiers": [{"text": "3474257BF40000000000162E"}, {"text": "https://example.com/8004/0614141XYZ", "kind": "barcode"}],
    }
    made = call("POST", "/assets", body)
    assert made.status_code == 201, made.content
    asset = made.json()
    assert [code["key"] for code in asset["identifiers"]] == ["8004:06141415678", "8004:0614141XYZ"]
    assert (asset["home"]["code"], asset["category"]["name"], asset["version"]) == ("HAMBURG-HALL-A-DOCK", "Tools", 1)
    assert asset["position"] is None
    read = call("GET", made["Location"].removeprefix("/api/v1"))
    assert read.json() == asset
    assert read["ETag"] == made["ETag"] == '"1"'


def test_all_or_nothing(call: Caller, world: World) -> None:
    before = Asset.objects.count()
    response = call("POST", "/assets", {"name": "Copy", "identifiers": [{"text": "NEW-1"}, {"text": "8004:061414100007"}]})
    assert response.status_code == 409
    assert "8004:061414100007" in response.json()["detail"]
    assert Asset.objects.count() == before


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, ["#/name"]),
        ({"name": ""}, ["#/name"]),
        ({"name": "x", "colour": "red"}, ["#/colour"]),
        ({"name": "x", "kind": "ghost", "status": "lost"}, ["#/kind", "#/status"]),
        ({"name": "x" * 201}, ["#/name"]),
        ({"name": "a\x00b"}, ["#/name"]),
        ({"name": ["x"]}, ["#/name"]),
        ({"name": "x", "identifiers": [{"text": ""}]}, ["#/identifiers/0/text"]),
        ({"name": "x", "identifiers": [{"text": f"C{n}"} for n in range(51)]}, ["#/identifiers"]),
        ({"name": "x", "identifiers": [{"text": "01:04012345123456"}]}, ["#/identifier"]),
        ({"name": "x", "home": "not-an-id"}, ["#/home"]),
        ("{", []),
        ("[1]", ["#"]),
        ("\ud83d".encode("utf-8", "surrogatepass"), []),
    ],
)
def test_what_cannot_be_taken_is_named(call: Caller, world: World, body: Any, pointers: list[str]) -> None:
    response = call("POST", "/assets", body)
    assert response.status_code in (400, 422), response.content
    problem = response.json()
    assert response["Content-Type"] == "application/problem+json"
    assert {"type", "title", "status", "detail"} <= set(problem)
    assert [error["pointer"] for error in problem.get("errors", [])] == pointers
    assert Asset.objects.count() == len(world.assets)


def test_a_body_beyond_the_limit_is_refused(call: Caller) -> None:
    response = call("POST", "/assets", {"name": "x" * 3_000_000})
    assert response.status_code == 413
    assert response["Content-Type"] == "application/problem+json"


def test_a_change_needs_the_version_that_was_seen(call: Caller, world: World) -> None:
    path = f"/assets/{world.assets['Pump 7'].pk}"
    assert call("PATCH", path, {"name": "A"}).status_code == 428
    assert call("PATCH", path, {"name": "A"}, headers={"If-Match": '"7"'}).status_code == 412
    assert call("PATCH", path, {"name": "A"}, headers={"If-Match": "nonsense"}).status_code == 412
    changed = call("PATCH", path, {"name": "A", "home": None, "category": None}, headers={"If-Match": '"1"'})
    assert changed.status_code == 200
    assert (changed.json()["name"], changed.json()["home"], changed.json()["category"], changed["ETag"]) == (
        "A",
        None,
        None,
        '"2"',
    )
    stale = call("PATCH", path, {"name": "B"}, headers={"If-Match": '"1"'})
    assert stale.status_code == 412
    assert "changed meanwhile" in stale.json()["detail"]
    assert call("GET", path).json()["name"] == "A"
    assert call("PATCH", path, {"status": "missing"}, headers={"If-Match": "*"}).json()["name"] == "A"


def test_a_number_in_use_is_taken(call: Caller, world: World) -> None:
    path = f"/assets/{world.assets['Pump 7'].pk}"
    taken = call("PATCH", path, {"asset_no": world.assets["Pump 8"].asset_no}, headers={"If-Match": '"1"'})
    assert (taken.status_code, taken.json()["errors"][0]["pointer"]) == (409, "#/asset_no")


def test_what_has_not_changed_is_not_sent_again(call: Caller, world: World) -> None:
    path = f"/assets/{world.assets['Pump 7'].pk}"
    for tags in ('"1"', 'W/"1"', '"0", "1"'):
        response = call("GET", path, headers={"If-None-Match": tags})
        assert (response.status_code, response.content) == (304, b"")
    assert call("GET", path, headers={"If-None-Match": '"2"'}).status_code == 200


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, ["Drill", "Ladder long", "Ladder short", "Pump 7", "Pump 8", "Pump 9"]),
        ({"q": "pump"}, ["Pump 7", "Pump 8", "Pump 9"]),
        ({"q": "a-000004"}, ["Ladder long"]),
        ({"q": "(8004)061414100008"}, ["Pump 8"]),
        ({"q": "ladder-2"}, ["Ladder short"]),
        ({"q": "nothing like it"}, []),
        ({"q": "%"}, []),
        ({"category": "Tools"}, ["Drill", "Ladder long", "Ladder short"]),
        ({"category": "Ladders"}, ["Ladder long", "Ladder short"]),
        ({"place": "Hall A"}, ["Ladder short", "Pump 7", "Pump 8", "Pump 9"]),
        ({"place": "Store room"}, ["Pump 7", "Pump 8"]),
        ({"status": "missing"}, ["Drill"]),
        ({"seen": "hour"}, ["Ladder short", "Pump 7"]),
        ({"seen": "never"}, ["Drill"]),
        ({"seen": "older"}, []),
        ({"sort": "-name"}, ["Pump 9", "Pump 8", "Pump 7", "Ladder short", "Ladder long", "Drill"]),
        ({"sort": "-seen", "seen": "hour"}, ["Pump 7", "Ladder short"]),
        ({"sort": "category", "q": "p"}, ["Pump 7", "Pump 8", "Pump 9"]),
    ],
)
def test_lists_are_searched_and_filtered(call: Caller, world: World, query: dict[str, str], expected: list[str]) -> None:
    ids = {name: str(row.pk) for name, row in (world.places | world.categories).items()}
    found = names(call("GET", "/assets", query_params={key: ids.get(value, value) for key, value in query.items()}))
    assert found == expected if query.get("q") != "p" else set(found) >= set(expected)


@pytest.mark.parametrize(
    "sort", ["name", "-name", "number", "-category", "place", "-place", "seen", "-seen", "status", "-status"]
)
def test_every_order_pages_through_everything_once_and_back(call: Caller, world: World, sort: str) -> None:
    everything = names(call("GET", "/assets", query_params={"sort": sort}))
    seen, pages, cursor = [], [], None
    while True:
        response = call("GET", "/assets", query_params={"sort": sort, "limit": 2, **({"cursor": cursor} if cursor else {})})
        seen += names(response)
        pages.append(response.json())
        cursor = pages[-1]["next"]
        if cursor is None:
            break
    assert seen == everything
    assert pages[0]["previous"] is None
    back = call("GET", "/assets", query_params={"sort": sort, "limit": 2, "cursor": pages[-1]["previous"]}).json()
    assert [item["name"] for item in back["items"]] == seen[-4:-2]


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"},
        {"limit": "201"},
        {"limit": "many"},
        {"sort": "colour"},
        {"seen": "soon"},
        {"status": "lost"},
        {"category": "tools"},
        {"q": "x" * 201},
        {"cursor": "?"},
        {"cursor": "bm90aGluZw"},
        {"cursor": "x" * 2000},
    ],
)
def test_bad_questions_are_answered_with_the_parameter(call: Caller, world: World, query: dict[str, str]) -> None:
    response = call("GET", "/assets", query_params=query)
    assert response.status_code in (400, 422)
    assert response.json()["errors"][0]["parameter"] == next(iter(query))


def test_a_cursor_of_another_order_is_refused(call: Caller, world: World) -> None:
    cursor = call("GET", "/assets", query_params={"limit": 2}).json()["next"]
    assert call("GET", "/assets", query_params={"limit": 2, "cursor": cursor, "sort": "-name"}).status_code == 400


def test_a_page_costs_the_same_for_one_row_and_for_thirty(call: Caller, world: World) -> None:
    many_assets(world, 40)
    call("GET", "/assets")  # notes once a minute that the token was used

    def queries(limit: int) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert len(call("GET", "/assets", query_params={"limit": limit}).json()["items"]) == limit
        assert not any("COUNT(" in query["sql"] for query in captured)
        return len(captured)

    # who asks, the keys of the page, its rows, and one each for codes, tags, files, own values and what they lie in
    assert queries(1) == queries(30) <= 8


def test_codes_are_added_and_retired(call: Caller, world: World) -> None:
    path = f"/assets/{world.assets['Drill'].pk}/identifiers"
    added = call("POST", path, {"text": " drill  1 "})
    assert (added.status_code, added.json()["key"], added.json()["state"]) == (201, "tag:drill 1", "active")
    assert call("POST", path, {"text": "LADDER-1"}).status_code == 409
    assert call("POST", path, {"text": "  "}).status_code == 422
    retire = f"/identifiers/{added.json()['id']}/retire"
    retired = call("POST", retire)
    assert (retired.status_code, retired.json()["state"]) == (200, "retired")
    assert call("POST", retire).status_code == 422
    assert call("POST", f"/assets/{world.assets['Pump 7'].pk}/identifiers", {"text": "drill 1"}).status_code == 201


@pytest.mark.parametrize(
    ("code", "key", "asset"),
    [
        ("(8004)061414100007", "8004:061414100007", "Pump 7"),
        ("LADDER-1", "tag:LADDER-1", "Ladder long"),
        ("https://id.gs1.org/8004/061414100007", "8004:061414100007", "Pump 7"),
        ("3474257BF40000000000162E", "8004:06141415678", None),
        ("no such thing", "tag:no such thing", None),
    ],
)
def test_any_code_is_told_what_it_is(call: Caller, world: World, code: str, key: str, asset: str | None) -> None:
    found = call("GET", "/resolve", query_params={"code": code}).json()
    assert (found["key"], found["asset"] and found["asset"]["name"]) == (key, asset)


def test_the_position_stands_in_the_asset(call: Caller, world: World) -> None:
    pump = call("GET", f"/assets/{world.assets['Pump 7'].pk}").json()
    assert (pump["position"]["state"], pump["position"]["place"]["name"], pump["position"]["zone"]) == (
        "present",
        "Store room",
        "store-room",
    )
    gone = call("GET", f"/assets/{world.assets['Pump 9'].pk}").json()
    assert (gone["position"]["state"], gone["position"]["place"]["name"]) == ("unknown", "Dock")
    unmapped = call("GET", f"/assets/{world.assets['Ladder long'].pk}").json()
    assert (unmapped["position"]["place"], unmapped["position"]["zone"]) == (None, "mezzanine")


def test_hostile_text_is_kept_as_text(call: Caller, world: World) -> None:
    name = """<script>alert(1)</script> "'; DROP TABLE assets_asset; -- {{ 7*7 }} \u202e"""
    made = call("POST", "/assets", {"name": name, "identifiers": [{"text": "'><img src=x onerror=alert(1)>"}]})
    assert made.json()["name"] == name
    assert names(call("GET", "/assets", query_params={"q": name[:60]})) == [name]


def test_an_event_told_later_moves_it(call: Caller, world: World) -> None:
    world.gateway.tell(event("arrived", "tag:LADDER-1", "loft", ago_s=5))
    assert call("GET", f"/assets/{world.assets['Ladder long'].pk}").json()["position"]["zone"] == "loft"
