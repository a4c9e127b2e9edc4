"""The drawing of an asset's condition."""

from datetime import date

from registry.care.trend import draw


def test_the_line_runs_with_time_and_down_with_the_score() -> None:
    drawn = draw([(date(2026, 7, 1), 3), (date(2026, 1, 1), 5), (date(2026, 12, 28), 1)])
    assert drawn is not None
    assert [(dot.x, dot.y, dot.score) for dot in drawn.dots] == [(8.0, 8.0, 5), (160.4, 36.0, 3), (312.0, 64.0, 1)]
    assert drawn.said == "It got worse: from 5 of 5 on 1 Jan 2026 to 1 of 5 on 28 Dec 2026, 3 times judged."


def test_one_point_is_no_line_and_two_of_one_day_are() -> None:
    assert draw([(date(2026, 1, 1), 3)]) is None
    drawn = draw([(date(2026, 1, 1), 3), (date(2026, 1, 1), 4)])
    assert drawn is not None
    assert "got better" in drawn.said
