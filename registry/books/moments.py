"""Points of time inside a month, as whole numbers.

A moment is months since year 0 times TICKS. Every day of every month begins at a whole tick (28, 29, 30 and 31 divide TICKS),
and so does every half and eighth of a month: nothing is lost and nothing needs a fraction.
"""

from calendar import monthrange
from datetime import date
from functools import lru_cache

from registry.problems import Invalid

TICKS = 4 * 7 * 29 * 30 * 31 * 8  # of a month, and of a day on the axes that count days
FIRST_YEAR, LAST_YEAR = 1900, 2400


def check_date(field: str, day: date) -> None:
    if not FIRST_YEAR <= day.year <= LAST_YEAR - 200:
        raise Invalid(f"{field}: {day} is outside {FIRST_YEAR} to {LAST_YEAR - 200}", field=field)


@lru_cache(maxsize=8192)
def days_in(year: int, month: int) -> int:
    return monthrange(year, month)[1]


def moment_of(day: date) -> int:
    """The beginning of `day`."""
    return (day.year * 12 + day.month - 1) * TICKS + (day.day - 1) * TICKS // days_in(day.year, day.month)


def day_of(moment: int) -> date:
    """The day that `moment` lies in or begins."""
    months, ticks = divmod(moment, TICKS)
    year, month = months // 12, months % 12 + 1
    return date(year, month, ticks * days_in(year, month) // TICKS + 1)


def day_ticks(moment: int) -> int:
    """`moment` counted in days, times TICKS."""
    months, ticks = divmod(moment, TICKS)
    year, month = months // 12, months % 12 + 1
    return date(year, month, 1).toordinal() * TICKS + ticks * days_in(year, month)


def thirty_ticks(moment: int) -> int:
    """`moment` where every month has 30 days: the 31st takes no time, the last of February takes what is left of 30."""
    months, ticks = divmod(moment, TICKS)
    if ticks * 2 == TICKS:
        return moment  # the middle of a month stays its middle
    return months * TICKS + min(ticks * days_in(months // 12, months % 12 + 1) // 30, TICKS)


def add_months(day: date, months: int) -> date:
    """The same day `months` later, or the last of its month where there is no such day."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, days_in(year, month + 1)))


def is_last_of_month(day: date) -> bool:
    return day.day == days_in(day.year, day.month)


def posting_day(first: date, months: int) -> date:
    """The posting date `months` after `first`. If `first` is the last of its month, so is every other one."""
    later = add_months(first, months)
    return later.replace(day=days_in(later.year, later.month)) if is_last_of_month(first) else later
