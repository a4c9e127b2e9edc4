"""A company's own fields: which an asset has, what their values may be, and keeping them.

A value is kept as text in its one form (`true`, `2025-03-14`, `12.5`), and as number or day where ranges and orders need it."""

import re
from collections.abc import Collection, Iterable, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db.models import Q

from registry.assets import patterns
from registry.assets.models import Asset, Category, CustomField, CustomValue
from registry.assets.models.fields import VALUE_CHARS
from registry.assets.values import LARGEST
from registry.assets.values import day as checked_day
from registry.problems import Invalid, Problem, Several
from registry.texts import block, line

PREFIX: Final = "custom."  # before the key, in the field of a problem: "custom.weight"
_YES, _NO = frozenset({"true", "yes", "1", "on"}), frozenset({"false", "no", "0", "off"})
Type = CustomField.Type


class OwnValue(NamedTuple):
    text: str
    number: Decimal | None = None
    day: date | None = None

    @property
    def start(self) -> str:
        return self.text[:100].lower()


def fields_of(category: Category | None) -> list[CustomField]:
    """The fields that an asset of this category has: those of it and the categories above, and those of all assets."""
    mine = Q(categories__isnull=True)
    if category is not None:
        steps = range(category.steplen, len(category.path) + 1, category.steplen)
        mine |= Q(categories__path__in=[category.path[:end] for end in steps])
    return list(CustomField.objects.filter(mine, active=True).distinct())


def own_value(field: CustomField, value: Any) -> OwnValue | None:
    """The value as it is stored; None for an empty one. Raises Invalid with the field `custom.<key>`."""
    if value is None or (isinstance(value, str) and not value.strip()):
        if field.required:
            raise _wrong(field, "write something here")
        return None
    if isinstance(value, list | dict | tuple):
        raise _wrong(field, "one value, not several")
    text = ("true" if value else "false") if isinstance(value, bool) else str(value)
    name = PREFIX + str(field.key)
    match field.type:
        case Type.LONG_TEXT:
            return OwnValue(block(text, field=name, most=VALUE_CHARS))
        case Type.NUMBER | Type.INTEGER:
            return _number(field, text.strip())
        case Type.DATE:
            day = checked_day(name, text.strip())
            assert day is not None  # the text is not empty
            return OwnValue(day.isoformat(), day=day)
        case Type.BOOLEAN:
            bare = text.strip().lower()
            if bare not in _YES | _NO:
                raise _wrong(field, f"{text[:40]!r} is neither yes nor no")
            return OwnValue("true" if bare in _YES else "false")
    bare = line(text, field=name, most=VALUE_CHARS)
    _held_to_type(field, bare)
    return OwnValue(bare)


class Writing(NamedTuple):
    """Values of one asset that are to change: what was and what will be, by `custom.<key>`, and the new rows."""

    asset: Asset
    before: dict[str, Any]
    after: dict[str, Any]
    rows: list[CustomValue]


def put_values(asset: Asset, given: Mapping[str, Any], *, complete: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    """Keep the values given by key, in the caller's transaction; an empty one takes the value away. `complete`: what is required
    and not there counts as a mistake. Return what was and what is now, of the values that changed. Raises Several or Invalid."""
    kept = CustomValue.objects.filter(asset=asset).select_related("field")
    writing = checked_values(asset, given, fields_of(asset.category), kept, complete=complete)
    write([writing])
    return writing.before, writing.after


def checked_values(
    asset: Asset, given: Mapping[str, Any], fields: Iterable[CustomField], kept: Iterable[CustomValue], *, complete: bool
) -> Writing:
    """What put_values would write; `fields` the asset has, `kept` are its values with their fields. Raises Several or Invalid."""
    known = {str(field.key): field for field in fields}
    there = {str(value.field.key): str(value.text) for value in kept}
    if complete:
        given = {key: None for key, field in known.items() if field.required and key not in there} | dict(given)
    problems: list[Problem] = []
    writing = Writing(asset, {}, {}, [])
    for key, value in given.items():
        name = PREFIX + str(key)[:40]
        field = known.get(key)
        if field is None:
            problems.append(Invalid(f"{name}: assets of this category have no such field", field=name))
            continue
        try:
            own = own_value(field, value)
        except Problem as problem:
            problems.append(problem)
            continue
        was = there.get(key)
        now = own.text if own is not None and own.text else None
        if was == now:
            continue
        writing.before[name], writing.after[name] = was, now
        if own is not None and now is not None:
            row = CustomValue(asset=asset, field=field, text=own.text, start=own.start, number=own.number, day=own.day)
            writing.rows.append(row)
    if problems:
        raise problems[0] if len(problems) == 1 else Several(problems)
    return writing


def write(writings: Collection[Writing]) -> None:
    """Keep what was checked, of many assets in a few statements, in the caller's transaction."""
    by_key: dict[str, list[Any]] = {}
    for one in writings:
        for name, was in one.before.items():
            if was is not None:
                by_key.setdefault(name.removeprefix(PREFIX), []).append(one.asset.pk)
    for key, assets in by_key.items():
        CustomValue.objects.filter(field__key=key, asset__in=assets).delete()
    CustomValue.objects.bulk_create([row for one in writings for row in one.rows])


def values_of(asset: Asset) -> dict[str, Any]:
    """By key, as JSON has them: numbers as numbers' texts, yes and no as booleans. Of an asset read with its `custom_values`."""
    return {str(value.field.key): plain(value) for value in asset.custom_values.all()}


def plain(value: CustomValue) -> str | bool:
    return value.text == "true" if value.field.type == Type.BOOLEAN else str(value.text)


def shown(value: CustomValue) -> str:
    """For people."""
    field = value.field
    if field.type == Type.BOOLEAN:
        return "Yes" if value.text == "true" else "No"
    if value.day is not None:
        return f"{value.day:%-d %b %Y}"
    return f"{value.text} {field.unit}".strip()


def _number(field: CustomField, text: str) -> OwnValue:
    try:
        number = Decimal(text) if len(text) <= 40 else Decimal("NaN")
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise _wrong(field, f"{text[:40]!r} is not a number")
    if abs(number) >= LARGEST or number != number.quantize(Decimal("0.0001")):
        raise _wrong(field, f"below {LARGEST:,}, with four decimals at most")
    if field.type == Type.INTEGER and number != number.to_integral_value():
        raise _wrong(field, f"{text[:40]} is no whole number")
    if field.minimum is not None and number < field.minimum:
        raise _wrong(field, f"from {field.minimum.normalize():f}")
    if field.maximum is not None and number > field.maximum:
        raise _wrong(field, f"up to {field.maximum.normalize():f}")
    number = number.normalize() + 0  # no -0
    return OwnValue(format(number, "f"), number=number)


def _held_to_type(field: CustomField, text: str) -> None:
    match field.type:
        case Type.CHOICE if text not in field.choices:
            raise _wrong(field, f"{text[:40]!r} is not one of {', '.join(map(str, field.choices[:20]))}")
        case Type.URL:
            try:
                parts = urlsplit(text)
            except ValueError:
                parts = urlsplit("")
            if parts.scheme not in ("http", "https") or not parts.netloc or re.search(r"[\s<>\"]", text):
                raise _wrong(field, "is no web address; it begins with https://")
        case Type.EMAIL:
            try:
                validate_email(text)
            except ValidationError:
                raise _wrong(field, f"{text[:60]!r} is no e-mail address") from None
        case Type.TEXT if field.pattern and not patterns.fits(field.pattern, text):
            raise _wrong(field, f"{text[:40]!r} does not look like {field.help or field.pattern}")


def _wrong(field: CustomField, text: str) -> Invalid:
    name = PREFIX + str(field.key)
    return Invalid(f"{name}: {text}", field=name)
