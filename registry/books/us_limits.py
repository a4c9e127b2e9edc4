"""What US tax law says for a year: the section 179 limits and the bonus percentages, as dated data (us_tax.json, with sources).

A year that has no data is refused; an old limit is never used again silently.
"""

import json
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any

from registry.books.money import ZERO
from registry.problems import Invalid


@dataclass(frozen=True, slots=True)
class Limit:
    limit: Decimal
    phase_out: Decimal
    source: str


@dataclass(frozen=True, slots=True)
class Expensed:
    """Of what was elected: `deducted` this year, `carried` to the next for want of income. `limit` is what the year allowed."""

    limit: Decimal
    deducted: Decimal
    carried: Decimal


@dataclass(frozen=True, slots=True)
class Bonus:
    percent: Decimal
    source: str


@cache
def _data() -> dict[str, Any]:
    return dict(json.loads(files("registry.books").joinpath("us_tax.json").read_text(encoding="utf-8")))


def section_179_limit(begins_in: int) -> Limit:
    """The limits of the tax year that begins in the calendar year `begins_in`."""
    for row in _data()["section_179"]:
        if row["begins_in"] == begins_in:
            return Limit(Decimal(row["limit"]), Decimal(row["phase_out"]), row["source"])
    raise Invalid(
        f"section_179: there are no limits here for tax years that begin in {begins_in}; elect nothing, or have them added",
        field="section_179",
    )


def section_179(begins_in: int, elected: Decimal, placed: Decimal, income: Decimal, carried: Decimal = ZERO) -> Expensed:
    """What of `elected` and of what was `carried` from earlier years may be deducted.

    The limit falls dollar for dollar by which `placed` (all section 179 property of the year) is above the phase-out, and no
    more than the business `income` is deducted. Raises Invalid if more is elected than the limit.
    """
    year = section_179_limit(begins_in)
    limit = max(ZERO, year.limit - max(ZERO, placed - year.phase_out))
    if elected > limit:
        raise Invalid(
            f"section_179: {elected} is more than the {limit} that {begins_in} allows ({year.source})", field="section_179"
        )
    wanted = elected + carried
    deducted = min(wanted, limit, max(ZERO, income))
    return Expensed(limit, deducted, wanted - deducted)


def bonus(acquired: date, placed: date) -> Bonus:
    """The special allowance for property acquired and placed in service on these days."""
    for row in _data()["bonus"]:
        if _within(acquired, row["acquired_from"], row["acquired_to"]) and _within(placed, row["placed_from"], row["placed_to"]):
            return Bonus(Decimal(row["percent"]), row["source"])
    raise Invalid(
        f"bonus: there is no percentage here for what was acquired on {acquired} and in service on {placed}; elect out, or "
        "have it added",
        field="bonus",
    )


def _within(day: date, first: str, last: str | None) -> bool:
    return date.fromisoformat(first) <= day and (last is None or day <= date.fromisoformat(last))
