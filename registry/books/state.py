"""Where an asset stands in a book at a moment: what the next rows go on from, and what an event changes."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from math import ceil

from registry.books.conventions import Begin, begin, change_at
from registry.books.day_counts import Axis, axis_of
from registry.books.methods import Segment, rate_to_salvage, table_rest
from registry.books.moments import TICKS, day_of
from registry.books.money import ZERO, rounded
from registry.books.terms import LONGEST, Book, Rules, Terms


@dataclass(slots=True)
class State:
    """`at` and `end` are moments; without an `end` the schedule goes on until nothing is left. `used` is what is behind, in
    ticks.

    `surplus` is what revaluations put into equity, `losses` what impairments and revaluations charged to profit, each less what
    later ones took back. `units_left` is the estimate of `units`.
    """

    rules: Rules
    cost: Decimal
    salvage: Decimal
    in_service: date
    begin: Begin
    at: int
    end: int | None
    axis: Axis
    accumulated: Decimal = ZERO
    impaired: Decimal = ZERO
    surplus: Decimal = ZERO
    losses: Decimal = ZERO
    used: int = 0
    units_left: Decimal = ZERO

    @property
    def carrying(self) -> Decimal:
        return self.cost - self.accumulated - self.impaired

    @property
    def left(self) -> Decimal:
        """What is still to be depreciated."""
        return max(ZERO, self.carrying - self.salvage)

    def live_by(self, rules: Rules, book: Book) -> None:
        """Go on by `rules`: their life is counted from where this asset's life began."""
        self.rules = rules
        months = rules.life_months or LONGEST
        self.begin = begin_of(rules, self.in_service, book)
        self.axis = axis_of("month" if rules.method == "table" else rules.day_count, self.begin, months)
        self.end = self.begin.later(rules.life_months) if rules.life_months is not None else None
        if rules.method == "table":
            self.end = _end_of_table(rules, self.in_service, book)
        elif rules.method == "fixed_percentage":
            self.end = self.at + self._ticks_at(rules.rate or Fraction(1))
        elif rules.method == "immediate":
            self.end = self.begin.later(0)
        elif rules.method in {"units", "manual", "none"}:
            self.end = None
        self.used = self._used_until(self.at, book)

    def segment(self, book: Book) -> Segment:
        """What the method goes on with from here."""
        rules, left = self.rules, self.axis.life - self.used
        table = rules.method == "table"
        if table:
            assert self.end is not None
            left = self.end - self.at
        segment = Segment(rules, self.axis, self.cost, self.carrying, min(self.salvage, self.carrying), max(left, 1))
        if rules.method == "fixed_percentage" or rules.rate is not None:
            segment.rate = rules.rate or Fraction(0)
        elif rules.method == "declining_balance":
            assert rules.life_months is not None
            years = Fraction(max(left, 0)) / self.axis.year
            segment.rate = (
                rate_to_salvage(self.carrying, self.salvage, years)
                if rules.factor is None
                else rules.factor * 12 / rules.life_months
            )
            segment.rate = min(segment.rate, Fraction(1))
        if table:
            segment.begin = self.begin.later(0)
            segment.table_first = book.calendar.year_of(self.in_service).name
            year = book.calendar.year_of(day_of(self.at))
            segment.table_rest = table_rest(rules, segment.table_first, year, segment.begin, self.at)
        return segment

    def _ticks_at(self, rate: Fraction) -> int:
        """How long it takes to depreciate what is left at `rate` of the cost a year."""
        yearly = Fraction(self.cost) * rate
        return ceil(Fraction(self.left) / yearly * 12 * TICKS) if yearly else 0

    def _used_until(self, until: int, book: Book) -> int:
        """The ticks from the beginning of the life to `until`."""
        at, used = self.begin.later(0), 0
        while at < until:
            year = book.calendar.year_of(day_of(at))
            stop = min(until, year.end_at)
            used += self.axis.used(at, stop, year)
            at = stop
        return used


def opened(terms: Terms, book: Book) -> State:
    """An asset at the beginning of its schedule."""
    rules = terms.rules
    start = begin_of(rules, terms.in_service, book)
    axis = axis_of("month", start, LONGEST)
    unit = book.unit  # checked to be whole: this only gives all amounts the same decimals
    cost, salvage = rounded(terms.cost, unit), rounded(terms.salvage, unit)
    state = State(rules, cost, salvage, terms.in_service, start, start.later(0), None, axis, rounded(ZERO, unit))
    state.units_left = rules.units_total or ZERO
    if terms.opening is not None:
        state.at = max(state.at, change_at(rules.convention, terms.opening.as_of, book.calendar, end_of_day=True))
        state.accumulated = rounded(terms.opening.accumulated, unit)
    state.live_by(rules, book)
    return state


def begin_of(rules: Rules, in_service: date, book: Book) -> Begin:
    """Tables say themselves what the first year takes; units, rows by hand and what is written off at once begin on their day."""
    if rules.method in {"table", "units", "manual", "immediate", "none"}:
        return Begin(in_service)
    return begin(rules.convention, in_service, book.calendar)


def _end_of_table(rules: Rules, in_service: date, book: Book) -> int:
    year = book.calendar.year_of(in_service)
    for _ in rules.percentages[1:]:
        year = book.calendar.year_of(day_of(year.end_at))
    return year.end_at
