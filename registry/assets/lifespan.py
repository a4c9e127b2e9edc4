"""How long things last: the day one should be replaced, from its model's or its category's months of use."""

import calendar
from datetime import date

from registry.assets.models import AssetModel, Category

MONTHS = "replace_after_months"


def replaced_on(in_service_on: date | None, model: AssetModel | None, category: Category | None) -> date | None:
    """The day, or None where nobody says how long it lasts. The model's months go before the category's, and those before what
    the categories above say."""
    if in_service_on is None:
        return None
    months = model.replace_after_months if model is not None else None
    if months is None and category is not None:
        for one in [*Category.objects.get_ancestors(category), category]:
            months = one.defaults.get(MONTHS, months)
    return months_later(in_service_on, months) if months else None


def months_later(day: date, months: int) -> date:
    """The same day of the month, or its last one; None of the far future is one of ours."""
    years, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(years, month + 1, min(day.day, calendar.monthrange(years, month + 1)[1]))
