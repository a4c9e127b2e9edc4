"""What holds for every schedule, whatever the method, the options, the calendar, the currency and the events."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import assume, given, reject, settings
from hypothesis import strategies as st

from registry.books import events as ev
from registry.books.locking import settled
from registry.books.rows import Row
from registry.books.schedule import Schedule, build, carrying_on
from registry.books.terms import METHODS, Book, Method, Switch, Terms
from registry.problems import Problem
from tests.unit.registry.books.drawn import books, changes, terms


def total(rows: list[Row] | tuple[Row, ...]) -> Decimal:
    return sum((row.amount for row in rows), Decimal(0))


def built(made: Terms, book: Book, drawn: Sequence[ev.Event] = ()) -> Schedule:
    """What is refused is not what is meant here."""
    try:
        return build(made, book, drawn)
    except Problem:
        reject()


def holds(schedule: Schedule, made: Terms, book: Book) -> None:
    """Rows whole, not negative, in order; the carrying amount follows from them."""
    assert all(row.amount >= 0 and row.amount % book.unit == 0 for row in schedule.rows)
    assert all(row.start <= row.end for row in schedule.rows)
    assert all(one.end < other.end for one, other in pairwise(schedule.rows))
    assert all(row.start >= made.in_service for row in schedule.rows)
    assert len(schedule.rows) <= 1300


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=60)
@given(data=st.data())
def test_the_rows_take_cost_less_salvage_and_never_more(method: Method, data: st.DataObject) -> None:
    book = data.draw(books())
    made = data.draw(terms(book.unit, method))
    schedule = built(made, book)
    holds(schedule, made, book)
    if method != "none":
        assert total(schedule.rows) == made.cost - made.salvage
    carrying = made.cost
    for row in schedule.rows:
        carrying -= row.amount
        assert row.carrying == carrying >= made.salvage
        assert row.accumulated == made.cost - carrying


@settings(max_examples=60)
@given(data=st.data())
def test_posted_rows_stay_and_the_rest_is_not_changed_by_rebuilding(data: st.DataObject) -> None:
    book = data.draw(books())
    made = data.draw(terms(book.unit))
    rows = built(made, book).rows
    count = data.draw(st.integers(0, len(rows)))
    assert settled(build(made, book).rows, rows[:count], rows[count - 1].end if count else None, book) == list(rows[count:])


@settings(max_examples=100)
@given(data=st.data())
def test_a_locked_period_moves_amounts_and_loses_none(data: st.DataObject) -> None:
    book = data.draw(books())
    made = data.draw(terms(book.unit))
    locked = made.in_service + timedelta(days=data.draw(st.integers(0, 4000)))
    rows = built(made, book).rows
    open_rows = settled(rows, (), locked, book)
    assert total(open_rows) == total(rows)
    assert all(row.end > locked and row.amount >= 0 for row in open_rows)
    assert all(one.end < other.end for one, other in pairwise(open_rows))


@settings(max_examples=250)
@given(data=st.data())
def test_events_keep_the_sum_and_cancelling_one_restores_the_rows(data: st.DataObject) -> None:
    book = data.draw(books())
    made = data.draw(terms(book.unit))
    drawn = data.draw(changes(made, book.unit))
    schedule = built(made, book, drawn)
    holds(schedule, made, book)
    risen = sum((effect.amount for effect in schedule.effects if effect.kind != "disposal"), schedule.began)
    assert total(schedule.rows) + schedule.carrying == risen
    assert carrying_on(schedule, date.max) == (0 if schedule.disposal is not None else schedule.carrying)
    assert schedule.carrying >= 0
    assert schedule.salvage >= 0
    which = data.draw(st.integers(0, len(drawn) - 1))
    without = built(made, book, [*drawn[:which], *drawn[which + 1 :]])
    assert build(made, book, [*drawn, ev.Cancel(which)]) == without
    assert build(made, book, drawn) == schedule


@settings(max_examples=100)
@given(data=st.data())
def test_an_event_leaves_the_rows_before_it_alone(data: st.DataObject) -> None:
    book = data.draw(books())
    made = data.draw(terms(book.unit))
    drawn = data.draw(changes(made, book.unit))[:1]
    assume(not isinstance(drawn[0], ev.Split))
    before, after = built(made, book), built(made, book, drawn)
    first = book.calendar.month_of(drawn[0].on).start
    kept = [row[:6] for row in before.rows if row.end < first]
    assert [row[:6] for row in after.rows[: len(kept)]] == kept


@settings(max_examples=40)
@given(data=st.data())
def test_new_readings_leave_the_rows_of_earlier_periods_alone(data: st.DataObject) -> None:
    book = data.draw(books())
    made = data.draw(terms(book.unit, "units"))
    fewer = replace(made, readings=made.readings[: data.draw(st.integers(0, len(made.readings)))])
    rows = build(fewer, book).rows
    assert build(made, book).rows[: len(rows[:-1])] == rows[:-1]


@settings(max_examples=100)
@given(data=st.data())
def test_parent_and_child_add_up_to_the_whole(data: st.DataObject) -> None:
    book = data.draw(books())
    made = data.draw(terms(book.unit))
    share = Fraction(data.draw(st.integers(1, 99)), 100)
    on = made.in_service + timedelta(days=data.draw(st.integers(0, 1500)))
    before = [ev.Split(on - timedelta(days=data.draw(st.integers(0, 60))), Fraction(1, 3), "parent")] * data.draw(
        st.integers(0, 1)
    )
    assume(not before or before[0].on >= made.in_service)
    whole = built(made, book, before)
    parent, child = (build(made, book, [*before, ev.Split(on, share, side)]) for side in ("parent", "child"))
    amounts = {row.end: row.amount for row in child.rows}
    assert {row.end: row.amount + amounts.get(row.end, 0) for row in parent.rows} == {row.end: row.amount for row in whole.rows}
    assert all(row.amount >= 0 for row in (*parent.rows, *child.rows))
    for figure in ("cost", "salvage", "accumulated", "carrying"):
        assert getattr(parent, figure) + getattr(child, figure) == getattr(whole, figure)


@settings(max_examples=80)
@given(data=st.data())
def test_declining_balance_with_a_switch_does_not_rise_after_the_first_whole_year(data: st.DataObject) -> None:
    book = data.draw(books())
    made = data.draw(terms(book.unit, "declining_balance"))
    switch: Switch = data.draw(st.sampled_from(("remaining_life", "original")))
    rules = replace(made.rules, switch=switch, factor=Fraction(2), rate=None, day_count="month", compounding="fiscal_year")
    rows = build(replace(made, rules=rules), book).rows
    years: dict[int, Decimal] = {}
    for row in rows:
        years[row.fiscal_year] = years.get(row.fiscal_year, Decimal(0)) + row.amount
    whole = [y for y in years if book.calendar.year_of(made.in_service).name < y]
    assume(all(book.calendar.year_of(row.end).months == 12 for row in rows))
    assert all(years[b] <= years[a] + 12 * book.unit for a, b in pairwise(whole[:-1]))
