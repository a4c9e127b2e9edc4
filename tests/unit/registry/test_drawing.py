"""The picture of where an asset has been: bars inside the frame, newest place on top, round times below."""

from datetime import UTC, datetime, timedelta

import pytest

from registry.web.drawing import MAX_LANES, SPANS, Span, draw, fitting_span

NOW = datetime(2025, 3, 14, 13, 7, tzinfo=UTC)


def stay(place: str, hours_ago: float, for_hours: float | None) -> Span:
    since = NOW - timedelta(hours=hours_ago)
    return Span(place, place.lower(), since, None if for_hours is None else since + timedelta(hours=for_hours))


def percent(text: str) -> float:
    return float(text.removesuffix("%"))


def test_the_place_stayed_in_last_is_the_first_lane_and_a_place_has_one_lane() -> None:
    drawing = draw([stay("Hall", 20, 5), stay("Store", 15, 5), stay("Hall", 10, None)], NOW, SPANS["day"])
    assert [lane.place for lane in drawing.lanes] == ["Hall", "Store"]
    assert [len(lane.bars) for lane in drawing.lanes] == [2, 1]


def test_an_open_stay_reaches_now_and_an_old_one_starts_at_the_edge() -> None:
    (lane,) = draw([stay("Hall", 500, None)], NOW, SPANS["day"]).lanes
    assert (lane.bars[0].x, lane.bars[0].width, lane.bars[0].until) == ("0.00%", "100.00%", None)


@pytest.mark.parametrize("hours_ago", [0, 0.001, 23.999, 24])
def test_a_short_stay_can_be_seen_and_stays_inside_the_frame(hours_ago: float) -> None:
    (lane,) = draw([stay("Hall", hours_ago, 0.0001)], NOW, SPANS["day"]).lanes
    x, width = percent(lane.bars[0].x), percent(lane.bars[0].width)
    assert width >= 0.6
    assert 0 <= x <= x + width <= 100.01


def test_stays_before_the_span_are_left_out_and_places_beyond_the_lanes_are_counted() -> None:
    stays = [stay("Long ago", 100, 1)] + [stay(f"Room {n}", n + 1, 0.5) for n in range(MAX_LANES + 3)]
    drawing = draw(stays, NOW, SPANS["day"])
    assert len(drawing.lanes) == MAX_LANES
    assert drawing.hidden_places == 3


@pytest.mark.parametrize("length", SPANS.values(), ids=SPANS)
def test_ticks_are_round_times_and_few(length: timedelta) -> None:
    ticks = draw([], NOW, length).ticks
    assert 2 <= len(ticks) <= 6
    assert all(tick.at.second == 0 and tick.at.minute % 15 == 0 for tick in ticks)
    assert all(0 <= percent(tick.x) <= 100 for tick in ticks)


def test_the_span_offered_is_the_shortest_that_shows_the_last_six_stays() -> None:
    assert fitting_span([], NOW) == "hour"
    assert fitting_span([stay("Hall", 0.5, None)], NOW) == "hour"
    assert fitting_span([stay("Hall", 30, 1)] + [stay("Store", 0.1, 0.01)] * 5, NOW) == "week"
    assert fitting_span([stay("Hall", 30, 1)] + [stay("Store", 0.1, 0.01)] * 6, NOW) == "hour"
    assert fitting_span([stay("Hall", 20_000, None)], NOW) == "year"
