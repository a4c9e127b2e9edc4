"""What can be changed on many assets at once, and what a change means for one of them. Judging only: nothing is written here."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final
from uuid import UUID

from registry.access import changes as log
from registry.access.actors import Action, Actor
from registry.access.models import Change
from registry.assets import custom as own_fields
from registry.assets import values
from registry.assets.lifespan import follow, months_of
from registry.assets.models import (
    Asset,
    AssetModel,
    Category,
    CostCenter,
    CustomField,
    CustomValue,
    Location,
    StatusLabel,
    Supplier,
)
from registry.assets.tags import MOST as MOST_TAGS
from registry.assets.tags import read as read_tags
from registry.problems import Invalid, NotFound, Problem

UNDO: Final = "undo"  # the "field" that puts back what one change of many did; its text is the request's id
ADD_TAGS, DROP_TAGS = "tags.add", "tags.drop"
ROWS: Final[dict[str, Any]] = {
    "label": StatusLabel,
    "category": Category,
    "model": AssetModel,
    "home_location": Location,
    "cost_center": CostCenter,
    "supplier": Supplier,
}
EDITABLE: Final[dict[str, str]] = {
    "status": "Status",
    "label": "Status label",
    "category": "Category",
    "home_location": "Home",
    "model": "Model",
    "criticality": "Criticality",
    "condition": "Condition",
    "kind": "Kind",
    "supplier": "Supplier",
    "cost_center": "Cost centre",
    "order_ref": "Order",
    "owner_org": "Owner",
    "acquired_on": "Acquired",
    "in_service_on": "In service",
    "warranty_until": "Warranty until",
    "replace_on": "Replace on",
    ADD_TAGS: "Add tags",
    DROP_TAGS: "Take tags off",
}


@dataclass(frozen=True, slots=True)
class Edit:
    """One change for many assets, as text: `field` of EDITABLE or `custom.<key>`, `text` the new value ("" for none)."""

    field: str
    text: str


@dataclass(slots=True)
class Verdict:
    """What an edit would do to one asset. `before` and `after` hold what differs, as it stands in the log; `why`: refused."""

    asset: Asset
    columns: dict[str, Any] = field(default_factory=dict)
    custom: dict[CustomField, own_fields.OwnValue | None] = field(default_factory=dict)
    tags: list[str] | None = None
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)
    why: str = ""

    @property
    def changes(self) -> bool:
        return bool(self.after) and not self.why


def fields_for(by: Actor) -> dict[str, str]:
    """What this person may change on many assets, by name, with a title."""
    found = {name: title for name, title in EDITABLE.items() if by.may_anywhere(action_of(name))}
    if by.may_anywhere(Action.EDIT):
        found |= {f"{own_fields.PREFIX}{one.key}": str(one.name) for one in CustomField.objects.filter(active=True)}
    return found


def action_of(name: str) -> Action:
    """What one has to be allowed to do this: money alone is for accountants too."""
    return Action.VALUE if name in values.VALUE_FIELDS else Action.EDIT


def load(by: Actor, ids: Iterable[UUID]) -> list[Asset]:
    """Those of the assets that `by` sees, with all that judging looks at."""
    related = ("label", "category", "home_location", "model", "supplier", "cost_center", "position__location")
    return list(Asset.objects.visible_to(by).order_by("pk").filter(pk__in=ids).select_related(*related).prefetch_related("tags"))


def judge(by: Actor, edit: Edit, assets: Iterable[Asset]) -> list[Verdict]:
    """What the edit would do to each of these, read by `load`. Raises Invalid for a value that no asset could have."""
    assets = list(assets)
    allowed = _allowed(by, edit, assets)
    change = _change(by, edit, assets)
    verdicts = []
    for asset in assets:
        verdict = Verdict(asset)
        try:
            if asset.pk not in allowed:
                raise Invalid("your role does not allow this here")
            change(verdict)
            _agree(by, edit, verdict)
        except Problem as problem:
            verdict.why = problem.text.partition(": ")[2] if problem.field else problem.text
        verdicts.append(verdict)
    return verdicts


def said(edit: Edit, by: Actor) -> str:
    """The edit as a sentence's end: `Status: In stock`."""
    if edit.field == UNDO:
        return "Undo"
    title = fields_for(by).get(edit.field, edit.field)
    if edit.field in ROWS and edit.text:
        return f"{title}: {_row(by, edit.field, edit.text)}"
    return f"{title}: {words(edit.field, edit.text)}"


def words(name: str, value: Any) -> str:
    """A value of the log for people."""
    if isinstance(value, dict):
        return str(value.get("name", ""))
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    choices = {"status": Asset.Status, "kind": Asset.Kind, "criticality": Asset.Criticality}
    if name in choices and value:
        return str(choices[name](value).label).capitalize()
    return str(value) if value not in (None, "") else "none"


def _allowed(by: Actor, edit: Edit, assets: list[Asset]) -> set[UUID]:
    action = action_of(edit.field)
    if edit.field == UNDO:
        row = Change.objects.of_request(UUID(edit.text)).filter(object_type="asset").first()
        action = Action.VALUE if row is not None and row.after.keys() <= values.VALUE_FIELDS else Action.EDIT
    keys = [asset.pk for asset in assets]
    if by.may_everywhere(action):
        return set(keys)
    return set(Asset.objects.visible_to(by, action).order_by().filter(pk__in=keys).values_list("pk", flat=True))


def _change(by: Actor, edit: Edit, assets: list[Asset]) -> Callable[[Verdict], None]:
    """How the edit changes one asset; raises Problem for an asset it cannot be done to."""
    if edit.field == UNDO:
        return _putting_back(by, edit, assets)
    if edit.field in (ADD_TAGS, DROP_TAGS):
        return _tagging(edit)
    if edit.field.startswith(own_fields.PREFIX):
        return _own(edit, assets)
    if edit.field not in EDITABLE:
        raise Invalid("field: choose what to change", field="field")
    value = _value(by, edit)
    chosen: dict[str, Any] = {edit.field: value}
    if edit.field == "label" and value is not None:
        chosen["status"] = value.status  # the word says the state too
    lasting = cache(months_of)

    def change(verdict: Verdict) -> None:
        before = {name: getattr(verdict.asset, name) for name in ("in_service_on", "model", "category", "replace_on")}
        _set(verdict, follow(before, chosen, lasting=lasting))

    return change


def _value(by: Actor, edit: Edit) -> Any:
    if edit.field in ROWS:
        return _row(by, edit.field, edit.text) if edit.text else None
    return values.checked(edit.field, edit.text)


def _row(by: Actor, name: str, text: str) -> Any:
    model = ROWS[name]
    try:
        rows = model.objects.visible_to(by) if name in ("category", "home_location") else model.objects
        found = rows.filter(pk=UUID(text)).first()
    except ValueError:
        found = None
    if found is None:
        raise Invalid(f"{name}: there is no such thing any more", field="value")
    return found


def _set(verdict: Verdict, chosen: Mapping[str, Any]) -> None:
    """Note what differs of these columns. A label that does not go with the new status goes."""
    asset = verdict.asset
    chosen = dict(chosen)
    status = chosen.get("status", asset.status)
    if "status" in chosen and "label" not in chosen and asset.label is not None and asset.label.status != status:
        chosen["label"] = None
    for name, value in chosen.items():
        if getattr(asset, name) != value:
            verdict.columns[name] = value
            verdict.before[name], verdict.after[name] = log.plain(getattr(asset, name)), log.plain(value)


def _tagging(edit: Edit) -> Callable[[Verdict], None]:
    given = read_tags(edit.text)
    if not given:
        raise Invalid("value: write the tags here, with commas between", field="value")
    low = {tag.lower() for tag in given}

    def change(verdict: Verdict) -> None:
        now = sorted(str(tag.name) for tag in verdict.asset.tags.all())
        if edit.field == ADD_TAGS:
            has = {tag.lower() for tag in now}
            wanted = sorted([*now, *(tag for tag in given if tag.lower() not in has)])
        else:
            wanted = [tag for tag in now if tag.lower() not in low]
        if len(wanted) > MOST_TAGS:
            raise Invalid(f"{len(wanted)} tags are too many, {MOST_TAGS} at most")
        _retag(verdict, now, wanted)

    return change


def _retag(verdict: Verdict, now: list[str], wanted: list[str]) -> None:
    if wanted != now:
        verdict.tags = wanted
        verdict.before["tags"], verdict.after["tags"] = now, wanted


def _own(edit: Edit, assets: list[Asset]) -> Callable[[Verdict], None]:
    """A company's own field, where the category of an asset has it."""
    key = edit.field.removeprefix(own_fields.PREFIX)
    one = CustomField.objects.filter(key=key, active=True).first()
    if one is None:
        raise Invalid("field: there is no such field any more", field="field")
    value = own_fields.own_value(one, edit.text)
    known = _having(one, assets)
    kept = dict(CustomValue.objects.order_by().filter(field=one, asset__in=assets).values_list("asset", "text"))

    def change(verdict: Verdict) -> None:
        if verdict.asset.category_id not in known:
            raise Invalid("assets of its category have no such field")
        _put_own(verdict, one, kept.get(verdict.asset.pk), value)

    return change


def _put_own(verdict: Verdict, one: CustomField, was: str | None, value: own_fields.OwnValue | None) -> None:
    now = value.text if value is not None and value.text else None
    if was != now:
        verdict.custom[one] = value if now is not None else None
        name = f"{own_fields.PREFIX}{one.key}"
        verdict.before[name], verdict.after[name] = was, now


def _having(one: CustomField, assets: list[Asset]) -> set[UUID | None]:
    """The categories of these assets that have the field."""
    paths = [category.path for category in one.categories.all()]
    return {
        asset.category_id
        for asset in assets
        if not paths or (asset.category is not None and asset.category.path.startswith(tuple(paths)))
    }


def _putting_back(by: Actor, edit: Edit, assets: list[Asset]) -> Callable[[Verdict], None]:
    """Each asset gets back what the change took from it, unless somebody changed that since."""
    rows = Change.objects.of_request(UUID(edit.text)).filter(object_type="asset", object_id__in=[str(a.pk) for a in assets])
    told = {UUID(row.object_id): row for row in rows if row.action == "changed"}
    custom_fields = {one.key: one for one in CustomField.objects.all()}
    of_assets = CustomValue.objects.order_by().filter(asset__in=assets).values_list("asset", "field__key", "text")
    kept = {(asset, key): text for asset, key, text in of_assets}
    referred: dict[tuple[str, str], Any] = {}

    def value_of(name: str, plain: Any) -> Any:
        if name in ROWS:
            if plain is None:
                return None
            key = (name, plain["id"])
            if key not in referred:
                referred[key] = _row(by, name, plain["id"])
            return referred[key]
        return values.checked(name, plain)

    def change(verdict: Verdict) -> None:
        row = told.get(verdict.asset.pk)
        if row is None:
            raise NotFound("it was not changed then")
        columns: dict[str, Any] = {}
        for name, plain in row.before.items():
            after = row.after.get(name)
            if name == "tags":
                now = sorted(str(tag.name) for tag in verdict.asset.tags.all())
                _same(now, after)
                _retag(verdict, now, plain)
            elif name.startswith(own_fields.PREFIX):
                key = name.removeprefix(own_fields.PREFIX)
                was = kept.get((verdict.asset.pk, key))
                _same(was, after)
                one = custom_fields[key]
                _put_own(verdict, one, was, own_fields.own_value(one, plain) if plain is not None else None)
            else:
                _same(log.plain(getattr(verdict.asset, name)), after)
                columns[name] = value_of(name, plain)
        _set(verdict, columns)

    return change


def _same(now: Any, after: Any) -> None:
    identity = [value.get("id") if isinstance(value, dict) else value for value in (now, after)]
    if identity[0] != identity[1]:
        raise Invalid("it was changed again since")


def _agree(by: Actor, edit: Edit, verdict: Verdict) -> None:
    """Raises Invalid if the asset's values would contradict each other, or it would leave where `by` may do this."""
    if not verdict.columns:
        return
    asset = verdict.asset
    after = {name: getattr(asset, name) for name in values.CHECKS} | verdict.columns
    values.agree(after)
    if {"home_location", "category"} & verdict.columns.keys():
        position: Any = getattr(asset, "position", None)
        here = position.location if position is not None else None
        paths = [place.path for place in (after["home_location"], here) if place is not None]
        category = after["category"]
        if not by.may(Action.EDIT, location_paths=paths, category_path=category.path if category is not None else None):
            raise Invalid("your role does not allow this for that home and category")
