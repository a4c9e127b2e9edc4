"""Which zone: hysteresis on ageing evidence. The zones here are storage: threshold 6 dB, hold-off 2 s, 2 dB/s, 30 s."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.location.site import Site
from sync.wire import EventKind
from tests.unit.gateway.location.on_paper import Paper, zone


def settled(rssi: int = -55) -> Paper:
    """A tag present in the hall, last heard at 10 s."""
    paper = Paper()
    paper.stay("hall:1", 5, 10, rssi=rssi)
    paper.told.clear()
    return paper


def test_moved_tells_both_zones() -> None:
    paper = settled()
    paper.stay("store:1", 40, 41)
    (event,) = paper.told
    assert (event.kind, event.zone_from, event.zone_to, event.read_point) == (EventKind.MOVED, "hall", "store", "store:1")


@pytest.mark.parametrize(("stronger_db", "moves"), [(5, False), (7, True)])
def test_a_rival_needs_the_threshold_while_the_present_zone_hears_the_tag(stronger_db: int, moves: bool) -> None:
    paper = Paper()
    for step in range(200):
        at_s = step * 0.1
        paper.read(at_s, "hall:1", rssi=-60)
        if at_s > 5:
            paper.read(at_s + 0.05, "store:1", rssi=-60 + stronger_db)
    assert (EventKind.MOVED in paper.kinds) is moves
    assert paper.kinds.count(EventKind.MOVED) <= 1, "no flapping"


@pytest.mark.parametrize(("silence_s", "weaker_db", "moves"), [(1.5, 0, False), (6, 1, True), (6, 4, False), (12, 13, True)])
def test_silence_in_the_present_zone_lowers_what_a_rival_needs(silence_s: float, weaker_db: int, moves: bool) -> None:
    """Needed after t seconds of silence: 6 dB until 2 s, then 2 dB less per second."""
    paper = settled(-50)
    at_s = 10 + silence_s
    paper.read(at_s - 0.3, "store:1", rssi=-50 - weaker_db)
    paper.read(at_s, "store:1", rssi=-50 - weaker_db)
    assert (paper.kinds == [EventKind.MOVED]) is moves


def test_one_stray_read_moves_nothing_however_strong() -> None:
    paper = settled()
    paper.read(100, "store:1", rssi=-20)
    assert paper.told == []


def test_stray_reads_add_up_only_while_they_are_young() -> None:
    paper = settled()
    for step in range(20):
        paper.read(20 + step * 31, "store:1", rssi=-20)
    assert paper.told == []


def test_strong_stale_history_elsewhere_does_not_let_one_stray_read_move_a_tag() -> None:
    """Long near the store, then for good in the hall: the store's old evidence has expired when it hears the tag once more."""
    paper = Paper()
    paper.stay("store:1", 0, 60, rssi=-30)
    paper.stay("hall:1", 61, 200, rssi=-60)
    assert paper.story[-1] == ("moved", "drill", "store", "hall")
    paper.read(200.5, "store:1", rssi=-30)
    paper.stay("hall:1", 201, 300, rssi=-60)
    assert len(paper.told) == 2


@given(
    rssi=st.integers(-75, -20),
    stray_rssi=st.integers(-75, 20),
    long_s=st.floats(1, 120),
    every_s=st.floats(0.05, 4),
    after_s=st.floats(0, 60),
)
def test_no_single_stray_read_takes_a_tag_back(rssi: int, stray_rssi: int, long_s: float, every_s: float, after_s: float) -> None:
    """However strong and however fresh the history of the place it has left."""
    paper = Paper()
    paper.stay("store:1", 0, 1)
    paper.stay("store:1", 1, 1 + long_s, rssi=rssi, every_s=every_s)
    at_s = 1 + long_s
    while paper.story[-1:] != [("moved", "drill", "store", "hall")]:
        at_s += 0.2
        paper.read(at_s, "hall:1", rssi=-70)
    paper.stay("hall:1", at_s, at_s + after_s, rssi=-70, every_s=0.3)
    at_s += after_s
    told = len(paper.told)
    paper.read(at_s + 0.4, "store:1", rssi=stray_rssi)
    paper.stay("hall:1", at_s + 0.6, at_s + 40, rssi=-70)
    assert len(paper.told) == told


def test_many_readings_reported_as_one_weigh_as_many() -> None:
    paper = settled()
    paper.read(60, "store:1", read_count=3)
    assert paper.kinds == [EventKind.MOVED]


def test_evidence_belongs_to_the_zone_not_to_the_antenna() -> None:
    """Two antennas of the hall share the tag; a rival that beats each alone in number does not win."""
    paper = Paper()
    for step in range(100):
        paper.read(step * 0.2, "hall:1", rssi=-60)
        paper.read(step * 0.2 + 0.1, "hall:2", rssi=-50)
        paper.read(step * 0.2 + 0.15, "store:1", rssi=-50)
    assert paper.kinds == [EventKind.ARRIVED]


def test_an_outage_ages_no_evidence() -> None:
    paper = settled(-50)
    paper.down("hall", 10.1)
    paper.stay("store:1", 100, 105, rssi=-52)
    assert paper.told == [], "the hall could not have heard it"
    paper.up("hall", 110)
    paper.stay("store:1", 111, 113, rssi=-52)
    assert paper.told == [], "its silence counts from the recovery"
    paper.stay("store:1", 114, 120, rssi=-52)
    assert paper.kinds == [EventKind.MOVED]


def test_a_close_read_on_a_desk_decides_at_once() -> None:
    paper = settled(-30)
    paper.read(10.1, "desk:1", rssi=-44)
    assert paper.story == [("moved", "drill", "hall", "desk")]


def test_more_zones_than_a_tag_remembers() -> None:
    paper = Paper(Site.of([zone(f"z{i}", "storage", f"r{i}:1") for i in range(10)]))
    for lap in range(3):
        for i in range(10):
            paper.stay(f"r{i}:1", lap * 1000 + i * 100, lap * 1000 + i * 100 + 5)
    places = [event.zone_to for event in paper.told]
    assert places == [f"z{i}" for _ in range(3) for i in range(10)]


def test_a_weak_tag_between_two_zones_stays_where_it_is() -> None:
    """Both hear it by chance, one as loud as the other, now and then: for ten hours."""
    paper, rng, at_s = Paper(), random.Random(8), 0.0
    paper.stay("hall:1", 0, 1)
    while at_s < 36_000:
        at_s += rng.expovariate(1 / 10)
        paper.read(1 + at_s, rng.choice(("hall:1", "store:1")), rssi=-66 + rng.randrange(-3, 4))
    assert len(paper.told) <= 12, paper.story
