"""One asset becomes two: every figure is shared so that the two add up to what the one would have been, to the cent.

What the child has of a growing sum is the rounded share of that sum, so its rows are differences of rounded sums: never
negative, and never more than the row they are a part of. The parent keeps the rest.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from registry.books.effects import Effect, Kind
from registry.books.events import Split
from registry.books.money import ZERO, rounded
from registry.books.rows import Row
from registry.books.state import State
from registry.books.terms import is_plain
from registry.problems import Invalid


@dataclass(frozen=True, slots=True)
class Shared:
    """How sums of the whole become those of one side."""

    split: Split
    unit: Decimal

    def child(self, whole: Decimal) -> Decimal:
        share: Fraction = self.split.share
        return rounded(whole * share.numerator / share.denominator, self.unit)

    def side(self, whole: Decimal) -> Decimal:
        return self.child(whole) if self.split.side == "child" else whole - self.child(whole)


@dataclass(frozen=True, slots=True)
class Since:
    """What had been accumulated when the rows began, or right after the last split among them, on `day`."""

    day: date
    accumulated: Decimal


def divided(rows: Sequence[Row], since: Since, state: State, split: Split, unit: Decimal) -> tuple[list[Row], Effect, Since]:
    """The rows of one side, what moved, where that side stands then. `state`, after the rows, becomes that of the side.

    The child has no rows before the split: those are the parent's."""
    if not (0 < split.share < 1 and is_plain(split.share)):
        raise Invalid("share: more than 0 and less than 1 is allowed, like 1/3", field="share")
    shared = Shared(split, unit)
    cost, impaired = state.cost, state.impaired
    side_cost, side_impaired = shared.side(cost), shared.side(impaired)
    earlier = [row for row in rows if row.end < split.on]
    at_split = earlier[-1].accumulated if earlier and earlier[-1].end >= since.day else since.accumulated
    last = shared.side(impaired + at_split)
    result = earlier if split.side == "parent" else []
    for row in rows[len(earlier) :]:
        gone = shared.side(impaired + row.accumulated)
        why = row.why._replace(taken="split")
        result.append(row._replace(amount=gone - last, accumulated=gone - side_impaired, carrying=side_cost - gone, why=why))
        last = gone
    final = max(ZERO, cost - impaired - state.salvage)
    state.salvage = side_cost - shared.side(impaired + final)
    state.accumulated = shared.side(impaired + state.accumulated) - side_impaired
    state.cost, state.impaired = side_cost, side_impaired
    state.surplus, state.losses = shared.side(state.surplus), shared.side(state.losses)
    out_cost, out_impaired, out_gone = shared.child(cost), shared.child(impaired), shared.child(impaired + at_split)
    carrying = out_cost - out_gone
    kind: Kind = "split_off" if split.side == "child" else "split"
    amount = carrying if split.side == "child" else -carrying
    effect = Effect(kind, split.on, amount=amount, cost=out_cost, accumulated=out_gone - out_impaired, impaired=out_impaired)
    return result, effect, Since(split.on, shared.side(impaired + at_split) - side_impaired)
