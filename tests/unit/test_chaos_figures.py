"""The figures that rows of `make chaos` carry: a percentile that exists, and a target that can be missed."""

import pytest

from tests.chaos.figures import Figure, p99


@pytest.mark.parametrize(("count", "expected"), [(1, 1), (3, 3), (99, 99), (100, 99), (200, 198)])
def test_the_percentile_is_one_of_the_values(count: int, expected: int) -> None:
    assert p99(list(range(count, 0, -1))) == expected


def test_a_target_is_met_below_it_and_missed_at_it() -> None:
    assert str(Figure("reader back, at most", 4.96, below=5.0)) == "reader back, at most 5.0 s (target < 5)"
    missed = Figure("reader back, at most", 5.0, below=5.0)
    assert missed.missed
    assert str(missed).endswith("MISSED")
    assert not Figure("drained", 1234.5, "events/s").missed
    assert str(Figure("drained", 1234.5, "events/s")) == "drained 1,234 events/s"
    assert Figure("after at most", 0.0627).as_json() == {"what": "after at most", "value": 0.063, "unit": "s", "below": None}
