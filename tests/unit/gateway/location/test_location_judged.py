"""What is kept of the sessions that were judged: enough to be drawn, bounded, and nothing of it in the way of a passage."""

import pytest

from gateway.location.judged import DRAWN, HELD_BACK, KEPT, Judged, Lately, drawn
from gateway.location.passage import INSIDE, OUTSIDE, Sample, judge, middles
from gateway.location.site import Door, Site
from tests.unit.gateway.location.on_paper import DOCK, HALL, SITE, YARD, Paper

S = 1_000_000_000
WAY = [("1", -66), ("1", -60), ("1", -52), ("1", -55), ("2", -55), ("2", -52), ("2", -60), ("2", -66)]


def go(paper: Paper, since_s: float, tag: str = "drill", out: bool = False, dock: str = "dock", lower_db: int = 0) -> float:
    for step, (antenna, rssi) in enumerate(reversed(WAY) if out else WAY):
        paper.read(since_s + step * 0.35, f"{dock}:{antenna}", tag, rssi - lower_db)
    return since_s + 2.45


def at_dock(paper: Paper, door: str = "dock") -> Lately:
    lately = paper.engine.lately_at(door)
    assert lately is not None
    return lately


def sample(at_s: float, side: int, dbm: float = -60, reads: int = 1) -> Sample:
    return Sample(round(at_s * S), side, reads, 10 ** (dbm / 10) * reads)


def session(identity: str, errors_s: float, decided_s: float, way: int | None = 1) -> Judged:
    """Inside is heard so much later than outside."""
    samples = [sample(0, OUTSIDE), sample(errors_s, INSIDE)]
    return Judged(identity, identity, samples, judge(samples), round(decided_s * S), way=way, reason=None if way else "still")


def test_a_passage_is_kept_with_its_samples_and_why() -> None:
    paper = Paper()
    paper.until(go(paper, 10) + 3)
    (entry,) = at_dock(paper).passages
    assert (entry.count, entry.way, entry.reason) == (1, 1, None)
    (kept,) = entry.kept
    assert (kept.identity, kept.way, kept.taken_over, kept.company, kept.louder) == ("drill", 1, False, 1, None)
    assert kept.confidence == paper.told[-1].confidence
    assert [(one.side, one.at_ns / S) for one in kept.samples][::7] == [(OUTSIDE, 10), (INSIDE, 12.45)]
    assert kept.verdict.errors > kept.verdict.needed > 1.5
    assert kept.decided_ns == pytest.approx(14.45 * S, abs=S / 1000)
    assert at_dock(paper).passages_by_way(15 * S) == {1: 1}


def test_the_middles_are_those_that_the_judgement_took() -> None:
    samples = [sample(0, OUTSIDE, -50, 3), sample(1, OUTSIDE, -65), sample(1.5, INSIDE, -70, 2), sample(3, INSIDE, -48)]
    outside_ns, inside_ns = middles(samples)
    assert outside_ns is not None
    assert inside_ns is not None
    assert judge(samples).at_ns == pytest.approx((outside_ns + inside_ns) / 2, abs=1)
    assert middles(samples[:2])[1] is None


def test_what_was_held_back_is_kept_by_its_reason_and_pushes_nothing_else_out() -> None:
    paper = Paper()
    last_s = go(paper, 10)
    for step, antenna in enumerate("111122111111"):
        paper.read(last_s + 20 + step * 0.3, f"dock:{antenna}", "turner")
    for lap in range(2 * HELD_BACK):
        paper.stay("dock:1", last_s + 100 + lap * 100, last_s + 101 + lap * 100, tag=f"visitor-{lap}")
    paper.until(100_000)
    lately = at_dock(paper)
    assert len(lately.passages) == 1
    assert {reason: len(entries) for reason, entries in lately.held_back.items()} == {"same_side": 1, "one_side": HELD_BACK}
    newest = lately.held_back["one_side"][-1]
    assert (newest.way, newest.reason, newest.kept[0].identity) == (None, "one_side", f"visitor-{2 * HELD_BACK - 1}")


def test_of_a_pallet_a_few_are_kept_and_the_others_counted() -> None:
    paper = Paper()
    for number in range(60):
        paper.read(10 + number / 100, "dock:1", f"box-{number}", -60)
    for step in range(8):
        for number in range(60):
            antenna, rssi = WAY[step]
            paper.read(11 + step * 0.35 + number / 1000, f"dock:{antenna}", f"box-{number}", rssi)
    paper.until(30)
    (entry,) = at_dock(paper).passages
    assert (entry.count, len(entry.kept)) == (60, KEPT)
    assert entry.kept[0].company == 60
    assert at_dock(paper).passages_by_way(30 * S) == {1: 60}


def test_who_takes_over_the_word_of_its_carrier_is_marked() -> None:
    paper = Paper(at_s=-60)
    for number in range(5):
        go(paper, 10, f"box-{number}")
    paper.read(11, "dock:1", "hidden", -68)
    paper.until(30)
    (entry,) = at_dock(paper).passages
    hidden = next(kept for kept in entry.kept if kept.identity == "hidden")
    assert (hidden.way, hidden.taken_over, hidden.verdict.reason, hidden.carrier) == (1, True, "one_side", 1)
    assert not entry.kept[0].taken_over


def test_the_door_that_was_louder_is_named() -> None:
    next_door = Door("next", ("next:1",), ("next:2",), "yard", "hall")
    paper = Paper(Site.of([HALL, YARD], [DOCK, next_door]))
    for step, (antenna, rssi) in enumerate(WAY):
        paper.read(10 + step * 0.35, f"dock:{antenna}", rssi=rssi)
        paper.read(10.01 + step * 0.35, f"next:{antenna}", rssi=rssi - 8)
    paper.until(20)
    assert at_dock(paper).passages
    (entry,) = at_dock(paper, "next").held_back["other_door"]
    assert (entry.way, entry.kept[0].louder) == (None, "dock")


def test_parked_tags_are_counted_while_they_are_heard() -> None:
    paper = Paper()
    paper.stay("dock:1", 0, 120, every_s=0.3)
    assert paper.engine.parked_at("dock") == 1
    paper.until(179)
    assert paper.engine.parked_at("dock") == 1
    paper.until(182)
    assert paper.engine.parked_at("dock") == 0


def test_an_unknown_door_has_nothing() -> None:
    assert Paper(SITE).engine.lately_at("gate") is None
    assert Paper(SITE).engine.parked_at("gate") == 0


def test_the_clearest_and_the_least_clear_of_an_entry_stay() -> None:
    lately = Lately()
    for number, lead_s in enumerate((0.5, 3, 0.1, 2, 0.3, 1, 4, 0.05)):
        lately.add(session(f"{lead_s}", lead_s, 10 + number * 0.1))
    (entry,) = lately.passages
    assert entry.count == 8
    assert [kept.identity for kept in entry.kept] == ["4", "3", "0.1", "0.05"]


def test_entries_end_after_a_pause_and_after_ten_seconds() -> None:
    lately = Lately()
    for decided_s in (0, 2, 4, 6, 8, 10, 12, 16):
        lately.add(session("a", 1, decided_s))
    lately.add(session("a", 1, 16.5, way=-1))
    assert [(entry.number, entry.count, entry.way) for entry in lately.passages] == [(1, 6, 1), (2, 1, 1), (3, 1, 1), (4, 1, -1)]


def test_the_last_hour_forgets() -> None:
    lately = Lately()
    for minute in range(200):
        lately.add(session("a", 1, minute * 60, way=1 if minute % 2 else 0))
    assert lately.passages_by_way(199 * 60 * S) == {0: 30, 1: 30}
    assert lately.passages_by_way(400 * 60 * S) == {}


def test_a_long_session_is_drawn_with_few_samples_and_all_its_reads() -> None:
    samples = [sample(100 + step / 10, step % 2, -60, 2) for step in range(256)]
    few = drawn(samples)
    assert len(few) <= 2 * DRAWN
    assert sum(one.reads for one in few) == 512
    assert sum(one.power_mw for one in few) == pytest.approx(sum(one.power_mw for one in samples))
    assert list(few) == sorted(few)
    assert drawn(samples[:5]) == tuple(samples[:5])
