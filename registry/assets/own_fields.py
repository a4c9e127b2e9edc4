"""Making, changing and retiring a company's own fields."""

import re
from collections.abc import Collection, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.db.models import F

from registry.access import changes as log
from registry.access.actors import Action, Actor
from registry.assets import patterns
from registry.assets.models import Category, CustomField
from registry.assets.values import LARGEST, one_of
from registry.problems import Forbidden, Invalid, Stale, Taken
from registry.texts import line

MOST_CHOICES: Final = 200
FIELDS: Final = ("name", "required", "choices", "minimum", "maximum", "pattern", "unit", "help", "position", "active")


@transaction.atomic
def create_field(*, by: Actor, key: str, kind: str, categories: Collection[Category] = (), **given: Any) -> CustomField:
    """Add a field to the assets of these categories and those below; without any, to all. `given` are some of FIELDS; `name` is
    needed. Raises Invalid, Taken, Forbidden."""
    _must_shape(by)
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", key):
        raise Invalid("key: small letters a-z, digits and _, a letter first, 40 at most", field="key")
    field = CustomField(key=key, type=one_of(kind, CustomField.Type.values, "type"))
    values = {name: _checked(field, name, value) for name, value in {"name": "", **given}.items()}
    for name, value in values.items():
        setattr(field, name, value)
    _agree(field)
    try:
        with transaction.atomic():
            field.save(force_insert=True)
    except IntegrityError:
        what = "key" if CustomField.objects.filter(key=key).exists() else "name"
        raise Taken(f"{what}: taken", field=what) from None
    field.categories.set(categories)
    log.record(by, field, "created", key=key, type=kind, categories=list(categories), **values)
    return field


@transaction.atomic
def change_field(
    *, by: Actor, field: CustomField, version: int, changes: Mapping[str, Any], categories: Collection[Category] | None = None
) -> CustomField:
    """Change some of FIELDS; key and type stay for ever. What is kept already is not held against the new rules until it is
    changed; `active=False` retires the field, its values stay. Raises Invalid, Taken, Stale, Forbidden."""
    _must_shape(by)
    values = {name: _checked(field, name, value) for name, value in changes.items()}
    before: dict[str, Any] = {name: getattr(field, name) for name in values}
    for name, value in values.items():
        setattr(field, name, value)
    _agree(field)
    try:
        with transaction.atomic():
            changed = CustomField.objects.filter(pk=field.pk, version=version).update(**values, version=F("version") + 1)
    except IntegrityError:
        raise Taken("name: taken", field="name") from None
    if not changed:
        raise Stale(f"{field.name} was changed meanwhile; look at it again")
    if categories is not None:
        before["categories"], values["categories"] = list(field.categories.all()), list(categories)
        field.categories.set(categories)
    fresh = CustomField.objects.get(pk=field.pk)
    log.record(by, fresh, "changed", before, **values)
    return fresh


def _checked(field: CustomField, name: str, value: Any) -> Any:
    match name:
        case "name":
            return line(value or "", field=name, most=80)
        case "unit":
            return line(value or "", field=name, most=20, required=False)
        case "help":
            return line(value or "", field=name, most=300, required=False)
        case "pattern":
            text = line(value or "", field=name, most=200, required=False)
            return patterns.checked(text) if text else ""
        case "minimum" | "maximum":
            return _bound(name, value)
        case "choices":
            return _choices(value)
        case "position":
            if not (isinstance(value, int) and 0 <= value <= 10_000):
                raise Invalid("position: from 0 to 10000", field=name)
            return value
        case "required" | "active":
            return bool(value)
    raise Invalid(f"{name}: cannot be changed", field=name)


def _bound(name: str, value: Any) -> Decimal | None:
    if value is None or value == "":
        return None
    try:
        bound = Decimal(str(value)[:40])
    except InvalidOperation:
        bound = Decimal("NaN")
    if not bound.is_finite() or abs(bound) >= LARGEST:
        raise Invalid(f"{name}: a number below {LARGEST:,}", field=name)
    return bound.quantize(Decimal("0.0001"))


def _choices(value: Any) -> list[str]:
    texts = [line(str(one), field="choices", most=100) for one in value or []]
    if len(texts) > MOST_CHOICES:
        raise Invalid(f"choices: {MOST_CHOICES} at most", field="choices")
    return list(dict.fromkeys(texts))


def _agree(field: CustomField) -> None:
    if field.type == CustomField.Type.CHOICE and not field.choices:
        raise Invalid("choices: say what there is to choose from, one a line", field="choices")
    if field.minimum is not None and field.maximum is not None and field.minimum > field.maximum:
        raise Invalid("maximum: less than the minimum", field="maximum")
    if field.pattern and field.type != CustomField.Type.TEXT:
        raise Invalid("pattern: only texts have one", field="pattern")


def _must_shape(by: Actor) -> None:
    if not by.may_everywhere(Action.EDIT):
        raise Forbidden("fields of the company's own are for those who may edit everywhere")
