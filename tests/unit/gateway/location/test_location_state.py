"""What outlives a restart, and what a restart must not do: tell twice, lose, or take an outage for a departure."""

import json
import random

import pytest

from gateway.location.site import Door, Site
from sync.wire import EventKind, Passage
from tests.unit.gateway.location.on_paper import SITE, WALL_MS, Paper, instant, seconds, zone
from tests.unit.gateway.location.test_location_doors import go, stand


def test_a_present_tag_is_not_told_again_after_a_restart() -> None:
    paper = Paper()
    paper.stay("hall:1", 0, 5)
    again = paper.restart(10)
    again.stay("hall:1", 11, 100)
    assert again.told == []
    assert again.engine.in_view == 1
    again.stay("store:1", 150, 151)
    assert again.story == [("moved", "drill", "hall", "store")]


def test_after_a_restart_a_rival_that_is_heard_first_has_to_wait() -> None:
    """Two stores hear the tag; the weaker one happens to speak first."""
    paper = Paper()
    paper.stay("hall:1", 0, 5)
    again = paper.restart(10)
    again.stay("store:1", 11, 12, rssi=-68)
    again.stay("hall:1", 12.1, 13)
    again.stay("store:1", 13.1, 14, rssi=-68)
    assert again.told == []
    again.stay("store:1", 40, 41, rssi=-68)
    assert again.story == [("moved", "drill", "hall", "store")]


def test_a_restored_tag_gets_one_full_lost_timeout_and_then_departs_with_what_is_known() -> None:
    paper = Paper()
    paper.stay("gate:1", 0, 30)
    again = paper.restart(100, live_until={"gate": WALL_MS + 60_000})
    assert again.until(159) == []
    (event,) = again.until(161)
    assert (event.kind, event.zone_from) == (EventKind.DEPARTED, "gate")
    assert seconds(event) == pytest.approx((0.3, 160.0), abs=0.05), "the last thing told is all that was stored"
    assert event.time_uncertainty_ms == pytest.approx(59_700, abs=50)
    assert event.raw == b"drill".hex().upper()


def test_a_restored_tag_that_was_heard_departs_as_usual() -> None:
    paper = Paper()
    paper.stay("gate:1", 0, 30)
    again = paper.restart(100, live_until={"gate": WALL_MS + 60_000})
    again.read(110, "gate:1")
    (event,) = again.until(171)
    assert seconds(event)[0] == pytest.approx(110, abs=0.01)
    assert event.time_uncertainty_ms == 0


def test_nothing_departs_after_a_restart_until_the_reader_is_back() -> None:
    paper = Paper()
    paper.stay("gate:1", 0, 30)
    again = paper.restart(100, up=False)
    assert again.until(100_000) == []
    again.up("gate", 100_000)
    assert again.until(100_059) == []
    assert [event.kind for event in again.until(100_061)] == [EventKind.DEPARTED]


def test_a_tag_in_a_zone_that_was_taken_out_of_the_settings_departs_with_the_reason() -> None:
    paper = Paper()
    paper.stay("store:1", 0, 5)
    smaller = Site.of([z for z in SITE.zones if z.name != "store"], SITE.doors)
    again = Paper(smaller, paper.saved, 10)
    (event,) = again.until(11)
    assert (event.kind, event.zone_from, event.reason) == (EventKind.DEPARTED, "store", "the zone is no longer configured")


def test_held_tags_and_cool_downs_outlive_a_restart() -> None:
    paper = Paper()
    last_s = go(paper, 10, out=True, step_s=0.2)
    paper.until(last_s + 2.1)
    again = paper.restart(last_s + 2.2)
    last_s = go(again, last_s + 2.3, out=True, step_s=0.2)
    again.until(last_s + 2.1)
    assert again.told == []
    assert again.engine.counters.suppressed["cool_down"] == 1
    assert again.engine.in_view == 0
    again.stay("hall:1", 1000, 1001)
    assert again.story == [("moved", "drill", "yard", "hall")]


def test_a_parked_mark_outlives_a_restart() -> None:
    paper = Paper()
    paper.stay("hall:1", 0, 1)
    stand(paper, 1, 100, 0.1, 1)
    again = paper.restart(101)
    stand(again, 102, 200, 0.1, 2)
    assert again.engine.counters.suppressed["parked"] > 100
    assert again.told == []


def test_the_heartbeat_keeps_its_beat_over_restarts() -> None:
    paper = Paper(Site.of([zone("z", "storage", "a:1", heartbeat_s=1000.0)]))
    told = []
    at_s = 0.0
    for _ in range(10):
        paper.stay("a:1", at_s, at_s + 290, every_s=1)
        told += paper.told
        at_s += 300
        paper = paper.restart(at_s)
    assert [event.kind for event in told] == [EventKind.ARRIVED, EventKind.SEEN, EventKind.SEEN]


@pytest.mark.parametrize(
    "state",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b'{"v":2,"raw":"00","presence":"present","zone":"hall","since_ms":1,"told_ms":1,"seen_ms":1}',
        b'{"v":1,"raw":"00","presence":"present","zone":"","since_ms":1,"told_ms":1,"seen_ms":1}',
        b'{"v":1,"raw":"00","presence":"glimpsed","zone":"hall","since_ms":1,"told_ms":1,"seen_ms":1}',
    ],
)
def test_a_state_that_is_not_understood_is_counted_and_the_tag_arrives_anew(state: bytes) -> None:
    paper = Paper(saved={"drill": state})
    assert paper.engine.counters.refused_states == 1
    paper.stay("hall:1", 0, 1)
    assert paper.kinds == [EventKind.ARRIVED]


def test_a_state_is_small_versioned_and_holds_nothing_that_changes_with_every_read() -> None:
    paper = Paper()
    last_s = go(paper, 10)
    paper.until(last_s + 3)
    state = paper.saved["drill"]
    assert json.loads(state)["v"] == 1
    assert len(state) < 300
    paper.stay("hall:1", last_s + 4, last_s + 60)
    assert paper.engine.changes() == {}
    assert paper.saved["drill"] == state


def test_what_the_clock_says_after_the_restart_may_be_any_year() -> None:
    paper = Paper()
    last_s = go(paper, 10)
    paper.until(last_s + 3)
    for wall_ms in (0, 946_684_800_000, WALL_MS * 2):
        engine = type(paper.engine)(SITE, paper.saved, {}, instant(50)._replace(wall_ms=wall_ms))
        assert engine.in_view == 1
        engine.reader_up("hall", instant(51)._replace(wall_ms=wall_ms))
        assert [event.kind for event in engine.advance(instant(652)._replace(wall_ms=wall_ms))] == [EventKind.DEPARTED]


@pytest.mark.parametrize("seed", range(5))
def test_restarts_at_any_moment_never_tell_an_arrival_twice(seed: int) -> None:
    """A tag arrives when it is told to be somewhere it was not told to be. What was not told may be lost."""
    rng = random.Random(seed)
    door = Door("dock", ("dock:1",), ("dock:2",), "yard", "hall")
    paper = Paper(Site.of([zone("hall", "storage", "hall:1"), zone("gate", "exit", "gate:1"), zone("yard", "exit")], [door]))
    present: dict[str, str | None] = {}
    at_s = 0.0
    for _ in range(3000):
        at_s += rng.choice([0.05, 0.2, 0.5, 3, 20])
        if rng.random() < 0.02:
            paper = paper.restart(at_s)
        tag, point = f"tag{rng.randrange(4)}", rng.choice(["hall:1", "hall:1", "gate:1", "dock:1", "dock:2"])
        for event in paper.read(at_s, point, tag):
            if event.kind is EventKind.ARRIVED:
                assert present.get(event.identity) is None
            if event.kind in (EventKind.MOVED, EventKind.DEPARTED):
                assert present[event.identity] == event.zone_from
            if event.kind is not EventKind.SEEN and event.direction is not Passage.UNKNOWN:
                present[event.identity] = event.zone_to
    assert sum(place is not None for place in present.values()) >= 2
