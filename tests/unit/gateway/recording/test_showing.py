"""`sightpost replay`: what is printed, how fast, and the exit codes."""

from pathlib import Path

import msgspec
import pytest

from gateway.recording.showing import DAMAGED, FINE, NO_RECORDING, show
from sync.wire import LocationEvent
from tests.unit.gateway.recording.on_tape import TOML, Tape, a_day, settings_of


class Screen:
    def __init__(self) -> None:
        self.out: list[str] = []
        self.err: list[str] = []

    def __call__(self, message: str, *, err: bool = False) -> None:
        (self.err if err else self.out).append(message)


@pytest.fixture(scope="module")
def tape() -> Tape:
    tape = Tape()
    a_day(tape)
    tape.ended()
    return tape


@pytest.fixture
def path(tape: Tape, tmp_path: Path) -> Path:
    path = tmp_path / "a.rec"
    path.write_bytes(tape.file)
    return path


def test_json_lines_are_the_events(tape: Tape, path: Path) -> None:
    screen = Screen()
    assert show(path, None, None, True, screen) == FINE
    assert [msgspec.json.decode(line, type=LocationEvent) for line in screen.out] == tape.told
    (summary,) = screen.err
    assert summary.startswith("Site paper from 2023-11-14 22:15:00 UTC for 0:00:2")
    assert summary.endswith("It ends there: it was stopped.")


def test_people_see_when_what_went_where(tape: Tape, path: Path) -> None:
    screen = Screen()
    show(path, None, None, False, screen)
    assert len(screen.out) == len(tape.told)
    passed = next(line for line in screen.out if "passed" in line)
    assert "uii:E28011600000000000000007" in passed
    assert "yard -> hall" in passed
    assert " in (" in passed


def test_a_speed_is_kept(tape: Tape, path: Path) -> None:
    now_s, slept = 0.0, []

    def sleep(seconds: float) -> None:
        nonlocal now_s
        now_s += seconds
        slept.append(seconds)

    show(path, None, 2.0, True, Screen(), sleep=sleep, clock=lambda: now_s)
    assert sum(slept) == pytest.approx((tape.at_s - 100) / 2)
    show(path, None, None, True, Screen(), sleep=sleep, clock=lambda: now_s)
    assert sum(slept) == pytest.approx((tape.at_s - 100) / 2)


def test_damage_is_said_after_what_stands_before_it(path: Path) -> None:
    file = bytearray(path.read_bytes())
    file[-1] ^= 1
    path.write_bytes(file)
    screen = Screen()
    assert show(path, None, None, True, screen) == DAMAGED
    assert "damaged there: a block has a wrong checksum" in screen.err[0]


def test_a_cut_is_said_and_is_no_failure(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])
    screen = Screen()
    assert show(path, None, None, True, screen) == FINE
    assert screen.err[0].endswith("It ends there: cut short.")


@pytest.mark.parametrize("content", [None, b"", b"hello", b"sightpost recording 2\nmore"])
def test_what_is_no_recording_is_said(path: Path, content: bytes | None) -> None:
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    screen = Screen()
    assert show(path, None, None, True, screen) == NO_RECORDING
    assert screen.out == []
    assert str(path) in screen.err[0]
    assert ("another version" in screen.err[0]) is (content is not None and b"2" in content)


def test_other_settings_are_taken_where_they_are_given(path: Path, tape: Tape) -> None:
    screen = Screen()
    show(path, settings_of(TOML.replace('kind = "desk"', 'kind = "storage"')), None, True, screen)
    assert len(screen.out) != 0
    assert {msgspec.json.decode(line, type=LocationEvent).parameters for line in screen.out} != {tape.told[0].parameters}


def test_who_has_seen_enough_is_not_called_a_bad_file(path: Path) -> None:
    def gone(message: str, *, err: bool = False) -> None:
        assert not err
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        show(path, None, None, True, gone)
