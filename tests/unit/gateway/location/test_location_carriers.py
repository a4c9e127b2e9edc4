"""What goes through a door together: the company decides for those who were hardly heard."""

import math
import random
from itertools import pairwise

import pytest

from gateway.location.carriers import Crowd, Shape, carrier_of, carriers
from gateway.location.passage import INSIDE, OUTSIDE, Sample, judge
from gateway.location.site import Door, Site
from sync.wire import EventKind, Passage
from tests.unit.gateway.location.on_paper import DOCK, HALL, YARD, Paper, seconds

S = 1_000_000_000


def shape(*heard: tuple[float, str, int]) -> Shape:
    samples = sorted(Sample(round(at * S), OUTSIDE if side == "o" else INSIDE, 1, 10 ** (dbm / 10)) for at, side, dbm in heard)
    return Shape(samples, judge(samples))


def going(way: int, from_s: float, rng: random.Random, reads: int = 12) -> Shape:
    """A tag that crosses within four seconds, each side loudest as it goes by."""
    heard = []
    for step in range(reads):
        at = 4 * step / reads
        side = "o" if (at - 2) * way + rng.gauss(0, 0.5) < 0 else "i"
        heard.append((from_s + at, side, round(-50 - 6 * abs(at - 2) + rng.gauss(0, 3))))
    return shape(*heard)


def standing(from_s: float, rng: random.Random) -> Shape:
    return shape(*((from_s + step / 3, rng.choice("oi"), round(-60 + rng.gauss(0, 3))) for step in range(12)))


def test_a_company_that_goes_one_way_is_one_carrier() -> None:
    rng = random.Random(1)
    for way in (1, -1):
        (carrier,) = carriers([going(way, 0, rng) for _ in range(20)])
        assert carrier.way == way
        assert carrier.confidence > 0.9
        assert carrier.at_ns == pytest.approx(2 * S, abs=0.5 * S)


def test_a_company_that_stands_around_is_none() -> None:
    rng = random.Random(2)
    assert all(carriers([standing(0, rng) for _ in range(count)]) == [] for count in (1, 2, 5, 30, 200))
    assert carriers([shape((0, "o", -60)), shape((1, "o", -60))]) == [], "one side says nothing"
    assert carriers([]) == []


def stopping(first: str, last: str, rng: random.Random) -> Shape:
    """A tag that came on the one side, stood ten seconds in the line and left on the other, or on the same; heard seldom, and a
    little more inside the longer it stood."""
    heard = [(rng.uniform(0, 1.5), first, -62) for _ in range(rng.randint(0, 1))]
    heard += [
        (at, "i" if rng.random() < 0.32 + at / 32 else "o", round(-60 + rng.gauss(0, 3)))
        for at in [rng.uniform(2, 12) for _ in range(7)]
    ]
    heard += [(rng.uniform(12.5, 14), last, -62) for _ in range(rng.randint(0, 1))]
    return shape(*heard)


def test_a_company_that_stops_in_the_line_goes_where_all_of_it_is_heard_at_last() -> None:
    rng = random.Random(6)
    gone = [stopping("o", "i", rng) for _ in range(150)]
    assert 0.3 < _errors(gone) < 1, "each alone says little"
    (carrier,) = carriers(gone)
    assert carrier.way == 1
    back = [stopping("o", "o", rng) for _ in range(150)]
    assert _errors(back) > 0.3, "louder inside the longer it stood"
    assert carriers(back) == [], "it left where it came from"


def test_a_large_company_that_meets_a_small_one_goes_its_way_all_the_same() -> None:
    """The small one spoils the beginning of all that was heard, and is too few to be told apart."""
    rng = random.Random(8)
    large, small = [going(1, 2, rng, reads=7) for _ in range(100)], [going(-1, 0, rng, reads=20) for _ in range(7)]
    known = carriers([*large, *small])
    assert [carrier.way for carrier in known] == [1]


def _errors(shapes: list[Shape]) -> float:
    return sum(shape.verdict.errors for shape in shapes) / len(shapes)


def test_two_carriers_that_meet_are_told_apart_by_when_each_side_heard_them() -> None:
    rng = random.Random(3)
    known = carriers([*(going(1, 0, rng) for _ in range(30)), *(going(-1, 1, rng) for _ in range(20))])
    assert sorted(carrier.way for carrier in known) == [-1, 1]
    early_outside, early_inside = carrier_of(shape((0.5, "o", -60)), known), carrier_of(shape((1.5, "i", -60)), known)
    assert early_outside is not None
    assert early_outside.way == 1
    assert early_inside is not None
    assert early_inside.way == -1


def test_a_few_that_are_mistaken_make_no_second_carrier() -> None:
    rng = random.Random(4)
    (carrier,) = carriers([*(going(1, 0, rng) for _ in range(40)), *(going(-1, 0, rng) for _ in range(2))])
    assert carrier.way == 1


def test_who_was_heard_as_the_crowd_at_the_door_waits_for_it() -> None:
    rng = random.Random(5)
    gone = carriers([going(1, 0, rng) for _ in range(10)])[0]
    crowd = Crowd([going(-1, 3, rng) for _ in range(30)], 9 * S)
    assert crowd.may_have(shape((4.3, "i", -60), (4.6, "i", -60), (4.9, "i", -60)), gone)
    assert not crowd.may_have(shape((0.2, "o", -60), (0.6, "o", -60), (1.0, "o", -60)), gone)


# ---- through the engine


def carry(paper: Paper, tags: int, places: list[tuple[float, float]], seed: int = 7) -> float:
    """Carry a pallet along (second, metres from the line), read as a weak link reads it; return when it was last heard."""
    rng = random.Random(seed)
    heard: list[tuple[float, str, str, int]] = []
    for (from_s, from_m), (to_s, to_m) in pairwise(places):
        for step in range(int((to_s - from_s) / 0.2)):
            at = from_s + step * 0.2
            metres = from_m + (to_m - from_m) * (at - from_s) / (to_s - from_s)
            for tag in range(tags):
                antenna = "dock:1" if step % 2 else "dock:2"
                level = -48 - 7 * abs(metres - (-0.6 if antenna == "dock:1" else 0.6)) - 8 * (tag % 5) + rng.gauss(0, 4)
                if rng.random() < 1 / (1 + math.exp(-1.2 * (level + 66))):
                    heard.append((at + 0.001 * (tag % 100), antenna, f"tag{tag}", round(level)))
    for at, antenna, tag_name, level in sorted(heard):
        paper.read(at, antenna, tag_name, max(-70, level))
    return max(at for at, *_ in heard)


def test_every_tag_of_a_pallet_is_told_with_its_carrier_soon_after_it_was_last_heard() -> None:
    paper = Paper(at_s=-60)
    last_s = carry(paper, 60, [(0, -4), (5, 4)])
    paper.until(last_s + 5)
    passed = [event for event in paper.told if event.kind is EventKind.PASSED]
    heard = {tag.identity for tag in paper.engine._tags.known.values()}
    assert {event.identity for event in passed} == heard
    assert {event.direction for event in passed} == {Passage.IN}
    assert sum(event.evidence.sides[0] == event.evidence.sides[1] for event in passed if event.evidence.sides) > 3, (
        "some by company"
    )


def test_right_after_a_start_who_was_heard_at_one_side_takes_over_no_word() -> None:
    """It may stand there: nobody has been looking for long enough to know."""
    paper = Paper()
    last_s = carry(paper, 60, [(0, -4), (5, 4)])
    paper.until(last_s + 5)
    passed = [event for event in paper.told if event.kind is EventKind.PASSED]
    assert len(passed) > 30
    assert paper.engine.counters.suppressed["one_side"] > 2


def test_a_pallet_that_turns_back_tells_nothing() -> None:
    paper = Paper()
    carry(paper, 60, [(0, -4), (4, 0.3), (6, 0.3), (10, -4)])
    paper.until(60)
    assert [event.direction for event in paper.told if event.kind is EventKind.PASSED] == []


def test_a_tag_that_stands_at_the_door_is_not_taken_along() -> None:
    paper = Paper()
    for at in (0.0, 90.0, 180.0):
        paper.read(at, "dock:1", "weak", -69)
    last_s = carry(paper, 40, [(200, -4), (205, 4)])
    paper.read(last_s, "dock:1", "weak", -69)
    paper.until(last_s + 60)
    assert "weak" not in {event.identity for event in paper.told if event.kind is EventKind.PASSED}
    assert len(paper.told) > 20


LONE = [(0.0, 1, -60), (0.3, 1, -55), (0.6, 2, -58), (0.9, 1, -57), (1.2, 2, -60), (1.5, 2, -64)]


def test_a_lone_tag_that_hardly_says_which_way_is_told_as_unknown() -> None:
    paper = Paper()
    for at, antenna, rssi in LONE:
        paper.read(at, f"dock:{antenna}", rssi=rssi)
    paper.until(30)
    (event,) = [event for event in paper.told if event.kind is EventKind.PASSED]
    assert (event.direction, event.zone_from, event.zone_to, event.confidence) == (Passage.UNKNOWN, None, None, 0.0)


def test_a_pallet_that_went_through_does_not_wait_for_one_tag_that_is_still_heard() -> None:
    paper = Paper()
    last_s = carry(paper, 60, [(0, -4), (5, 4)])
    for step in range(30):
        paper.read(last_s + 0.4 * step, "dock:1", "another", -60)
    told = [event for event in paper.told if event.kind is EventKind.PASSED]
    assert len(told) > 30
    assert all(seconds(event)[1] <= last_s + 5 for event in told)


def test_a_tag_that_the_next_door_hears_louder_than_its_own_is_told_at_one_of_them() -> None:
    """The next door leaves it to the door that its company went through, so that one may not leave it to the next."""
    next_door = Door("next", ("next:1",), ("next:2",), "yard", "hall")
    paper = Paper(Site.of([HALL, YARD], [DOCK, next_door]))
    for step in range(12):
        for tag in range(12):
            loss = -6 if tag < 2 else 8
            antenna, level = (1, -50 - step) if step < 6 else (2, -61 + step)
            paper.read(10 + step * 0.3 + tag * 0.01, f"dock:{antenna}", f"tag{tag}", level)
            paper.read(10.1 + step * 0.3 + tag * 0.01, f"next:{antenna}", f"tag{tag}", level - loss)
    paper.until(60)
    told = [event.identity for event in paper.told if event.kind is EventKind.PASSED]
    assert sorted(told) == sorted(f"tag{tag}" for tag in range(12))
