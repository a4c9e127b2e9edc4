"""From exact figures to amounts: where the cents go that rounding leaves over.

last_row: every row is rounded by itself, the last one takes the remainder. fiscal_year: the year is rounded first, its last row
takes what is left of it. cumulative: a row is the rounded total so far less the one before. Always: no amount is negative, and
none takes more than is left.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from registry.books.methods import Part
from registry.books.money import ZERO, rounded
from registry.books.rows import Taken
from registry.books.terms import Rounding


class Amount(NamedTuple):
    amount: Decimal
    taken: Taken


@dataclass(slots=True)
class Running:
    """The exact total since `base` and `denominator` last changed, on top of what the books had then."""

    given: Decimal = ZERO
    booked: Decimal = ZERO
    base: Decimal = ZERO
    numerator: int = 0
    denominator: int = 0

    def total_with(self, part: Part) -> Decimal:
        if part.base != self.base or part.denominator != self.denominator:
            self.booked, self.base, self.numerator, self.denominator = self.given, part.base, 0, part.denominator
        self.numerator += part.numerator
        return self.booked + self.base * self.numerator / self.denominator


def amounts(
    policy: Rounding, parts: Sequence[Part], left: Decimal, unit: Decimal, running: Running, *, final: bool, closes: bool
) -> list[Amount]:
    """The amounts of one fiscal year's rows. `left` may be taken at most, and all of it if the year is the `final` one.

    A year that an event cuts off does not close: the rows before the event are as they would be without it.

    Stops early where nothing is left. Call it inside money.exact().
    """
    by_year = policy == "fiscal_year" and closes
    budget = min(rounded(_sum(parts), unit), left) if by_year else left
    result: list[Amount] = []
    last = len(parts) - 1
    for index, part in enumerate(parts):
        taken: Taken = "rounded"
        if index == last and final:
            amount, taken = left, "remainder"
        elif index == last and by_year:
            amount, taken = budget, "year_rest"
        else:
            if policy == "cumulative":
                amount, taken = rounded(running.total_with(part), unit) - running.given, "cumulative"
            else:
                amount = rounded(part.base * part.numerator / part.denominator, unit)
            if amount > budget:
                amount, taken = budget, "floor"
        result.append(Amount(amount, taken))
        running.given += amount
        left -= amount
        budget -= amount
        if not left:
            break
    return result


def _sum(parts: Sequence[Part]) -> Decimal:
    first = parts[0]
    if all(p.denominator == first.denominator and p.base == first.base for p in parts):
        return first.base * sum(p.numerator for p in parts) / first.denominator
    return sum((p.base * p.numerator / p.denominator for p in parts), ZERO)
