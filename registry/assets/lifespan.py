"""How long things last: the day one should be replaced, from its model's or its category's months of use."""

import calendar
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from registry.assets.models import AssetModel, Category

MONTHS = "replace_after_months"


def months_of(category: Category) -> int | None:
    """What the category says, or else the ones above it."""
    months = None
    for one in [*Category.objects.get_ancestors(category), category]:
        months = one.defaults.get(MONTHS, months)
    return months


def replaced_on(
    in_service_on: date | None,
    model: AssetModel | None,
    category: Category | None,
    *,
    lasting: Callable[[Category], int | None] = months_of,
) -> date | None:
    """The day, or None where nobody says how long it lasts. The model's months go before the category's. `lasting`: for who asks
    of many."""
    if in_service_on is None:
        return None
    months = model.replace_after_months if model is not None else None
    if months is None and category is not None:
        months = lasting(category)
    return months_later(in_service_on, months) if months else None


def follow(
    before: Mapping[str, Any], chosen: dict[str, Any], *, lasting: Callable[[Category], int | None] = months_of
) -> dict[str, Any]:
    """Return what is chosen, with the day of replacement where that changes with it: one that was computed is computed anew, one
    that somebody gave stays."""
    names = ("in_service_on", "model", "category")
    if "replace_on" in chosen or not chosen.keys() & set(names):
        return chosen
    if before["replace_on"] not in (None, replaced_on(*(before[name] for name in names), lasting=lasting)):
        return chosen
    return chosen | {"replace_on": replaced_on(*(chosen.get(name, before[name]) for name in names), lasting=lasting)}


def months_later(day: date, months: int) -> date:
    """The same day of the month, or its last one; None of the far future is one of ours."""
    years, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(years, month + 1, min(day.day, calendar.monthrange(years, month + 1)[1]))
