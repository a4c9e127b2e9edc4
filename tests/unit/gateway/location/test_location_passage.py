"""The judgement of one door session."""

import random

import pytest

from gateway.location.passage import INSIDE, OUTSIDE, Sample, judge

S = 1_000_000_000


def session(*heard: tuple[float, str, int], reads: int = 1) -> list[Sample]:
    """(seconds, "o" or "i", dBm), in any order."""
    return sorted(
        Sample(round(at * S), OUTSIDE if side == "o" else INSIDE, reads, reads * 10 ** (dbm / 10)) for at, side, dbm in heard
    )


CLEAN = [
    (0.0, "o", -68),
    (0.4, "o", -60),
    (0.8, "o", -52),
    (1.2, "o", -55),
    (1.6, "i", -55),
    (2.0, "i", -52),
    (2.4, "i", -60),
    (2.8, "i", -68),
]


def mirrored(heard: list[tuple[float, str, int]]) -> list[tuple[float, str, int]]:
    return [(at, "i" if side == "o" else "o", dbm) for at, side, dbm in heard]


def test_from_outside_to_inside_and_back() -> None:
    into, out = judge(session(*CLEAN)), judge(session(*mirrored(CLEAN)))
    assert (into.way, into.sides, into.reason) == (1, ("outside", "inside"), None)
    assert (out.way, out.sides, out.reason) == (-1, ("inside", "outside"), None)
    assert into.confidence == out.confidence > 0.7
    assert into.at_ns == pytest.approx(1.4 * S, abs=0.1 * S)


def test_one_side_alone_is_no_passage() -> None:
    assert judge(session((0, "o", -60), (1, "o", -50), (2, "o", -60))).reason == "one_side"
    assert judge(session((0, "i", -60))).reason == "one_side"


def test_turning_back_is_no_passage() -> None:
    there_and_back = CLEAN[:5] + [(4.0 - at, side, dbm) for at, side, dbm in CLEAN[:5]]
    verdict = judge(session(*there_and_back))
    assert (verdict.way, verdict.reason, verdict.sides) == (0, "same_side", ("outside", "outside"))


def test_a_stray_read_of_the_far_side_at_the_edges_changes_nothing() -> None:
    assert judge(session((-0.1, "i", -70), *CLEAN, (2.9, "o", -70))).way == 1


def test_stopping_in_the_door_is_still_a_passage() -> None:
    rng = random.Random(3)
    standing = [(1.2 + step * 0.5, rng.choice("oi"), -54 + rng.randint(-3, 3)) for step in range(20)]
    after = [(at + 10, side, dbm) for at, side, dbm in CLEAN[4:]]
    assert judge(session(*CLEAN[:4], *standing, *after)).way == 1


def test_power_that_contradicts_the_sides_is_no_passage() -> None:
    """Loud inside first, then loud outside, with the edges the other way round."""
    odd = [(0, "o", -68), (0.7, "i", -50), (1.0, "i", -50), (1.3, "i", -52), (2.5, "o", -50), (2.8, "o", -50), (3.6, "i", -68)]
    assert judge(session(*odd)).reason == "contradiction"


@pytest.mark.parametrize(("a", "b"), [(0.5, 1.5), (0.1, 3.0)])
def test_a_single_read_on_each_side_is_chance(a: float, b: float) -> None:
    assert judge(session((a, "o", -60), (b, "i", -60))).way == 0


def test_a_standing_tag_that_both_sides_hear_does_not_pass() -> None:
    """The worst place to stand: both sides hear it equally. The first and the last side alone would be wrong in half of these."""
    rng = random.Random(11)
    passed = 0
    for _ in range(2000):
        length_s, rate = rng.uniform(3, 30), rng.uniform(0.5, 6)
        heard = [
            (rng.uniform(0, length_s), rng.choice("oi"), round(rng.gauss(-62, 5))) for _ in range(max(2, int(length_s * rate)))
        ]
        passed += judge(session(*heard)).way != 0
    assert passed <= 2000 * 0.07


def test_confidence_grows_with_the_distance_of_the_centres() -> None:
    crossed = judge(session(*CLEAN, (1.3, "i", -60), (1.5, "o", -60)))
    clear = judge(session(*CLEAN, (1.3, "o", -60), (1.5, "i", -60)))
    assert 0 < crossed.confidence < clear.confidence <= 1
