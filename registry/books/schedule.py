"""Terms in, rows out: the depreciation of one asset in one book. Start reading here.

`build` makes the whole schedule from what the asset cost, the rules, and the events since. It knows no database and remembers
nothing: the same terms and events give the same rows, so leaving an event out (`Cancel`) gives exactly what stood before it.
`settled` (locking.py) then leaves the rows that are posted as they are.

    state (state.py) --run (running.py)--> rows until an event --effects.py--> state --run--> rows ...
    run: calendars.py cuts stretches, methods.py says which part of which base, rounding.py makes amounts
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Final

from registry.books.effects import RESTART, Effect, counts_from, dispose
from registry.books.events import Change, Disposal, Event, Impairment, Reversal, Split, standing
from registry.books.moments import check_date, moment_of
from registry.books.money import ZERO, exact
from registry.books.rows import Row
from registry.books.running import run
from registry.books.splitting import Since, divided
from registry.books.state import State, opened
from registry.books.terms import Book, Terms, check
from registry.problems import Invalid

MANY_EVENTS: Final = 200  # a reversal computes the asset without its impairments, so work grows with their product


@dataclass(frozen=True, slots=True)
class Schedule:
    """All rows of an asset in a book, what its events did, and where it stands after the last row.

    `began` + the amounts of all effects - the rows = carrying; a disposal, which takes the carrying amount out, not counted.
    What was split off begins with 0 and its split; rows and effects before that are the parent's.
    """

    began: Decimal
    rows: tuple[Row, ...]
    effects: tuple[Effect, ...]
    cost: Decimal
    salvage: Decimal
    accumulated: Decimal
    impaired: Decimal

    @property
    def carrying(self) -> Decimal:
        return self.cost - self.accumulated - self.impaired

    @property
    def disposal(self) -> Effect | None:
        return self.effects[-1] if self.effects and self.effects[-1].kind == "disposal" else None


def build(terms: Terms, book: Book, events: Sequence[Event] = ()) -> Schedule:
    """The whole schedule. Raises Invalid, or Several, with the field at fault and what is allowed."""
    check(terms, book)
    if len(events) > MANY_EVENTS:
        raise Invalid(f"events: {len(events)} are too many for one asset; at most {MANY_EVENTS}", field="events")
    with exact():
        building = _Building(terms, book, _in_order(standing(events), terms), opened(terms, book))
        building.go_through()
        if not building.disposed:
            building.go_on(None)
    state = building.state
    began = ZERO if building.split_off else terms.cost - (terms.opening.accumulated if terms.opening else ZERO)
    figures = (state.cost, state.salvage, state.accumulated, state.impaired)
    return Schedule(began, tuple(building.rows), tuple(building.effects), *figures)


def carrying_on(schedule: Schedule, day: date) -> Decimal:
    """The carrying amount at the end of `day`: after the rows and the events until then. 0 after a disposal."""
    risen = sum((effect.amount for effect in schedule.effects if effect.on <= day), schedule.began)
    return risen - sum((row.amount for row in schedule.rows if row.end <= day), ZERO)


@dataclass(slots=True)
class _Building:
    """The way from event to event. `splits` wait for the rows that they share out."""

    terms: Terms
    book: Book
    changes: Sequence[Change]
    state: State
    rows: list[Row] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    splits: list[Split] = field(default_factory=list)
    split_off: bool = False

    def go_through(self) -> None:
        """Past all changes; what comes after the last one is still to be run."""
        for index, change in enumerate(self.changes):
            if isinstance(change, Split):
                self.splits.append(change)
                continue
            at = counts_from(change, self.state.rules, self.book)
            at = self.state.at if at <= moment_of(self.terms.in_service) else max(self.state.at, at)
            self.go_on(at)
            if isinstance(change, Disposal):
                self._dispose(change)
                if index + 1 < len(self.changes):
                    raise Invalid(f"on: the asset was disposed of on {change.on}; cancel that first", field="on")
                return
            unimpaired = partial(self._unimpaired, index, at)
            self.effects.append(RESTART[type(change)](self.state, change, self.book, unimpaired))
            self.state.live_by(self.state.rules, self.book)

    def go_on(self, until: int | None) -> None:
        since = Since(date.min, self.state.accumulated)
        rows = run(self.state, self.book, self.terms.readings, until)
        for split in self.splits:
            rows, effect, since = divided(rows, since, self.state, split, self.book.unit)
            if split.side == "child":
                self.split_off = True
                self.rows.clear()
                self.effects.clear()
            self.effects.append(effect)
        self.splits.clear()
        self.rows += rows

    @property
    def disposed(self) -> bool:
        return bool(self.effects) and self.effects[-1].kind == "disposal"

    def _dispose(self, change: Disposal) -> None:
        self.rows = _ended_by(self.rows, change.on)
        self.effects.append(dispose(self.state, change, self.book))

    def _unimpaired(self, index: int, at: int) -> Decimal:
        """The carrying amount at `at` if there had been no impairments before change `index`."""
        others = [c for c in self.changes[:index] if not isinstance(c, Impairment | Reversal)]
        other = _Building(self.terms, self.book, others, opened(self.terms, self.book))
        other.go_through()
        other.go_on(at)
        return other.state.carrying


def _in_order(changes: Sequence[Change], terms: Terms) -> list[Change]:
    for change in changes:
        check_date("on", change.on)
        if change.on < terms.in_service:
            raise Invalid(f"on: {change.on} is before the asset was in service, {terms.in_service}", field="on")
        if terms.opening is not None and change.on <= terms.opening.as_of:
            raise Invalid(f"on: {change.on} is before the asset was taken over, {terms.opening.as_of}", field="on")
    return sorted(changes, key=lambda change: change.on)


def _ended_by(rows: list[Row], day: date) -> list[Row]:
    """What the convention counts after the day of disposal comes with the row of that day."""
    rest = [row for row in rows if row.end >= day]
    if len(rest) < 2:
        return [*rows[: len(rows) - len(rest)], *(row._replace(end=day) for row in rest)]
    amount = sum((row.amount for row in rest), ZERO)
    why = rest[-1].why._replace(rule="catch_up", taken="caught_up", base=amount, numerator=1, denominator=1)
    last = rest[-1]._replace(start=rest[0].start, end=day, fiscal_year=rest[0].fiscal_year, amount=amount, why=why)
    return [*rows[: len(rows) - len(rest)], last]
