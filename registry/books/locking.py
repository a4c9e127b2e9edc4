"""Rows that are posted stand for ever; what they lack comes with the first row that is still open."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from registry.books.calendars import DAY
from registry.books.moments import TICKS
from registry.books.money import ZERO
from registry.books.rows import Row, Why
from registry.books.terms import Book
from registry.problems import Invalid


def settled(rows: Sequence[Row], posted: Sequence[Row], locked_until: date | None, book: Book) -> list[Row]:
    """The open rows of the schedule `rows`, given those already `posted` and the day until which the book is locked.

    All open rows end after both. What the posted ones lack of the schedule until then is added to the first open row, or
    refused, as the book says; what they have too much is taken from the next ones. With posted rows as scheduled, the rest
    comes unchanged.
    """
    ends = [row.end for row in posted[-1:]] + ([locked_until] if locked_until is not None else [])
    if not ends:
        return list(rows)
    until = max(ends)
    before = [row for row in rows if row.end <= until]
    rest = list(rows[len(before) :])
    missed = sum((row.amount for row in before), ZERO) - sum((row.amount for row in posted), ZERO)
    if not missed:
        return rest
    if book.late == "refuse":
        raise Invalid(
            f"lock_date: {missed} belongs into periods until {until}, which are locked; unlock them, or let the book catch up",
            field="lock_date",
        )
    if missed > 0:
        return _caught_up(before, rest, missed, until, book)
    return _taken_back(rest, missed, until)


def _caught_up(before: Sequence[Row], rest: list[Row], missed: Decimal, until: date, book: Book) -> list[Row]:
    """Later rows keep their accumulated and carrying amounts: the first one makes up for all."""
    if rest:
        first = rest[0]
        return [first._replace(amount=first.amount + missed, why=_caught_up_why(first.amount + missed)), *rest[1:]]
    last = before[-1]
    period = next(book.calendar.periods_from(until + DAY, book.period_months))
    why = _caught_up_why(missed)
    return [Row(period.start, period.end, period.year.name, missed, last.accumulated, last.carrying, why)]


def _taken_back(rest: Sequence[Row], missed: Decimal, until: date) -> list[Row]:
    result = []
    for row in rest:
        amount = max(row.amount * 0, row.amount + missed)
        missed += row.amount - amount
        if amount == row.amount:
            result.append(row)
            continue
        too_much = -missed
        result.append(
            row._replace(
                amount=amount,
                accumulated=row.accumulated + too_much,
                carrying=row.carrying - too_much,
                why=_caught_up_why(amount),
            )
        )
    if missed:
        raise Invalid(
            f"posted: until {until} {-missed} more was posted than there is to depreciate; reverse a posted period",
            field="posted",
        )
    return result


def _caught_up_why(amount: Decimal) -> Why:
    return Why("catch_up", "caught_up", amount, 1, 1, TICKS, TICKS, "month", TICKS)
