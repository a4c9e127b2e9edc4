"""Scans over REST: in batches, once by event id, within one's scope; what a phone keeps; the codes in a photo."""

import io
import json
from collections.abc import Iterator
from copy import deepcopy
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import zxingcpp
from django.test import Client
from django.utils import timezone
from PIL import Image
from pytest_django.plugin import DjangoDbBlocker

from registry.access.models import User
from registry.db import uuid7
from registry.scanning import pictures, register
from registry.tracking.models import LocationEvent, Position, UnknownTag
from tests.registry_world import World, lasting, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def made(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[World]:
    with lasting(django_db_blocker) as world:
        yield world


@pytest.fixture
def world(made: World, db: None) -> World:
    return deepcopy(made)


class Phone:
    def __init__(self, user: User) -> None:
        self.user, self.client = user, Client()
        self.client.force_login(user)

    def get(self, path: str, **headers: str) -> Any:
        return self.client.get(f"/api/v1{path}", headers=headers)

    def send(self, *scans: dict[str, Any], **more: Any) -> Any:
        return self.client.post("/api/v1/scans", json.dumps({"scans": scans} | more, default=str), "application/json")

    def outcomes(self, *scans: dict[str, Any], **more: Any) -> list[Any]:
        response = self.send(*scans, **more)
        assert response.status_code == 200, response.content
        found: list[Any] = response.json()["outcomes"]
        return found

    def decode(self, picture: bytes) -> Any:
        return self.client.post("/api/v1/decode", picture, "image/png")


@pytest.fixture
def anna(world: World) -> Phone:
    return Phone(make_user())


def scan(world: World, text: str, place: str, ago_s: float = 0, event_id: UUID | None = None) -> dict[str, Any]:
    at = timezone.now() - timedelta(seconds=ago_s)
    return {"event_id": str(event_id or uuid7()), "text": text, "location": str(world.places[place].pk), "at": at.isoformat()}


def states(outcomes: list[Any]) -> list[str]:
    return [one["state"] for one in outcomes]


def test_a_batch_says_of_each_scan_what_it_was_and_moves_what_is_known(anna: Phone, world: World) -> None:
    pump, ladder = world.assets["Pump 7"], world.assets["Ladder long"]
    done = anna.outcomes(
        scan(world, "(8004)061414100007", "Store room"), scan(world, "LADDER-1", "Office"), scan(world, "NOBODY-1", "Office")
    )
    assert states(done) == ["known", "wrong_place", "unknown"]
    assert done[0]["asset"] == {"id": str(pump.pk), "asset_no": pump.asset_no, "name": "Pump 7", "home": "Store room"}
    assert done[1]["asset"]["home"] == "Hall A"
    assert done[2] == {"event_id": done[2]["event_id"], "state": "unknown", "key": "tag:NOBODY-1", "asset": None, "why": None}
    assert Position.objects.get(asset=pump).location == world.places["Store room"]
    assert Position.objects.get(asset=ladder).location == world.places["Office"]
    assert UnknownTag.objects.get().identity == "tag:NOBODY-1"


def test_what_is_sent_twice_counts_once(anna: Phone, world: World) -> None:
    batch = [scan(world, "LADDER-1", "Office"), scan(world, "NOBODY-1", "Office")]
    anna.outcomes(*batch)
    assert states(anna.outcomes(*batch)) == ["repeated", "repeated"]
    assert states(anna.outcomes(*batch, scan(world, "LADDER-2", "Dock"))) == ["repeated", "repeated", "known"]
    assert LocationEvent.objects.filter(source="scan").count() == 3
    assert UnknownTag.objects.get().count == 1


def test_the_same_event_twice_in_one_batch_counts_once(anna: Phone, world: World) -> None:
    one = scan(world, "LADDER-1", "Office")
    assert states(anna.outcomes(one, one)) == ["wrong_place", "repeated"]
    assert LocationEvent.objects.count() == 1


def test_one_scan_that_cannot_be_taken_does_not_hold_up_the_others(anna: Phone, world: World) -> None:
    lost = scan(world, "LADDER-1", "Office") | {"location": str(uuid7())}
    old = scan(world, "LADDER-1", "Office", ago_s=100 * 86_400)
    done = anna.outcomes(lost, scan(world, "LADDER-2", "Dock"), old)
    assert states(done) == ["refused", "known", "refused"]
    assert done[0]["why"].startswith("there is no place")
    assert done[2]["why"] == "at: more than 90 days ago"
    assert LocationEvent.objects.count() == 1


def test_who_is_limited_to_a_place_learns_nothing_of_others(world: World) -> None:
    keeper = Phone(make_user("ben", "operator", place=world.places["Office"]))
    done = keeper.outcomes(
        scan(world, "8004:061414100007", "Office"), scan(world, "NOBODY-1", "Office"), scan(world, "LADDER-1", "Dock")
    )
    assert states(done) == ["unknown", "unknown", "refused"]
    assert {name: done[0][name] for name in ("asset", "why")} == {name: done[1][name] for name in ("asset", "why")}
    assert b"Pump" not in json.dumps(done).encode()
    assert not Position.objects.exists()
    assert keeper.get("/scans/assets").json()["items"] == []
    assert [place["names"] for place in keeper.get("/scans/places").json()["items"]] == ["Office"]


def test_a_home_out_of_scope_is_elsewhere(world: World) -> None:
    anna, keeper = Phone(make_user()), Phone(make_user("ben", "operator", place=world.places["Office"]))
    anna.outcomes(scan(world, "LADDER-1", "Office"))  # there it is in his scope
    [done] = keeper.outcomes(scan(world, "LADDER-1", "Office"))
    assert (done["state"], done["asset"]["home"]) == ("wrong_place", "elsewhere")
    [kept] = keeper.get("/scans/assets").json()["items"]
    assert (kept["name"], kept["home"], kept["codes"]) == ("Ladder long", "elsewhere", ["tag:LADDER-1"])


def test_who_may_only_look_may_not_scan(world: World) -> None:
    viewer = Phone(make_user("vera", "viewer"))
    assert viewer.send(scan(world, "LADDER-1", "Office")).status_code == 403
    assert viewer.get("/scans/assets").json() == {"person": str(viewer.user.pk), "items": [], "next": None}


def test_scans_are_not_taken_in_somebody_elses_name(anna: Phone, world: World) -> None:
    refused = anna.send(scan(world, "LADDER-1", "Office"), person=uuid7())
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (403, "#/person")
    assert states(anna.outcomes(scan(world, "LADDER-1", "Office"), person=anna.user.pk)) == ["wrong_place"]


def test_a_clock_that_is_wrong_is_told_and_corrected(anna: Phone, world: World) -> None:
    for ahead in (timedelta(hours=3), timedelta(days=-400)):
        one = scan(world, "LADDER-1", "Office", ago_s=600 - ahead.total_seconds())
        answer = anna.send(one, sent_at=timezone.now() + ahead).json()
        assert answer["clock_ahead_s"] == pytest.approx(ahead.total_seconds(), abs=5)
        assert answer["outcomes"][0]["state"] == "wrong_place"
        told = LocationEvent.objects.get(pk=one["event_id"])
        assert (timezone.now() - told.event_time).total_seconds() == pytest.approx(600, abs=5)


def test_a_clock_that_is_right_changes_nothing(anna: Phone, world: World) -> None:
    one = scan(world, "LADDER-1", "Office", ago_s=60)
    assert anna.send(one, sent_at=timezone.now() - timedelta(seconds=5)).json()["clock_ahead_s"] == pytest.approx(-5, abs=2)
    assert LocationEvent.objects.get().event_time.isoformat() == one["at"]


@pytest.mark.parametrize(
    "wrong", [{"text": ""}, {"text": "x" * 4097}, {"event_id": "7"}, {"at": "2026-01-01T00:00:00"}, {"more": 1}]
)
def test_what_is_no_scan_is_refused_with_its_place(anna: Phone, world: World, wrong: dict[str, Any]) -> None:
    refused = anna.send(scan(world, "LADDER-1", "Office") | wrong)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"].startswith("#/scans/0/")
    assert anna.send(*[scan(world, "LADDER-1", "Office")] * 201).status_code == 422


def test_what_a_phone_keeps_comes_in_pages_with_a_tag_each(anna: Phone, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(register, "PAGE", 2)
    first = anna.get("/scans/assets")
    second = anna.get(f"/scans/assets?after={first.json()['next']}")
    third = anna.get(f"/scans/assets?after={second.json()['next']}")
    kept = first.json()["items"] + second.json()["items"] + third.json()["items"]
    assert sorted(one["name"] for one in kept) == ["Ladder long", "Ladder short", "Pump 7", "Pump 8", "Pump 9"]
    assert third.json()["next"] is None
    pump = next(one for one in kept if one["name"] == "Pump 7")
    assert (pump["home"], pump["codes"]) == ("Hamburg / Hall A / Store room", ["8004:061414100007"])
    assert pump["home_path"] == world.places["Store room"].path
    assert first["Cache-Control"] == "private, no-store"
    assert anna.get("/scans/assets", **{"If-None-Match": first["ETag"]}).status_code == 304
    assert anna.get("/scans/assets", **{"If-None-Match": second["ETag"]}).status_code == 200
    places = anna.get("/scans/places")
    assert len(places.json()["items"]) == 2
    assert anna.get("/scans/places", **{"If-None-Match": places["ETag"]}).status_code == 304


def test_a_page_of_what_a_phone_keeps_takes_as_many_queries_for_many_as_for_few(
    anna: Phone, world: World, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(8):
        anna.get("/scans/assets")


def drawn(text: str, barcode: zxingcpp.BarcodeFormat = zxingcpp.BarcodeFormat.QRCode, kind: str = "PNG") -> bytes:
    symbol = Image.fromarray(zxingcpp.write_barcode_to_image(zxingcpp.create_barcode(text, barcode), scale=4))
    paper = Image.new("L", (900, 700), 255)
    paper.paste(symbol, (250, 180))
    kept = io.BytesIO()
    paper.save(kept, kind)
    return kept.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_the_code_in_a_photo_is_read(anna: Phone, kind: str) -> None:
    assert anna.decode(drawn("LADDER-1", kind=kind)).json() == {
        "codes": [{"text": "LADDER-1", "symbology": "]Q1", "format": "QR Code"}]
    }
    assert anna.decode(drawn("LADDER-1", zxingcpp.BarcodeFormat.Code128)).json()["codes"][0]["symbology"] == "]C0"


def test_a_picture_without_a_code_has_none(anna: Phone) -> None:
    blank = io.BytesIO()
    Image.new("RGBA", (5000, 3000), (9, 9, 9, 0)).save(blank, "PNG")
    assert anna.decode(blank.getvalue()).json() == {"codes": []}


def bomb(side: int) -> bytes:
    picture = drawn("X")
    return picture[:16] + side.to_bytes(4, "big") * 2 + picture[24:29] + _crc(picture, side) + picture[33:]


def _crc(picture: bytes, side: int) -> bytes:
    from zlib import crc32

    return crc32(picture[12:16] + side.to_bytes(4, "big") * 2 + picture[24:29]).to_bytes(4, "big")


@pytest.mark.parametrize(
    ("picture", "why"),
    [
        (b"", "no JPEG"),
        (b"GIF89a" + b"\0" * 50, "no JPEG"),
        (drawn("X")[:300], "no JPEG"),
        (bomb(8000), "more than 40 million pixels"),
        (bomb(30_000), "more than 40 million pixels"),
    ],
)
def test_what_is_no_picture_or_would_be_huge_is_refused_in_words(anna: Phone, picture: bytes, why: str) -> None:
    refused = anna.decode(picture)
    assert (refused.status_code, why in refused.json()["detail"]) == (422, True), refused.content


def test_a_picture_of_too_many_bytes_is_refused(anna: Phone) -> None:
    assert anna.decode(b"\xff" * (pictures.MAX_BYTES + 1)).status_code == 413
