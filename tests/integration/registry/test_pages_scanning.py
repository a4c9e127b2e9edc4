"""The pages of scanning without a browser: the form for one scan, the drawer with one action for all, unknown codes."""

from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from pytest_django.plugin import DjangoDbBlocker

import registry.scanning
from registry.access.models import Change
from registry.assets.models import Asset, Containment
from registry.db import uuid7
from registry.scanning.pages import _MODULES
from registry.tracking.models import LocationEvent, Position, UnknownTag
from tests.registry_world import World, lasting, make_user

pytestmark = pytest.mark.django_db

PUMP = "(8004)061414100007"


@pytest.fixture(scope="module")
def made(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[World]:
    with lasting(django_db_blocker) as world:
        yield world


@pytest.fixture
def world(made: World, db: None) -> World:
    return deepcopy(made)


def client_of(role: str, **more: Any) -> Client:
    client = Client()
    client.force_login(make_user(f"{role}-1", role, **more))
    return client


def drawer(client: Client, *assets: Asset, **more: str) -> Any:
    return client.post("/scan/drawer/", {"assets": ",".join(str(one.pk) for one in assets)} | more)


def test_the_page_loads_every_module_side_by_side() -> None:
    folder = Path(registry.scanning.__file__).parent / "static" / "scanning"
    apart = {"scan", "worker", "forget"}  # the entry, and scripts of their own
    assert set(_MODULES) == {f"scanning/{one.name}" for one in folder.glob("*.js") if one.stem not in apart}
    for module in folder.glob("*.js"):
        assert "innerHTML" not in module.read_text()


def test_the_worker_answers_for_the_scan_page_alone(world: World) -> None:
    answer = Client().get("/scan/sw.js")
    assert (answer.status_code, answer["Content-Type"], answer["Cache-Control"]) == (200, "text/javascript", "no-cache")
    assert "Service-Worker-Allowed" not in answer


@pytest.mark.parametrize("place", ["HAMBURG-OFFICE", "hamburg-office", "Office", "4012345000009", "(414)4012345000009"])
def test_a_place_is_found_by_code_gln_or_name(world: World, place: str) -> None:
    office = world.places["Office"]
    type(office).objects.filter(pk=office.pk).update(gln="4012345000009")
    client = client_of("operator")
    page = client.post("/scan/", {"place": place, "text": PUMP, "event_id": str(uuid7())})
    assert page.status_code == 200
    assert b"Wrong place" in page.content
    assert Position.objects.get().location == office
    assert b'value="HAMBURG-OFFICE"' in client.get("/scan/").content, "the place is remembered"


def test_a_form_that_is_sent_twice_counts_once(world: World) -> None:
    client, form = client_of("operator"), {"place": "Office", "text": PUMP, "event_id": str(uuid7())}
    client.post("/scan/", form)
    assert b"Scanned already" in client.post("/scan/", form).content
    assert LocationEvent.objects.count() == 1


@pytest.mark.parametrize(("form", "why"), [({"place": "Dock"}, b"no such place"), ({"text": " "}, b"from 1 to 4096")])
def test_what_cannot_be_taken_comes_back_with_the_reason(world: World, form: dict[str, str], why: bytes) -> None:
    client = client_of("operator", place=world.places["Office"])
    page = client.post("/scan/", {"place": "Office", "text": PUMP} | form)
    assert page.status_code == 422
    assert why in page.content


def test_who_may_only_look_is_told_whom_to_ask(world: World) -> None:
    assert b"Ask an administrator" in client_of("viewer").get("/scan/").content


def test_the_drawer_sets_the_home_of_all_or_of_none(world: World) -> None:
    pump, ladder = world.assets["Pump 7"], world.assets["Ladder long"]
    assert drawer(client_of("operator"), pump, ladder, act="home", place="Office").status_code == 422
    manager = client_of("manager", place=world.places["Hall A"])
    refused = drawer(manager, pump, ladder, act="home", place="Office")
    assert b"no such place" in refused.content
    answer = drawer(manager, pump, ladder, act="home", place="Dock")
    assert answer["Location"] == "/scan/?done=home"
    assert set(Asset.objects.filter(home_location__name="Dock")) == {pump, ladder}
    assert Change.objects.filter(action="changed").count() == 2
    assert b"the home of 2 assets" in manager.get("/scan/").content
    drawer(manager, pump, ladder, act="home", place="Dock")
    assert Change.objects.filter(action="changed").count() == 2, "nothing changed, nothing logged"


def test_the_drawer_puts_all_into_a_container_or_none(world: World) -> None:
    pump, ladder, drill = (world.assets[name] for name in ("Pump 7", "Ladder long", "Drill"))
    operator = client_of("operator")
    assert b"No asset has the number or code" in drawer(operator, ladder, act="container", container="NOBODY").content
    drawer(operator, pump, ladder, act="container", container=drill.asset_no.lower())
    assert {row.asset for row in Containment.objects.all()} == {pump, ladder}
    ring = drawer(operator, drill, ladder, act="container", container=PUMP)
    assert (ring.status_code, b"cannot lie in" in ring.content) == (422, True)
    assert Containment.objects.filter(to_ts=None).count() == 2


def test_the_drawer_shows_nothing_of_others(world: World) -> None:
    keeper = client_of("operator", place=world.places["Office"])
    page = drawer(keeper, world.assets["Pump 7"])
    assert b"Nothing was scanned yet" in page.content
    assert b"Pump" not in page.content
    assert drawer(keeper, world.assets["Pump 7"], act="container", container=PUMP).status_code == 200
    assert not Containment.objects.exists()
    assert keeper.post("/scan/drawer/", {"assets": "x,,1;" * 10_000}).status_code == 200


def test_an_unknown_code_leads_to_claiming_it(world: World) -> None:
    client = client_of("manager")
    assert b"No asset has this code" in client.get("/scan/unknown/?code=NOBODY-1").content
    client.post("/scan/", {"place": "Office", "text": "NOBODY-1"})
    assert client.get("/scan/unknown/?code=NOBODY-1")["Location"] == f"/live/unknown/{UnknownTag.objects.get().pk}/"
    pump = world.assets["Pump 7"]
    assert client.get("/scan/unknown/", {"code": PUMP})["Location"] == f"/assets/{pump.pk}/"
