"""What an event does to the figures of an asset, and what a journal of it has to say."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Final, Literal

from registry.books.conventions import change_at, disposed
from registry.books.events import (
    Addition,
    Change,
    Disposal,
    Impairment,
    LifeChange,
    MethodChange,
    Revaluation,
    Reversal,
    SalvageChange,
)
from registry.books.money import ZERO, check_amount, rounded
from registry.books.state import State
from registry.books.terms import LONGEST, Book, Rules, check_rules, is_units
from registry.problems import Invalid, Several

Kind = Literal[
    "addition", "life_change", "salvage_change", "method_change", "impairment", "reversal", "revaluation", "split", "split_off",
    "disposal",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Effect:
    """`amount` is by how much the carrying amount rose (fell, if negative).

    Of it `profit` went through profit and loss and `surplus` through the revaluation surplus. `cost`, `accumulated` and
    `impaired` are what left (or joined) those accounts: for a split what the other asset got, for a disposal or revaluation
    what was taken out.
    """

    kind: Kind
    on: date
    amount: Decimal = ZERO
    profit: Decimal = ZERO
    surplus: Decimal = ZERO
    cost: Decimal = ZERO
    accumulated: Decimal = ZERO
    impaired: Decimal = ZERO
    proceeds: Decimal = ZERO
    costs: Decimal = ZERO

    @property
    def gain(self) -> Decimal:
        """Of a disposal: proceeds - disposal costs - carrying amount; a loss is negative."""
        return self.proceeds - self.costs - (self.cost - self.accumulated - self.impaired)


def counts_from(change: Change, rules: Rules, book: Book) -> int:
    """The moment from which `change` counts."""
    if isinstance(change, Disposal):
        return disposed(rules.convention, change.on, book.calendar)
    measured = isinstance(change, Impairment | Reversal | Revaluation)
    return change_at(rules.convention, change.on, book.calendar, end_of_day=measured)


def add(state: State, change: Addition, book: Book, unimpaired: Callable[[], Decimal]) -> Effect:
    _positive("amount", change.amount, book.unit)
    if not 0 <= change.extend_months <= LONGEST:
        raise Invalid(f"extend_months: {change.extend_months} is not allowed; 0 to {LONGEST}", field="extend_months")
    state.cost += change.amount
    if change.extend_months:
        if state.rules.life_months is None:
            raise Invalid("extend_months: this asset has no life in months to extend", field="extend_months")
        _live_on(state, replace(state.rules, life_months=state.rules.life_months + change.extend_months), book)
    return Effect("addition", change.on, amount=change.amount, cost=change.amount)


def change_life(state: State, change: LifeChange, book: Book, unimpaired: Callable[[], Decimal]) -> Effect:
    by_units = state.rules.method == "units"
    if by_units != (change.units_left is not None) or by_units == (change.life_months is not None):
        wanted = "units_left" if by_units else "life_months"
        raise Invalid(f"{wanted}: the life of this asset is given in {'units' if by_units else 'months'}", field=wanted)
    if change.units_left is not None:
        if not is_units(change.units_left):
            raise Invalid(f"units_left: {change.units_left} is not allowed; 0 or more", field="units_left")
        state.units_left = change.units_left
    else:
        if state.rules.life_months is None:
            raise Invalid(f"life_months: {state.rules.method} has no life in months", field="life_months")
        _live_on(state, replace(state.rules, life_months=change.life_months), book)
    return Effect("life_change", change.on)


def change_salvage(state: State, change: SalvageChange, book: Book, unimpaired: Callable[[], Decimal]) -> Effect:
    check_amount("salvage", change.salvage, book.unit)
    if change.salvage > state.carrying:
        raise Invalid(
            f"salvage: {change.salvage} is above the carrying amount on {change.on}, {state.carrying}; at most that is allowed",
            field="salvage",
        )
    state.salvage = change.salvage
    return Effect("salvage_change", change.on)


def change_method(state: State, change: MethodChange, book: Book, unimpaired: Callable[[], Decimal]) -> Effect:
    if change.rules.method == "units":
        state.units_left = change.rules.units_total or ZERO
    _live_on(state, change.rules, book)
    return Effect("method_change", change.on)


def impair(state: State, change: Impairment, book: Book, unimpaired: Callable[[], Decimal]) -> Effect:
    check_amount("recoverable", change.recoverable, book.unit)
    loss = state.carrying - change.recoverable
    if loss <= 0:
        raise Invalid(
            f"recoverable: {change.recoverable} is not below the carrying amount on {change.on}, {state.carrying}: no impairment",
            field="recoverable",
        )
    state.impaired += loss
    return _down(state, "impairment", change.on, loss, impaired=loss)


def reverse(state: State, change: Reversal, book: Book, unimpaired: Callable[[], Decimal]) -> Effect:
    check_amount("recoverable", change.recoverable, book.unit)
    if not book.reversals_allowed:
        raise Invalid("kind: this book does not allow impairments to be reversed", field="kind")
    ceiling = min(change.recoverable, unimpaired())
    gain = min(ceiling - state.carrying, state.impaired)
    if gain <= 0:
        raise Invalid(
            f"recoverable: on {change.on} the asset stands at {state.carrying} and may rise to {ceiling}: nothing to reverse",
            field="recoverable",
        )
    state.impaired -= gain
    return _up(state, "reversal", change.on, gain, impaired=-gain)


def revalue(state: State, change: Revaluation, book: Book, unimpaired: Callable[[], Decimal]) -> Effect:
    check_amount("fair_value", change.fair_value, book.unit)
    before = state.carrying
    out = {"cost": change.fair_value - state.cost, "accumulated": state.accumulated, "impaired": state.impaired}
    none = rounded(ZERO, book.unit)
    state.cost, state.accumulated, state.impaired = rounded(change.fair_value, book.unit), none, none
    if change.fair_value < before:
        return _down(state, "revaluation", change.on, before - change.fair_value, **out)
    return _up(state, "revaluation", change.on, change.fair_value - before, **out)


def dispose(state: State, change: Disposal, book: Book) -> Effect:
    """The asset leaves the book; `state` stays as it was that day."""
    check_amount("proceeds", change.proceeds, book.unit)
    check_amount("costs", change.costs, book.unit)
    return Effect(
        "disposal",
        change.on,
        amount=-state.carrying,
        profit=change.proceeds - change.costs - state.carrying,
        cost=state.cost,
        accumulated=state.accumulated,
        impaired=state.impaired,
        proceeds=change.proceeds,
        costs=change.costs,
    )


def _down(state: State, kind: Kind, on: date, loss: Decimal, **out: Decimal) -> Effect:
    """First against this asset's surplus, the rest is a loss."""
    from_surplus = min(loss, state.surplus)
    state.surplus -= from_surplus
    state.losses += loss - from_surplus
    return Effect(kind, on, amount=-loss, profit=from_surplus - loss, surplus=-from_surplus, **out)


def _up(state: State, kind: Kind, on: date, gain: Decimal, **out: Decimal) -> Effect:
    """A gain as far as there were losses, the rest is surplus."""
    to_profit = min(gain, state.losses)
    state.losses -= to_profit
    state.surplus += gain - to_profit
    return Effect(kind, on, amount=gain, profit=to_profit, surplus=gain - to_profit, **out)


def _live_on(state: State, rules: Rules, book: Book) -> None:
    _raise([*check_rules(rules, book.unit, state.salvage)])
    state.live_by(rules, book)


def _raise(found: Sequence[Invalid]) -> None:
    if found:
        raise found[0] if len(found) == 1 else Several(list(found))


def _positive(name: str, amount: Decimal, unit: Decimal) -> None:
    check_amount(name, amount, unit)
    if not amount:
        raise Invalid(f"{name}: 0 changes nothing; more than 0 is needed", field=name)


RESTART: Final[dict[type, Callable[..., Effect]]] = {
    Addition: add,
    LifeChange: change_life,
    SalvageChange: change_salvage,
    MethodChange: change_method,
    Impairment: impair,
    Reversal: reverse,
    Revaluation: revalue,
}
