"""US tax depreciation: section 179, then bonus, then MACRS on the rest, one row for each tax year.

Percentages come from the IRS tables as long as tax years have twelve months. From the first short one on, a property is computed
with its method on the basis that is left. Half-year or mid-quarter is decided for a whole tax year, by `decide`. Salvage is
ignored.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Final, NamedTuple, get_args

from registry.books.calendars import Calendar, FiscalYear
from registry.books.conventions import begin, disposed, quarter_of
from registry.books.macrs_tables import CLASSES, REAL, Percentages, Recovery, TaxConvention, method_of, percentages
from registry.books.moments import TICKS, check_date, moment_of
from registry.books.money import ZERO, check_amount, exact, rounded, share_of
from registry.books.terms import is_plain
from registry.books.us_limits import bonus, section_179_limit
from registry.problems import Invalid

CENT: Final = Decimal("0.01")
LATE: Final = Fraction(2, 5)  # more than this share of a year's basis in its last quarter makes the year a mid-quarter year


@dataclass(frozen=True, slots=True)
class Property:
    """One thing placed in service. `section_179` is what was elected for it; `bonus` False is an election out."""

    cost: Decimal
    recovery_class: str
    placed: date
    acquired: date | None = None
    business_share: Fraction = Fraction(1)
    section_179: Decimal = ZERO
    bonus: bool = True
    recovery: Recovery = "gds"
    ads_years: int = 0
    disposed: date | None = None

    @property
    def business_cost(self) -> Decimal:
        return share_of(self.cost, self.business_share, CENT)

    @property
    def is_real(self) -> bool:
        return self.recovery_class in REAL


class Decided(NamedTuple):
    """The convention of a tax year, and why: `late` of `basis` was placed in service in its last quarter."""

    convention: TaxConvention
    late: Decimal
    basis: Decimal


class TaxRow(NamedTuple):
    """The deductions of a tax year. `adjusted` is the basis that is left after it.

    `depreciation` is `basis` x `percent` x `share` (of the year, when disposed of in it); without `percent` it was computed
    on what was left. `source` names the table.
    """

    year: int
    end: date
    section_179: Decimal
    bonus: Decimal
    depreciation: Decimal
    accumulated: Decimal
    adjusted: Decimal
    basis: Decimal
    percent: Decimal | None
    share: Fraction
    source: str

    @property
    def total(self) -> Decimal:
        return self.section_179 + self.bonus + self.depreciation


def decide(year: FiscalYear, placed: Sequence[Property]) -> Decided:
    """Half-year, or mid-quarter if more than 40 % of the basis was `placed` in the last quarter of `year`.

    The basis is that after section 179 and before bonus. Real property does not count, nor what was disposed of in the same year.
    """
    late = total = ZERO
    for thing in placed:
        if thing.is_real or not year.start <= thing.placed <= year.end:
            continue
        if thing.disposed is not None and thing.disposed <= year.end:
            continue
        basis = thing.business_cost - thing.section_179
        total += basis
        if quarter_of(year, thing.placed) == 4:
            late += basis
    return Decided("mid_quarter" if total and late > total * LATE.numerator / LATE.denominator else "half_year", late, total)


def schedule(thing: Property, calendar: Calendar, decided: TaxConvention = "half_year") -> tuple[TaxRow, ...]:
    """All tax years of `thing`. `decided` is the convention of the tax year it was placed in; real property is mid-month always.

    Nothing is deducted for what is placed and disposed of in the same tax year.
    """
    check(thing, calendar)
    first = calendar.year_of(thing.placed)
    if thing.disposed is not None and thing.disposed <= first.end:
        return ()
    convention: TaxConvention = "mid_month" if thing.is_real else decided
    with exact():
        return tuple(_rows(thing, calendar, first, convention))


def recapture(gain: Decimal, taken: Decimal) -> Decimal:
    """Of the `gain` on personal property the part that is ordinary income: no more than the depreciation `taken`."""
    return max(ZERO, min(gain, taken))


def check(thing: Property, calendar: Calendar) -> None:
    """Raise Invalid unless tax years can be made of it."""
    check_amount("cost", thing.cost, CENT)
    check_amount("section_179", thing.section_179, CENT)
    check_date("placed", thing.placed)
    if thing.recovery_class not in CLASSES:
        raise Invalid(f"class_years: {thing.recovery_class[:20]!r} is no class; one of {', '.join(CLASSES)}", field="class_years")
    if thing.recovery not in get_args(Recovery) or (
        thing.recovery == "150" and thing.recovery_class not in {"3", "5", "7", "10"}
    ):
        raise Invalid("recovery: gds, straight_line, ads, or 150 for the classes 3 to 10", field="recovery")
    method_of(thing.recovery_class, thing.recovery, thing.ads_years)
    if not (0 <= thing.business_share <= 1 and is_plain(thing.business_share)):
        raise Invalid("business_share: 0 to 1 is allowed", field="business_share")
    if thing.acquired is not None and thing.placed < thing.acquired:
        raise Invalid(f"placed: {thing.placed} is before the acquisition on {thing.acquired}", field="placed")
    if thing.disposed is not None and thing.disposed < thing.placed:
        raise Invalid(f"disposed: {thing.disposed} is before it was placed in service, {thing.placed}", field="disposed")
    if thing.section_179:
        year = section_179_limit(calendar.year_of(thing.placed).start.year)
        most = ZERO if thing.is_real else min(year.limit, thing.business_cost)
        if thing.section_179 > most:
            raise Invalid(
                f"section_179: {thing.section_179} is more than {most}, the most for this property", field="section_179"
            )


def _rows(thing: Property, calendar: Calendar, first: FiscalYear, convention: TaxConvention) -> list[TaxRow]:
    cost = thing.business_cost
    after_179 = cost - thing.section_179
    special = ZERO
    if thing.bonus and after_179 and not thing.is_real:
        special = rounded(after_179 * bonus(thing.acquired or thing.placed, thing.placed).percent / 100, CENT)
    basis = after_179 - special
    month = min(12, (moment_of(thing.placed) - first.start_at) // TICKS + 1)  # of the tax year, as the tables count them
    part = quarter_of(first, thing.placed) if convention == "mid_quarter" else month
    table = percentages(thing.recovery_class, convention, part, thing.recovery, thing.ads_years)
    years, factor = method_of(thing.recovery_class, thing.recovery, thing.ads_years)
    start = begin(convention, thing.placed, calendar).later(0)
    last = start + int(years * 12 * TICKS)
    until = last if thing.disposed is None else min(last, disposed(convention, thing.disposed, calendar))

    rows: list[TaxRow] = []
    year, left, accumulated, whole = first, basis, ZERO, True
    while left or not rows:
        whole = whole and year.months == 12
        since = max(start, year.start_at)
        end = min(until, year.end_at)
        if whole:
            amount, percent, share = _by_table(
                table, len(rows), basis, left, Fraction(end - since, min(last, year.end_at) - since)
            )
            source = table.source
        else:
            amount, percent, share = _by_method(left, years, factor, since, end, last), None, Fraction(end - since, 12 * TICKS)
            source = "computed"
        first_year = not rows
        deductions = (thing.section_179, special) if first_year else (ZERO, ZERO)
        left -= amount
        accumulated += sum(deductions, amount)
        rows.append(
            TaxRow(year.name, year.end, *deductions, amount, accumulated, cost - accumulated, basis, percent, share, source)
        )
        if until <= year.end_at:
            break
        year = calendar.year_of(date.fromordinal(year.end.toordinal() + 1))
    return rows


def _by_table(
    table: Percentages, index: int, basis: Decimal, left: Decimal, share: Fraction
) -> tuple[Decimal, Decimal, Fraction]:
    percent = table.years[index]
    if index == len(table.years) - 1 and share == 1:
        return left, percent, share
    with exact():
        whole = rounded(basis * percent / 100, CENT)
        return min(left, rounded(whole * share.numerator / share.denominator, CENT)), percent, share


def _by_method(left: Decimal, years: Fraction, factor: Fraction | None, since: int, until: int, last: int) -> Decimal:
    """Declining balance or straight line of what is left, whichever is more, for the months from `since` to `until`."""
    if until >= last:
        return left
    line = Fraction(until - since, last - since)
    declining = factor / years * Fraction(until - since, 12 * TICKS) if factor is not None else Fraction(0)
    taken = max(line, declining)
    return min(left, rounded(left * taken.numerator / taken.denominator, CENT))
