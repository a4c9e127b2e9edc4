"""What the fields of an asset may be: one table for services, forms, import and bulk edit. Between fields: `agree`."""

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from registry.assets.models import NAME_CHARS, Asset
from registry.problems import Invalid, Problem, Several
from registry.texts import block, line

ASSET_NO_CHARS: Final = 40
EARLIEST, LATEST = date(1800, 1, 1), date(2200, 1, 1)
LARGEST: Final = Decimal(10) ** 11
PLACES: Final = Decimal("0.0001")

VALUE_FIELDS: Final = frozenset(
    {"purchase_cost", "currency", "supplier", "cost_center", "order_ref", "acquired_on", "in_service_on", "owner_org"}
)
"""What an accountant may change without Action.EDIT."""


def checked(field: str, value: Any) -> Any:
    """Return the value as it is stored. Rows (category, model, supplier ...) pass as they are. Raises Invalid, also for a field
    that no one sets directly (`version`, `custodian`, `parent`: their services do)."""
    if field not in CHECKS:
        raise Invalid(f"{field}: cannot be changed", field=field)
    return CHECKS[field](field, value)


def all_checked(given: Mapping[str, Any]) -> dict[str, Any]:
    """`checked` for many fields. Raises Invalid, or Several with everything that is wrong."""
    chosen: dict[str, Any] = {}
    problems: list[Problem] = []
    for field, value in given.items():
        try:
            chosen[field] = checked(field, value)
        except Problem as problem:
            problems.append(problem)
    if problems:
        raise problems[0] if len(problems) == 1 else Several(problems)
    return chosen


def agree(asset: Mapping[str, Any]) -> None:
    """Raise Invalid if the values contradict each other. `asset` holds every field of CHECKS."""
    if asset["purchase_cost"] is not None and not asset["currency"]:
        raise Invalid("currency: say in which currency the cost is", field="currency")
    if asset["label"] is not None and asset["label"].status != asset["status"]:
        raise Invalid(f"label: {asset['label']} is a word for {asset['label'].get_status_display()}", field="label")
    if asset["acquired_on"] and asset["in_service_on"] and asset["in_service_on"] < asset["acquired_on"]:
        raise Invalid("in_service_on: lies before it was acquired", field="in_service_on")
    if (asset["latitude"] is None) != (asset["longitude"] is None):
        raise Invalid("longitude: latitude and longitude go together", field="longitude")


def one_of(value: str, known: Any, field: str) -> str:
    if value not in known:
        raise Invalid(f"{field}: {str(value)[:40]!r} is not one of {', '.join(known)}", field=field)
    return value


def money(field: str, value: Any) -> Decimal | None:
    """An amount with at most four decimals, not negative."""
    if value is None or value == "":
        return None
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        raise Invalid(f"{field}: {str(value)[:40]!r} is not a number", field=field) from None
    if not amount.is_finite() or amount < 0 or amount >= LARGEST:
        raise Invalid(f"{field}: from 0 to below {LARGEST:,}", field=field)
    rounded = amount.quantize(PLACES)
    if rounded != amount:
        raise Invalid(f"{field}: four decimals at most", field=field)
    return rounded


def currency(field: str, value: Any) -> str:
    code = str(value or "").strip().upper()
    if code and not (len(code) == 3 and code.isascii() and code.isalpha()):
        raise Invalid(f"{field}: {str(value)[:20]!r} is no currency; three letters, like EUR", field=field)
    return code


def day(field: str, value: Any) -> date | None:
    if value is None or value == "":
        return None
    if not isinstance(value, date):
        try:
            value = date.fromisoformat(str(value))
        except ValueError:
            raise Invalid(f"{field}: {str(value)[:40]!r} is not a day; write it like 2025-03-14", field=field) from None
    if not EARLIEST <= value <= LATEST:
        raise Invalid(f"{field}: from {EARLIEST} to {LATEST}", field=field)
    return date(value.year, value.month, value.day)


def _text(most: int) -> Callable[[str, Any], str]:
    return lambda field, value: line(str(value or ""), field=field, most=most, required=False)


def _named(most: int) -> Callable[[str, Any], str]:
    return lambda field, value: line(str(value or ""), field=field, most=most)


def _choice(choices: Any) -> Callable[[str, Any], str]:
    return lambda field, value: one_of(value, choices.values, field)


def _degrees(most: int) -> Callable[[str, Any], float | None]:
    def check(field: str, value: Any) -> float | None:
        if value is None or value == "":
            return None
        try:
            degrees = float(value)
        except (TypeError, ValueError):
            raise Invalid(f"{field}: {str(value)[:40]!r} is not a number of degrees", field=field) from None
        if not -most <= degrees <= most:
            raise Invalid(f"{field}: from -{most} to {most} degrees", field=field)
        return degrees

    return check


def _quantity(field: str, value: Any) -> Decimal:
    amount = money(field, value)
    if amount is None:
        raise Invalid(f"{field}: write a number here", field=field)
    return amount


def _condition(field: str, value: Any) -> int | None:
    if value is None or value == "":
        return None
    if str(value) not in ("1", "2", "3", "4", "5"):
        raise Invalid(f"{field}: from 1 (worn out) to 5 (as new)", field=field)
    return int(value)


def _as_it_is(field: str, value: Any) -> Any:
    return value


CHECKS: Final[dict[str, Callable[[str, Any], Any]]] = {
    "asset_no": _named(ASSET_NO_CHARS),
    "name": _named(NAME_CHARS),
    "kind": _choice(Asset.Kind),
    "status": _choice(Asset.Status),
    "label": _as_it_is,
    "category": _as_it_is,
    "model": _as_it_is,
    "serial_no": _text(100),
    "home_location": _as_it_is,
    "owner_org": _text(NAME_CHARS),
    "cost_center": _as_it_is,
    "supplier": _as_it_is,
    "order_ref": _text(100),
    "acquired_on": day,
    "in_service_on": day,
    "warranty_until": day,
    "replace_on": day,
    "purchase_cost": money,
    "currency": currency,
    "storage_cost_month": money,
    "quantity": _quantity,
    "uom": _text(20),
    "criticality": _choice(Asset.Criticality),
    "condition": _condition,
    "condition_on": day,
    "latitude": _degrees(90),
    "longitude": _degrees(180),
    "notes": lambda field, value: block(str(value or ""), field=field, most=20_000),
}
