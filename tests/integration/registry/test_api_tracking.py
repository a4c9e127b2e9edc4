"""The API of zones, unknown tags, positions, events and gateways, fed by the real intake."""

from collections.abc import Iterator
from copy import deepcopy
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django.plugin import DjangoDbBlocker

from registry.tracking.models import UnknownTag
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


def items(response: Any) -> list[dict[str, Any]]:
    assert response.status_code == 200, response.content
    found: list[dict[str, Any]] = response.json()["items"]
    return found


def test_zones_are_listed_and_mapped_and_what_is_there_moves_along(call: Caller, world: World) -> None:
    assert [zone["name"] for zone in items(call("GET", "/zones", query_params={"mapped": "false"}))] == ["mezzanine", "yard"]
    assert {zone["name"]: zone["place"]["name"] for zone in items(call("GET", "/zones", query_params={"mapped": "true"}))} == {
        "dock": "Dock",
        "store-room": "Store room",
    }
    zone = world.zone("mezzanine")
    mapped = call("PUT", f"/zones/{zone.pk}/place", {"place": str(world.places["Office"].pk)}, headers={"If-Match": "*"})
    assert mapped.json()["place"]["name"] == "Office"
    there = items(call("GET", f"/locations/{world.places['Office'].pk}/assets"))
    assert [asset["name"] for asset in there] == ["Ladder long"]
    assert call("PUT", f"/zones/{zone.pk}/place", {"place": None}, headers={"If-Match": "*"}).json()["place"] is None
    assert items(call("GET", f"/locations/{world.places['Office'].pk}/assets")) == []


def test_a_zone_can_be_made_before_its_gateway_speaks_of_it(call: Caller, world: World) -> None:
    body = {"gateway": "hamburg-1", "name": "loft", "kind": "storage", "place": str(world.places["Office"].pk)}
    assert call("POST", "/zones", body).status_code == 201
    assert call("POST", "/zones", body).status_code == 409
    assert call("POST", "/zones", body | {"gateway": "nowhere"}).status_code == 404
    world.gateway.tell(event("arrived", "tag:LADDER-1", "loft"))
    assert call("GET", f"/assets/{world.assets['Ladder long'].pk}").json()["position"]["place"]["name"] == "Office"


def test_an_unknown_tag_is_claimed_and_brings_its_past_along(call: Caller, world: World) -> None:
    tags = items(call("GET", "/unknown-tags"))
    assert [tag["identity"] for tag in tags] == ["8004:061414199999", "uii:E28011606000020612345678"]
    assert (tags[0]["zone"], tags[0]["read_point"], tags[0]["count"]) == ("store-room", "store-room:1", 1)
    drill = str(world.assets["Drill"].pk)
    claimed = call("POST", f"/unknown-tags/{tags[0]['id']}/claim", {"asset": drill})
    assert (claimed.status_code, claimed.json()["key"]) == (201, "8004:061414199999")
    assert call("GET", f"/assets/{drill}").json()["position"]["place"]["name"] == "Store room"
    assert call("POST", f"/unknown-tags/{tags[0]['id']}/claim", {"asset": drill}).status_code == 404
    assert UnknownTag.objects.count() == 1


def test_positions(call: Caller, world: World) -> None:
    everything = items(call("GET", "/positions"))
    assert [row["asset"]["name"] for row in everything][:2] == ["Pump 7", "Ladder short"]
    assert len(everything) == 5
    left = items(call("GET", "/positions", query_params={"state": "unknown"}))
    assert [row["asset"]["name"] for row in left] == ["Pump 9"]
    store = str(world.places["Store room"].pk)
    assert {row["asset"]["name"] for row in items(call("GET", "/positions", query_params={"place": store}))} == {
        "Pump 7",
        "Pump 8",
    }


def test_events_are_found_by_asset_place_gateway_and_time(call: Caller, world: World) -> None:
    def kinds(**query: str) -> list[str]:
        return [row["kind"] for row in items(call("GET", "/events", query_params={"sort": "-happened", **query}))]

    pump = str(world.assets["Pump 7"].pk)
    assert kinds(asset=pump) == ["seen", "moved", "passed", "passed", "moved", "arrived"]
    assert kinds(asset=pump, kind="passed") == ["passed", "passed"]
    assert kinds(asset=str(world.assets["Drill"].pk)) == []
    assert len(kinds(gateway="hamburg-1")) == 15
    assert kinds(gateway="berlin") == []
    assert kinds(identity="uii:E28011606000020612345678") == ["arrived"]
    hour_ago = (timezone.now() - timedelta(hours=1, minutes=15)).isoformat()
    assert len(kinds(since=hour_ago)) == 7
    assert len(kinds(until=hour_ago)) == 8
    assert kinds(place=str(world.places["Office"].pk)) == []
    assert "passed" in kinds(place=str(world.places["Dock"].pk))
    assert call("GET", "/events", query_params={"since": "2025-03-14T10:00:00"}).status_code == 422


def test_an_event_says_how_we_know(call: Caller, world: World) -> None:
    newest = items(call("GET", "/events", query_params={"asset": str(world.assets["Pump 7"].pk), "sort": "-happened"}))[0]
    assert (newest["asset"]["name"], newest["read_point"], newest["gateway"]) == ("Pump 7", "store-room:1", "hamburg-1")
    assert newest["zone_to"]["place"]["name"] == "Store room"
    assert (newest["reads"], newest["rssi_max"], newest["clock_quality"], newest["source"]) == (7, -54, "synced", "gateway")
    assert newest["event_time"] <= newest["recorded_time"]


def test_a_reader_of_events_goes_on_where_it_was(call: Caller, world: World) -> None:
    first = call("GET", "/events", query_params={"sort": "recorded", "limit": 14}).json()
    assert len(first["items"]) == 14
    world.gateway.tell(event("seen", "tag:LADDER-2", "dock"))
    rest = items(call("GET", "/events", query_params={"sort": "recorded", "cursor": first["next"]}))
    assert [row["identity"] for row in rest][-1] == "tag:LADDER-2"
    assert not {row["event_id"] for row in rest} & {row["event_id"] for row in first["items"]}


def test_gateways(call: Caller, world: World) -> None:
    (gateway,) = items(call("GET", "/gateways"))
    assert (gateway["id"], gateway["state"], gateway["waiting"]) == ("hamburg-1", "online", 3)
    assert [(reader["name"], reader["state"]) for reader in gateway["readers"]][-1] == ("belt-cam", "down")


@pytest.mark.parametrize(
    ("path", "most"), [("/positions", 3), ("/events", 4), ("/zones", 2), ("/unknown-tags", 2), ("/gateways", 5)]
)
def test_lists_cost_the_same_for_one_row_and_for_thirty(call: Caller, world: World, path: str, most: int) -> None:
    many_assets(world, 35)
    call("GET", path)

    def queries(limit: int) -> int:
        with CaptureQueriesContext(connection) as captured:
            items(call("GET", path, query_params={"limit": limit}))
        counted = [query["sql"] for query in captured if "COUNT(" in query["sql"]]
        assert not [sql for sql in counted if "tracking_quarantine" not in sql]  # which is short, and counted by gateway
        return len(captured)

    assert queries(1) == queries(30) <= most
