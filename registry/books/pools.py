"""Allowances by pool: assets only feed additions and disposal values, the pool is written down as a whole (UK).

Blocks of assets (India) are the same with a rate of their own, and half of it for what was used under 180 days in its first year.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Literal, NamedTuple

from registry.books.calendars import DAY
from registry.books.moments import TICKS, check_date, moment_of
from registry.books.money import ZERO, check_amount, exact, rounded
from registry.books.uk_rates import Business, Pool, amount_at, first_year_percent, writing_down
from registry.problems import Invalid

Relief = Literal["none", "annual_investment", "full_expensing", "new_main_rate"]
LONGEST_MONTHS = 18


@dataclass(frozen=True, slots=True)
class Spent:
    """An addition, with the relief claimed for it before it joins the pool."""

    on: date
    amount: Decimal
    relief: Relief = "none"
    car: bool = False
    under_180_days: bool = False


@dataclass(frozen=True, slots=True)
class Sold:
    """A disposal. `fully_expensed` of its cost was deducted by full expensing."""

    on: date
    cost: Decimal
    value: Decimal
    fully_expensed: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class AccountingPeriod:
    start: date
    end: date
    ceased: bool = False

    @property
    def months(self) -> Fraction:
        return Fraction(moment_of(self.end + DAY) - moment_of(self.start), TICKS)


class Pooled(NamedTuple):
    """What a period made of a pool: opening + added - taken_out is written down, or charged where it is negative.

    `relief` was deducted before the pool, `charge` is added to the profit; `percent` is the yearly rate of the allowance. What a
    first-year allowance left over is `joined_later`: part of `closing`, written down from the next period on.
    """

    opening: Decimal
    relief: Decimal
    added: Decimal
    joined_later: Decimal
    taken_out: Decimal
    percent: Decimal
    allowance: Decimal
    charge: Decimal
    closing: Decimal
    why: Literal["written_down", "small_pool", "balancing_allowance", "balancing_charge", "nothing_left"]


def pool_period(
    period: AccountingPeriod,
    opening: Decimal,
    spent: Sequence[Spent],
    sold: Sequence[Sold],
    *,
    pool: Pool = "main",
    business: Business = "company",
    percent: Decimal | None = None,
    write_off_small: bool = True,
    unit: Decimal = Decimal("0.01"),
) -> Pooled:
    """One accounting period of a pool. `percent` is for blocks with a rate of their own; the UK's comes from its tables.

    A pool of up to 1,000 (for twelve months) is written off whole, unless `write_off_small` is False.

    Raises Invalid for what is outside the period, more relief than is given, or a day that has no rate here.
    """
    _check(period, opening, spent, sold, unit)
    if percent is not None and not (percent.is_finite() and 0 <= percent <= 100):
        raise Invalid(f"rate: {percent} is no percentage of a year; 0 to 100 is allowed", field="rate")
    with exact():
        relief, added, later, half = _relieved(period, spent, pool, business, unit)
        at_once, taken_out = _disposed(sold, pool, unit)
        small, years = ZERO, period.months / 12
        if percent is None:
            percent = writing_down(pool, business, period.start, period.end).percent
            small = amount_at("small_pool", period.end) * years.numerator / years.denominator
        before = opening + added - taken_out
        none = rounded(ZERO, unit)
        figures = (opening, relief, added, later, taken_out, percent)
        if before < 0:
            return Pooled(*figures, none, at_once - before, later, "balancing_charge")
        if period.ceased:
            return Pooled(*figures, before, at_once, none, "balancing_allowance")
        if before <= small and write_off_small:
            return Pooled(*figures, before, at_once, later, "small_pool" if before else "nothing_left")
        slow = min(half, before) / 2
        allowance = min(before, rounded((before - slow) * percent / 100 * years.numerator / years.denominator, unit))
        return Pooled(*figures, allowance, at_once, before - allowance + later, "written_down")


def _relieved(
    period: AccountingPeriod, spent: Sequence[Spent], pool: Pool, business: Business, unit: Decimal
) -> tuple[Decimal, Decimal, Decimal, Decimal]:
    """What is deducted before the pool, what joins it now and what later, and what of that now at half the rate."""
    relief = added = later = half = claimed = rounded(ZERO, unit)
    for item in spent:
        if item.relief != "none" and (item.car or period.ceased):
            raise Invalid("relief: neither cars nor the last period of a business get it; relief none is allowed", field="relief")
        if item.relief == "annual_investment":
            relief += item.amount
            claimed += item.amount
        elif item.relief == "none":
            added += item.amount
            half += item.amount if item.under_180_days else ZERO
        else:
            given = rounded(item.amount * first_year_percent(item.relief, pool, business, item.on) / 100, unit)
            relief += given
            later += item.amount - given
    if claimed:
        limit = amount_at("annual_investment", period.end) * period.months.numerator / period.months.denominator / 12
        if claimed > limit:
            raise Invalid(
                f"relief: {claimed} of annual investment allowance is more than {limit:.2f}, the limit of this period",
                field="relief",
            )
    return relief, added, later, half


def _disposed(sold: Sequence[Sold], pool: Pool, unit: Decimal) -> tuple[Decimal, Decimal]:
    """What is charged at once, because it had been fully expensed, and what comes out of the pool: never more than it cost."""
    at_once = taken_out = rounded(ZERO, unit)
    for item in sold:
        value = min(item.value, item.cost)
        expensed = value * item.fully_expensed / item.cost if item.cost else ZERO
        charge = rounded(expensed if pool == "main" else expensed / 2, unit)
        at_once += charge
        taken_out += value - charge
    return at_once, taken_out


def _check(period: AccountingPeriod, opening: Decimal, spent: Sequence[Spent], sold: Sequence[Sold], unit: Decimal) -> None:
    check_date("start", period.start)
    check_date("end", period.end)
    if not period.start <= period.end or period.months > LONGEST_MONTHS:
        raise Invalid(f"end: an accounting period ends after its start and within {LONGEST_MONTHS} months", field="end")
    check_amount("opening", opening, unit)
    for item in spent:
        check_amount("amount", item.amount, unit)
    for gone in sold:
        for name in ("cost", "value", "fully_expensed"):
            check_amount(name, getattr(gone, name), unit)
        if gone.fully_expensed > gone.cost:
            raise Invalid(f"fully_expensed: {gone.fully_expensed} is more than the cost, {gone.cost}", field="fully_expensed")
    for day in [item.on for item in spent] + [gone.on for gone in sold]:
        if not period.start <= day <= period.end:
            raise Invalid(f"on: {day} is outside the period from {period.start} to {period.end}", field="on")
