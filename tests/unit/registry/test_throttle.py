"""Wrong passwords cost time, more each time. tests/integration/registry/test_throttle.py shows that they are counted."""

from datetime import timedelta

import pytest

from registry.access.throttle import FIRST_WAIT_S, FREE_TRIES, LONGEST_WAIT_S, wait_s

NOW = timedelta()


@pytest.mark.parametrize("count", [0, 1, FREE_TRIES - 1])
def test_the_first_tries_are_free(count: int) -> None:
    assert wait_s(count, NOW) == 0


def test_then_the_wait_doubles_up_to_a_ceiling_and_runs_down() -> None:
    assert wait_s(FREE_TRIES, NOW) == FIRST_WAIT_S
    assert wait_s(FREE_TRIES + 1, NOW) == 2 * FIRST_WAIT_S
    assert wait_s(FREE_TRIES + 1, timedelta(seconds=2 * FIRST_WAIT_S - 1)) == 1
    assert wait_s(FREE_TRIES + 1, timedelta(seconds=2 * FIRST_WAIT_S)) == 0
    assert wait_s(1000, NOW) == LONGEST_WAIT_S


def test_an_hour_clears_the_count() -> None:
    assert wait_s(1000, timedelta(seconds=3601)) == 0
