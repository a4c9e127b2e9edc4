"""Door sessions in the engine: when they open and close, what is told and what is held back. The dock leads from yard to hall."""

import random

import pytest

from gateway.location import at_door, doors
from gateway.location.site import Door, Site, ZoneRules
from sync.wire import EventKind, Passage
from tests.unit.gateway.location.on_paper import Paper, seconds, zone

WAY = [("1", -66), ("1", -60), ("1", -52), ("1", -55), ("2", -55), ("2", -52), ("2", -60), ("2", -66)]


def go(paper: Paper, since_s: float, tag: str = "drill", out: bool = False, step_s: float = 0.35) -> float:
    """Carry the tag through the dock; return when it was last heard there."""
    for step, (antenna, rssi) in enumerate(reversed(WAY) if out else WAY):
        paper.read(since_s + step * step_s, f"dock:{antenna}", tag, rssi)
    return since_s + (len(WAY) - 1) * step_s


@pytest.mark.parametrize(("out", "places"), [(False, ("yard", "hall")), (True, ("hall", "yard"))])
def test_a_passage_is_told_two_seconds_after_the_last_sighting(out: bool, places: tuple[str, str]) -> None:
    paper = Paper()
    last_s = go(paper, 10, out=out)
    assert paper.until(last_s + 1.99) == []
    (event,) = paper.until(last_s + 2.01)
    assert (event.kind, event.door, event.direction) == (EventKind.PASSED, "dock", Passage.OUT if out else Passage.IN)
    assert (event.zone_from, event.zone_to) == places
    assert event.evidence.sides == (("inside", "outside") if out else ("outside", "inside"))
    assert (event.evidence.n, event.evidence.rssi_max_dbm, event.evidence.duration_ms) == (8, -52, 2450)
    assert event.confidence is not None
    assert 0.5 < event.confidence <= 1
    happened_s, decided_s = seconds(event)
    assert happened_s == pytest.approx(11.2, abs=0.2)
    assert decided_s == pytest.approx(last_s + 2, abs=0.002)


def test_reads_that_waited_in_a_window_count_for_the_last_side() -> None:
    paper = Paper()
    for step in range(20):
        paper.read(step * 0.1, f"dock:{1 if step < 10 else 2}", rssi=-55)
    (event,) = paper.until(10)
    assert event.evidence.n == 20
    assert seconds(event)[1] == pytest.approx(3.9, abs=0.002), "two seconds after the very last read"


def test_one_side_and_turning_back_are_counted_not_told() -> None:
    paper = Paper()
    for step, antenna in enumerate("111122111111"):
        paper.read(step * 0.3, f"dock:{antenna}", "turner")
    paper.stay("dock:1", 0, 5, tag="outsider")
    paper.until(4000)
    assert paper.told == []
    assert paper.engine.counters.suppressed == {"same_side": 1, "one_side": 1, "glimpse": 2}


def test_nothing_is_told_of_the_doors_sightings_while_a_session_is_open() -> None:
    """The inside antenna also reads for the hall; the hall's own antenna hears the tag before the passage is over."""
    hall = zone("hall", "storage", "dock:2", "hall:1")
    door = Door("dock", ("dock:1",), ("dock:2",), "yard", "hall")
    paper = Paper(Site.of([hall, zone("yard", "exit")], [door]))
    last_s = go(paper, 10)
    paper.stay("hall:1", last_s, last_s + 1.5, rssi=-60)
    assert paper.told == []
    assert paper.engine.tail[-1].outcome == "a door is deciding"
    paper.until(last_s + 3)
    paper.stay("hall:1", last_s + 3, last_s + 60)
    assert paper.story == [("passed", "drill", "yard", "hall")]


def test_what_went_out_is_held_in_the_yard_until_it_is_heard_elsewhere() -> None:
    paper = Paper()
    paper.stay("hall:1", 0, 5)
    last_s = go(paper, 10, out=True)
    paper.until(last_s + 3)
    assert paper.story[-1] == ("passed", "drill", "hall", "yard")
    assert paper.engine.in_view == 0
    assert paper.until(100_000) == []
    paper.stay("gate:1", 100_001, 100_002)
    assert paper.story[-1] == ("moved", "drill", "yard", "gate")
    assert paper.engine.in_view == 1


def test_a_hall_antenna_that_hears_it_leave_does_not_call_it_back() -> None:
    paper = Paper()
    paper.stay("hall:1", 0, 5, rssi=-50)
    last_s = go(paper, 10, out=True)
    paper.until(last_s + 2.1)
    paper.stay("hall:1", last_s + 2.2, last_s + 3, rssi=-68)
    assert paper.kinds == [EventKind.ARRIVED, EventKind.PASSED]


def test_what_came_in_has_a_lost_timer_in_the_hall() -> None:
    paper = Paper()
    last_s = go(paper, 10)
    paper.until(last_s + 599)
    assert paper.kinds == [EventKind.PASSED]
    paper.until(last_s + 601)
    assert paper.story[-1] == ("departed", "drill", "hall", None)


def test_the_same_passage_is_not_told_twice_within_the_cool_down_but_the_way_back_is() -> None:
    paper = Paper()
    last_s = go(paper, 10, step_s=0.2)
    last_s = go(paper, last_s + 2.5, step_s=0.2)  # again from the outside, decided less than 5 s after the first
    paper.until(last_s + 2.1)
    assert len(paper.told) == 1
    assert paper.engine.counters.suppressed["cool_down"] == 1
    last_s = go(paper, last_s + 2.2, out=True, step_s=0.2)
    paper.until(last_s + 3)
    assert [event.direction for event in paper.told] == [Passage.IN, Passage.OUT]


def test_back_and_forth_is_told_each_time() -> None:
    paper = Paper()
    at_s = 10.0
    for lap in range(10):
        at_s = go(paper, at_s, out=bool(lap % 2)) + 8
    paper.until(at_s + 10)
    assert [event.direction for event in paper.told] == [Passage.IN, Passage.OUT] * 5


def test_a_session_ends_after_half_a_minute_although_the_tag_stays_in_reach() -> None:
    paper = Paper()
    last_s = go(paper, 10)
    paper.stay("dock:2", last_s + 0.3, 100, rssi=-58, every_s=0.3)
    (event,) = paper.told
    assert seconds(event)[1] == pytest.approx(40, abs=0.01)
    assert event.direction is Passage.IN


def test_who_comes_back_while_others_go_both_ways_is_told_each_time() -> None:
    """Eight tags in file, in and out by turns, that show no common way: each is back before the door is ever empty."""
    paper = Paper()
    reads = []
    for number in range(8):
        for leg in range(6):
            way = reversed(WAY) if (number + leg) % 2 else WAY
            at_s = 10 + number * 0.5 + leg * 7.5
            reads += [
                (at_s + step * 0.42, f"dock:{antenna}", f"truck-{number}", rssi) for step, (antenna, rssi) in enumerate(way)
            ]
    for read in sorted(reads):
        paper.read(*read)
    paper.until(100)
    assert len(paper.told) == 48
    for event in paper.told:
        assert seconds(event)[1] >= seconds(event)[0] + 2, "nothing is decided before it was over"


# ---- tags that stand near the door


def stand(
    paper: Paper, since_s: float, until_s: float, inside_share: float, seed: int, rate_hz: float = 4.0, dbm: float = -62
) -> None:
    rng = random.Random(seed)
    at_s = since_s
    while (at_s := at_s + rng.expovariate(rate_hz)) < until_s:
        side = 2 if rng.random() < inside_share else 1
        rssi = round(rng.gauss(dbm, 3))
        if rssi >= -70:
            paper.read(at_s, f"dock:{side}", rssi=rssi)


@pytest.mark.parametrize("inside_share", [0.0, 0.05, 0.95, 1.0])
def test_a_parked_tag_is_marked_and_never_passes(inside_share: float) -> None:
    for seed in range(20):
        paper = Paper()
        stand(paper, 0, 600, inside_share, seed)
        paper.until(700)
        assert paper.told == []
        assert paper.engine.counters.suppressed["parked"] > 900


def test_a_tag_in_the_middle_of_the_door_hardly_ever_passes() -> None:
    """Both antennas hear it alike for ten minutes; first and last side alone would tell dozens of passages."""
    told = 0
    for seed in range(100):
        paper = Paper()
        stand(paper, 0, 600, 0.5, seed)
        paper.until(700)
        told += len(paper.told)
    assert told <= 5


def test_a_parked_tag_that_flickers_stays_parked() -> None:
    paper = Paper()
    for minute in range(60):
        stand(paper, minute * 60, minute * 60 + 8, 0.3, minute)
    paper.until(4000)
    assert [event for event in paper.told if seconds(event)[1] > 600] == []
    assert paper.engine.counters.suppressed["parked"] > 900


def test_a_parked_tag_that_is_carried_through_passes() -> None:
    paper = Paper()
    stand(paper, 0, 300, 0.02, 1, dbm=-65)
    assert paper.engine.counters.suppressed["parked"] > 100
    last_s = go(paper, 300)
    (event,) = paper.until(last_s + 3)
    assert event.direction is Passage.IN


def test_a_parked_mark_ends_when_the_tag_is_gone() -> None:
    paper = Paper()
    stand(paper, 0, 100, 0.0, 1)
    paper.until(200)
    last_s = go(paper, 200)
    paper.until(last_s + 3)
    assert paper.kinds == [EventKind.PASSED]


def test_a_parked_tag_arrives_in_the_zone_its_antenna_reads_for() -> None:
    apron = zone("apron", "door", "dock:1")
    paper = Paper(
        Site.of([apron, zone("hall", "storage"), zone("yard", "exit")], [Door("dock", ("dock:1",), ("dock:2",), "yard", "hall")])
    )
    stand(paper, 0, 100, 0.0, 1)
    assert paper.story == [("arrived", "drill", None, "apron")]
    assert seconds(paper.told[0])[1] == pytest.approx(30, abs=1.5), "once the door has nothing to decide any more"


# ---- bounds


def test_a_session_keeps_its_shape_in_a_bounded_number_of_samples() -> None:
    rules = ZoneRules.for_kind("door", fold_s=0.0)
    door = Door("dock", ("dock:1",), ("dock:2",), "yard", "hall", rules)
    paper = Paper(Site.of([zone("hall", "storage"), zone("yard", "exit")], [door]))
    for step in range(20_000):
        paper.read(step * 0.001, f"dock:{1 if step < 10_000 else 2}")
        at = paper.engine._tags.known["drill"].doors["dock"]
        assert len(at.samples) <= at_door.MAX_SAMPLES
    (event,) = paper.until(40)
    assert (event.direction, event.evidence.n) == (Passage.IN, 20_000)


def test_a_tag_that_many_doors_hear_is_remembered_at_four() -> None:
    all_doors = [Door(f"d{i}", (f"d{i}:1",), (f"d{i}:2",), "yard", "hall") for i in range(10)]
    paper = Paper(Site.of([zone("hall", "storage"), zone("yard", "exit")], all_doors))
    for step in range(100):
        paper.read(step * 0.1, f"d{step % 10}:1")
        assert len(paper.engine._tags.known["drill"].doors) <= doors.MAX_DOORS
    paper.until(100)


# ---- what proves nothing alone


def lone(paper: Paper, inside_dbm: int) -> None:
    for at_s, antenna, rssi in ((10, 1, -55), (10.4, 1, -50), (10.8, 1, -57), (13, 2, inside_dbm), (13.4, 2, inside_dbm)):
        paper.read(at_s, f"dock:{antenna}", rssi=rssi)
    paper.until(60)


def test_a_lone_tag_that_one_side_hears_at_the_edge_of_its_reach_has_not_passed() -> None:
    paper = Paper()
    lone(paper, -67)
    assert paper.told == []
    assert paper.engine.counters.suppressed["faint"] == 1
    paper = Paper()
    lone(paper, -66)
    assert [event.direction for event in paper.told] == [Passage.IN]
