"""What a list of assets can be narrowed by: one table for page, export, saved views and API.

`FILTERS` says of each how a text of the address becomes a value, which assets that means, and how people read it. A value that
makes no sense is None: pages leave it out, the API refuses it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from registry.access.actors import Action, Actor
from registry.access.models import Person
from registry.assets.columns import CUSTOM
from registry.assets.models import (
    Asset,
    AssetModel,
    AssetTag,
    Attachment,
    Category,
    CostCenter,
    CustomField,
    CustomValue,
    Identifier,
    Location,
    StatusLabel,
    Supplier,
    Tag,
    at_home_below,
    of_categories_below,
    standing_below,
)
from registry.assets.values import day, money
from registry.problems import Invalid

SEEN: Final[dict[str, str]] = {
    "hour": "in the last hour",
    "day": "in the last day",
    "week": "in the last week",
    "older": "not for a week",
    "never": "never",
}
SEEN_WITHIN: Final = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(days=7)}
WARRANTY: Final[dict[str, str]] = {
    "30": "ends within 30 days",
    "90": "ends within 90 days",
    "holds": "holds",
    "over": "is over",
    "none": "is not known",
}
LACKS: Final[dict[str, str]] = {
    "code": "no code",
    "photo": "no photo",
    "home": "no home",
    "category": "no category",
    "serial": "no serial number",
    "custodian": "no custodian",
}
CUSTODY: Final[dict[str, str]] = {
    "out": "checked out",
    "overdue": "overdue",
    "due": "due back within a week",
    "free": "free now",
}
SOON: Final = timedelta(days=7)
HELD: Final[dict[str, str]] = {"yes": "by somebody", "no": "by nobody"}
MAX_CUSTOM: Final = 10  # fields of their own in one question
NONE: Final = "none"  # of a reference: the assets that have none


@dataclass(frozen=True, slots=True)
class Custom:
    """What is wanted of one of the company's own fields: its text (the beginning of it, for free text), or from .. to."""

    field: CustomField
    text: str | None = None
    low: Decimal | date | None = None
    high: Decimal | date | None = None


@dataclass(frozen=True, slots=True)
class Criteria:
    """What is looked for. Unset means: not filtered by it. A category or place means it and everything inside it. Of the other
    words of the company `"none"` means: has none."""

    q: str = ""
    place: Location | None = None
    seen: str | None = None
    category: Category | None = None
    status: str | None = None
    kind: str | None = None
    label: StatusLabel | str | None = None
    home: Location | None = None
    model: AssetModel | str | None = None
    supplier: Supplier | str | None = None
    cost_center: CostCenter | str | None = None
    custodian: Person | str | None = None
    held: str | None = None
    custody: str | None = None
    tag: Tag | None = None
    criticality: str | None = None
    condition: int | None = None
    warranty: str | None = None
    acquired_from: date | None = None
    acquired_to: date | None = None
    cost_from: Decimal | None = None
    cost_to: Decimal | None = None
    lacks: str | None = None
    custom: tuple[Custom, ...] = field(default_factory=tuple)

    def without(self, name: str) -> "Criteria":
        """The same, not filtered by `name` (a filter, or `custom.<key>`)."""
        if name.startswith(CUSTOM):
            key = name.removeprefix(CUSTOM)
            return replace(self, custom=tuple(one for one in self.custom if one.field.key != key))
        unset: dict[str, Any] = {name: "" if name == "q" else None}
        return replace(self, **unset)


@dataclass(frozen=True, slots=True)
class Filter:
    """`read` makes a value of the text in an address, None if it cannot be; `means` is the condition; `said` is for people,
    `text` what stands in an address."""

    title: str
    read: Callable[[Actor, str], Any]
    means: Callable[[Any], Q]
    said: Callable[[Any], str]
    text: Callable[[Any], str] = str
    choices: Mapping[str, str] = field(default_factory=dict)


def condition(wanted: Criteria) -> Q:
    """Everything of `wanted` but its search, as one condition."""
    every = Q()
    for name, one in FILTERS.items():
        value = getattr(wanted, name)
        if value is not None:
            every &= one.means(value)
    for custom in wanted.custom:
        every &= _custom_means(custom)
    return every


def read(by: Actor, given: Mapping[str, str]) -> tuple[Criteria, list[str]]:
    """The criteria that an address or a question to the API means, and the names of what makes no sense there."""
    values: dict[str, Any] = {}
    wrong: list[str] = []
    for name, one in FILTERS.items():
        text = (given.get(name) or "").strip()
        if text:
            value = one.read(by, text) if len(text) <= 200 and "\0" not in text else None
            if value is None:
                wrong.append(name)
            values[name] = value
    custom, nonsense = _read_custom(given)
    q = (given.get("q") or "").replace("\0", "")
    return Criteria(q=q, custom=custom, **values), wrong + nonsense


def written(wanted: Criteria) -> dict[str, str]:
    """The criteria as they stand in an address; `read` gives the same again."""
    found = {"q": wanted.q} if wanted.q else {}
    for name, one in FILTERS.items():
        value = getattr(wanted, name)
        if value is not None:
            found[name] = one.text(value)
    for custom in wanted.custom:
        name = f"{CUSTOM}{custom.field.key}"
        parts = {name: custom.text, f"{name}.from": custom.low, f"{name}.to": custom.high}
        found |= {key: _short(value) for key, value in parts.items() if value is not None}
    return found


def seen(choice: str) -> Q:
    """One of SEEN as a condition on assets."""
    if choice == "never":
        return Q(position__isnull=True)
    if choice == "older":
        return Q(position__last_seen_at__lt=timezone.now() - SEEN_WITHIN["week"])
    return Q(position__last_seen_at__gte=timezone.now() - SEEN_WITHIN[choice])


# ---- how each is read and what it means ----------------------------------------------------------------------------------------


def _one_of(title: str, name: str, choices: Mapping[str, str]) -> Filter:
    return Filter(
        title,
        lambda by, text: text if text in choices else None,
        lambda value: Q(**{name: value}),
        lambda value: choices[value].capitalize(),
        choices=choices,
    )


def _chosen(title: str, choices: Mapping[str, str], means: Callable[[str], Q], prefix: str = "") -> Filter:
    return Filter(
        title,
        lambda by, text: text if text in choices else None,
        means,
        lambda value: f"{prefix} {choices[value]}".strip().capitalize(),
        choices=choices,
    )


def _node(title: str, model: Any, below: Callable[[str], Q]) -> Filter:
    def find(by: Actor, text: str) -> Any:
        pk = _uuid(text)
        return model.objects.visible_to(by).filter(pk=pk).first() if pk is not None else None

    return Filter(title, find, lambda node: below(node.path), lambda node: str(node.name), _pk)


def _row(title: str, model: Any, name: str, action: Action = Action.VIEW) -> Filter:
    """A word of the company, by its id; `none` for those that have none."""

    def find(by: Actor, text: str) -> Any:
        if text == NONE:
            return NONE
        pk = _uuid(text)
        return model.objects.filter(pk=pk).first() if pk is not None and by.may_anywhere(action) else None

    return Filter(
        title,
        find,
        lambda row: Q(**{f"{name}__isnull": True}) if row == NONE else Q(**{name: row}),
        lambda row: f"No {title.lower()}" if row == NONE else str(row),
        lambda row: NONE if row == NONE else _pk(row),
    )


def _bound(title: str, check: Callable[[str, Any], Any], lookup: str, words: str) -> Filter:
    def find(by: Actor, text: str) -> Any:
        try:
            return check("", text)
        except Invalid:
            return None

    return Filter(title, find, lambda value: Q(**{lookup: value}), lambda value: f"{words} {_short(value)}", _short)


def _short(value: Any) -> str:
    return format(value.normalize(), "f") if isinstance(value, Decimal) else str(value)


def _pk(row: Any) -> str:
    return str(row.pk)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _warranty(choice: str) -> Q:
    today = timezone.localdate()
    match choice:
        case "over":
            return Q(warranty_until__lt=today)
        case "holds":
            return Q(warranty_until__gte=today)
        case "none":
            return Q(warranty_until__isnull=True)
    return Q(warranty_until__gte=today, warranty_until__lte=today + timedelta(days=int(choice)))


def _lacks(what: str) -> Q:
    match what:
        case "code":
            return ~Q(Exists(Identifier.objects.active().filter(asset=OuterRef("pk"))))
        case "photo":
            return ~Q(Exists(Attachment.objects.filter(asset=OuterRef("pk"), kind="photo")))
        case "serial":
            return Q(serial_no="")
        case "home":
            return Q(home_location__isnull=True)
    return Q(**{f"{what}__isnull": True})


def _custody(choice: str) -> Q:
    """What the custody app keeps of an asset: who has it until when, and whether a booking holds it now."""
    now = timezone.now()
    out = _of_asset("custodies", to_at__isnull=True)
    match choice:
        case "out":
            return Q(Exists(out))
        case "overdue":
            return Q(Exists(out.filter(due_at__lt=now)))
        case "due":
            return Q(Exists(out.filter(due_at__gte=now, due_at__lt=now + SOON)))
    booked = _of_asset("booked", active=True, from_at__lte=now, to_at__gt=now)
    return Q(status__in=[Asset.Status.IN_STOCK, Asset.Status.IN_USE]) & ~Q(Exists(out)) & ~Q(Exists(booked))


def _of_asset(name: str, **conditions: Any) -> Any:
    """The rows of an app above that name an asset, by what they are called on it."""
    rows = Asset._meta.get_field(name).related_model._default_manager  # type: ignore[union-attr]
    return rows.order_by().filter(asset=OuterRef("pk"), **conditions)


def _condition(by: Actor, text: str) -> int | None:
    return int(text) if text in ("1", "2", "3", "4", "5") else None


FILTERS: Final[dict[str, Filter]] = {
    "place": _node("Place, now or last", Location, standing_below),
    "seen": _chosen("Last seen", SEEN, seen, "seen"),
    "category": _node("Category", Category, of_categories_below),
    "status": _one_of("Status", "status", {value: str(label) for value, label in Asset.Status.choices}),
    "kind": _one_of("Kind", "kind", {value: str(label) for value, label in Asset.Kind.choices}),
    "label": _row("Status label", StatusLabel, "label"),
    "home": _node("Home", Location, at_home_below),
    "model": _row("Model", AssetModel, "model"),
    "supplier": _row("Supplier", Supplier, "supplier"),
    "cost_center": _row("Cost centre", CostCenter, "cost_center"),
    "custodian": _row("Custodian", Person, "custodian", Action.HANDLE),
    "held": _chosen("Held", HELD, lambda value: Q(custodian__isnull=value == "no"), "held"),
    "custody": _chosen("Custody", CUSTODY, _custody),
    "tag": Filter(
        "Tag",
        lambda by, text: _row("Tag", Tag, "tags").read(by, text) if text != NONE else None,
        lambda tag: Q(Exists(AssetTag.objects.filter(asset=OuterRef("pk"), tag=tag))),
        lambda tag: f"#{tag}",
        _pk,
    ),
    "criticality": _one_of("Criticality", "criticality", {value: str(label) for value, label in Asset.Criticality.choices}),
    "condition": Filter("Condition", _condition, lambda value: Q(condition=value), lambda value: f"Condition {value}"),
    "warranty": _chosen("Warranty", WARRANTY, _warranty, "warranty"),
    "acquired_from": _bound("Acquired from", day, "acquired_on__gte", "Acquired from"),
    "acquired_to": _bound("Acquired until", day, "acquired_on__lte", "Acquired until"),
    "cost_from": _bound("Cost from", money, "purchase_cost__gte", "Cost from"),
    "cost_to": _bound("Cost up to", money, "purchase_cost__lte", "Cost up to"),
    "lacks": _chosen("Lacks", LACKS, _lacks),
}
assert set(FILTERS) == {one.name for one in fields(Criteria)} - {"q", "custom"}


# ---- the company's own fields --------------------------------------------------------------------------------------------------


def _read_custom(given: Mapping[str, str]) -> tuple[tuple[Custom, ...], list[str]]:
    asked = {name: text.strip() for name, text in given.items() if name.startswith(CUSTOM) and text.strip()}
    if not asked:
        return (), []
    keys = {name.removeprefix(CUSTOM).removesuffix(".from").removesuffix(".to") for name in asked}
    known = {one.key: one for one in CustomField.objects.filter(key__in=sorted(keys)[:MAX_CUSTOM], active=True)}
    found, wrong = [], []
    for key in sorted(keys):
        parts = {end: asked.get(f"{CUSTOM}{key}{end}", "")[:200].replace("\0", "") for end in ("", ".from", ".to")}
        one = known.get(key)
        try:
            assert one is not None
            low, high = (_limit(one, parts[end]) for end in (".from", ".to"))
            found.append(Custom(one, parts[""] or None, low, high))
        except (AssertionError, Invalid):
            wrong.append(f"{CUSTOM}{key}")
    return tuple(found), wrong


def _limit(one: CustomField, text: str) -> Decimal | date | None:
    """One end of a range. Raises Invalid for a field that has none, or for what is no value of it."""
    if not text:
        return None
    match one.type:
        case CustomField.Type.DATE:
            return day("", text)
        case CustomField.Type.NUMBER | CustomField.Type.INTEGER:
            sign = -1 if text.startswith("-") else 1
            amount = money("", text.removeprefix("-"))
            return amount * sign if amount is not None else None
    raise Invalid(f"{one.name} is not asked for from .. to")


def _custom_means(wanted: Custom) -> Q:
    values = CustomValue.objects.order_by().filter(field=wanted.field)
    if wanted.text is not None:
        start = wanted.text[:100].lower()
        free = wanted.field.type in (
            CustomField.Type.TEXT,
            CustomField.Type.LONG_TEXT,
            CustomField.Type.URL,
            CustomField.Type.EMAIL,
        )
        values = values.filter(start__startswith=start) if free else values.filter(start=start)
    column = "day" if wanted.field.type == CustomField.Type.DATE else "number"
    if wanted.low is not None:
        values = values.filter(**{f"{column}__gte": wanted.low})
    if wanted.high is not None:
        values = values.filter(**{f"{column}__lte": wanted.high})
    return Q(pk__in=values.values("asset"))


def custom_said(wanted: Custom) -> str:
    """For people: `Rating from 3 to 5`."""
    parts = [f"“{wanted.text}”" if wanted.text is not None else ""]
    parts += [f"from {_short(wanted.low)}" if wanted.low is not None else ""]
    parts += [f"to {_short(wanted.high)}" if wanted.high is not None else ""]
    return " ".join([str(wanted.field.name), *(part for part in parts if part)])
