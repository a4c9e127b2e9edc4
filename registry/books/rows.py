"""The rows of a schedule, each with the reason for its amount as data."""

from datetime import date
from decimal import Decimal
from typing import Literal, NamedTuple

from registry.books.day_counts import Unit

Rule = Literal[
    "straight_line", "sl_on_cost", "declining", "declining_switched", "sum_of_years", "units", "fixed_percentage", "table",
    "manual", "immediate", "life_over", "catch_up",
]  # fmt: skip
Taken = Literal["rounded", "cumulative", "year_rest", "remainder", "floor", "given", "split", "caught_up"]


class Why(NamedTuple):
    """The exact figure was `base` * `numerator` / `denominator`, and `taken` says how it became the amount.

    `used` of `of` ticks of the axis were used, `unit_ticks` to one `unit`; explaining.py says it in days, months or units and a
    rate.
    """

    rule: Rule
    taken: Taken
    base: Decimal
    numerator: int
    denominator: int
    used: int
    of: int
    unit: Unit
    unit_ticks: int


class Row(NamedTuple):
    """Depreciation from `start` to `end`. `accumulated` and `carrying` are what stands after it."""

    start: date
    end: date
    fiscal_year: int
    amount: Decimal
    accumulated: Decimal
    carrying: Decimal
    why: Why
