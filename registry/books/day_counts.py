"""How long a stretch of a fiscal year is: in months, months of 30 days, or days.

An axis counts in whole ticks: `used` of a stretch, `year` of a whole year as numerator and denominator, `life` of the whole life.
"""

from collections.abc import Callable
from fractions import Fraction
from typing import Final, Literal, NamedTuple, get_args

from registry.books.calendars import FiscalYear
from registry.books.conventions import Begin
from registry.books.moments import TICKS, day_ticks, thirty_ticks

DayCount = Literal["month", "30/360", "actual/total", "actual/year"]
DAY_COUNTS: Final = get_args(DayCount)
_COMMON_DAYS = 365 * 366
Unit = Literal["month", "day", "unit"]


class Axis(NamedTuple):
    """`used(from, to, fiscal year)` is the length of a stretch inside that fiscal year, in ticks. `unit_ticks` make one
    `unit`."""

    used: Callable[[int, int, FiscalYear], int]
    year: Fraction
    life: int
    unit: Unit
    unit_ticks: int


def axis_of(count: DayCount, start: Begin, months: int) -> Axis:
    """The axis for a life of `months` that begins at `start`."""
    if count == "month":
        return Axis(_months, Fraction(12 * TICKS), months * TICKS, "month", TICKS)
    if count == "30/360":
        return Axis(_thirties, Fraction(12 * TICKS), months * TICKS, "day", TICKS // 30)
    if count == "actual/total":
        life = day_ticks(start.later(months)) - day_ticks(start.later(0))
        return Axis(_days, Fraction(life * 12, months), life, "day", TICKS)
    year = TICKS * _COMMON_DAYS
    return Axis(_days_of_year, Fraction(year), year * months // 12, "day", year // 365)


def _months(since: int, until: int, year: FiscalYear) -> int:
    return until - since


def _thirties(since: int, until: int, year: FiscalYear) -> int:
    return thirty_ticks(until) - thirty_ticks(since)


def _days(since: int, until: int, year: FiscalYear) -> int:
    return day_ticks(until) - day_ticks(since)


def _days_of_year(since: int, until: int, year: FiscalYear) -> int:
    return (day_ticks(until) - day_ticks(since)) * (_COMMON_DAYS // year.year_days)
