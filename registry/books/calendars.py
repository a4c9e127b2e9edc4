"""Fiscal years and their periods. A period is what one row of a schedule is for; it ends on a posting date."""

from collections.abc import Iterator
from datetime import date, timedelta
from fractions import Fraction
from typing import NamedTuple

from registry.books.moments import add_months, check_date, days_in, moment_of, posting_day
from registry.problems import Invalid

DAY = timedelta(days=1)
PERIOD_MONTHS = (1, 3, 6, 12)


class FiscalYear(NamedTuple):
    """`name` is the calendar year it ends in. `start_at` and `end_at` are moments; 12 months long, or shorter."""

    name: int
    start: date
    end: date
    start_at: int
    end_at: int
    months: Fraction
    year_days: int  # 365 or 366: of the twelve months that end with it, however short it is itself


class Period(NamedTuple):
    """From the beginning of `start` to the end of `end`; `end_at` is the moment after it."""

    start: date
    end: date
    start_at: int
    end_at: int
    year: FiscalYear


class Calendar:
    """The fiscal years of a company.

    They end on `month` and `day` of every year (the 28th or 29th of February means its last day). An extraordinary `closing`
    ends the year it falls into, and the years after it end on its month and day: a company that moves its year end from
    December to March has closings=[31 March], one that begins on 1 September has [31 August, 31 December].
    """

    def __init__(self, month: int = 12, day: int = 31, closings: tuple[date, ...] = ()) -> None:
        if not 1 <= month <= 12 or not 1 <= day <= days_in(2024, month):
            raise Invalid(f"fy_end: there is no day {day} in month {month}; a fiscal year ends like 12-31", field="fy_end")
        for closing in closings:
            check_date("closings", closing)
        if list(closings) != sorted(set(closings)):
            raise Invalid("closings: put the dates in order, each once", field="closings")
        self._month, self._day, self._closings = month, day, closings
        self._years: dict[date, FiscalYear] = {}  # bounded: one for each start
        self._periods: dict[tuple[date, int], tuple[Period, ...]] = {}  # and four for each of them

    def year_of(self, day: date) -> FiscalYear:
        """The fiscal year that `day` lies in."""
        last = max((c for c in self._closings if c < day), default=None)
        end = self._regular_end(day, last)
        before = posting_day(end, -12)
        start = (before if last is None else max(before, last)) + DAY
        if (found := self._years.get(start)) is not None and found.end >= day:
            return found
        end = min([end, *(c for c in self._closings if day <= c)])
        months = Fraction(12) if start == posting_day(end, -12) + DAY else _months_between(start, end)
        year_days = (end - posting_day(end, -12)).days
        year = FiscalYear(end.year, start, end, moment_of(start), moment_of(end + DAY), months, year_days)
        self._years[start] = year
        return year

    def periods(self, year: FiscalYear, months: int) -> tuple[Period, ...]:
        """The periods of `year`, each `months` long; the last one of a short year may be shorter."""
        if (found := self._periods.get((year.start, months))) is not None:
            return found
        found, start = (), year.start
        for end in self._ends(year.start, year.end, months):
            found += (Period(start, end, moment_of(start), moment_of(end + DAY), year),)
            start = end + DAY
        self._periods[year.start, months] = found
        return found

    def periods_from(self, day: date, months: int) -> Iterator[Period]:
        """Periods without end, from the one that `day` lies in."""
        year = self.year_of(day)
        while True:
            for period in self.periods(year, months):
                if period.end >= day:
                    yield period
            year = self.year_of(year.end + DAY)

    def month_of(self, day: date) -> Period:
        """The posting month that `day` lies in: the calendar month, unless fiscal years end inside one."""
        return next(p for p in self.periods(self.year_of(day), 1) if p.end >= day)

    def _regular_end(self, day: date, closing: date | None) -> date:
        if closing is not None:
            years = day.year - closing.year
            return next(e for n in (years - 1, years, years + 1) if (e := posting_day(closing, 12 * n)) >= day and e > closing)
        return next(e for year in (day.year, day.year + 1) if (e := self._end_in(year)) >= day)

    def _end_in(self, year: int) -> date:
        last = days_in(year, self._month)
        return date(year, self._month, last if self._month == 2 and self._day >= 28 else min(self._day, last))

    def _ends(self, start: date, end: date, months: int) -> Iterator[date]:
        before = start - DAY
        whole = before == posting_day(end, -12)
        for n in range(1, 12 // months + 1):
            stop = posting_day(end, months * n - 12) if whole else posting_day(before, months * n)
            if stop >= end:
                break
            yield stop
        yield end


def _months_between(start: date, end: date) -> Fraction:
    """How many months a short year has, by days where it is not whole months."""
    whole = 0
    while add_months(start, whole + 1) <= end + DAY:
        whole += 1
    rest_from = add_months(start, whole)
    rest = (end + DAY - rest_from).days
    return whole + Fraction(rest, (add_months(start, whole + 1) - rest_from).days)
