"""When the window of an audit begins and ends, and that of the next one: over months without a 31st and clocks that jump."""

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as some

from registry.audits.windows import MONTHS, moments, occurrence

ZONES = ("UTC", "Europe/Berlin", "America/Sao_Paulo", "America/New_York", "Asia/Kathmandu", "Pacific/Apia")


@pytest.mark.parametrize(
    ("first", "last", "zone", "hours"),
    [
        (date(2026, 3, 29), date(2026, 3, 29), "Europe/Berlin", 23),
        (date(2026, 10, 25), date(2026, 10, 25), "Europe/Berlin", 25),
        (date(2018, 11, 4), date(2018, 11, 4), "America/Sao_Paulo", 23),  # clocks jumped over midnight
        (date(2026, 6, 1), date(2026, 6, 14), "UTC", 14 * 24),
    ],
)
def test_a_window_is_its_days_whatever_the_clocks_do(first: date, last: date, zone: str, hours: int) -> None:
    start, end = moments(first, last, ZoneInfo(zone))
    assert (end - start) == timedelta(hours=hours)
    assert start.astimezone(ZoneInfo(zone)).date() == first
    assert (start - timedelta(seconds=1)).astimezone(ZoneInfo(zone)).date() < first


def test_a_day_that_a_zone_never_had_is_no_window() -> None:
    start, end = moments(date(2011, 12, 30), date(2011, 12, 30), ZoneInfo("Pacific/Apia"))
    assert start == end == datetime(2011, 12, 30, 10, tzinfo=UTC)


DAYS = some.dates(date(2000, 1, 1), date(2060, 1, 1))


@given(DAYS, some.integers(1, 366), some.sampled_from(ZONES))
def test_a_window_begins_with_its_first_day_and_ends_with_its_last(first: date, days: int, zone: str) -> None:
    last = first + timedelta(days=days - 1)
    start, end = moments(first, last, ZoneInfo(zone))
    inside = {first, last} - {date(2011, 12, 30)}  # not in Samoa
    assert all(start <= datetime(day.year, day.month, day.day, 12, tzinfo=ZoneInfo(zone)) < end for day in inside)
    assert (end.astimezone(ZoneInfo(zone)) - timedelta(0)).date() > last or zone == "Pacific/Apia"


@given(DAYS, some.integers(0, 365), some.sampled_from(list(MONTHS)), some.integers(0, 200))
def test_a_series_keeps_to_its_day_of_the_month(first: date, longer: int, recurrence: str, number: int) -> None:
    start, end = occurrence(first, first + timedelta(days=longer), recurrence, number)
    months = first.year * 12 + first.month - 1 + MONTHS[recurrence] * number
    assert (start.year, start.month) == (months // 12, months % 12 + 1)
    assert start.day == min(first.day, monthrange(start.year, start.month)[1])  # the reference: the calendar itself
    assert (end - start).days == longer
    later, _ = occurrence(first, first, recurrence, number + 1)
    assert later > start


def test_a_leap_day_comes_back() -> None:
    days = [occurrence(date(2024, 2, 29), date(2024, 2, 29), "yearly", number)[0] for number in range(5)]
    assert days == [date(2024, 2, 29), date(2025, 2, 28), date(2026, 2, 28), date(2027, 2, 28), date(2028, 2, 29)]
