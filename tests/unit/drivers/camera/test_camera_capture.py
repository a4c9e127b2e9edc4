"""The motion gate, the hand-over between the threads, and the pace of frames."""

import threading

import numpy as np
import pytest

from drivers.camera import labels
from drivers.camera.capture import MAX_GRABS_PER_S, Frame, Gate, Look, Newest, Pace


def looks(gate: Gate, pictures: list[np.ndarray], start_s: float = 0.0, every_s: float = 0.1) -> list[Look]:
    return [gate.look(picture, start_s + number * every_s) for number, picture in enumerate(pictures)]


@pytest.mark.parametrize("size", [(640, 480), (1280, 720), (1920, 1080)])
def test_a_still_scene_is_looked_at_twice_a_second_or_so(size: tuple[int, int]) -> None:
    belt = labels.Belt(*size)
    gate = Gate(every_s=1.0)
    assert looks(gate, [belt.picture() for _ in range(4)]) == [Look.MOVED] * 4  # the first picture is news
    later = looks(gate, [belt.picture() for _ in range(30)], start_s=0.4)
    assert Look.MOVED not in later
    assert [number for number, look in enumerate(later) if look is Look.CHECK] == [9, 10, 19, 20, 29]


@pytest.mark.parametrize("size", [(640, 480), (1280, 720), (1920, 1080)])
@pytest.mark.parametrize("at", [(0.1, 0.1), (0.5, 0.5), (0.9, 0.9)])
def test_a_small_label_opens_the_gate_when_it_comes_and_when_it_goes(size: tuple[int, int], at: tuple[float, float]) -> None:
    belt = labels.Belt(*size)
    gate = Gate(every_s=100.0)
    looks(gate, [belt.picture() for _ in range(5)])
    tag = labels.label("ARNL000001", "datamatrix", module_px=4 * size[0] // 1280 + 1)
    for lying in (tag, None):
        seen = looks(gate, [belt.picture(lying, at=at) for _ in range(6)])
        assert seen == [Look.MOVED] * Gate.SETTLING_LOOKS + [Look.NONE] * 2


def test_daylight_that_changes_slowly_opens_the_gate_now_and_then_only() -> None:
    belt = labels.Belt(640, 480)
    gate = Gate(every_s=1e6)
    pictures = [np.clip(belt.picture().astype(np.int16) + number // 10, 0, 255).astype(np.uint8) for number in range(300)]
    moved = [number for number, look in enumerate(looks(gate, pictures)) if look is Look.MOVED]
    assert 4 < len(moved) < 30


def test_a_colour_picture_is_as_good() -> None:
    belt = labels.Belt(640, 480)
    gate = Gate(every_s=100.0)
    still = [np.repeat(belt.picture()[:, :, None], 3, axis=2) for _ in range(6)]
    assert looks(gate, still)[-1] is Look.NONE
    assert gate.look(255 - still[0], 1.0) is Look.MOVED


def frame(number: int) -> Frame:
    return Frame(np.zeros((1, 1), np.uint8), moved=True, mono_ns=number, wall_ms=0)


def test_the_newest_frame_wins_and_the_others_are_counted() -> None:
    newest = Newest()
    for number in range(5):
        newest.put(frame(number))
    taken = newest.take()
    assert taken is not None
    assert taken.mono_ns == 4
    assert newest.replaced == 4


def test_closing_wakes_who_waits_after_the_last_frame() -> None:
    newest = Newest()
    taken: list[int] = []

    def take_all() -> None:
        while (one := newest.take()) is not None:
            taken.append(one.mono_ns)

    waiting = threading.Thread(target=take_all, daemon=True)
    newest.put(frame(7))
    waiting.start()
    newest.close()
    waiting.join(5)
    assert not waiting.is_alive()
    assert taken == [7]


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_a_recording_plays_in_its_own_time_and_catches_up() -> None:
    clock = Clock()
    pace = Pace(frame_s=0.04, fps=10, now_s=clock)
    waits = []
    for work_s in (0.0, 0.01, 0.1, 0.0, 0.0, 0.0):
        waits.append(round(pace.wait_s(), 3))
        clock.now_s += waits[-1] + work_s
    assert waits == [0.0, 0.04, 0.03, 0.0, 0.0, 0.02]  # 0.1 s of work, then late twice, then in time again


def test_a_live_source_is_not_caught_up_with_and_cannot_take_a_core() -> None:
    clock = Clock()
    pace = Pace(frame_s=None, fps=10, now_s=clock)
    for _ in range(3):
        clock.now_s += 1.0
        assert pace.wait_s() == 0.0
    clock.now_s += 1e-4
    assert pace.wait_s() == pytest.approx(1 / MAX_GRABS_PER_S - 1e-4)


@pytest.mark.parametrize(("source_fps", "fps", "expected"), [(30, 10, 10), (15, 10, 10), (25, 10, 10), (5, 10, 5), (30, 60, 30)])
def test_so_many_frames_a_second_are_looked_at(source_fps: int, fps: float, expected: int) -> None:
    clock = Clock()
    pace = Pace(frame_s=None, fps=fps, now_s=clock)
    due = 0
    for _ in range(10 * source_fps):
        due += pace.look_due()
        clock.now_s += 1 / source_fps
    assert due == pytest.approx(10 * expected, abs=2)
