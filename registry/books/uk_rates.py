"""Rates and limits of UK capital allowances, as dated data (uk_allowances.json, with sources). A day without data is refused."""

import json
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_UP, Decimal
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from registry.books.money import ZERO, exact
from registry.problems import Invalid

Business = Literal["company", "other"]
Pool = Literal["main", "special"]


@dataclass(frozen=True, slots=True)
class Rate:
    """`percent` a year; `sources` of all rates that went into it."""

    percent: Decimal
    sources: tuple[str, ...]


@cache
def _data() -> dict[str, list[dict[str, Any]]]:
    return dict(json.loads(files("registry.books").joinpath("uk_allowances.json").read_text(encoding="utf-8")))


def writing_down(pool: Pool, business: Business, start: date, end: date) -> Rate:
    """The rate of a pool for the period from `start` to `end`; if it changes in it, weighted by days and rounded up to 0.01 %."""
    steps = [row for row in _data()[pool] if row["kind"] == business]
    days, weighted, sources = (end - start).days + 1, ZERO, list[str]()
    for index, row in enumerate(steps):
        first = max(start, date.fromisoformat(row["from"]))
        last = end
        if index + 1 < len(steps):
            last = min(end, date.fromisoformat(steps[index + 1]["from"]) - timedelta(days=1))
        if first <= last:
            weighted += Decimal(row["percent"]) * ((last - first).days + 1)
            sources.append(row["source"])
    if not steps or start < date.fromisoformat(steps[0]["from"]):
        raise Invalid(f"rate_table: there is no rate of the {pool} pool here for {start}", field="rate_table")
    with exact():
        percent = weighted / days
        return Rate(percent if len(sources) == 1 else percent.quantize(Decimal("0.01"), ROUND_UP), tuple(sources))


def amount_at(table: Literal["annual_investment", "small_pool"], day: date) -> Decimal:
    """The yearly amount of a limit on `day`."""
    for row in reversed(_data()[table]):
        if date.fromisoformat(row["from"]) <= day:
            return Decimal(row["amount"])
    raise Invalid(f"rate_table: there is no {table} here for {day}", field="rate_table")


def first_year_percent(name: Literal["full_expensing", "new_main_rate"], pool: Pool, business: Business, spent: date) -> Decimal:
    """The first-year allowance `name` for what was `spent` on that day. Raises Invalid where there is none."""
    for row in _data()["first_year"]:
        if (
            (row["name"], row["pool"]) == (name, pool)
            and row["kind"] in {business, "any"}
            and date.fromisoformat(row["from"]) <= spent
        ):
            return Decimal(row["percent"])
    raise Invalid(f"relief: {name} is not given to a {business} for the {pool} pool on {spent}", field="relief")
