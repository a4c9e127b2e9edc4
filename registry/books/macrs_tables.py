"""The percentages of MACRS: as printed by the IRS (macrs.json) where there is a table, by its recursion where there is none."""

import json
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from functools import cache
from importlib.resources import files
from typing import Any, Final, Literal

from registry.books.money import exact
from registry.problems import Invalid

Recovery = Literal["gds", "straight_line", "150", "ads"]
TaxConvention = Literal["half_year", "mid_quarter", "mid_month"]
CLASSES: Final = {
    c: Fraction(c) for c in ("3", "5", "7", "10", "15", "20", "25", "27.5", "39")
}  # and their recovery period in years
REAL: Final = frozenset({"27.5", "39"})
SLOW: Final = Fraction(3, 2)
FAST: Final = Fraction(2)
FACTORS: Final = {"3": FAST, "5": FAST, "7": FAST, "10": FAST, "15": SLOW, "20": SLOW}  # the others: straight line
_REAL_TABLES: Final = {"27.5": "residential_27_5_mid_month", "39": "nonresidential_39_mid_month"}


@dataclass(frozen=True, slots=True)
class Percentages:
    """Percent of the unadjusted basis, one for each tax year. `source` is the IRS table, or "computed"."""

    years: tuple[Decimal, ...]
    source: str


@cache
def _data() -> dict[str, Any]:
    return dict(json.loads(files("registry.books").joinpath("macrs.json").read_text(encoding="utf-8")))


@cache
def percentages(
    recovery_class: str, convention: TaxConvention, part: int, recovery: Recovery = "gds", ads_years: int = 0
) -> Percentages:
    """`part` is the quarter of mid_quarter and the month of mid_month in which the property was placed in service."""
    if recovery == "gds" and convention == "mid_month":
        table = _data()[_REAL_TABLES[recovery_class]]
        return Percentages(tuple(map(Decimal, table[str(part)])), f"IRS {table['table']}")
    if recovery == "gds" and recovery_class != "25":
        table = _data()["gds"]["half_year" if convention == "half_year" else f"mid_quarter_q{part}"]
        return Percentages(tuple(map(Decimal, table[recovery_class])), f"IRS {table['table']}")
    years, factor = method_of(recovery_class, recovery, ads_years)
    return Percentages(by_recursion(years, factor, first_share(convention, part), 3 if years >= 20 else 2), "computed")


def method_of(recovery_class: str, recovery: Recovery, ads_years: int = 0) -> tuple[Fraction, Fraction | None]:
    """The recovery period in years and the factor of declining balance; None is straight line."""
    if recovery == "ads":
        if not 2 <= ads_years <= 50:
            raise Invalid(
                "ads_years: say over how many years the alternative system takes this property, 2 to 50", field="ads_years"
            )
        return Fraction(ads_years), None
    years = CLASSES[recovery_class]
    if recovery == "straight_line" or recovery_class not in FACTORS:
        return years, None
    return years, SLOW if recovery == "150" else FACTORS[recovery_class]


def first_share(convention: TaxConvention, part: int) -> Fraction:
    """How much of the first year counts."""
    if convention == "half_year":
        return Fraction(1, 2)
    months = Fraction(27, 2) - 3 * part if convention == "mid_quarter" else Fraction(25, 2) - part
    return months / 12


def by_recursion(years: Fraction, factor: Fraction | None, share: Fraction, places: int) -> tuple[Decimal, ...]:
    """Start with 100; each year takes the larger of declining balance and straight line of the rest, the last one the rest."""
    unit, rest, left = Decimal(1).scaleb(-places), Decimal(100), years
    rate = factor / years if factor is not None else Fraction(0)
    result: list[Decimal] = []
    with exact():
        while left > share:
            taken = max(rate, 1 / left) * share
            figure = (rest * taken.numerator / taken.denominator).quantize(unit, ROUND_HALF_UP)
            result.append(figure)
            rest -= figure
            left -= share
            share = Fraction(1)
    return (*result, rest)
