"""Entries: the worked examples line by line, and that debits are credits whatever happened."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from fractions import Fraction

from hypothesis import given, reject, settings
from hypothesis import strategies as st

from registry.books.calendars import Calendar
from registry.books.effects import Effect
from registry.books.events import Disposal, Event, Impairment, Revaluation, Reversal, Split
from registry.books.journals import Line, external_key, of_acquisition, of_effect, of_row, reversed_lines
from registry.books.macrs import Property, schedule
from registry.books.schedule import build
from registry.books.terms import Book, Rules, Terms
from registry.problems import Problem
from tests.unit.registry.books.drawn import books, changes, terms

D = Decimal
LINE = Rules("straight_line", 60)
EUR = Book("EUR", rounding="cumulative")


def said(lines: Iterable[Line]) -> dict[str, int]:
    """Debits positive, credits negative."""
    return {line.account + (" of the new" if line.other else ""): int(line.debit - line.credit) for line in lines}


def happened(*events: Event, cost: int = 50000) -> tuple[Effect, ...]:
    return build(Terms(D(cost), date(2024, 4, 1), LINE), EUR, events).effects


def test_a_sale_at_a_loss_and_how_the_tax_book_sees_it() -> None:
    (sold,) = happened(Disposal(date(2026, 7, 1), proceeds=D(24000)))
    assert said(of_effect(sold)) == {
        "cash": 24000,
        "accumulated_depreciation": 22500,
        "disposal_loss": 3500,
        "asset_cost": -50000,
    }
    assert said(of_effect(sold, "gross")) == {
        "cash": 24000, "disposal_proceeds": -24000,
        "accumulated_depreciation": 22500, "disposed_carrying": 27500, "asset_cost": -50000,
    }  # fmt: skip
    tax = schedule(Property(D(50000), "5", date(2024, 4, 1), section_179=D(10000), disposed=date(2026, 7, 1)), Calendar())
    assert tax[-1].accumulated - sold.accumulated == D(43856) - D(22500)
    assert (D(24000) - tax[-1].adjusted, sold.gain) == (D(17856), D(-3500))


def test_an_impairment_takes_the_surplus_first_and_its_reversal_gives_profit_back_first() -> None:
    up, down, back = happened(
        Revaluation(date(2025, 3, 31), D(45000)), Impairment(date(2025, 3, 31), D(38000)), Reversal(date(2025, 3, 31), D(44000))
    )
    assert said(of_effect(up)) == {"accumulated_depreciation": 10000, "asset_cost": -5000, "revaluation_surplus": -5000}
    assert said(of_effect(down)) == {"revaluation_surplus": 5000, "impairment_loss": 2000, "accumulated_impairment": -7000}
    assert said(of_effect(back)) == {"accumulated_impairment": 6000, "reversal_gain": -2000, "revaluation_surplus": -4000}


def test_a_split_moves_cost_and_what_was_accumulated() -> None:
    (split,) = happened(Split(date(2025, 4, 1), Fraction(1, 4), "parent"))
    (other,) = happened(Split(date(2025, 4, 1), Fraction(1, 4), "child"))
    assert of_effect(other) == []  # it is one entry, and the parent's
    assert said(of_effect(split)) == {
        "asset_cost of the new": 12500, "accumulated_depreciation of the new": -2500,
        "asset_cost": -12500, "accumulated_depreciation": 2500,
    }  # fmt: skip


def test_a_row_and_taking_it_back() -> None:
    row = build(Terms(D(600), date(2024, 4, 1), LINE), EUR).rows[0]
    assert said(of_row(row)) == {"depreciation_expense": 10, "accumulated_depreciation": -10}
    assert said(reversed_lines(of_row(row))) == {"depreciation_expense": -10, "accumulated_depreciation": 10}
    assert said(of_acquisition(D(600))) == {"asset_cost": 600, "payables": -600}


def test_keys() -> None:
    day = date(2025, 3, 31)
    assert external_key("A-17", "ifrs", day, "depreciation") == "A-17/ifrs/2025-03-31/depreciation"
    assert external_key("A-17", "ifrs", day, "addition", number=2, reversal=True) == "A-17/ifrs/2025-03-31/addition/2/reversal"


@settings(max_examples=150)
@given(data=st.data())
def test_every_entry_balances_and_together_they_are_the_accounts(data: st.DataObject) -> None:
    book = data.draw(books())
    made = data.draw(terms(book.unit))
    drawn = [event for event in data.draw(changes(made, book.unit)) if not (isinstance(event, Split) and event.side == "child")]
    try:
        done = build(made, book, drawn)
    except Problem:
        reject()
    entries = [of_acquisition(made.cost), *map(of_row, done.rows), *map(of_effect, done.effects)]
    for lines in entries:
        assert sum(line.debit for line in lines) == sum(line.credit for line in lines)
        assert all(min(line.debit, line.credit) == 0 < max(line.debit, line.credit) for line in lines)
    gone = done.disposal is not None
    for account, held in (
        ("asset_cost", done.cost),
        ("accumulated_depreciation", -done.accumulated),
        ("accumulated_impairment", -done.impaired),
    ):
        posted = sum(
            line.debit - line.credit for lines in entries for line in lines if line.account == account and not line.other
        )
        assert posted == (0 if gone else held)
