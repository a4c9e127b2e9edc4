"""A place on a date, against what belongs there, on its floor plan; and the map. Each as far as somebody may see."""

import re
from collections.abc import Iterator
from copy import deepcopy
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from PIL import Image
from pytest_django.plugin import DjangoDbBlocker

from registry.assets.models import Asset, FloorPlan, Location, StoredFile
from registry.assets.trees import change_location
from registry.places import plans
from registry.problems import Forbidden, Invalid, NotFound, Stale
from tests.registry_world import ROOT, World, actor, lasting, make_user, tell_a_day

pytestmark = pytest.mark.django_db
SQUARE = [(0.1, 0.1), (0.5, 0.1), (0.5, 0.5), (0.1, 0.5)]


@pytest.fixture(scope="module")
def made(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[World]:
    with lasting(django_db_blocker, tell_a_day) as world:
        yield world


@pytest.fixture
def world(made: World, db: None) -> World:
    return deepcopy(made)


def logged_in(role: str = "manager", **more: Any) -> Client:
    client = Client()
    client.force_login(make_user(f"paula-{role}", role, **more))
    return client


def text(response: Any) -> str:
    assert response.status_code == 200, response.content
    return re.sub(r"\s+", " ", re.sub(r"<(script|svg).*?</\1>|<[^>]+>", " ", response.content.decode(), flags=re.S))


def drawn(kind: str = "PNG", size: tuple[int, int] = (400, 300)) -> bytes:
    out = BytesIO()
    Image.new("RGB", size, "white").save(out, kind)
    return out.getvalue()


def with_plan(world: World) -> FloorPlan:
    return plans.put(by=ROOT, location=world.places["Hall A"], file=BytesIO(drawn()))


# ---- on a date, and expected ---------------------------------------------------------------------------------------------------


def test_on_a_date(world: World) -> None:
    client, now = logged_in("viewer"), timezone.now()
    dock = f"/places/{world.places['Dock'].pk}/then/"
    page = text(client.get(dock, {"at": (now - timedelta(hours=8.8)).isoformat()}))
    assert "Dock: 1 asset" in page
    assert "Pump 7" in page
    assert "Dock: 0 assets" in text(client.get(dock, {"at": "2020-01-01T00:00"}))
    whole = text(client.get(f"/places/{world.places['Hamburg'].pk}/then/", {"at": (now - timedelta(hours=18)).isoformat()}))
    assert "Hamburg: 2 assets" in whole


@pytest.mark.parametrize("at", ["x", "9999-99-99", "0001-01-01T00:00", "2026-13-01", ""])
def test_what_is_no_date_shows_now(world: World, at: str) -> None:
    assert logged_in("viewer").get(f"/places/{world.places['Hall A'].pk}/then/", {"at": at}).status_code == 200


def test_expected_against_present(world: World) -> None:
    page = text(logged_in("viewer").get(f"/places/{world.places['Store room'].pk}/expected/"))
    assert "Store room: 2 of 3 that belong here are here" in page
    assert re.search(r"Belongs here, nobody knows where it is 1 .*Pump 9", page)
    dock = text(logged_in("auditor").get(f"/places/{world.places['Dock'].pk}/expected/"))
    assert re.search(r"Is here, belongs elsewhere or nowhere 1 .*Ladder short", dock)


def test_out_of_scope_there_is_no_such_place(world: World) -> None:
    here = logged_in("manager", place=world.places["Office"])
    hall = world.places["Hall A"]
    with_plan(world)
    for path in ("then", "expected", "plan", "plan/edit"):
        assert here.get(f"/places/{hall.pk}/{path}/").status_code == 404
    assert here.get(f"/plans/{FloorPlan.objects.get().pk}/image/").status_code == 404
    page = here.get(f"/places/{world.places['Office'].pk}/then/").content.decode()
    assert "Hamburg" not in page  # what lies around their place is not theirs to know


# ---- floor plans ---------------------------------------------------------------------------------------------------------------


def test_a_plan_is_put_outlined_shown_and_removed(world: World) -> None:
    client, hall, store = logged_in(), world.places["Hall A"], world.places["Store room"]
    there = f"/places/{hall.pk}/plan/"
    assert "Put a floor plan here" in text(client.get(there))
    answer = client.post(there, {"file": SimpleUploadedFile("plan.png", drawn()), "metres_per_pixel": "0.05"})
    assert answer.status_code == 302
    assert "No room is outlined yet" in text(client.get(there))
    answer = client.post(f"{there}edit/", {"room": str(store.pk), "outline": "10,10 50,10 50,50 10,50"})
    assert answer.status_code == 302
    page = client.get(there).content.decode()
    assert 'points="40.0,30.0 200.0,30.0 200.0,150.0 40.0,150.0"' in page
    assert page.count("<circle") == 2  # the two pumps in the store room
    assert "Hall A: 3 assets on this floor plan" in page
    assert "1 in places that are not outlined" in page
    image = client.get(f"/plans/{FloorPlan.objects.get().pk}/image/")
    assert image["Content-Type"] == "image/png"
    assert "is drawn on the plan of" in text(client.get(f"/places/{store.pk}/plan/"))
    assert client.post(there, {"do": "remove"}).status_code == 302
    store.refresh_from_db()
    assert (store.plan, store.outline) == (None, [])
    assert not StoredFile.objects.exists()


def test_another_picture_keeps_the_outlines(world: World) -> None:
    plan = with_plan(world)
    plans.outline(by=ROOT, plan=plan, location=world.places["Dock"], corners=SQUARE)
    again = plans.put(by=ROOT, location=world.places["Hall A"], file=BytesIO(drawn("JPEG")), metres_per_pixel=0.1)
    assert (again.pk, again.version, again.file.media_type) == (plan.pk, 2, "image/jpeg")
    assert Location.objects.get(name="Dock").plan_id == plan.pk


@pytest.mark.parametrize(
    "content", [b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"", b"GIF89a" + b"\0" * 50, b"\x89PNG\r\n\x1a\nbroken"]
)
def test_what_is_no_picture_is_refused_with_a_reason(world: World, content: bytes) -> None:
    answer = logged_in().post(f"/places/{world.places['Hall A'].pk}/plan/", {"file": SimpleUploadedFile("plan.png", content)})
    assert answer.status_code == 422
    assert 'class="error"' in answer.content.decode()
    assert not FloorPlan.objects.exists()


@pytest.mark.parametrize(
    "corners", [[(0, 0), (1, 1)], [(0, 0), (1, 1), (0.5, 0.5)], [(0, 0), (2, 0), (0, 1)], [(0, 0), (float("nan"), 0), (0, 1)]]
)  # fmt: skip
def test_what_encloses_nothing_is_no_outline(world: World, corners: Any) -> None:
    with pytest.raises(Invalid):
        plans.outline(by=ROOT, plan=with_plan(world), location=world.places["Dock"], corners=corners)


def test_only_places_inside_and_only_for_those_who_edit(world: World) -> None:
    plan = with_plan(world)
    for name in ("Office", "Hall A"):
        with pytest.raises(Invalid):
            plans.outline(by=ROOT, plan=plan, location=world.places[name], corners=SQUARE)
    viewer = actor(make_user("viewer", "viewer"))
    stranger = actor(make_user("stranger", "manager", place=world.places["Office"]))
    for by, refusal in ((viewer, Forbidden), (stranger, NotFound)):
        with pytest.raises(refusal):
            plans.outline(by=by, plan=plan, location=world.places["Dock"], corners=SQUARE)
        with pytest.raises(refusal):
            plans.remove(by=by, location=world.places["Hall A"])
    with pytest.raises(Stale):
        plans.outline(by=ROOT, plan=plan, location=world.places["Dock"], corners=SQUARE, version=9)


# ---- the map -------------------------------------------------------------------------------------------------------------------


def test_the_map_shows_what_has_coordinates_and_is_in_scope(world: World) -> None:
    change_location(by=ROOT, location=world.places["Hamburg"], latitude=53.55, longitude=9.99)
    Asset.objects.filter(name="Ladder long").update(latitude=53.6, longitude=10.2, coordinates_at=timezone.now())
    page = logged_in("viewer").get("/map/").content.decode()
    assert "Hamburg" in page
    assert "Ladder long" in page
    assert 'class="dot age-minutes"' in page
    assert page.count('class="grid"') > 4
    office = logged_in("operator", place=world.places["Office"]).get("/map/").content.decode()
    assert "Hamburg" not in office
    assert "Nothing has coordinates yet" in office


@pytest.mark.parametrize(
    "query", ["?lat=x&lon=0&z=3", "?lat=nan&lon=0&z=3", "?lat=999&lon=-999&z=18", "?lat=0&lon=0&z=99", "?lat=1"]
)
def test_the_map_takes_any_address(world: World, query: str) -> None:
    assert logged_in("viewer").get(f"/map/{query}").status_code == 200


def test_own_tiles_and_nobody_elses(world: World, settings: Any) -> None:
    client = logged_in("viewer")
    assert "img-src" not in client.get("/map/")["Content-Security-Policy"]
    own = settings.CONFIGURATION.map.model_copy(update={"tiles_url": "https://tiles.example.com/{z}/{x}/{y}.png"})
    settings.CONFIGURATION = settings.CONFIGURATION.model_copy(update={"map": own})
    answer = client.get("/map/?lat=53.5&lon=10&z=8")
    assert "https://tiles.example.com/8/135/82.png" in answer.content.decode()
    assert answer["Content-Security-Policy"].endswith("img-src 'self' https://tiles.example.com")
    assert "img-src" not in client.get("/places/")["Content-Security-Policy"]
