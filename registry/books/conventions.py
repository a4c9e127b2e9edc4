"""From when an asset is counted, and until when: how much of the first and of the last period is taken.

A convention only moves the beginning: the life begins at a moment, lasts its months, and so the complement falls at its end.
"""

from collections.abc import Callable
from datetime import date
from fractions import Fraction
from typing import Final, Literal, NamedTuple, get_args

from registry.books.calendars import DAY, Calendar, FiscalYear
from registry.books.moments import add_months, moment_of

Convention = Literal[
    "full_month", "next_month", "mid_month", "half_year", "half_year_by_half", "mid_quarter", "actual_days", "full_year"
]
CONVENTIONS: Final = get_args(Convention)


class Begin(NamedTuple):
    """A moment as a day and a part of the month that follows it, so that a life of months can be added to it."""

    day: date
    part: Fraction = Fraction(0)

    def later(self, months: int) -> int:
        """The moment `months` after it."""
        day = add_months(self.day, months)
        at = moment_of(day)
        if not self.part:
            return at
        length = moment_of(add_months(day, 1)) - at
        return at + int(length * self.part)


def begin(convention: Convention, day: date, calendar: Calendar) -> Begin:
    """Where the life of an asset in service since `day` begins."""
    return _BEGIN[convention](day, calendar)


def disposed(convention: Convention, day: date, calendar: Calendar) -> int:
    """The moment until which an asset disposed of on `day` is counted."""
    return _DISPOSED[convention](day, calendar)


def change_at(convention: Convention, day: date, calendar: Calendar, *, end_of_day: bool) -> int:
    """The moment from which a change on `day` counts: `end_of_day` for what is measured on that day, as an impairment is.

    By days where the book counts days. Otherwise months are whole: a change in the middle of one counts from its beginning, under
    next_month from the next one.
    """
    first = day + DAY if end_of_day else day
    if convention == "actual_days":
        return moment_of(first)
    month = calendar.month_of(first)
    if month.start == first:
        return month.start_at
    return month.end_at if convention == "next_month" else calendar.month_of(day).start_at


def middle_of(year: FiscalYear) -> Begin:
    """The middle of a fiscal year, a half of its months after its start; that of a short one is at a half month or a whole
    one."""
    return _into(year, _halves(year.months / 2))


def quarter_of(year: FiscalYear, day: date) -> int:
    """1 to 4: the quarter of `year` that `day` lies in. The quarters of a short year are short too."""
    return min(3, (moment_of(day) - year.start_at) * 4 // (year.end_at - year.start_at)) + 1


def middle_of_quarter(year: FiscalYear, quarter: int) -> Begin:
    """The middle of a quarter: 1.5, 4.5, 7.5 or 10.5 months into a whole year."""
    return _into(year, _halves(year.months * (2 * quarter - 1) / 8))


def _halves(months: Fraction) -> Fraction:
    """Back to the nearest beginning or middle of a month."""
    return Fraction(months * 2 // 1, 2)


def _into(year: FiscalYear, months: Fraction) -> Begin:
    whole = int(months)
    return Begin(add_months(year.start, whole), months - whole)


def _second_half(day: date, calendar: Calendar) -> bool:
    year = calendar.year_of(day)
    return moment_of(day) >= middle_of(year).later(0)


def _month(day: date, calendar: Calendar) -> Begin:
    return Begin(calendar.month_of(day).start)


def _next_month(day: date, calendar: Calendar) -> Begin:
    return Begin(calendar.month_of(day).end + DAY)


def _mid_month(day: date, calendar: Calendar) -> Begin:
    return Begin(calendar.month_of(day).start, Fraction(1, 2))


def _half_year(day: date, calendar: Calendar) -> Begin:
    return middle_of(calendar.year_of(day))


def _year(day: date, calendar: Calendar) -> Begin:
    return Begin(calendar.year_of(day).start)


def _mid_quarter(day: date, calendar: Calendar) -> Begin:
    year = calendar.year_of(day)
    return middle_of_quarter(year, quarter_of(year, day))


def _half_year_by_half(day: date, calendar: Calendar) -> Begin:
    return _half_year(day, calendar) if _second_half(day, calendar) else _year(day, calendar)


def _until_half_or_end(day: date, calendar: Calendar) -> int:
    return calendar.year_of(day).end_at if _second_half(day, calendar) else _half_year(day, calendar).later(0)


_BEGIN: Final[dict[Convention, Callable[[date, Calendar], Begin]]] = {
    "full_month": _month,
    "next_month": _next_month,
    "mid_month": _mid_month,
    "half_year": _half_year,
    "half_year_by_half": _half_year_by_half,
    "mid_quarter": _mid_quarter,
    "actual_days": lambda day, calendar: Begin(day),
    "full_year": _year,
}
_DISPOSED: Final[dict[Convention, Callable[[date, Calendar], int]]] = {
    "full_month": lambda day, calendar: _month(day, calendar).later(0),
    "next_month": lambda day, calendar: _next_month(day, calendar).later(0),
    "mid_month": lambda day, calendar: _mid_month(day, calendar).later(0),
    "half_year": lambda day, calendar: _half_year(day, calendar).later(0),
    "half_year_by_half": _until_half_or_end,
    "mid_quarter": lambda day, calendar: _mid_quarter(day, calendar).later(0),
    "actual_days": lambda day, calendar: moment_of(day + DAY),
    "full_year": lambda day, calendar: _year(day, calendar).later(0),
}
