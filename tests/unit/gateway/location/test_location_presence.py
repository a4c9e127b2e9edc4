"""Arriving and leaving: when a tag is believed, when it is forgotten, and what silence means."""

import random

import pytest

from gateway.location.site import Site
from sync.wire import ClockQuality, EventKind
from tests.unit.gateway.location.on_paper import SITE, YARD, Paper, instant, seconds, zone

HOUR_S = 3600.0


def approximately(*times_s: float) -> object:
    return pytest.approx(times_s, abs=0.002)


def test_two_sightings_make_a_tag_present() -> None:
    paper = Paper()
    assert paper.read(10.0, "hall:1") == []
    assert paper.read(10.2, "hall:1") == []  # still the first sighting
    (event,) = paper.read(10.3, "hall:1", rssi=-50)
    assert (event.kind, event.zone_from, event.zone_to, event.read_point) == (EventKind.ARRIVED, None, "hall", "hall:1")
    assert (event.evidence.n, event.evidence.rssi_max_dbm, event.evidence.duration_ms) == (3, -50, 300)
    assert seconds(event) == approximately(10.3, 10.3)
    assert event.clock_quality is ClockQuality.HOLDOVER
    assert event.parameters == SITE.parameters
    assert paper.read(10.6, "hall:1") == []
    assert paper.engine.in_view == 1


def test_two_antennas_of_one_zone_are_two_sightings() -> None:
    paper = Paper()
    paper.read(1.0, "hall:1")
    assert [event.kind for event in paper.read(1.01, "hall:2")] == [EventKind.ARRIVED]


@pytest.mark.parametrize(("kind", "confirmed_at"), [("door", 0.25), ("exit", 0.25), ("storage", 0.25), ("desk", 0.0)])
def test_each_kind_of_zone_confirms_by_its_own_rule(kind: str, confirmed_at: float) -> None:
    paper = Paper(Site.of([zone("z", kind, "z:1")]))
    for step in range(11):
        paper.read(step * 0.05, "z:1")
    (arrived,) = paper.told
    assert seconds(arrived)[1] == pytest.approx(confirmed_at, abs=0.002)


def test_time_confirms_what_count_does_not() -> None:
    paper = Paper(Site.of([zone("z", "storage", "z:1", confirm_sightings=100, confirm_s=0.6)]))
    paper.stay("z:1", 0, 2, every_s=0.1)
    (arrived,) = paper.told
    assert 0.59 < seconds(arrived)[1] < 0.91  # at the first sighting after


def test_a_glimpse_is_forgotten() -> None:
    paper = Paper()
    paper.read(0, "hall:1")
    paper.until(5.1)
    assert paper.engine.counters.suppressed["glimpse"] == 1
    assert paper.engine.next_due_ns() is None
    paper.read(5.2, "hall:1")
    assert paper.told == []
    assert paper.saved == {}


def test_glimpses_too_far_apart_do_not_add_up() -> None:
    paper = Paper(Site.of([zone("a", "storage", "r:1"), zone("b", "exit", "r:2")]))
    for step in range(20):  # 4 s apart: within the 5 s of `a` that keep the tag known, beyond the 1 s of `b`
        paper.read(step * 4.0, "r:2")
        paper.read(step * 4.0 + 2, "r:1" if step == 0 else "r:2")
    assert paper.told == []


def test_departed_tells_the_last_read_and_when_it_was_decided() -> None:
    paper = Paper()
    paper.stay("hall:1", 0, 1, every_s=0.1)
    paper.read(1.05, "hall:1")  # merged into a sighting that no later read closes
    assert paper.until(601.0) == []
    (event,) = paper.until(700.0)
    assert (event.kind, event.zone_from, event.zone_to) == (EventKind.DEPARTED, "hall", None)
    assert seconds(event) == approximately(1.05, 601.05)
    assert paper.engine.in_view == 0


@pytest.mark.parametrize(
    ("point", "every_s", "for_s", "gone_within_s"),
    [
        ("hall:1", 0.3, 600, (60, 61)),  # heard well: the shortest timeout of a store
        ("hall:1", 0.3, 60, (60, 80)),
        ("hall:1", 20, 3600, (260, 300)),
        ("hall:1", 100, 36_000, (600, 601)),  # hardly heard: the longest
        ("hall:1", 0.3, 2, (585, 601)),  # not known for long enough
        ("gate:1", 0.3, 600, (10, 11)),
        ("gate:1", 0.3, 60, (20, 35)),
        ("gate:1", 0.3, 2, (60, 61)),
    ],
)
def test_the_better_a_tag_is_heard_the_sooner_it_has_departed(
    point: str, every_s: float, for_s: float, gone_within_s: tuple[float, float]
) -> None:
    paper = Paper()
    paper.stay(point, 0, 0.6, every_s=0.3)
    paper.stay(point, 1, for_s, every_s=every_s)
    paper.until(2 * for_s + 1000)
    last = paper.told[-1]
    assert paper.kinds == [EventKind.ARRIVED] + [EventKind.SEEN] * (len(paper.told) - 2) + [EventKind.DEPARTED]
    last_s, decided_s = seconds(last)
    assert gone_within_s[0] - 0.1 <= decided_s - last_s <= gone_within_s[1]


@pytest.mark.parametrize("gap_s", [1.0, 5.0, 20.0, 40.0])
def test_a_weak_tag_that_stays_hardly_ever_departs(gap_s: float) -> None:
    """Heard by chance, every so many seconds in the mean, for ten days: with one silence in a hundred it would leave hundreds of
    times."""
    paper, rng, at_s = Paper(Site.of([zone("hall", "storage", "hall:1", heartbeat_s=1e9)])), random.Random(1), 0.0
    while at_s < 10 * 24 * HOUR_S * min(1.0, gap_s / 20):
        paper.read(at_s, "hall:1")
        at_s += rng.expovariate(1 / gap_s)
    departed = [event for event in paper.told if event.kind is EventKind.DEPARTED]
    assert len(departed) <= 3


def test_a_read_decides_first_what_was_due_before_it() -> None:
    paper = Paper()
    paper.stay("hall:1", 0, 1)
    paper.read(700.0, "hall:1")
    paper.read(700.3, "hall:1")
    assert paper.kinds == [EventKind.ARRIVED, EventKind.DEPARTED, EventKind.ARRIVED]


def test_reads_keep_a_tag_present_without_a_word() -> None:
    paper = Paper()
    paper.stay("hall:1", 0, 3000, every_s=30)
    paper.read(3000.3, "hall:1")
    assert paper.kinds == [EventKind.ARRIVED], "half a minute between sightings would have been glimpses"
    paper.stay("hall:1", 3001, 6000, every_s=100)
    assert paper.kinds == [EventKind.ARRIVED]


def test_nothing_departs_while_the_reader_is_down_and_then_gets_a_full_timeout() -> None:
    paper = Paper()
    paper.stay("hall:1", 0, 1)
    paper.down("hall", 100)
    assert paper.until(100_000) == []
    paper.up("hall", 100_000)
    assert paper.until(100_599.9) == []
    (event,) = paper.until(100_600.1)
    assert event.kind is EventKind.DEPARTED
    assert seconds(event)[0] == pytest.approx(1.0, abs=0.002)


def test_an_outage_within_the_timeout_restarts_it() -> None:
    paper = Paper()
    paper.stay("hall:1", 0, 1)
    paper.down("hall", 500)
    paper.up("hall", 501)
    assert paper.until(1100) == []
    assert [event.kind for event in paper.until(1102)] == [EventKind.DEPARTED]


def test_one_silent_reader_of_two_freezes_the_zone() -> None:
    paper = Paper(Site.of([zone("z", "exit", "a:1", "b:1")]))
    paper.stay("a:1", 0, 1)
    paper.down("b", 2)
    assert paper.until(10_000) == []
    paper.up("b", 10_000)
    assert [event.kind for event in paper.until(10_061)] == [EventKind.DEPARTED]


def test_a_reader_nobody_speaks_of_is_live_once_it_reads_and_not_before() -> None:
    paper = Paper(Site.of([zone("z", "exit", "a:1", "b:1")]), up=False)
    paper.stay("a:1", 0, 1)
    assert paper.until(1000) == [], "b has never been heard of"
    paper.stay("b:1", 1000, 1001, tag="other")
    assert [event.identity for event in paper.until(2000) if event.kind is EventKind.DEPARTED] == ["drill", "other"]


def test_reads_that_waited_while_their_reader_went_down_do_not_make_it_live() -> None:
    paper = Paper(Site.of([zone("z", "exit", "a:1")]))
    paper.stay("a:1", 0, 1)
    paper.down("a", 1.5)
    paper.read(1.4, "a:1")
    paper.read(1.4, "a:1", "late")
    assert paper.until(10_000) == []


def test_present_tags_are_told_every_six_hours() -> None:
    paper = Paper()
    paper.stay("hall:1", 0, 13 * HOUR_S, every_s=20)
    paper.until(13 * HOUR_S)
    assert paper.kinds == []
    paper.read(13 * HOUR_S + 1, "hall:1")
    paper.read(13 * HOUR_S + 2, "hall:1")
    assert paper.kinds == [EventKind.ARRIVED]
    paper.stay("hall:1", 13 * HOUR_S + 10, 26 * HOUR_S, every_s=20)
    assert paper.kinds == [EventKind.ARRIVED, EventKind.SEEN, EventKind.SEEN]
    beat = paper.told[1]
    assert (beat.zone_to, beat.deliberate) == ("hall", False)
    assert seconds(beat)[1] == pytest.approx(19 * HOUR_S + 1, abs=0.01)
    assert seconds(beat)[0] == pytest.approx(19 * HOUR_S + 1, abs=21)


def test_no_heartbeat_for_what_was_not_heard_since_the_last_word() -> None:
    site = Site.of([zone("z", "storage", "a:1", heartbeat_s=100.0)])
    paper = Paper(site)
    paper.stay("a:1", 0, 1)
    paper.down("a", 2)
    paper.until(100_000)
    assert paper.kinds == [EventKind.ARRIVED]


def test_departed_tags_age_out() -> None:
    paper = Paper()
    paper.stay("gate:1", 0, 1)
    paper.until(100)
    assert paper.kinds == [EventKind.ARRIVED, EventKind.DEPARTED]
    assert list(paper.saved) == ["drill"]
    paper.until(13 * 24 * HOUR_S)
    assert list(paper.saved) == ["drill"]
    paper.until(15 * 24 * HOUR_S)
    assert paper.saved == {}
    assert paper.engine.next_due_ns() is None


def test_wall_clock_steps_change_stamps_and_nothing_else() -> None:
    paper = Paper()
    paper.stay("gate:1", 0, 10)
    year_ms = 365 * 24 * 3600 * 1000
    events = paper.engine.advance(instant(50)._replace(wall_ms=instant(50).wall_ms + year_ms))
    assert events == []
    (event,) = paper.engine.advance(instant(71)._replace(wall_ms=instant(71).wall_ms + year_ms))
    assert seconds(event)[0] == pytest.approx(10 + year_ms / 1000, abs=0.002), "stamps follow the clock that was set"


def test_a_zone_without_read_points_is_no_place_to_be_lost() -> None:
    assert Paper(Site.of([YARD])).until(1e6) == []
