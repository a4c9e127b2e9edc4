"""The pages of the gateways: worst first and why, one with its path, and nothing to those who may not know it."""

import re
from collections.abc import Iterator
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django.plugin import DjangoDbBlocker

from registry.tracking import fleet
from registry.tracking.gateways import add_gateway, revoke_gateway
from registry.tracking.models import Gap, Gateway, GatewayEpoch
from registry.tracking.replacing import replace_gateway
from registry.trust.models import GatewayCertificate
from sync.wire import Health, HopHealth, Purpose, ReaderHealth, seal
from tests.registry_world import ROOT, Caller, World, actor, event, lasting, make_user, tell_a_day

HOPS = (
    HopHealth("readers", "attention", "80 reads/min", "2 of 3 up; belt-cam: no frame for 12 s", "look at its cable and power"),
    HopHealth("dedup", "good", "3 events/min", "12 tags in view"),
    HopHealth("outbox", "attention", "3 waiting", "room for 2 days left", "get the registry back, or raise `outbox_mb`"),
    HopHealth("broker", "good", "4 ms", "connected"),
    HopHealth("registry", "good", "3 events/min", "last delivered 1 s ago"),
)


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


def say(world: World, **more: Any) -> None:
    health = Health(**({"waiting": 0, "oldest_age_s": None, "said_at": datetime.now(UTC)} | more))
    world.gateway.say("health", seal(health, Purpose.HEALTH, world.gateway.key))


def text(response: Any) -> str:
    assert response.status_code == 200, response.content
    return re.sub(r"\s+", " ", re.sub(r"<(script|svg).*?</\1>|<[^>]+>", " ", response.content.decode(), flags=re.S))


def kinds() -> list[str]:
    [row] = fleet.gateway_rows(ROOT)
    return [trouble.kind for trouble in row.troubles]


def test_each_trouble_is_told_with_its_words(world: World) -> None:
    say(world)
    assert kinds() == []
    now = datetime.now(UTC)
    told: dict[str, dict[str, Any]] = {
        "readers": {"readers": (ReaderHealth("cam", "down", "unplugged"),)},
        "path": {"hops": (HopHealth("outbox", "failed", "", "disk full"),)},
        "backlog": {"waiting": 4120, "oldest_age_s": 10_800.0},
        "clock": {"said_at": now + timedelta(minutes=4)},
    }
    for kind, health in told.items():
        say(world, **health)
        assert kinds() == [kind]
    say(world, waiting=4120, oldest_age_s=10_800.0)
    [row] = fleet.gateway_rows(ROOT)
    assert row.why == "Keeps 4,120 events that wait, the oldest for 3 h"
    say(world, days_left=1.5)
    assert kinds() == ["backlog"]
    say(world)
    epoch = GatewayEpoch.objects.get()
    Gap.objects.create(epoch=epoch, first=70, last=81, reason="quota", declared_at=timezone.now() - timedelta(days=8))
    assert kinds() == []  # long ago
    Gap.objects.create(epoch=epoch, first=90, last=101, reason="quota", declared_at=timezone.now())
    [row] = fleet.gateway_rows(ROOT)
    assert (row.why, row.gaps_lately) == ("Has declared 12 records missing in the last 7 days", 12)
    world.gateway.tell_bodies(b'{"kind":"exploded"}')
    assert kinds() == ["gaps", "quarantine"]
    Gateway.objects.update(clock_quality="unset")
    assert kinds() == ["gaps", "clock", "quarantine"]


def test_a_certificate_that_was_not_renewed_is_told(world: World) -> None:
    say(world)
    now = timezone.now()

    def certify(number: int, days: float, **more: Any) -> None:
        GatewayCertificate.objects.create(
            gateway_id="hamburg-1", fingerprint=f"{number:064x}", serial=str(number), not_before=now - timedelta(days=90),
            not_after=now + timedelta(days=days), **more,
        )  # fmt: skip

    certify(1, -1)
    [row] = fleet.gateway_rows(ROOT)
    assert (row.state, row.why) == ("failed", "Has a certificate that has ended")
    certify(2, 10.5)
    certify(3, 80, revoked_at=now)
    [row] = fleet.gateway_rows(ROOT)
    assert (row.state, row.why) == ("attention", "Has a certificate that ends in 10 days")
    certify(4, 60)
    assert kinds() == []


def test_worst_first(anna: Client, world: World) -> None:
    say(world, oldest_age_s=500.0, waiting=3)
    for name, state in (("b-well", "online"), ("a-off", "offline"), ("c-never", "never"), ("d-stopped", "stopped")):
        add_gateway(by=ROOT, gateway_id=name)
        Gateway.objects.filter(pk=name).update(state=state, last_hello_at=timezone.now(), state_at=timezone.now())
    page = anna.get("/gateways/")
    assert [row.gateway.pk for row in page.context["rows"]] == ["a-off", "hamburg-1", "c-never", "d-stopped", "b-well"]
    assert "3 of 5 gateways need somebody" in text(page)
    troubled = anna.get("/gateways/?show=troubled").context["rows"]
    assert [row.gateway.pk for row in troubled] == ["a-off", "hamburg-1", "c-never", "d-stopped"]
    assert [row.gateway.pk for row in anna.get("/gateways/?q=well").context["rows"]] == ["b-well"]
    assert "No gateway is called “nowhere”" in text(anna.get("/gateways/?q=nowhere"))
    revoke_gateway(by=ROOT, gateway_id="a-off")
    assert [row.gateway.pk for row in anna.get("/gateways/?show=revoked").context["rows"]] == ["a-off"]
    call = Caller()
    worst_first = ["hamburg-1", "c-never", "d-stopped", "b-well"]
    for query, expected in (
        ("revoked=false", worst_first),
        ("revoked=true", ["a-off"]),
        ("q=well", ["b-well"]),
        ("q=WELL&revoked=true", []),
    ):
        assert [item["id"] for item in call("GET", f"/gateways?{query}").json()["items"]] == expected
    assert "b-well" in text(anna.get("/gateways/?parts=gateways"))


def test_the_first_line_of_a_gateway_is_a_sentence(anna: Client, world: World) -> None:
    def said(**more: Any) -> str:
        Gateway.objects.update(**more)
        page = text(anna.get("/gateways/hamburg-1/"))
        return page.partition(" Gateways ")[2]

    assert "Hamburg dock is offline: the connection broke" in said(state="offline", state_reason="the connection broke")
    assert "Hamburg dock is offline" in said(state="offline", state_reason="")
    never = said(state="never")
    assert "Hamburg dock was never seen: start it with the credentials made for it" in never
    assert "Give out a code" in never
    held = said(state="online", held_at=timezone.now(), machine="1:a", other_machine="1:b")
    assert "Held" in held
    assert "Give out a code" not in held


def test_who_orders_something_is_offered_the_readers(anna: Client, world: World) -> None:
    say(world, readers=(ReaderHealth("belt-cam", "up"),))
    body = anna.get("/gateways/hamburg-1/orders/").content.decode()
    assert '<option value="reader=belt-cam">' in body
    assert "changes nothing and shows whether it listens" in body


def test_one_gateway_shows_its_path_and_what_there_is_to_know(anna: Client, world: World) -> None:
    cam = ReaderHealth("belt-cam", "down", "no frame for 12 s")
    say(world, hops=HOPS, readers=(cam,), doors=("dock-door",), started_at=datetime.now(UTC) - timedelta(hours=3), waiting=3)
    epoch = GatewayEpoch.objects.get()
    Gap.objects.create(epoch=epoch, first=70, last=81, reason="quota", declared_at=timezone.now())
    page = anna.get("/gateways/hamburg-1/")
    body = page.content.decode()
    assert re.findall(r'<li class="hop (\w+)">', body) == ["attention", "good", "attention", "good", "good"]
    assert "get the registry back, or raise <code>outbox_mb</code>" in body
    shown = text(page)
    assert "Hamburg dock does not read at belt-cam" in shown
    assert "belt-cam Down no frame for 12 s" in shown
    assert "12 records quota #70 to #81" in shown
    assert "Pump 7" in shown
    assert "mezzanine" in shown
    assert "Running since" in shown
    parts = anna.get("/gateways/hamburg-1/?parts=events,gateways,zones").content.decode()
    assert re.findall(r'data-part="(\w+)"', parts) == ["events", "gateways"]
    assert anna.get("/gateways/nowhere/").status_code == 404
    answer = Caller()("GET", "/gateways/hamburg-1").json()
    assert [hop["light"] for hop in answer["path"]] == ["attention", "good", "attention", "good", "good"]
    assert (answer["condition"], answer["troubles"][0]["kind"], answer["doors"]) == ("attention", "readers", ["dock-door"])
    assert (answer["epochs"][0]["missing"], answer["gaps"][0]["last"]) == (12, 81)


def test_somebody_says_which_of_two_machines_a_gateway_is(anna: Client, world: World) -> None:
    Gateway.objects.update(machine="1:first-machine", other_machine="1:second-machine", held_at=timezone.now())
    [row] = fleet.gateway_rows(ROOT)
    assert (row.state, row.troubles[0].kind) == ("failed", "machines")
    page = anna.get("/gateways/hamburg-1/").content.decode()
    assert re.findall(r'name="machine" value="([^"]+)"', page) == ["1:first-machine", "1:second-machine"]
    call = Caller()
    answer = call("GET", "/gateways/hamburg-1").json()
    assert (answer["held"], answer["machines"]) == (True, ["1:first-machine", "1:second-machine"])
    told = anna.post("/gateways/hamburg-1/machine/", {"machine": "1:second-machine"}, follow=True)
    assert "Hamburg dock is that machine" in text(told)
    gateway = Gateway.objects.get()
    assert (gateway.machine, gateway.held_at, gateway.refused_machines) == ("1:second-machine", None, ["1:first-machine"])
    assert "Which machine is it?" not in anna.get("/gateways/hamburg-1/").content.decode()
    assert call("POST", "/gateways/hamburg-1/machine", {"machine": "first-machine"}).status_code == 204
    anna.force_login(make_user("mara", "manager"))
    assert anna.post("/gateways/hamburg-1/machine/", {"machine": "1:second-machine"}).status_code == 403


def test_who_replaced_whom_is_shown(anna: Client, world: World) -> None:
    add_gateway(by=ROOT, gateway_id="hamburg-2", name="Hamburg new")
    replace_gateway(by=ROOT, old_id="hamburg-1", new_id="hamburg-2")
    assert "Took the place of Hamburg dock" in text(anna.get("/gateways/hamburg-2/"))
    assert "Replaced by Hamburg new" in text(anna.get("/gateways/hamburg-1/"))
    assert Caller()("GET", "/gateways/hamburg-1").json()["replaced_by"] == "hamburg-2"


def test_who_sees_a_part_of_the_places_sees_no_readers_and_no_path(client: Client, world: World) -> None:
    say(world, hops=HOPS, readers=(ReaderHealth("belt-cam", "down", "no frame for 12 s"),), waiting=3)
    world.gateway.tell(event("seen", "tag:LADDER-2", "yard"))
    client.force_login(make_user("mara", "manager", place=world.places["Dock"]))
    shown = text(client.get("/gateways/")) + text(client.get("/gateways/hamburg-1/"))
    assert "Hamburg dock" in shown
    assert "dock" in shown
    for hidden in ("belt-cam no", "outbox_mb", "80 reads", "mezzanine", "yard", "Missing for ever"):
        assert hidden not in shown
    client.force_login(user := make_user("otto", "manager", place=world.places["Office"]))
    assert client.get("/gateways/hamburg-1/").status_code == 404
    assert fleet.gateway_rows(actor(user)) == []


def test_what_a_gateway_says_is_text_and_nothing_else(anna: Client, world: World) -> None:
    evil = "<script>alert(1)</script>"
    say(world, hops=(HopHealth(evil, evil, evil, evil, evil),), readers=(ReaderHealth(evil, evil, evil),), doors=(evil,))
    for path in ("/gateways/", "/gateways/hamburg-1/", "/live/"):
        assert evil not in anna.get(path).content.decode()
    far = datetime(9999, 12, 31, 23, tzinfo=UTC)
    say(world, said_at=far, started_at=datetime(1, 1, 1, tzinfo=UTC), days_left=1e300, oldest_age_s=1e300)
    assert anna.get("/gateways/hamburg-1/").status_code == 200
