"""What a schedule is made from: the rules of a book, the rules for one asset in it, and what the asset cost. Checked here, once.

Refusals are problems.Invalid with the field and a sentence, several of them as problems.Several.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Final, Literal, ParamSpec, get_args

from registry.books.calendars import PERIOD_MONTHS, Calendar
from registry.books.conventions import CONVENTIONS, Convention
from registry.books.day_counts import DAY_COUNTS, DayCount
from registry.books.moments import check_date
from registry.books.money import ZERO, check_amount, unit_of
from registry.problems import Invalid, Several

Method = Literal[
    "straight_line",
    "sl_on_cost",
    "declining_balance",
    "sum_of_years",
    "units",
    "fixed_percentage",
    "table",
    "manual",
    "immediate",
    "none",
]
Switch = Literal["none", "remaining_life", "original"]
FinalPeriod = Literal["remainder", "leave"]
Compounding = Literal["fiscal_year", "period"]
Rounding = Literal["last_row", "fiscal_year", "cumulative"]
Late = Literal["catch_up", "refuse"]
METHODS: Final = get_args(Method)
LONGEST: Final = 1200  # months
SLOWEST: Final = Fraction(1, 100)  # of a year's rate: what is slower would go on for more than a hundred years
MANY: Final = 10_000
P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class Book:
    """The rules that all assets of a book share.

    `late` says what becomes of amounts that belong into locked periods: they come with the first open row, or are refused.
    """

    currency: str
    calendar: Calendar = field(default_factory=Calendar)
    period_months: int = 1
    rounding: Rounding = "last_row"
    late: Late = "catch_up"
    reversals_allowed: bool = True  # of impairments: IFRS yes, US GAAP no

    @property
    def unit(self) -> Decimal:
        return unit_of(self.currency)


@dataclass(frozen=True, slots=True)
class ManualRow:
    end: date
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Rules:
    """How one asset is depreciated. `rate` and `factor` are exact: Fraction(2, 3) and Fraction("0.185"), not a rounded number.

    declining_balance takes its yearly rate from `factor` / life in years, from `rate`, or, if neither is given, the one that
    leads from cost to salvage. `percentages` are those of `table`, one for each fiscal year; `units_total` is the estimate of
    `units`.
    """

    method: Method
    life_months: int | None = None
    convention: Convention = "full_month"
    day_count: DayCount = "month"
    rate: Fraction | None = None
    factor: Fraction | None = None
    switch: Switch = "none"
    final_period: FinalPeriod = "remainder"
    compounding: Compounding = "fiscal_year"
    percentages: tuple[Decimal, ...] = ()
    rows: tuple[ManualRow, ...] = ()
    units_total: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """`units` used on `day`, or up to it since the reading before."""

    day: date
    units: Decimal


@dataclass(frozen=True, slots=True)
class Opening:
    """An asset taken over: at the end of `as_of` so much had been depreciated elsewhere."""

    as_of: date
    accumulated: Decimal


@dataclass(frozen=True, slots=True)
class Terms:
    """One asset in one book. `acquired` is the day it was bought, if that was before it went into service."""

    cost: Decimal
    in_service: date
    rules: Rules
    salvage: Decimal = ZERO
    acquired: date | None = None
    readings: tuple[Reading, ...] = ()
    opening: Opening | None = None


def check(terms: Terms, book: Book) -> None:
    """Raise Invalid, or Several, unless a schedule can be made."""
    found = [*check_book(book)]
    if not found:
        found += _check_amounts(terms, book.unit)
        found += _check_dates(terms)
        found += check_rules(terms.rules, book.unit, terms.salvage)
    _raise(found)


def check_book(book: Book) -> Iterator[Invalid]:
    try:
        unit_of(book.currency)
    except Invalid as wrong:
        yield wrong
    if book.period_months not in PERIOD_MONTHS:
        yield Invalid(
            f"period_months: {book.period_months} is not allowed; a row is for 1, 3, 6 or 12 months", field="period_months"
        )
    yield from _one_of("rounding", book.rounding, get_args(Rounding))
    yield from _one_of("late", book.late, get_args(Late))


def check_rules(rules: Rules, unit: Decimal, salvage: Decimal) -> Iterator[Invalid]:
    wrong = [*_one_of("method", rules.method, METHODS), *_one_of("convention", rules.convention, CONVENTIONS)]
    wrong += _one_of("day_count", rules.day_count, DAY_COUNTS)
    wrong += _one_of("switch", rules.switch, get_args(Switch))
    wrong += _one_of("final_period", rules.final_period, get_args(FinalPeriod))
    wrong += _one_of("compounding", rules.compounding, get_args(Compounding))
    yield from wrong
    if wrong:
        return
    life = rules.life_months
    if life is not None and not 1 <= life <= LONGEST:
        yield Invalid(f"life_months: {life} is not allowed; a life has 1 to {LONGEST} months", field="life_months")
    if life is None and rules.method in {"straight_line", "sl_on_cost", "sum_of_years"}:
        yield Invalid(f"life_months: {rules.method} needs a life, 1 to {LONGEST} months", field="life_months")
    if rules.rate is not None and not (SLOWEST <= rules.rate <= 1 and is_plain(rules.rate)):
        yield Invalid("rate: from 1 % to 100 % a year is allowed, with at most 12 decimals", field="rate")
    if rules.method == "fixed_percentage" and rules.rate is None:
        yield Invalid("rate: a fixed percentage needs its rate, from 1 % to 100 % a year", field="rate")
    if rules.method == "declining_balance":
        yield from _check_declining(rules, salvage)
    elif rules.final_period == "leave" or rules.switch != "none":
        yield Invalid("switch, final_period: only declining_balance switches or leaves a rest", field="switch")
    if rules.method == "units" and (rules.units_total is None or not is_units(rules.units_total) or not rules.units_total):
        yield Invalid("units_total: say how many units the asset gives in its life, more than 0", field="units_total")
    if rules.method == "table":
        yield from _check_table(rules.percentages)
    if rules.method == "manual":
        yield from _check_manual(rules.rows, unit)


def _check_declining(rules: Rules, salvage: Decimal) -> Iterator[Invalid]:
    if rules.rate is not None and rules.factor is not None:
        yield Invalid("factor: give a factor or a rate, not both", field="factor")
    if rules.factor is not None and not (0 < rules.factor <= 10 and is_plain(rules.factor)):
        yield Invalid("factor: more than 0 and at most 10 is allowed (2 is double declining)", field="factor")
    if rules.rate is None and rules.factor is None and salvage <= 0:
        yield Invalid(
            "salvage: the rate that leads from cost to salvage needs a salvage above 0; or give a rate or factor", field="salvage"
        )
    if rules.life_months is None and (rules.rate is None or rules.switch != "none" or rules.final_period != "leave"):
        yield Invalid(
            "life_months: declining_balance without a life needs a rate, no switch and final_period leave", field="life_months"
        )
    if rules.final_period == "leave" and rules.switch != "none":
        yield Invalid("final_period: a schedule that switches to straight line leaves no rest", field="final_period")


def _check_table(percentages: tuple[Decimal, ...]) -> Iterator[Invalid]:
    if not 1 <= len(percentages) <= 100 or any(not p.is_finite() or not 0 <= p <= 100 or p != round(p, 6) for p in percentages):
        yield Invalid("percentages: give 1 to 100 of them, each 0 to 100 with at most 6 decimals", field="percentages")
    elif sum(percentages) != 100:
        yield Invalid(f"percentages: they add up to {sum(percentages)}; 100 is needed", field="percentages")


def _check_manual(rows: tuple[ManualRow, ...], unit: Decimal) -> Iterator[Invalid]:
    if len(rows) > MANY:
        yield Invalid(f"rows: {len(rows)} are too many; at most {MANY}", field="rows")
        return
    for row in rows:
        yield from _refusals(check_amount, "rows", row.amount, unit)
    ends = [row.end for row in rows]
    if ends != sorted(set(ends)):
        yield Invalid("rows: put them in order of their dates, each date once", field="rows")


def _check_amounts(terms: Terms, unit: Decimal) -> Iterator[Invalid]:
    wrong = [*_refusals(check_amount, "cost", terms.cost, unit), *_refusals(check_amount, "salvage", terms.salvage, unit)]
    yield from wrong
    if not wrong and terms.salvage > terms.cost:
        yield Invalid(
            f"salvage: {terms.salvage} is above the cost of {terms.cost}; 0 to {terms.cost} is allowed", field="salvage"
        )
    if terms.opening is not None and not wrong:
        given = terms.opening.accumulated
        yield from (amiss := [*_refusals(check_amount, "opening_accumulated", given, unit)])
        if not amiss and given > terms.cost - terms.salvage:
            yield Invalid(
                f"opening_accumulated: {given} is more than cost less salvage, {terms.cost - terms.salvage}",
                field="opening_accumulated",
            )


def _check_dates(terms: Terms) -> Iterator[Invalid]:
    wrong = [*_refusals(check_date, "in_service", terms.in_service)]
    yield from wrong
    if wrong:
        return
    if terms.acquired is not None and terms.in_service < terms.acquired:
        yield Invalid(f"in_service: {terms.in_service} is before the acquisition on {terms.acquired}", field="in_service")
    if terms.opening is not None and terms.opening.as_of < terms.in_service:
        yield Invalid(
            f"opening_as_of: {terms.opening.as_of} is before the asset was in service, {terms.in_service}", field="opening_as_of"
        )
    if terms.opening is not None:
        yield from _refusals(check_date, "opening_as_of", terms.opening.as_of)
    if terms.rules.rows and terms.rules.rows[0].end < terms.in_service:
        yield Invalid(f"rows: the first ends before the asset was in service, {terms.in_service}", field="rows")
    if terms.rules.rows:
        yield from _refusals(check_date, "rows", terms.rules.rows[-1].end)
    yield from check_readings(terms)


def is_plain(fraction: Fraction) -> bool:
    """Can a person have meant it? Thirds and percentages can; a numerator of a thousand digits only takes time."""
    return fraction.denominator <= 10**12


def is_units(units: Decimal) -> bool:
    """A number of units that can be used or expected."""
    return units.is_finite() and 0 <= units <= 10**15


def check_readings(terms: Terms) -> Iterator[Invalid]:
    days = [r.day for r in terms.readings]
    if len(days) > MANY:
        yield Invalid(f"readings: {len(days)} are too many; at most {MANY}", field="readings")
    elif days != sorted(days) or (days and days[0] < terms.in_service):
        yield Invalid(f"readings: put them in order of their days, none before {terms.in_service}", field="readings")
    elif not all(is_units(r.units) for r in terms.readings):
        yield Invalid("readings: the units used are 0 or more, at most 10^15", field="readings")
    elif days:
        yield from _refusals(check_date, "readings", days[-1])


def _refusals(check: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> Iterator[Invalid]:
    try:
        check(*args, **kwargs)
    except Invalid as wrong:
        yield wrong


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> Iterator[Invalid]:
    if value not in allowed:
        yield Invalid(f"{name}: {value[:40]!r} is not known; one of {', '.join(allowed)}", field=name)


def _raise(found: list[Invalid]) -> None:
    if len(found) == 1:
        raise found[0]
    if found:
        raise Several(list(found))
