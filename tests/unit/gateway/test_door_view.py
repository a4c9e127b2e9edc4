"""What the engine kept of a door, as the page shows it: wall times, both sides, and how the readers of each side are."""

from drivers.api import AntennaState
from gateway.door_view import door_row, door_view
from gateway.health import DoorView, ReaderRow, ReaderState
from tests.unit.gateway.location.on_paper import DOCK, WALL_MS, Paper, instant

WAY = [("1", -66), ("1", -60), ("1", -52), ("1", -55), ("2", -55), ("2", -52), ("2", -60), ("2", -66)]


def reader(state: ReaderState = ReaderState.UP, why: str = "", antennas: tuple[AntennaState, ...] = ()) -> ReaderRow:
    return ReaderRow("dock", "r2000", "tcp://192.0.2.7:4001", state, why, WALL_MS, antennas=antennas)


def seen(paper: Paper, at_s: float, dock: ReaderRow | None = None) -> DoorView:
    now = instant(at_s)
    rows = {"dock": dock or reader()}
    return door_view(DOCK, paper.engine, rows, now.mono_ns, now.wall_ms, "hamburg")


def after_a_passage_and_a_visit() -> Paper:
    paper = Paper()
    for step, (antenna, rssi) in enumerate(WAY):
        paper.read(10 + step * 0.35, f"dock:{antenna}", rssi=rssi)
    for step, antenna in enumerate("111122111111"):
        paper.read(30 + step * 0.3, f"dock:{antenna}", "turner")
    paper.until(60)
    return paper


def test_a_passage_has_its_times_and_both_middles() -> None:
    view = seen(after_a_passage_and_a_visit(), 60)
    (entry,) = view.passages
    (session,) = entry.sessions
    assert (session.identity, session.way, session.own_way, session.reason) == ("drill", "in", "in", None)
    assert session.begins_wall_ms == WALL_MS + 10_000
    assert [(sample.at_ms, sample.side, sample.reads, sample.rssi_dbm) for sample in session.samples[::7]] == [
        (0, "outside", 1, -66.0),
        (2450, "inside", 1, -66.0),
    ]
    assert session.outside_ms is not None
    assert session.inside_ms is not None
    assert 0 < session.outside_ms < session.inside_ms < 2450 < session.decided_ms == 4450
    assert (session.first_side, session.last_side, session.company, session.carrier) == ("outside", "inside", 1, "in")
    assert (view.row.passed_in, view.row.passed_out, view.row.unknown) == (1, 0, 0)
    assert view.row.last_wall_ms == entry.last_wall_ms == WALL_MS + 14_450


def test_what_was_held_back_has_its_reason_and_the_newest_is_first() -> None:
    paper = after_a_passage_and_a_visit()
    paper.stay("dock:1", 70, 71, "visitor")
    paper.until(80)
    view = seen(paper, 80)
    assert [(entry.reason, entry.sessions[0].identity) for entry in view.held_back] == [
        ("one_side", "visitor"),
        ("same_side", "turner"),
    ]
    alone = view.held_back[0].sessions[0]
    assert (alone.way, alone.own_way, alone.inside_ms, alone.errors) == (None, None, None, 0.0)


def test_a_door_nobody_came_to_is_empty() -> None:
    paper = Paper()
    view = seen(paper, 5)
    assert (view.passages, view.held_back, view.parked, view.row.last_wall_ms) == ((), (), 0, None)
    assert door_row(DOCK, paper.engine, instant(5).mono_ns) == view.row


def test_each_side_says_what_is_wrong_with_its_antennas() -> None:
    paper = Paper()
    assert [side.troubles for side in seen(paper, 1).sides] == [(), ()]
    off = AntennaState(2, ok=False, why="no antenna connected")
    assert [side.troubles for side in seen(paper, 1, reader(antennas=(AntennaState(1, ok=True), off))).sides] == [
        (),
        ("antenna 2 of dock: no antenna connected",),
    ]
    down = seen(paper, 1, reader(ReaderState.DOWN, "cable unplugged"))
    assert {side.troubles for side in down.sides} == {("reader dock is down: cable unplugged",)}
