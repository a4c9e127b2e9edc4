"""Many assets at once, all or none: each row is checked before anything is written, and everything wrong with every row is said.

A row costs no query of its own: what rows refer to is read once, what they say is written in a few statements."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from registry.access import changes as log
from registry.access.actors import Action, Actor
from registry.assets import custom, tags
from registry.assets import values as fields
from registry.assets.lifespan import follow, months_of, replaced_on
from registry.assets.models import Asset, AssetTag, Category, CustomField, CustomValue, Identifier
from registry.assets.services import (
    NewIdentifier,
    defaults_of,
    identify,
    kind_of,
    must_be_allowed_at,
    retired_until,
    take_asset_nos,
)
from registry.db import insert, insert_new, update, uuid7s
from registry.problems import Forbidden, Invalid, NotFound, Problem, Several, Stale, Taken

MOST: Final = 500
MOST_ROWS: Final = 1_000  # of all tables in one transaction: whoever else writes waits for it on SQLite
_COLUMNS: Final = [field.name for field in Asset._meta.concrete_fields]


@dataclass(slots=True)
class Row:
    """One asset to make (`asset` None) or to change. `given`: fields of values.CHECKS; the others as register_asset and
    change_asset have them."""

    given: dict[str, Any] = field(default_factory=dict)
    custom: dict[str, Any] | None = None
    tags: Sequence[str] | None = None
    identifiers: Sequence[NewIdentifier] = ()
    asset_id: UUID | None = None
    version: int | None = None  # None: whatever there is


@dataclass(slots=True)
class _Ready:
    asset: Asset
    chosen: dict[str, Any]
    before: dict[str, Any]
    own: custom.Writing | None = None
    tags: list[str] | None = None
    codes: list[tuple[str, str, str]] = field(default_factory=list)  # key, raw, kind


class _Errors:
    """Of all rows; the field of each problem begins with the number of its row."""

    def __init__(self) -> None:
        self.found: list[Problem] = []

    def add(self, number: int, problem: Problem) -> None:
        for one in problem.problems if isinstance(problem, Several) else [problem]:
            place = f"{number}/{one.field.replace('.', '/')}" if one.field else str(number)
            text = one.text.removeprefix(f"{one.field}: ") if one.field else one.text
            self.found.append(type(one)(f"{place}: {text}", field=place))

    def end(self) -> None:
        """Raises Several if there are any."""
        if self.found:
            raise Several(self.found)


class _Beside:
    """What rows share: the own fields, the defaults and the months of use of each category, read once."""

    def __init__(self) -> None:
        self._fields: dict[UUID | None, list[CustomField]] = {}
        self._defaults: dict[UUID | None, dict[str, Any]] = {}
        self.months_of = cache(months_of)

    def fields_of(self, category: Category | None) -> list[CustomField]:
        pk = category.pk if category is not None else None
        if pk not in self._fields:
            self._fields[pk] = custom.fields_of(category)
        return self._fields[pk]

    def defaults_of(self, category: Category | None) -> dict[str, Any]:
        pk = category.pk if category is not None else None
        if pk not in self._defaults:
            self._defaults[pk] = defaults_of(category)
        return self._defaults[pk]


@transaction.atomic
def register_all(*, by: Actor, rows: Sequence[Row]) -> list[Asset]:
    """Make the assets, in this order. Raises Several with everything that is wrong; the field is `<row>/<field>`."""
    _not_too_many(rows)
    errors, beside, ready = _Errors(), _Beside(), []
    for number, row in enumerate(rows):
        try:
            ready.append(_new(by, row, beside))
        except Problem as problem:
            errors.add(number, problem)
    _numbers_and_codes_free(rows, ready, errors)
    errors.end()
    numbers, now = iter(take_asset_nos(sum(1 for one in ready if not one.asset.asset_no))), timezone.now()
    for one in ready:
        one.asset.created_at = one.asset.changed_at = now
        one.asset.asset_no = one.chosen["asset_no"] = one.asset.asset_no or next(numbers)
    try:
        with transaction.atomic():
            insert(Asset, _COLUMNS, _stored([one.asset for one in ready], _COLUMNS))
            _put_codes(ready)
    except IntegrityError:
        raise Taken("one of these numbers or codes was taken this very moment; send them again") from None
    _put_beside(ready)
    log.record_all(by, (log.Changed(one.asset, "created", {}, _said(one)) for one in ready))
    return [one.asset for one in ready]


@transaction.atomic
def change_all(*, by: Actor, rows: Sequence[Row]) -> list[Asset]:
    """Change the assets, in this order. Raises Several with everything that is wrong; the field is `<row>/<field>`."""
    _not_too_many(rows)
    errors, beside, ready = _Errors(), _Beside(), []
    found = _held(rows)
    seen, editable, valuable = (_among(by, action, found) for action in (Action.VIEW, Action.EDIT, Action.VALUE))
    kept: dict[UUID, list[CustomValue]] = {}
    for value in CustomValue.objects.filter(asset__in=[row.asset_id for row in rows if row.custom]).select_related("field"):
        kept.setdefault(value.asset_id, []).append(value)
    asked: set[UUID] = set()
    for number, row in enumerate(rows):
        try:
            asset = found.get(row.asset_id) if row.asset_id in seen else None  # type: ignore[arg-type]
            if asset is None:
                raise NotFound("id: there is no such asset", field="id")
            if asset.pk in asked:
                raise Invalid("id: it stands here twice", field="id")
            asked.add(asset.pk)
            money_alone = row.custom is None and row.tags is None and row.given.keys() <= fields.VALUE_FIELDS
            if asset.pk not in (valuable if money_alone else editable):
                raise Forbidden("id: your role does not allow changing it", field="id")
            if row.version is not None and row.version != asset.version:
                raise Stale(f"version: was changed meanwhile; it is now {asset.version}", field="version")
            ready.append(_changed(by, row, asset, beside, kept.get(asset.pk, ()), Action.VALUE if money_alone else Action.EDIT))
        except Problem as problem:
            errors.add(number, problem)
    _numbers_and_codes_free(rows, ready, errors)
    errors.end()
    now = timezone.now()
    columns = [*sorted({name for one in ready for name in one.chosen}), "version", "changed_at"]
    for one in ready:
        one.asset.version, one.asset.changed_at = one.asset.version + 1, now
    try:
        with transaction.atomic():
            update(Asset, columns, _stored([one.asset for one in ready], ["id", *columns]), key="id")
    except IntegrityError:
        raise Taken("asset_no: one of these numbers was taken this very moment; send them again") from None
    had = _tags_of([one.asset.pk for one in ready if one.tags is not None])
    _put_beside(ready)
    for one in ready:
        if one.tags is not None:
            one.before["tags"] = sorted(had.get(one.asset.pk, []))
    log.record_all(by, (log.Changed(one.asset, "changed", _was(one), _said(one)) for one in ready))
    return [one.asset for one in ready]


def _not_too_many(rows: Sequence[Row]) -> None:
    if len(rows) > MOST:
        raise Invalid(f"{len(rows):,} assets are too many, {MOST:,} at once; import a table for more")
    beside = [len(row.identifiers) + len(row.tags or ()) + len(row.custom or ()) for row in rows]
    written = sum(2 + (number if row.asset_id is None else 2 * number) for row, number in zip(rows, beside, strict=True))
    if written > MOST_ROWS:
        raise Invalid(
            f"{len(rows):,} assets with {sum(beside):,} codes, tags and own values are {written:,} rows with their log,"
            f" {MOST_ROWS:,} at most in one request; send fewer at once, or import a table"
        )


def _new(by: Actor, row: Row, beside: _Beside) -> _Ready:
    """Raises Problem."""
    given = dict(row.given)
    given.setdefault("name", "")
    no = given.pop("asset_no", None)
    if "category" not in given and given.get("model") is not None:
        given["category"] = given["model"].category
    problems: list[Problem] = []
    chosen: dict[str, Any] = {}
    codes: list[tuple[str, str, str]] = []
    own = None
    for step in ("fields", "codes", "own"):
        try:
            if step == "fields":
                wanted = beside.defaults_of(given.get("category")) | given | ({"asset_no": no} if no else {})
                chosen = fields.all_checked(wanted)
            elif step == "codes":
                codes = _codes(row)
            elif row.custom is not None:
                asset = Asset(category=given.get("category"))
                own = custom.checked_values(asset, row.custom, beside.fields_of(given.get("category")), (), complete=True)
        except Problem as problem:
            problems += problem.problems if isinstance(problem, Several) else [problem]
    if problems:
        raise Several(problems)
    must_be_allowed_at(by, Action.EDIT, chosen.get("home_location"), chosen.get("category"))
    if chosen.get("replace_on") is None and chosen.get("in_service_on") is not None:
        of = (chosen["in_service_on"], chosen.get("model"), chosen.get("category"))
        chosen["replace_on"] = replaced_on(*of, lasting=beside.months_of)
    asset = Asset(**chosen)
    fields.agree({name: getattr(asset, name) for name in fields.CHECKS})
    if own is not None:
        own = own._replace(asset=asset)
        for value in own.rows:
            value.asset = asset
    return _Ready(asset, chosen, {}, own, tags.checked(row.tags or ()), codes)


def _changed(by: Actor, row: Row, asset: Asset, beside: _Beside, kept: Iterable[CustomValue], action: Action) -> _Ready:
    """Raises Problem."""
    chosen = fields.all_checked(row.given)
    before = {name: getattr(asset, name) for name in fields.CHECKS}
    chosen = follow(before, chosen, lasting=beside.months_of)
    if "status" in chosen and "label" not in chosen and asset.label is not None and asset.label.status != chosen["status"]:
        chosen["label"] = None
    after = before | chosen
    fields.agree(after)
    if {"home_location", "category"} & chosen.keys():
        must_be_allowed_at(by, action, after["home_location"], after["category"], asset)
    for name, value in chosen.items():
        setattr(asset, name, value)
    own = None
    if row.custom is not None:
        own = custom.checked_values(asset, row.custom, beside.fields_of(asset.category), kept, complete=True)
    wanted = tags.checked(row.tags) if row.tags is not None else None
    return _Ready(asset, chosen, {name: before[name] for name in chosen}, own, wanted)


def _codes(row: Row) -> list[tuple[str, str, str]]:
    found = []
    for code in row.identifiers:
        known = identify(code.text)
        raw = " ".join(code.text.split())
        kind = fields.one_of(code.kind or kind_of(code.text, known), Identifier.Kind.values, "kind")
        found.append((known.key, raw, kind))
    return found


def _numbers_and_codes_free(rows: Sequence[Row], ready: Sequence[_Ready], errors: _Errors) -> None:
    """Against each other and against what is stored. Whose they are is nobody's business."""
    numbers = [(n, no, row.asset_id) for n, row in enumerate(rows) if (no := row.given.get("asset_no"))]
    stored = dict(Asset.objects.order_by().filter(asset_no__in=[no for _, no, _ in numbers]).values_list("asset_no", "pk"))
    used: set[str] = set()
    for number, no, asset_id in numbers:
        if no in used or (no in stored and stored[no] != asset_id):
            errors.add(number, Taken("asset_no: taken", field="asset_no"))
        used.add(no)
    keys = [(n, key) for n, row in enumerate(rows) for key in _keys_of(row)]
    active = set(Identifier.objects.active().filter(key__in=[key for _, key in keys]).values_list("key", flat=True))
    for number, key in keys:
        if key in active:
            errors.add(number, Taken("identifiers: taken", field="identifiers"))
        active.add(key)


def _keys_of(row: Row) -> list[str]:
    try:
        return [key for key, _, _ in _codes(row)]
    except Invalid:
        return []  # said already


def _held(rows: Sequence[Row]) -> dict[UUID, Asset]:
    pks = [row.asset_id for row in rows if row.asset_id is not None]
    held = Asset.objects.select_for_update(of=("self",)).order_by("pk").filter(pk__in=pks)
    related = ("category", "home_location", "label", "model", "position__location")
    return {asset.pk: asset for asset in held.select_related(*related)}


def _among(by: Actor, action: Action, found: Collection[UUID]) -> Collection[UUID]:
    if by.may_everywhere(action):
        return found
    return set(Asset.objects.visible_to(by, action).order_by().filter(pk__in=list(found)).values_list("pk", flat=True))


def _stored(assets: Iterable[Asset], columns: Sequence[str]) -> list[tuple[Any, ...]]:
    """What of these columns the assets hold; of others that they refer to the key."""
    held_in = {field.name: field.attname for field in Asset._meta.concrete_fields}
    names = [held_in[name] for name in columns]
    return [tuple(getattr(asset, name) for name in names) for asset in assets]


def _put_codes(ready: Sequence[_Ready]) -> None:
    codes = [(one.asset.pk, *code) for one in ready for code in one.codes]
    since = retired_until([key for _, key, _, _ in codes])
    rows = [
        (pk, asset_id, key, raw, kind, Identifier.State.ACTIVE.value, since.get(key), False)
        for pk, (asset_id, key, raw, kind) in zip(uuid7s(len(codes)), codes, strict=True)
    ]
    insert(Identifier, ("id", "asset", "key", "raw", "kind", "state", "valid_from", "projected"), rows)


def _put_beside(ready: Sequence[_Ready]) -> None:
    custom.write([one.own for one in ready if one.own is not None])
    wanted = [(one.asset.pk, name) for one in ready if one.tags is not None for name in one.tags]
    by_name = {str(tag.name).lower(): tag.pk for tag in tags.tags_named({name for _, name in wanted})}
    set_anew = [one.asset.pk for one in ready if one.tags is not None and one.before]
    set_anew += [one.asset.pk for one in ready if one.tags is not None and not one.before and one.asset.version > 1]
    AssetTag.objects.filter(asset__in=set_anew).delete()
    insert_new(AssetTag, ("asset", "tag"), [(pk, by_name[name.lower()]) for pk, name in wanted])


def _tags_of(assets: Collection[UUID]) -> Mapping[UUID, list[str]]:
    found: dict[UUID, list[str]] = {}
    for pk, name in AssetTag.objects.filter(asset__in=list(assets)).values_list("asset", "tag__name"):
        found.setdefault(pk, []).append(str(name))
    return found


def _was(one: _Ready) -> dict[str, Any]:
    return one.before | (one.own.before if one.own is not None else {})


def _said(one: _Ready) -> dict[str, Any]:
    said = {name: value for name, value in one.chosen.items() if one.asset.version > 1 or value not in (None, "")}
    if one.own is not None:
        said |= one.own.after
    if one.tags or (one.tags is not None and "tags" in one.before):
        said["tags"] = sorted(one.tags)
    return said | ({"codes": [key for key, _, _ in one.codes]} if one.codes else {})
