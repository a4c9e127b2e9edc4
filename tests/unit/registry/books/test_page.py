"""The tables of docs/depreciation.md are computed again."""

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

from registry.books.calendars import Calendar
from registry.books.conventions import CONVENTIONS
from registry.books.day_counts import DAY_COUNTS
from registry.books.events import Disposal, Event, Impairment, Reversal
from registry.books.explaining import explain
from registry.books.journals import of_effect
from registry.books.macrs import Property, schedule
from registry.books.pools import AccountingPeriod, pool_period
from registry.books.rows import Row
from registry.books.schedule import build
from registry.books.terms import METHODS, Book, Rules, Terms

PAGE = (Path(__file__).parents[4] / "docs" / "depreciation.md").read_text(encoding="utf-8")
EXAMPLE = re.compile(r"`(cost=[^`]+)`\n\n\| row ends .*\n\|[-|]+\n((?:\|.*\n)+)")
D = Decimal
MONTHLY, YEARLY = Book("EUR"), Book("EUR", period_months=12)


def table(first: str) -> dict[str, list[str]]:
    """The rows of the table whose first column is headed `first`, by that column."""
    found = re.search(rf"\| {first} \|.*\n\|[-|]+\n((?:\|.*\n)+)", PAGE)
    assert found is not None
    cells = [[cell.strip() for cell in line.strip("|\n").split("|")] for line in found[1].splitlines()]
    return {row[0]: row[1:] for row in cells}


def because(row: Row) -> str:
    why = explain(row)
    rate = f"{why.rate} x " if why.rate != 1 else ""
    rest = ", the remainder" if why.taken == "remainder" else ""
    return f"{why.base} x {rate}{why.used} / {why.of} {why.unit}s = {why.exact:.4f}{rest}"


def examples() -> Iterator[tuple[Terms, Book, list[Event], list[list[str]]]]:
    for asked, lines in EXAMPLE.findall(PAGE):
        told: dict[str, Any] = dict(word.split("=") for word in asked.split())
        events: list[Event] = []
        for kind, event in (("impairment", Impairment), ("reversal", Reversal)):
            if kind in told:
                on, amount = told.pop(kind).split(":")
                events.append(event(date.fromisoformat(on), D(amount)))
        book = Book("EUR", period_months=int(told.pop("period_months", 1)))
        cost, salvage, since = D(told.pop("cost")), D(told.pop("salvage", 0)), date.fromisoformat(told.pop("in_service"))
        told |= {"life_months": int(told["life_months"])} | ({"factor": Fraction(told["factor"])} if "factor" in told else {})
        yield (
            Terms(cost, since, Rules(**told), salvage),
            book,
            events,
            [[cell.strip() for cell in line.strip("|").split("|")] for line in lines.splitlines()],
        )


def test_every_row_of_an_example() -> None:
    count = 0
    for terms, book, events, lines in examples():
        rows = {str(row.end): [str(row.amount), str(row.carrying), because(row)] for row in build(terms, book, events).rows}
        for end, *said in lines:
            assert rows[end] == said
            count += 1
    assert count == 17


def test_roundings() -> None:
    said = table("rounding")
    for rounding in ("last_row", "fiscal_year", "cumulative"):
        book = Book("EUR", rounding=rounding)
        got = [row.amount for row in build(Terms(D(1000), date(2025, 1, 1), Rules("straight_line", 36)), book).rows]
        assert said[rounding][:5] == [str(x) for x in (got[0], got[2], got[11], sum(got[:12]), got[-1])]


def test_conventions() -> None:
    said = table("convention")
    assert tuple(said) == CONVENTIONS
    for convention in CONVENTIONS:
        rules = Rules("straight_line", 36, convention)
        rows = build(Terms(D(3600), date(2025, 4, 12), rules), YEARLY).rows
        sold = build(Terms(D(3600), date(2025, 1, 1), rules), YEARLY, [Disposal(date(2026, 6, 12))]).rows
        in_2026 = sum((row.amount for row in sold if row.fiscal_year == 2026), D("0.00"))
        assert said[convention][:3] == [str(rows[0].amount), str(rows[-1].amount), str(in_2026)]


def test_day_counts() -> None:
    said = table("day count")
    assert tuple(said) == DAY_COUNTS
    for count in DAY_COUNTS:
        rows = build(Terms(D(3650), date(2024, 2, 10), Rules("straight_line", 24, "actual_days", count)), MONTHLY).rows
        assert said[count][:3] == [str(rows[n].amount) for n in (0, 1, -1)]


def test_methods() -> None:
    assert tuple(table("method")) == METHODS


def test_us_tax() -> None:
    thing = Property(D(50000), "5", date(2024, 4, 1), section_179=D(10000), disposed=date(2026, 7, 1))
    got = {
        str(r.year): [f"{x:.2f}" for x in (r.section_179, r.bonus, r.depreciation, r.adjusted)]
        for r in schedule(thing, Calendar())
    }
    assert got == table("tax year")


def test_pools() -> None:
    for period, said in table("period").items():
        start, end = map(date.fromisoformat, period.split(" to "))
        made = pool_period(AccountingPeriod(start, end), D(10000), [], [])
        assert said == [str(made.percent), str(made.allowance), str(made.closing)]


def test_the_entry_of_a_sale() -> None:
    sold = [Disposal(date(2026, 7, 1), proceeds=D(24000))]
    effect = build(
        Terms(D(50000), date(2024, 4, 1), Rules("straight_line", 60)), Book("EUR", rounding="cumulative"), sold
    ).effects[0]
    got = {line.account: [f"{x:.2f}" if x else "" for x in (line.debit, line.credit)] for line in of_effect(effect)}
    assert got == table("account")
