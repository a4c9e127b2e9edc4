"""What cannot be depreciated is refused with the field and what is allowed, all of it at once."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from registry.books import events as ev
from registry.books.calendars import Calendar
from registry.books.locking import settled
from registry.books.schedule import build
from registry.books.terms import Book, ManualRow, Opening, Reading, Rules, Terms
from registry.problems import Invalid, Several

D = Decimal

LINE = Rules("straight_line", 60)
TERMS = Terms(D(1000), date(2025, 1, 15), LINE, D(100))
EUR = Book("EUR")


@pytest.mark.parametrize(
    ("field", "terms"),
    [
        ("cost", {"cost": D("-1")}),
        ("cost", {"cost": D("1000.001")}),
        ("cost", {"cost": D("NaN")}),
        ("cost", {"cost": D("1e17")}),
        ("cost", {"cost": D("1" + "0" * 5000 + ".5")}),
        ("cost", {"cost": D("1e-5000")}),
        ("salvage", {"salvage": D("1000.01")}),
        ("life_months", {"rules": Rules("straight_line", 0)}),
        ("life_months", {"rules": Rules("straight_line")}),
        ("life_months", {"rules": Rules("declining_balance", rate=Fraction(1, 4))}),
        ("method", {"rules": Rules("guess", 12)}),  # type: ignore[arg-type]
        ("convention", {"rules": Rules("straight_line", 12, "noon")}),  # type: ignore[arg-type]
        ("rate", {"rules": Rules("declining_balance", 60, rate=Fraction(11, 10))}),
        ("rate", {"rules": Rules("fixed_percentage")}),
        ("rate", {"rules": Rules("fixed_percentage", rate=Fraction(10**5000, 2 * 10**5000 + 1))}),
        ("factor", {"rules": Rules("declining_balance", 60, factor=Fraction(-1))}),
        ("percentages", {"rules": Rules("table", percentages=(D("NaN"), D(100)))}),
        ("units_total", {"rules": Rules("units", units_total=D("NaN"))}),
        ("units_total", {"rules": Rules("units", units_total=D("Infinity"))}),
        ("factor", {"rules": Rules("declining_balance", 60, rate=Fraction(1, 4), factor=Fraction(2))}),
        ("salvage", {"rules": Rules("declining_balance", 60), "salvage": D(0)}),
        ("switch", {"rules": Rules("straight_line", 60, switch="original")}),
        ("percentages", {"rules": Rules("table", percentages=(D(60), D("39.99")))}),
        ("units_total", {"rules": Rules("units")}),
        ("rows", {"rules": Rules("manual", rows=(ManualRow(date(2025, 12, 31), D(899)),))}),
        ("rows", {"rules": Rules("manual", rows=(ManualRow(date(2026, 1, 1), D(1)), ManualRow(date(2025, 1, 31), D(899))))}),
        ("in_service", {"acquired": date(2025, 1, 16)}),
        ("in_service", {"in_service": date(1066, 10, 14)}),
        ("opening_as_of", {"opening": Opening(date(2025, 1, 14), D(0))}),
        ("opening_accumulated", {"opening": Opening(date(2025, 2, 28), D(901))}),
        ("readings", {"rules": Rules("units", units_total=D(5)), "readings": (Reading(date(2025, 1, 14), D(1)),)}),
    ],
)
def test_terms(field: str, terms: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as refused:
        build(replace(TERMS, **terms), EUR)
    assert refused.value.field == field
    assert 10 < len(refused.value.text) < 200


@pytest.mark.parametrize(
    ("field", "event"),
    [
        ("on", ev.Addition(date(2025, 1, 14), D(1))),
        ("amount", ev.Addition(date(2025, 6, 1), D(0))),
        ("extend_months", ev.Addition(date(2025, 6, 1), D(1), -1)),
        ("life_months", ev.LifeChange(date(2025, 6, 1), 0)),
        ("life_months", ev.LifeChange(date(2025, 6, 1), units_left=D(5))),
        ("salvage", ev.SalvageChange(date(2025, 6, 1), D(1001))),
        ("recoverable", ev.Impairment(date(2025, 6, 30), D(1000))),
        ("recoverable", ev.Reversal(date(2025, 6, 30), D(1000))),
        ("share", ev.Split(date(2025, 6, 30), Fraction(1), "parent")),
        ("share", ev.Split(date(2025, 6, 30), Fraction(1, 10**13), "child")),
        ("proceeds", ev.Disposal(date(2025, 6, 30), proceeds=D(-1))),
        ("cancels", ev.Cancel(0)),
    ],
)
def test_events(field: str, event: ev.Event) -> None:
    with pytest.raises(Invalid) as refused:
        build(TERMS, EUR, [event])
    assert refused.value.field == field


def test_an_asset_has_two_hundred_events_at_most() -> None:
    many = [ev.Addition(date(2025, 6, 1), D(1))] * 201
    assert len(build(TERMS, EUR, many[1:]).effects) == 200
    with pytest.raises(Invalid, match="at most 200"):
        build(TERMS, EUR, many)


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(Several) as refused:
        build(replace(TERMS, cost=D(-1), rules=Rules("straight_line", 0)), EUR)
    assert [p.field for p in refused.value.problems] == ["cost", "life_months"]


@pytest.mark.parametrize(("currency", "allowed"), [("XXX", False), ("eur", False), ("", False), ("CHF", True)])
def test_currencies(currency: str, *, allowed: bool) -> None:
    if allowed:
        assert build(TERMS, Book(currency)).rows
        return
    with pytest.raises(Invalid, match="three capital letters") as refused:
        build(TERMS, Book(currency))
    assert refused.value.field == "currency"


def test_a_fiscal_year_that_ends_on_no_day() -> None:
    with pytest.raises(Invalid, match="no day 31 in month 6"):
        Calendar(6, 31)


def test_an_event_in_a_locked_period_and_after_a_disposal() -> None:
    sold = ev.Disposal(date(2025, 9, 30))
    with pytest.raises(Invalid, match="locked") as refused:
        ev.check_new(ev.Addition(date(2025, 3, 31), D(1)), [], date(2025, 3, 31))
    assert refused.value.field == "on"
    with pytest.raises(Invalid, match="locked"):
        ev.check_new(ev.Cancel(0), [sold], date(2025, 9, 30))
    ev.check_new(ev.Cancel(0), [sold], date(2025, 9, 29))
    with pytest.raises(Invalid, match="disposed of"):
        build(TERMS, EUR, [sold, ev.Addition(date(2025, 10, 1), D(1))])


def test_what_belongs_into_locked_periods_comes_later_or_is_refused() -> None:
    rows = build(replace(TERMS, rules=Rules("straight_line", 9)), EUR).rows
    late = settled(rows, rows[:2], date(2025, 6, 30), EUR)
    assert [(r.end, r.amount) for r in late] == [
        (date(2025, 7, 31), D(500)),
        (date(2025, 8, 31), D(100)),
        (date(2025, 9, 30), D(100)),
    ]
    over = settled(rows, rows[:2], date(2030, 6, 30), EUR)
    assert [(r.end, r.amount, r.carrying) for r in over] == [(date(2030, 7, 31), D(700), D(100))]
    with pytest.raises(Invalid, match="700") as refused:
        settled(rows, rows[:2], date(2030, 6, 30), replace(EUR, late="refuse"))
    assert refused.value.field == "lock_date"
    too_much = rows[0]._replace(amount=D(250))
    assert [str(r.amount) for r in settled(rows, [too_much], None, EUR)][:3] == ["0.00", "50.00", "100.00"]
    with pytest.raises(Invalid, match="more was posted"):
        settled(rows, [rows[0]._replace(end=date(2025, 9, 30) - timedelta(days=1), amount=D(950))], None, EUR)
