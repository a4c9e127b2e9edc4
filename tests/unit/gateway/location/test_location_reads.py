"""What each read may be: repeated, late, weak, absurd, of no single thing, of nowhere, deliberate; and far too many of them."""

import random

import pytest

from drivers.api import Kind
from gateway.location.site import Site
from sync.wire import EventKind
from tests.unit.gateway.location.on_paper import Paper, read, zone


def test_repeats_of_a_record_are_dropped_and_counted() -> None:
    paper = Paper()
    once = [read(1, "hall:1", reader_ts_ms=5), read(1.1, "hall:1", reader_ts_ms=105)]
    again = [read(1.15, "hall:1", reader_ts_ms=105)]
    paper.take(once + again)
    assert paper.engine.counters.repeats == 1
    host_stamped = read(2, "store:1", "other")
    paper.take([host_stamped, host_stamped, read(2, "store:1", "other", rssi=-50)])
    assert paper.engine.counters.repeats == 2
    assert paper.engine.counters.reads == 6


def test_backwards_times_do_no_harm() -> None:
    paper = Paper()
    rng = random.Random(1)
    for _ in range(2000):
        paper.read(rng.uniform(0, 100), f"{rng.choice(['hall', 'store', 'dock'])}:1", f"tag{rng.randrange(5)}")
        paper.until(rng.uniform(0, 100))
    assert paper.engine.counters.reads == 2000


@pytest.mark.parametrize(("rssi", "reason"), [(-76, "weak"), (-128, "weak"), (21, "rssi"), (-129, "rssi"), (10**9, "rssi")])
def test_weak_and_impossible_rssi_lead_to_nothing(rssi: int, reason: str) -> None:
    paper = Paper()
    for step in range(5):
        paper.read(step * 0.5, "hall:1", rssi=rssi)
    assert paper.told == []
    assert dict(paper.engine.counters.suppressed) == {reason: 5}


def test_weak_reads_do_not_keep_a_tag_present() -> None:
    paper = Paper()
    paper.stay("gate:1", 0, 2)
    paper.stay("gate:1", 2, 100, rssi=-71)
    assert paper.kinds == [EventKind.ARRIVED, EventKind.DEPARTED]


def test_reads_without_rssi_are_reads() -> None:
    paper = Paper()
    paper.read(1, "hall:1", rssi=None)
    (event,) = paper.read(2, "hall:1", rssi=None)
    assert event.evidence.rssi_max_dbm is None
    assert event.evidence.n == 2


@pytest.mark.parametrize("count", [0, -5])
def test_a_reader_that_counts_wrongly_breaks_nothing(count: int) -> None:
    paper = Paper()
    for step in range(30):
        paper.read(step * 0.1, "dock:1", read_count=count)
        paper.read(step * 0.1, "hall:1", read_count=count)
    paper.until(100)


@pytest.mark.parametrize("level", ["class", "place"])
def test_what_is_no_single_thing_never_moves(level: str) -> None:
    paper = Paper()
    paper.stay("hall:1", 0, 5, tag=f"{level}-0614141")
    paper.read(6, "desk:1", f"{level}-0614141")
    assert paper.told == []
    assert paper.engine.counters.suppressed[level] > 5
    assert f"no single thing ({level})" in {trace.outcome for trace in paper.engine.tail}
    paper.until(100)
    assert paper.engine.next_due_ns() is None


def test_a_load_is_a_thing() -> None:
    paper = Paper()
    paper.stay("hall:1", 0, 1, tag="load-1")
    assert paper.kinds == [EventKind.ARRIVED]


@pytest.mark.parametrize("raw", [b"", b"x" * 5000])
def test_codes_of_no_possible_length(raw: bytes) -> None:
    paper = Paper()
    bad = read(1, "hall:1")
    bad.raw = raw
    assert paper.take([bad]) == []
    assert paper.engine.counters.suppressed["length"] == 1


def test_read_points_of_no_zone_are_shown_and_lead_to_nothing() -> None:
    paper = Paper()
    paper.stay("spare:3", 0, 1, every_s=0.3)
    assert paper.told == []
    assert paper.engine.counters.unassigned == 4
    trace = paper.engine.tail[-1]
    assert (trace.read_point, trace.identity, trace.outcome) == ("spare:3", "drill", "no zone reads here")


def test_any_number_of_unknown_antennas_is_bounded() -> None:
    paper = Paper()
    for antenna in range(3000):
        paper.read(antenna * 0.001, f"odd:{antenna}")
    assert len(paper.engine._site.points) <= 1000
    assert len(paper.engine._tags.known["drill"].windows) <= 16
    assert len(paper.engine._tags.windows) <= 16


def test_the_tail_says_what_became_of_each_sighting() -> None:
    paper = Paper()
    paper.stay("hall:1", 0, 1, every_s=0.1)
    assert [(trace.reads, trace.outcome) for trace in paper.engine.tail][:3] == [
        (1, "glimpsed"),
        (3, "arrived"),
        (3, "still here"),
    ]
    paper.stay("hall:1", 2, 100, every_s=0.5)
    assert len(paper.engine.tail) == 50


def test_a_broken_reader_cannot_crowd_out_the_real_tags() -> None:
    """Sixteen thousand made-up codes a second; the real ones are still told, and memory stays bounded."""
    paper = Paper(max_glimpsed=2000)
    paper.stay("hall:1", 0, 1, tag="old")
    rng = random.Random(7)
    for step in range(4000):
        at_s = 2 + step * 0.001
        paper.take([read(at_s, "hall:2", f"x{rng.getrandbits(64):x}") for _ in range(8)])
        if step % 100 == 50:
            paper.read(at_s, "store:1", "new")
    assert ("arrived", "new", None, "store") in paper.story
    assert len(paper.told) == 2
    engine = paper.engine
    assert len(engine._tags.known) <= 2002
    assert len(engine._tags.windows) <= 2010
    assert engine._timers.entries <= 2 * 2002 + 1001
    assert engine.counters.suppressed["crowded"] > 29_000
    paper.until(20)
    assert len(engine._tags.known) == 2


def test_when_all_places_are_taken_the_longest_departed_makes_room() -> None:
    paper = Paper(max_tags=3)
    for name in ("a", "b", "c"):
        paper.stay("gate:1", 0, 1, tag=name)
    paper.stay("gate:1", 2, 3, tag="d")
    assert paper.engine.counters.suppressed["full"] > 0
    assert "d" not in paper.saved
    paper.until(100)
    paper.stay("gate:1", 101, 102, tag="d")
    assert ("arrived", "d", None, "gate") in paper.story
    assert sorted(paper.saved) == ["b", "c", "d"]


# ---- deliberate sightings


def test_a_barcode_is_told_at_once_and_not_again_while_it_stays_in_view() -> None:
    paper = Paper()
    (event,) = paper.read(1, "cam:1", "label", rssi=None, kind=Kind.BARCODE, symbology="]C1")
    assert (event.kind, event.deliberate, event.zone_to, event.symbology) == (EventKind.SEEN, True, "desk", "]C1")
    assert event.raw == "label"
    for step in range(300):
        assert paper.read(1 + step * 0.5, "cam:1", "label", rssi=None, kind=Kind.BARCODE) == []
    assert len(paper.read(151 + 5, "cam:1", "label", rssi=None, kind=Kind.BARCODE)) == 1
    assert paper.until(10_000) == [], "a label that leaves the picture has not left the place"
    assert paper.engine.in_view == 0


def test_a_handheld_read_carries_its_operator() -> None:
    paper = Paper()
    (event,) = paper.read(1, "desk:1", operator="eva")
    assert (event.kind, event.operator, event.deliberate) == (EventKind.SEEN, "eva", True)


def test_a_deliberate_sighting_moves_what_antennas_hear_until_they_are_sure() -> None:
    paper = Paper()
    paper.stay("hall:1", 0, 5)
    paper.read(6, "cam:1", kind=Kind.BARCODE, rssi=None)
    paper.stay("hall:1", 7, 7.5)
    assert [event.kind for event in paper.told] == [EventKind.ARRIVED, EventKind.SEEN]
    paper.stay("hall:1", 12, 15)
    assert paper.story[-1] == ("moved", "drill", "desk", "hall")
    assert paper.engine.in_view == 1


def test_a_desk_that_folds_nothing_tells_every_read() -> None:
    paper = Paper(Site.of([zone("desk", "desk", "desk:1", fold_s=0.0, duplicate_s=0.0)]))
    paper.take([read(1, "desk:1"), read(1, "desk:1"), read(1.001, "desk:1"), read(1.5, "desk:1", "other")])
    assert paper.kinds == [EventKind.ARRIVED, EventKind.SEEN, EventKind.SEEN, EventKind.ARRIVED]
