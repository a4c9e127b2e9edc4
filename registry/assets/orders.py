"""The orders of a list of assets: one for every column there is, and each the same for page, export and API.

An order is never null and ends by the primary key, so that pages follow each other by key (paging.py).
"""

from datetime import UTC, date, datetime
from typing import Any, Final

from django.db.models import BigIntegerField, DateField, F, Min, OuterRef, Q, Subquery, TextField, Value
from django.db.models.expressions import Combinable
from django.db.models.fields import DateTimeField
from django.db.models.functions import Cast, Coalesce, Lower, Round, Substr

from registry.assets.columns import CUSTOM
from registry.assets.models import AssetTag, CustomField, Identifier
from registry.paging import Order

NEVER: Final = datetime(1, 1, 2, tzinfo=UTC)  # sorts before every sighting; a day in, so that no zone makes it year 0
NO_DAY: Final = date(1, 1, 1)
NO_NUMBER: Final = -(10**16)  # below every amount times its decimals
_text: Final = TextField()

COLUMN_TO_SORT: Final = {"asset_no": "number", "place_name": "place", "last_seen_at": "seen", "place": "place_code"}
"""What the orders of some columns have always been called; all others are called like their column."""


def _words(path: str) -> Combinable:
    return Coalesce(Lower(path), Value(""), output_field=_text)


def _amount(path: str, decimals: int = 4) -> Combinable:
    """As a whole number: SQLite keeps doubles, and cursors hold what compares exactly."""
    return Coalesce(Cast(Round(F(path) * 10**decimals), BigIntegerField()), Value(NO_NUMBER), output_field=BigIntegerField())


def _day(path: str) -> Combinable:
    return Coalesce(path, Value(NO_DAY), output_field=DateField())


def _moment(path: str) -> Combinable:
    return Coalesce(path, Value(NEVER), output_field=DateTimeField())


def _first(rows: Any, column: str) -> Combinable:
    """The first of several rows of an asset."""
    found = rows.filter(asset=OuterRef("pk")).order_by().values("asset").annotate(first=Min(Lower(column))).values("first")
    return Coalesce(Subquery(found), Value(""), output_field=_text)


def _texts() -> dict[str, Combinable]:
    paths = {
        "category": "category__name",
        "place": "position__location__name",
        "place_code": "position__location__code",
        "zone": "position__zone__name",
        "whereabouts": "position__state",
        "label": "label__name",
        "model": "model__name",
        "supplier": "supplier__name",
        "cost_center": "cost_center__code",
        "custodian": "custodian__name",
        "home_location": "home_location__code",
        "home_name": "home_location__name",
        "parent": "parent__asset_no",
    }
    own = ("serial_no", "uom", "owner_org", "order_ref", "currency")
    found: dict[str, Combinable] = {name: _words(path) for name, path in paths.items()}
    found |= {name: Lower(name) for name in own}
    return found | {
        "name": Lower("name"),
        "number": Lower("asset_no"),
        "status": F("status"),
        "kind": F("kind"),
        "criticality": F("criticality"),
        "notes": Lower(Substr("notes", 1, 200)),
        "identifiers": _first(Identifier.objects.filter(Q(state="active")), "key"),
        "tags": _first(AssetTag.objects.all(), "tag__name"),
    }


ORDERS: Final[dict[str, Order]] = {
    **{name: Order(name, expression) for name, expression in _texts().items()},
    **{name: Order(name, _amount(name), "number") for name in ("quantity", "purchase_cost", "storage_cost_month")},
    **{name: Order(name, _amount(name, 7), "number") for name in ("latitude", "longitude")},
    **{name: Order(name, Coalesce(F(name), Value(0)), "number") for name in ("condition", "version")},
    **{
        name: Order(name, _day(name), "day")
        for name in ("acquired_on", "in_service_on", "warranty_until", "replace_on", "condition_on")
    },
    "seen": Order("seen", _moment("position__last_seen_at"), "time"),
    "since": Order("since", _moment("position__since"), "time"),
    "created_at": Order("created_at", F("created_at"), "time"),
    "changed_at": Order("changed_at", F("changed_at"), "time"),
}
DEFAULT_SORT: Final = "name"


def order_of(sort: str) -> Order | None:
    """`name`, or `-name` for the other way round, `custom.<key>` for a company's own field; None for an order we do not have."""
    name = sort.removeprefix("-")
    order = _custom(name.removeprefix(CUSTOM)) if name.startswith(CUSTOM) else ORDERS.get(name)
    return order.reversed() if order is not None and sort.startswith("-") else order


def sort_of(column: str) -> str:
    """The order of a column, by its key."""
    return COLUMN_TO_SORT.get(column, column)


def _custom(key: str) -> Order | None:
    one = CustomField.objects.filter(key=key, active=True).first()
    if one is None:
        return None
    name, value = f"{CUSTOM}{key}", ("custom_values", Q(custom_values__field=one))
    match one.type:
        case CustomField.Type.NUMBER | CustomField.Type.INTEGER:
            return Order(name, _amount("sorted_by__number"), "number", relation=value)
        case CustomField.Type.DATE:
            return Order(name, _day("sorted_by__day"), "day", relation=value)
    return Order(name, Coalesce("sorted_by__start", Value(""), output_field=_text), relation=value)
