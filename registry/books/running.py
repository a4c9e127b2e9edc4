"""The rows from where an asset stands to a moment: the loop that all methods share, and the methods that follow no clock."""

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Final

from registry.books.calendars import DAY, Period
from registry.books.methods import SPREAD, Part, Stretch
from registry.books.moments import TICKS, day_of, moment_of
from registry.books.money import ZERO, rounded
from registry.books.rounding import Running, amounts
from registry.books.rows import Row, Rule, Taken, Why
from registry.books.state import State
from registry.books.terms import LONGEST, Book, Reading
from registry.problems import Invalid

UNIT_TICKS: Final = 10**6  # units are used in millionths


def run(state: State, book: Book, readings: Sequence[Reading], until: int | None) -> list[Row]:
    """The rows from `state.at` to `until`, or to the end. Leaves `state` there. Call it inside money.exact()."""
    method = state.rules.method
    if until is not None and until <= state.at:
        return []
    if method == "none":
        rows: list[Row] = []
    elif method == "manual":
        rows = _manual(state, book, until)
    elif method == "units":
        rows = _by_units(state, book, readings, until)
    elif state.end is not None and state.end <= state.at:
        rows = _at_once(state, book, until)
    else:
        rows = _by_time(state, book, until)
    if until is not None:
        state.at = until
    return rows


def _by_time(state: State, book: Book, until: int | None) -> list[Row]:
    segment = state.segment(book)
    spread = SPREAD[state.rules.method]
    salvage, unit = segment.salvage, book.unit
    ends_here = state.end is not None and (until is None or state.end <= until)
    stop = state.end if ends_here else until
    compounding = state.rules.compounding == "period" and state.rules.method == "declining_balance"
    running = Running()
    rows: list[Row] = []
    if not state.left:
        return rows
    for stretches in _years(state, book, stop, each=compounding):
        carrying = state.carrying
        parts = spread(segment, carrying, stretches)
        final = ends_here and stretches[-1].until == stop and state.rules.final_period == "remainder"
        closes = stretches[-1].until >= stretches[-1].period.year.end_at
        found = amounts(book.rounding, parts, carrying - salvage, unit, running, final=final, closes=closes)
        if stop is None and state.rules.method == "declining_balance" and not any(a.amount for a in found):
            break  # a rest that gets no smaller any more
        rows += [
            _row(state, s, part, amount.amount, amount.taken) for s, part, amount in zip(stretches, parts, found, strict=False)
        ]
        segment.done += sum(s.used for s in stretches)
        if not state.left:
            break
    return rows


def _years(state: State, book: Book, stop: int | None, *, each: bool) -> Iterator[list[Stretch]]:
    """The stretches up to `stop` by fiscal year, or each by itself. What lies before the first day in service comes with its
    period."""
    since, axis = state.at, state.axis
    last = state.begin.later(LONGEST) if stop is None else stop
    year: list[Stretch] = []
    for period in book.calendar.periods_from(max(day_of(since), state.in_service), book.period_months):
        if year and (each or year[-1].period.year is not period.year):
            yield year
            year = []
        until = min(period.end_at, last)
        if until > since:
            year.append(_stretch(state, period, since, until, axis.used(since, until, period.year)))
            since = until
        if period.end_at >= last:
            break
    if year:
        yield year


def _stretch(state: State, period: Period, since: int, until: int, used: int) -> Stretch:
    start = day_of(since) if since > period.start_at else period.start
    end = period.end if until >= period.end_at else day_of(until - 1)
    first = max(start, state.in_service) if state.in_service <= period.end else start
    return Stretch(period, since, until, used, min(first, max(end, first)), max(end, first))


def _row(state: State, s: Stretch, part: Part, amount: Decimal, taken: Taken) -> Row:
    axis = state.axis
    state.accumulated += amount
    unit_ticks = axis.unit_ticks
    if state.rules.day_count == "actual/year":
        unit_ticks = int(axis.year) // s.period.year.year_days
    why = Why(part.rule, taken, part.base, part.numerator, part.denominator, s.used, part.of, axis.unit, unit_ticks)
    return Row(s.start, s.end, s.period.year.name, amount, state.accumulated, state.carrying, why)


def _at_once(state: State, book: Book, until: int | None) -> list[Row]:
    """All that is left, in the period that `state.at` lies in: for what is written off at once, and where the life is over."""
    if not state.left or state.rules.final_period == "leave":
        return []
    day = max(day_of(state.at), state.in_service)
    period = next(book.calendar.periods_from(day, book.period_months))
    rule: Rule = "immediate" if state.rules.method == "immediate" else "life_over"
    end = period.end if until is None else min(period.end, max(day, day_of(until - 1)))
    return [_given(state, period, day, end, state.left, rule, "remainder")]


def _manual(state: State, book: Book, until: int | None) -> list[Row]:
    due = [row for row in state.rules.rows if moment_of(row.end) >= state.at]
    total = sum((row.amount for row in due), ZERO)
    if total != state.left:
        raise Invalid(
            f"rows: they add up to {total}, but {state.left} is to be depreciated from {day_of(state.at)}", field="rows"
        )
    rows, start = [], max(day_of(state.at), state.in_service)
    for row in due:
        if until is not None and moment_of(row.end) >= until:
            break
        period = next(book.calendar.periods_from(row.end, book.period_months))
        rows.append(_given(state, period, start, row.end, rounded(row.amount, book.unit), "manual", "given"))
        start = row.end + DAY
    return rows


def _given(state: State, period: Period, start: date, end: date, amount: Decimal, rule: Rule, taken: Taken) -> Row:
    base = amount
    state.accumulated += amount
    why = Why(rule, taken, base, 1, 1, TICKS, TICKS, "month", TICKS)
    return Row(start, end, period.year.name, amount, state.accumulated, state.carrying, why)


def _by_units(state: State, book: Book, readings: Sequence[Reading], until: int | None) -> list[Row]:
    """A row for each period that has readings. After a change, what is left is spread over the units still expected."""
    base, expected, salvage = state.left, state.units_left, state.salvage
    whole = int(expected * UNIT_TICKS)
    running, unit = Running(), book.unit
    rows: list[Row] = []
    due = [r for r in readings if moment_of(r.day) >= state.at and (until is None or moment_of(r.day) < until)]
    start = max(day_of(state.at), state.in_service)
    for year in _reading_years(due, book):
        parts = [Part("units", base, int(units * UNIT_TICKS), max(whole, 1), max(whole, 1)) for _, units in year]
        left = max(ZERO, state.carrying - salvage)
        if not left:
            break
        last = year[-1][0]
        closes = last.end_at == last.year.end_at and (until is None or until >= last.end_at)
        found = amounts(book.rounding, parts, left, unit, running, final=False, closes=closes)
        for (period, _), part, amount in zip(year, parts, found, strict=False):
            end = period.end if until is None else min(period.end, day_of(until - 1))
            state.accumulated += amount.amount
            why = Why("units", amount.taken, base, part.numerator, part.denominator, part.numerator, whole, "unit", UNIT_TICKS)
            begin = max(start, period.start)
            rows.append(Row(begin, end, period.year.name, amount.amount, state.accumulated, state.carrying, why))
    state.units_left = max(ZERO, expected - sum((r.units for r in due), ZERO))
    return rows


def _reading_years(readings: Sequence[Reading], book: Book) -> Iterator[list[tuple[Period, Decimal]]]:
    year: list[tuple[Period, Decimal]] = []
    for reading in readings:
        if year and year[-1][0].end >= reading.day:
            year[-1] = (year[-1][0], year[-1][1] + reading.units)
            continue
        period = next(book.calendar.periods_from(reading.day, book.period_months))
        if year and year[-1][0].year is not period.year:
            yield year
            year = []
        year.append((period, reading.units))
    if year:
        yield year
