"""A crash point ends its process by SIGKILL, at the count that is armed, and costs nothing where none is."""

import os
import signal
import subprocess
import sys

import pytest

from host.crash_points import POINTS, VARIABLE, Fuse, reached

PASSES = (
    "from host.crash_points import reached\nfor n in range(1, 5):\n print(n, flush=True)\n reached('after_commit')\nprint('end')"
)


def run(**environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", PASSES], env={**os.environ, **environment}, capture_output=True, text=True, timeout=20
    )


def test_the_process_dies_where_it_is_armed_and_says_nothing_more() -> None:
    died = run(**{VARIABLE: "after_commit:3"})
    assert (died.returncode, died.stdout.split(), died.stderr) == (-signal.SIGKILL, ["1", "2", "3"], "")


def test_another_point_or_a_later_count_changes_nothing() -> None:
    for armed in ("before_ack:1", "after_commit:9"):
        assert run(**{VARIABLE: armed}).stdout.split() == ["1", "2", "3", "4", "end"]


def test_what_is_not_armed_costs_a_look() -> None:
    assert Fuse.of({}) is None
    for point in POINTS:
        reached(point)


@pytest.mark.parametrize("armed", ["", "after_commit", "after_commit:0", "after_commit:x", "after_comit:1", ":1"])
def test_a_word_that_arms_nothing_is_refused(armed: str) -> None:
    with pytest.raises(ValueError, match=r"SIGHTPOST_CRASH_AT=.* should be a point and a count, like after_commit:3"):
        Fuse.of({VARIABLE: armed})
