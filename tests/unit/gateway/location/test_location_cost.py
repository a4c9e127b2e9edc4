"""What a read costs does not depend on how many tags there are."""

import gc
import sys
from collections.abc import Callable
from functools import partial
from types import FrameType

import pytest

from gateway.location import tags
from gateway.location.timers import Timed, Timers
from tests.unit.gateway.location.on_paper import Paper, read

TraceFunction = Callable[[FrameType, str, object], "TraceFunction"]


def operations(work: Callable[[], object]) -> int:
    """Count what Python does: lines run and functions called, C functions included."""
    count = 0

    def profile(frame: FrameType, event: str, arg: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    def trace(frame: FrameType, event: str, arg: object) -> TraceFunction:
        nonlocal count
        count += 1
        return trace

    gc.disable()  # what others hang on a collection is not our work
    sys.setprofile(profile)
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(None)
        sys.setprofile(None)
        gc.enable()
    return count


def crowd(tags: int) -> Paper:
    """A hall with so many tags present, each heard at its own time, that has settled by 30 s."""
    paper = Paper()
    for lap in range(3):
        paper.take([read(lap * 2 + number * 1e-4, "hall:1", f"tag{number}") for number in range(tags)])
    paper.until(30)
    assert paper.engine.in_view == tags
    return paper


def cost_of_reads(tags: int) -> list[int]:
    engine = crowd(tags).engine
    sighted = [read(31 + step * 0.3, "hall:1", f"tag{step % 50}") for step in range(100)]
    folded = [read(61 + step * 0.001, "hall:1", "tag0") for step in range(100)]
    rivals = [read(70 + step * 0.3, "store:1", f"tag{step % 10}") for step in range(100)]
    at_door = [read(110 + step * 0.3, f"dock:{1 + step % 2}", f"tag{step % 10}") for step in range(100)]
    return [operations(partial(engine.take, part)) for part in (sighted, folded, rivals, at_door)]


def cost_of_looking(tags: int) -> list[int]:
    paper = crowd(tags)
    return [operations(partial(paper.until, 31)), operations(paper.engine.next_due_ns)]


@pytest.mark.parametrize("unpacked", [1, 100_000])
def test_the_work_per_read_is_constant(unpacked: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tags, "MAX_UNPACKED", unpacked)
    costs = cost_of_reads(100)
    assert cost_of_reads(10_000) == pytest.approx(costs, rel=0.02), "but for timers that begin a slot, or share one"
    assert costs[1] < 100 * 25, "a folded read is a look-up and a few additions"


def test_looking_at_the_clock_costs_nothing_while_nothing_is_due() -> None:
    costs = cost_of_looking(100)
    assert cost_of_looking(10_000) == costs
    assert costs[0] < 100


def test_timers_keep_one_entry_per_thing_however_often_they_are_set() -> None:
    timers: Timers[Timed] = Timers()
    things = [Timed() for _ in range(10)]
    for moment in range(100_000, 0, -1):
        timers.set(things[moment % 10], moment)
        timers.set(things[moment % 10], moment + 50)  # later: the earlier entry will look
        assert timers.entries <= 2 * 10 + 1001
    assert timers.live == 10
    assert [due_ns for _, due_ns in timers.due(100_000)] == list(range(1, 11))
    assert timers.live == 0
    timers.set(things[0], 7)
    timers.clear(things[0])
    assert list(timers.due(1_000_000)) == []
