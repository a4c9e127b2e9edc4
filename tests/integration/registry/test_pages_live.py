"""The live page: its parts, its stream, and the two clicks that only a person can do."""

import re
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django.plugin import DjangoDbBlocker

from registry.tracking import fleet, watching
from registry.tracking.models import Gateway, IngestWorker, UnknownTag
from tests.registry_world import ROOT, World, event, lasting, make_user, many_assets, tell_a_day

HTMX = {"HX-Request": "true"}


@pytest.fixture(scope="module")
def made(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[World]:
    with lasting(django_db_blocker, tell_a_day) as world:
        yield world


@pytest.fixture
def world(made: World, db: None) -> World:
    return deepcopy(made)


@pytest.fixture
def anna(db: None, client: Client) -> Client:
    client.force_login(make_user())
    return client


def text(response: Any) -> str:
    assert response.status_code == 200, response.content
    return re.sub(r"\s+", " ", re.sub(r"<(script|svg).*?</\1>|<[^>]+>", " ", response.content.decode(), flags=re.S))


def test_the_page_says_how_it_is_in_its_first_line(anna: Client, world: World) -> None:
    assert "Hamburg dock does not read at belt-cam, last event" in text(anna.get("/live/"))
    world.gateway.health()
    page = text(anna.get("/live/"))
    assert "1 of 1 gateway online, last event" in page
    assert "2 zones without a place and 2 unknown tags wait for somebody." in page
    Gateway.objects.update(state="offline", state_reason="the connection was lost")
    assert "Hamburg dock is offline, last event" in text(anna.get("/live/"))
    IngestWorker.objects.update(connected=False, why="nobody answers at 127.0.0.1:8490")
    assert "Events are not taken in: not connected to the broker" in text(anna.get("/live/"))


def test_what_was_refused_is_counted(anna: Client, world: World) -> None:
    world.gateway.tell_bodies(b'{"kind":"exploded"}')
    page = text(anna.get("/live/"))
    assert "Kept aside: bad shape 1" in page
    assert "Not signed by its gateway 1" in page


def test_only_the_parts_asked_for_are_sent(anna: Client, world: World) -> None:
    body = anna.get("/live/parts/", query_params={"parts": "events,zones,nonsense"}, headers=HTMX).content.decode()
    assert re.findall(r'data-part="(\w+)"', body) == ["events", "zones"]
    assert anna.get("/live/parts/").content.strip() == b""


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        ("event", {"events", "zones", "unmapped", "gateways", "summary"}),
        ("tag", {"events", "zones", "unmapped", "unknown", "gateways", "summary"}),
        ("health", {"gateways", "summary"}),
        ("map", {"zones", "unmapped", "summary"}),
        ("nothing", set()),
    ],
)
def test_versions_change_with_what_is_shown(anna: Client, world: World, change: str, parts: set[str]) -> None:
    before = watching.versions()
    match change:
        case "event":
            world.gateway.tell(event("moved", "8004:061414100008", "dock", origin="store-room"))
        case "tag":
            world.gateway.tell(event("seen", "tag:NEW", "dock"))
        case "health":
            world.gateway.health(waiting=9)
        case "map":
            anna.post(f"/live/zones/{world.zone('yard').pk}/", {"place": "new"})
    after = watching.versions()
    assert {part for part in after if after[part] != before[part]} == parts


def test_a_gateway_that_falls_silent_changes_the_version(world: World) -> None:
    before = watching.versions()["gateways"]
    Gateway.objects.update(health_at=timezone.now() - 2 * fleet.SILENT_AFTER, last_batch_at=None, last_hello_at=None)
    silent = watching.versions()["gateways"]
    assert silent != before
    (row,) = fleet.gateway_rows(ROOT)
    assert row.state == "attention"


def test_a_zone_is_mapped_with_one_click(anna: Client, world: World) -> None:
    zone = world.zone("mezzanine")
    assert "New place “Mezzanine”" in text(anna.get("/live/"))
    row = anna.post(f"/live/zones/{zone.pk}/", {"place": "new"}, headers=HTMX)
    assert "is Mezzanine now" in text(row)
    zone.refresh_from_db()
    assert zone.location is not None
    assert zone.location.name == "Mezzanine"
    assert f'href="/places/{zone.location.pk}/"' in anna.get("/assets/?q=LADDER-1").content.decode()


def test_a_place_of_the_same_name_is_proposed(anna: Client, world: World) -> None:
    world.gateway.tell(event("arrived", "tag:LADDER-1", "office"))
    body = anna.get("/live/").content.decode()
    assert re.search(rf'<option value="{world.places["Office"].pk}" selected>', body)


def test_mapping_without_scripts_and_taking_it_away(anna: Client, world: World) -> None:
    zone = world.zone("yard")
    path = f"/live/zones/{zone.pk}/"
    assert "Which place is zone yard?" in text(anna.get(path))
    assert anna.post(path, {"place": str(world.places["Office"].pk)})["Location"] == "/live/"
    zone.refresh_from_db()
    assert zone.location == world.places["Office"]
    anna.post(path, {"place": ""})
    zone.refresh_from_db()
    assert zone.location is None


def test_a_taken_name_for_the_new_place_is_said(anna: Client, world: World) -> None:
    path = f"/live/zones/{world.zone('yard').pk}/"
    assert anna.post(path, {"place": "new"}).status_code == 302
    other = f"/live/zones/{world.zone('mezzanine').pk}/"
    refused = anna.post(other, {"place": "new", "name": "Yard"})
    assert refused.status_code == 422
    assert "Taken" in refused.content.decode()


def test_a_tag_is_claimed_for_an_asset_found_by_search(anna: Client, world: World) -> None:
    tag = UnknownTag.objects.get(identity="8004:061414199999")
    path = f"/live/unknown/{tag.pk}/"
    offered = text(anna.get(path, headers=HTMX))
    assert "Drill" in offered
    assert "Pump" not in offered  # it has a code already
    assert "Pump 8" in text(anna.get(path, query_params={"q": "pump 8"}, headers=HTMX))
    row = anna.post(path, {"asset": str(world.assets["Drill"].pk)}, headers=HTMX)
    assert "is Drill now" in text(row)
    assert "In Store room" in text(anna.get(f"/assets/{world.assets['Drill'].pk}/"))
    gone = anna.get(path, follow=True)
    assert "This code is not unknown any more" in gone.content.decode()


def test_a_tag_is_claimed_without_scripts(anna: Client, world: World) -> None:
    tag = UnknownTag.objects.get(identity="uii:E28011606000020612345678")
    path = f"/live/unknown/{tag.pk}/"
    assert "Which asset is this code on?" in text(anna.get(path))
    drill = world.assets["Drill"]
    assert anna.post(path, {"asset": str(drill.pk)})["Location"] == f"/assets/{drill.pk}/"
    assert anna.post(path, {"asset": "nonsense"}).status_code in (302, 404)


def test_more_tags_than_fit_have_a_page_of_their_own(anna: Client, world: World) -> None:
    world.gateway.tell(*(event("seen", f"tag:GHOST-{n}", "dock") for n in range(60)))
    assert "the 12 newest of 62" in text(anna.get("/live/"))
    page = anna.get("/live/unknown/")
    assert "62 unknown tags" in text(page)
    cursor = re.search(r'cursor=([^"]+)" rel="next"', page.content.decode())
    assert cursor
    last = anna.get("/live/unknown/", query_params={"cursor": cursor[1]}).content.decode()
    assert len(re.findall(r"<tr[^>]* data-key=", last)) == 12


def test_a_burst_of_reads_is_one_row(anna: Client, world: World) -> None:
    many_assets(world, 3)
    world.gateway.tell(*(event("seen", "tag:CRATE-1", "dock", read_point="cam", ago_s=1 - n / 50) for n in range(40)))
    assert "seen 30 times in Dock" in text(anna.get("/live/"))
