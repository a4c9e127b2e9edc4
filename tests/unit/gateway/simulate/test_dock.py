"""The simulated dock: its air, its ways, its truth, and that the score counts what it says."""

import numpy as np
import pytest

from drivers.api import Kind, Read
from gateway.simulate.dock import air, report
from gateway.simulate.dock.behaviour import SHARES, Behaviour, ways
from gateway.simulate.dock.numbers import Numbers
from gateway.simulate.dock.rules import EdgeX, FirstAndLastSide
from gateway.simulate.dock.score import scores
from gateway.simulate.dock.shift import Shift, shift
from gateway.simulate.dock.tally import Heard, Said, Tally, count

NUMBERS = Numbers()
S = 1_000_000_000


@pytest.fixture(scope="module")
def made() -> Shift:
    return shift((3, 0), 4, NUMBERS)


def test_the_same_seed_is_the_same_shift_and_another_one_is_not(made: Shift) -> None:
    again, other = shift((3, 0), 4, NUMBERS), shift((4, 0), 4, NUMBERS)
    assert again.reports == made.reports
    assert again.tags == made.tags
    assert other.reports[:100] != made.reports[:100]


def test_reports_arrive_in_order_and_hold_what_one_antenna_heard(made: Shift) -> None:
    assert [report.at for report in made.reports] == sorted(report.at for report in made.reports)
    for one in made.reports[:2000]:
        assert len({(read.reader, read.antenna, read.rx_mono_ns) for read in one.reads}) == 1
        assert all(-84 <= (read.rssi_dbm or 0) <= 0 for read in one.reads)
    assert {read.raw for one in made.reports for read in one.reads} <= set(made.codes)
    assert len(set(made.codes)) == len(made.codes)


def test_levels_fall_with_distance_and_behind_the_antenna() -> None:
    outside, inside = air.door_antennas(0, 75.0, NUMBERS)
    along = np.array([[x, 0.0, 1.0] for x in (-0.8, -2.0, -4.0, -6.0)])
    levels = air.mean_dbm(outside, along, NUMBERS)
    assert all(np.diff(levels) < -2)
    assert air.mean_dbm(outside, along[1:2], NUMBERS) > air.mean_dbm(inside, along[1:2], NUMBERS) + 3


def test_a_tag_at_half_read_answers_every_second_round_and_fewer_do_in_a_crowd() -> None:
    rng = np.random.default_rng(1)
    turns = 4000
    level, long_turn = np.full((turns, 1), NUMBERS.half_read_dbm), np.full(turns, 10.0)
    alone = air.answers(level, np.zeros(turns), long_turn, NUMBERS, rng).mean()
    crowded = air.answers(level, np.full(turns, 200.0), long_turn, NUMBERS, rng).mean()
    assert alone == pytest.approx(0.5, abs=0.03)
    assert crowded == pytest.approx(0.5 * 0.65, abs=0.03)


def test_shadows_of_places_far_apart_have_nothing_in_common() -> None:
    rng = np.random.default_rng(2)
    walk = air.shadow_walk(np.array([np.inf, 0.0, 50.0]), 5000, NUMBERS, rng)
    assert walk.std() == pytest.approx(NUMBERS.shadow_db, abs=0.2)
    assert np.array_equal(walk[0], walk[1])
    assert abs(np.corrcoef(walk[1], walk[2])[0, 1]) < 0.05


@pytest.mark.parametrize("behaviour", list(Behaviour))
def test_every_way_ends_where_its_truth_says(behaviour: Behaviour) -> None:
    rng = np.random.default_rng(5)
    for _ in range(20):
        made = ways(behaviour, 1, 100.0, NUMBERS, rng)
        assert len(made) == (2 if behaviour is Behaviour.CROSSING else 1)
        for way in made:
            crossed = (np.sign(way.x[-1]) - np.sign(way.x[0])) / 2
            assert way.crossed == crossed
            assert way.begins_s >= 100.0
            steps = np.hypot(np.diff(way.x), np.diff(way.y)) / np.diff(way.times)
            assert steps.max() < 2 * NUMBERS.speed_m_s[1]
    assert sum(SHARES.values()) == pytest.approx(1)


def test_the_tally_counts_the_first_word_at_the_right_door_and_everything_else_as_wrong() -> None:
    made = shift((3, 1), 1, NUMBERS, Behaviour.IN)
    (carrier,) = made.carried
    door, other = f"door-{carrier.way.door + 1}", f"door-{2 - carrier.way.door}"
    heard = {(carrier.first, door): Heard(5, 10 * S)}
    right = Said(door, 1, 12 * S)

    def told(*said: Said) -> Tally:
        return count(made, {carrier.first: list(said)}, heard)

    assert (told(right).right.total(), told(right).decided.total(), told(right).undecided.total()) == (1, 1, 0)
    assert (told(right, right).right.total(), told(right, right).decided.total()) == (1, 2)
    assert (told(Said(door, -1, 12 * S)).right.total(), told(Said(door, -1, 12 * S)).decided.total()) == (0, 1)
    assert told(Said(other, 1, 12 * S)).right.total() == 0
    assert (told(Said(door, 0, 12 * S)).undecided.total(), told(Said(door, 0, 12 * S)).untold.total()) == (1, 0)
    assert (told().undecided.total(), told().untold.total()) == (1, 1)
    parked = count(made, {made.parked.first: [right]}, {}, moves=[made.parked.first, carrier.first])
    assert (parked.false_passages, parked.false_moves) == (1, 1)


def test_the_score_of_a_small_site_says_what_it_rests_on() -> None:
    total = scores(11, 6, NUMBERS, cores=1)
    said = report.as_json(11, NUMBERS, total)
    for rule in (said, said["first_last_side"], said["edgex"]):
        hits, of = rule["counts"]["decided_correct"]
        assert rule["decided_correct"] == pytest.approx(hits / of if of else 0)
        low, high = rule["intervals"]["decided_correct"]
        assert 0 <= low <= rule["decided_correct"] <= high <= 1
        assert rule["passages"] == said["passages"]
    assert said["decided_correct"] > said["first_last_side"]["decided_correct"]
    assert (
        said["false_passages_per_1000_resident_tag_hours"]
        < 0.01 * (said["first_last_side"]["false_passages_per_1000_resident_tag_hours"])
    )
    assert f"{said['passages']:,} tag passages" in report.as_text(11, total)


def test_intervals_hold_what_they_should() -> None:
    assert report.wilson(0, 0) == [0.0, 1.0]
    assert report.wilson(97, 100) == [pytest.approx(0.915, abs=0.002), pytest.approx(0.990, abs=0.002)]
    assert report.rate(0, 1000.0) == [0.0, pytest.approx(3.69, abs=0.1)]
    assert report.rate(10, 1000.0) == [pytest.approx(4.8, abs=0.05), pytest.approx(18.4, abs=0.1)]


# ---- the yardsticks, as they are published


def read(at_s: float, antenna: int, rssi: int = -60, reader: str = "door-1") -> Read:
    return Read(
        reader, antenna, b"tag", Kind.UHF, round(at_s * S), round(at_s * 1000), rssi_dbm=rssi, reader_ts_ms=round(at_s * 1000)
    )


def test_first_and_last_side() -> None:
    rule = FirstAndLastSide()
    assert not list(rule.take([read(0, 1), read(1, 1), read(2, 2)]))
    (told,) = rule.end()
    assert (told.way, told.door) == (1, "door-1")
    rule = FirstAndLastSide()
    assert not list(rule.take([read(0, 1), read(1, 2), read(2, 1), read(10, 1)])), "it turned back"


def test_edgex_needs_two_samples_and_six_decibels_at_once_and_less_with_every_second_of_silence() -> None:
    def moves(*reads: Read) -> int:
        rule = EdgeX({"door-1:1": "yard", "door-1:2": "hall"})
        return sum(1 for one in reads for _ in rule.take([one]))

    here = [read(step / 10, 1, -60) for step in range(10)]
    assert moves(*here, read(1.0, 2, -50)) == 0, "one sample is none"
    assert moves(*here, read(1.0, 2, -55), read(1.1, 2, -55)) == 0
    assert moves(*here, read(1.0, 2, -53), read(1.1, 2, -53)) == 1
    assert moves(*here, read(6.0, 2, -85), read(6.1, 2, -85)) == 1, "after five seconds anything wins"
