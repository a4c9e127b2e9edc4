"""Order of effect: however batches are cut, shuffled and repeated, positions and stays come out as a replay of everything."""

import random
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from registry.tracking.gateways import add_gateway
from registry.tracking.models import LocationEvent, Position, Stay
from registry.tracking.services import rebuild_projections
from sync.wire import LocationEvent as ToldEvent
from sync.wire import Record
from tests.integration.registry.conftest import Site, at, event, make_asset, projections
from tests.registry_world import ROOT

pytestmark = pytest.mark.django_db

TAGS = ("drill", "saw", "lift")
ZONES = ("hall-a", "hall-b", "yard")


@pytest.mark.parametrize("seed", range(12))
def test_any_delivery_gives_what_a_replay_gives(db: None, seed: int) -> None:
    rng = random.Random(seed)
    for tag in TAGS:
        make_asset(tag)
    hamburg, berlin = add_gateway(by=ROOT, gateway_id="hamburg"), add_gateway(by=ROOT, gateway_id="berlin")
    outboxes = [Site(hamburg), Site(hamburg), Site(berlin)]
    histories = [[outbox.record(e) for e in _history(rng, rng.randint(5, 30))] for outbox in outboxes]

    start = transaction.savepoint()
    _greet(outboxes)
    for outbox, history in zip(outboxes, histories, strict=True):
        outbox.deliver(*history)
    in_order = _shown()
    transaction.savepoint_rollback(start)

    _greet(outboxes)
    deliveries = [(o, part) for o, history in zip(outboxes, histories, strict=True) for part in _cut(history, rng)]
    deliveries += rng.sample(deliveries, len(deliveries) // 3)
    rng.shuffle(deliveries)
    for outbox, part in deliveries:
        outbox.deliver(*part)
    assert LocationEvent.objects.count() == sum(map(len, histories))
    assert _shown() == in_order

    stored = projections()
    rebuild_projections()
    assert projections() == stored


@pytest.mark.parametrize("seed", range(6))
def test_at_every_moment_two_lanes_give_what_a_replay_of_what_is_there_gives(db: None, seed: int) -> None:
    """A backlog and what is new, each in its order, mixed in any way; some batches of either come late, or twice."""
    rng = random.Random(seed)
    for tag in TAGS:
        make_asset(tag)
    outboxes = [Site(add_gateway(by=ROOT, gateway_id=name)) for name in ("hamburg", "berlin")]
    _greet(outboxes)
    lanes = []
    for outbox in outboxes:
        history = [outbox.record(e) for e in _history(rng, 24, steps_back=seed % 2 == 0)]
        split = rng.randint(8, 16)
        lanes += [[(outbox, part) for part in _cut(lane, rng)] for lane in (history[:split], history[split:])]
    while lanes:
        lane = rng.choice(lanes)
        delivery = lane.pop(0)
        if lane and rng.random() < 0.2:
            lane.insert(rng.randint(1, len(lane)), delivery)  # lost, or said twice
        if rng.random() < 0.8 or delivery not in lane:
            delivery[0].deliver(*delivery[1])
        lanes = [lane for lane in lanes if lane]
        stored = projections()
        rebuild_projections()
        assert projections() == stored
    assert LocationEvent.objects.count() == 48


def test_what_comes_again_from_another_outbox_counts_at_its_time(site: Site) -> None:
    make_asset("drill")
    site.tell(event("arrived", "tag:drill", "hall-a", 0), event("moved", "tag:drill", "yard", 50))
    site.tell(event("moved", "tag:drill", "hall-b", 20, again=True), event("departed", "tag:drill", "yard", 40, again=True))
    position = Position.objects.get()
    assert position.zone is not None
    assert (position.zone.name, position.state, position.since) == ("yard", "present", at(50))
    stays = Stay.objects.order_by("from_ts").values_list("zone__name", "from_ts", "to_ts")
    assert list(stays) == [("hall-a", at(0), at(20)), ("hall-b", at(20), at(40)), ("yard", at(50), None)]
    stored = projections()
    rebuild_projections()
    assert projections() == stored


def test_what_is_told_late_reads_only_what_happened_since(site: Site) -> None:
    make_asset("drill")
    backlog = [site.record(event("moved", "tag:drill", ZONES[n % 3], n)) for n in range(20)]
    site.hello()
    site.deliver(site.record(event("moved", "tag:drill", "hall-a", 100)))
    for record in backlog:
        with CaptureQueriesContext(connection) as asked:
            site.deliver(record)
        facts = [query["sql"] for query in asked if "deliberate" in query["sql"] and query["sql"].startswith("SELECT")]
        assert [sql for sql in facts if '"happened_at" >= ' not in sql] == []
        assert len(facts) == 1
    stored = projections()
    rebuild_projections()
    assert projections() == stored
    assert Stay.objects.count() == 21


def test_a_rebuild_repairs_what_was_damaged(site: Site) -> None:
    asset = make_asset("drill")
    site.tell(event("arrived", "tag:drill", "hall-a", 0), event("moved", "tag:drill", "yard", 5))
    good = projections()
    Stay.objects.filter(to_ts__isnull=False).delete()
    Position.objects.filter(asset=asset).update(zone=None, state="unknown")
    assert rebuild_projections() == 1
    assert projections() == good


def _greet(outboxes: list[Site]) -> None:
    for outbox in outboxes:
        outbox.hello()


def _history(rng: random.Random, length: int, *, steps_back: bool = True) -> list[ToldEvent]:
    """Mostly forward in time, with a clock that now and then steps back."""
    seconds = rng.uniform(0, 60)
    told = []
    for _ in range(length):
        seconds += rng.choice([0, 1, 5, 20, -30 if steps_back else 2])
        kind = rng.choice(["arrived", "moved", "departed", "seen", "passed"])
        more: dict[str, Any] = {}
        if kind == "passed":
            more["direction"] = rng.choice(["in", "out", "unknown"])
        if kind == "seen":
            more["deliberate"] = rng.random() < 0.5
        told.append(event(kind, f"tag:{rng.choice(TAGS)}", rng.choice(ZONES), seconds, **more))
    return told


def _cut(history: list[Record], rng: random.Random) -> list[list[Record]]:
    parts, rest = [], history
    while rest:
        count = rng.randint(1, 6)
        parts.append(rest[:count])
        rest = rest[count:]
    return parts


def _shown() -> Any:
    """Zones by their names: each delivery learns them anew."""
    zone = "zone__name"
    positions = Position.objects.order_by("asset__name").values_list(
        "asset__name", "zone__gateway", zone, "since", "last_seen_at", "last_event", "state", "confidence"
    )
    stays = Stay.objects.order_by("asset__name", "from_ts", "to_ts", zone).values_list(
        "asset__name", "zone__gateway", zone, "from_ts", "to_ts"
    )
    return list(positions), list(stays)
