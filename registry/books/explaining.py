"""Why a row is what it is, as figures a page can put into words: base x rate x used of so many days, months or units."""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from registry.books.day_counts import Unit
from registry.books.money import exact
from registry.books.rows import Row, Rule, Taken


@dataclass(frozen=True, slots=True)
class Explanation:
    """`exact` = `base` x `rate` x `used` / `of`; `taken` says how the amount came from it.

    `used` and `of` are days, months or units as `unit` says. `exact` has 10 decimals.
    """

    rule: Rule
    taken: Taken
    base: Decimal
    rate: Fraction
    used: Fraction
    of: Fraction
    unit: Unit
    exact: Decimal


def explain(row: Row) -> Explanation:
    why = row.why
    used, of = Fraction(why.used, why.unit_ticks), Fraction(why.of, why.unit_ticks)
    share = Fraction(why.numerator, why.denominator)
    rate = share * of / used if used and of else share
    with exact():
        figure = (why.base * share.numerator / share.denominator).quantize(Decimal("1e-10"))
    return Explanation(why.rule, why.taken, why.base, rate, used, of, why.unit, figure)
