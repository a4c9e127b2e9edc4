"""The methods: for the stretches of one fiscal year, which part of which base each of them takes. Exact; rounding.py rounds.

A segment is the life of an asset between two events that change what is left: each method spreads `base` over `left` ticks.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Final, NamedTuple

from registry.books.calendars import FiscalYear, Period
from registry.books.day_counts import Axis
from registry.books.money import exact
from registry.books.rows import Rule
from registry.books.terms import Method, Rules
from registry.problems import Invalid

WHOLE: Final = 100 * 10**6


class Stretch(NamedTuple):
    """The part from `since` to `until` (moments) of `period`: one row. `used` is its length in ticks of the axis."""

    period: Period
    since: int
    until: int
    used: int
    start: date
    end: date


class Part(NamedTuple):
    """`base` * `numerator` / `denominator` is the exact figure; `of` is what `used` of the stretch is compared with."""

    rule: Rule
    base: Decimal
    numerator: int
    denominator: int
    of: int


@dataclass(slots=True)
class Segment:
    """`carrying` less `salvage` is `base`, to be taken in `left` ticks. `done` of them are behind us."""

    rules: Rules
    axis: Axis
    cost: Decimal
    carrying: Decimal
    salvage: Decimal
    left: int
    done: int = 0
    rate: Fraction = Fraction(0)  # of a year, for declining balance
    switched: bool = False
    begin: int = 0  # where the whole life began; the next two are of `table`
    table_first: int = 0  # the fiscal year of the first percentage
    table_rest: Fraction = Fraction(1)

    @property
    def base(self) -> Decimal:
        return self.carrying - self.salvage


def straight_line(segment: Segment, carrying: Decimal, stretches: Sequence[Stretch]) -> list[Part]:
    base, left, of = segment.base, segment.left, _of(segment)
    return [Part("straight_line", base, s.used, left, of) for s in stretches]


def sl_on_cost(segment: Segment, carrying: Decimal, stretches: Sequence[Stretch]) -> list[Part]:
    of = _of(segment)
    return [Part("sl_on_cost", segment.carrying, s.used, segment.left, of) for s in stretches]


def fixed_percentage(segment: Segment, carrying: Decimal, stretches: Sequence[Stretch]) -> list[Part]:
    return [_yearly("fixed_percentage", segment.cost, segment.rate, s, segment.axis) for s in stretches]


def declining_balance(segment: Segment, carrying: Decimal, stretches: Sequence[Stretch]) -> list[Part]:
    """One figure for the fiscal year, from the `carrying` it opened with; straight line from the year that makes it as much."""
    rate, switch = segment.rate, segment.rules.switch
    if switch == "remaining_life":
        base, left = carrying - segment.salvage, segment.left - segment.done
    else:
        base, left = segment.base, segment.left
    if switch != "none" and not segment.switched:
        year = segment.axis.year
        line = base * year.numerator * rate.denominator
        segment.switched = left <= 0 or line >= carrying * rate.numerator * left * year.denominator
    if segment.switched:
        of = _of(segment, left)
        return [Part("declining_switched", base, s.used, max(left, 1), of) for s in stretches]
    return [_yearly("declining", carrying, rate, s, segment.axis) for s in stretches]


def sum_of_years(segment: Segment, carrying: Decimal, stretches: Sequence[Stretch]) -> list[Part]:
    """The year k of n weighs n - k + 1, and so do the months in it, in whatever fiscal year they are."""
    year = segment.axis.year
    base, life = segment.base, segment.left * year.denominator
    whole = _digits_until(life, life, year.numerator)
    parts, at = [], segment.done * year.denominator
    of = int(year)
    for s in stretches:
        until = at + s.used * year.denominator
        taken = _digits_until(until, life, year.numerator) - _digits_until(at, life, year.numerator)
        parts.append(Part("sum_of_years", base, taken, whole, of))
        at = until
    return parts


def table(segment: Segment, carrying: Decimal, stretches: Sequence[Stretch]) -> list[Part]:
    """The percentage of this fiscal year, evenly over the part of it in which the asset was there.

    After a change the percentages still to come share what is left."""
    year = stretches[0].period.year
    if year.months != 12:
        raise Invalid(f"method: a table counts whole fiscal years; the one that ends on {year.end} is short", field="method")
    rest = segment.table_rest
    length = year.end_at - max(year.start_at, segment.begin)
    weight = table_weight(segment.rules, year.name - segment.table_first)
    return [
        Part("table", segment.base, weight * s.used * rest.denominator, WHOLE * length * rest.numerator, length)
        for s in stretches
    ]


def table_weight(rules: Rules, index: int) -> int:
    """The percentage of fiscal year `index` (0 is the first); all of them are WHOLE."""
    return int(rules.percentages[index] * (WHOLE // 100))


def table_rest(rules: Rules, first: int, year: FiscalYear, begin: int, at: int) -> Fraction:
    """What the percentages say is still to come at the moment `at` in `year`, of 1."""
    index = year.name - first
    here = Fraction(year.end_at - at, year.end_at - max(year.start_at, begin))
    later = sum(table_weight(rules, k) for k in range(index + 1, len(rules.percentages)))
    return (later + table_weight(rules, index) * here) / WHOLE


def rate_to_salvage(carrying: Decimal, salvage: Decimal, years: Fraction) -> Fraction:
    """1 - (salvage / carrying) ** (1 / years), to 40 digits."""
    if salvage >= carrying or years <= 0:
        return Fraction(1)
    with exact():
        return 1 - Fraction(round((salvage / carrying) ** (Decimal(years.denominator) / years.numerator), 40))


def _yearly(rule: Rule, base: Decimal, rate: Fraction, s: Stretch, axis: Axis) -> Part:
    year = axis.year
    return Part(rule, base, s.used * year.denominator * rate.numerator, year.numerator * rate.denominator, int(year))


def _digits_until(at: int, life: int, year: int) -> int:
    """What the years until `at` weigh, times `year`. The last one may be a part of a year: it weighs as much as it is long."""
    at = min(at, life)
    index = min(at // year, max(0, (life - 1) // year))
    behind = index * life - year * (index * (index - 1) // 2)
    weight = life - index * year
    within = at - index * year
    return behind * year + (within * year if weight < year else within * weight)


def _of(segment: Segment, left: int | None = None) -> int:
    """Straight line is explained as a part of the life, by days of a year as a part of the year."""
    if segment.rules.day_count == "actual/year":
        return int(segment.axis.year)
    return segment.left if left is None else left


SPREAD: Final[dict[Method, Callable[[Segment, Decimal, Sequence[Stretch]], list[Part]]]] = {
    "straight_line": straight_line,
    "sl_on_cost": sl_on_cost,
    "declining_balance": declining_balance,
    "sum_of_years": sum_of_years,
    "fixed_percentage": fixed_percentage,
    "table": table,
}
