"""Choosing one row of thousands by what people call it: what a picker offers while somebody types, and whom a text names.

Every row that is offered or found is one that the person may do this with (`action`): there is no other way in.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db.models import Q, QuerySet

from registry.access.actors import Action, Actor
from registry.access.models import Person
from registry.assets import finding
from registry.assets.models import Asset, AssetModel, Category, CostCenter, Location, Supplier, Tag
from registry.assets.services import resolve_code
from registry.problems import Invalid

OFFERED: Final = 20
CANDIDATES: Final = 5  # named in an error
CHARS: Final = 300
_ALIKE: Final = 50  # rows of one name that are looked at
_BETWEEN: Final = " · "


@dataclass(frozen=True, slots=True)
class Choice:
    """`label` is what the field then shows, `text` what names the row alone: a number, a code."""

    id: UUID
    label: str
    text: str


@dataclass(frozen=True, slots=True)
class Source:
    """One kind of thing. `called`: rows that bear this name, number or code; `like`: rows that have it somewhere."""

    one: str
    rows: Callable[[Actor, Action], QuerySet[Any]]
    called: Callable[[Actor, str], Q]
    like: Callable[[Actor, QuerySet[Any], str], QuerySet[Any]]
    labels: Callable[[Actor, Sequence[Any]], list[str]]
    text: Callable[[Any], str]


def offered(by: Actor, kind: str, q: str, *, action: Action = Action.VIEW) -> list[Choice]:
    """Some that have this in their name, number or code; the first ones for nothing typed."""
    source, q = SOURCES[kind], _plain(q)
    rows = source.rows(by, action)
    found = list((source.like(by, rows, q) if q else rows)[:OFFERED])
    return [Choice(row.pk, label, source.text(row)) for row, label in zip(found, source.labels(by, found), strict=True)]


def label_of(by: Actor, kind: str, row: Any) -> str:
    return SOURCES[kind].labels(by, [row])[0]


def by_id(by: Actor, kind: str, pk: UUID, *, action: Action = Action.VIEW) -> Any | None:
    return SOURCES[kind].rows(by, action).filter(pk=pk).first()


def named(by: Actor, kind: str, text: str, *, action: Action = Action.VIEW) -> Any:
    """The one row that is called so: by name, number or code, or as a picker shows it. Raises Invalid, with the candidates."""
    source, text = SOURCES[kind], _plain(text)
    rows = source.rows(by, action)
    bare = text.partition(" (")[0].partition(_BETWEEN)[0]
    found = list(rows.filter(source.called(by, text))[:_ALIKE])
    if not found and bare != text:
        found = list(rows.filter(source.called(by, bare))[:_ALIKE])
        found = [row for row, label in zip(found, source.labels(by, found), strict=True) if label.lower() == text.lower()]
    if len(found) == 1:
        return found[0]
    if found:
        raise Invalid(f"Several are called {text[:60]!r}: {_listed(by, source, found)}. Write which of them")
    alike = list(source.like(by, rows, text)[: CANDIDATES + 1])
    if alike:
        raise Invalid(f"No {source.one} is called {text[:60]!r}. Perhaps {_listed(by, source, alike)}")
    raise Invalid(f"No {source.one} is called {text[:60]!r}; write its name, number or code")


def _listed(by: Actor, source: Source, rows: Sequence[Any]) -> str:
    return "; ".join(source.labels(by, rows[:CANDIDATES])) + (" and others" if len(rows) > CANDIDATES else "")


def _plain(text: str) -> str:
    return " ".join(text.replace("\0", "").split())[:CHARS]


# ---- assets --------------------------------------------------------------------------------------------------------------------


def _assets(by: Actor, action: Action) -> QuerySet[Any]:
    return Asset.objects.visible_to(by, action)


def _asset_called(by: Actor, text: str) -> Q:
    number = text.rpartition(_BETWEEN)[2]
    called = Q(asset_no__iexact=number[:40]) | Q(name__iexact=text)
    owner = resolve_code(text, by=by).asset if text else None
    return called | Q(pk=owner.pk) if owner is not None else called


def _assets_like(by: Actor, rows: QuerySet[Any], text: str) -> QuerySet[Any]:
    return rows.filter(pk__in=finding.searched(by, text).order_by().values("pk"))


# ---- people --------------------------------------------------------------------------------------------------------------------


def _people(by: Actor, action: Action) -> QuerySet[Any]:
    """For those who hand things out, and those who look whether people have what they should."""
    if not (by.may_anywhere(Action.HANDLE) or by.may_anywhere(Action.AUDIT)):
        return Person.objects.none()
    return Person.objects.filter(active=True, erased_at__isnull=True).order_by("name", "id")


def _person_called(by: Actor, text: str) -> Q:
    name, _, rest = text.partition(_BETWEEN)
    if rest:
        return Q(name__iexact=name) & (Q(number=rest) | Q(email__iexact=rest))
    return Q(name__iexact=text) | Q(number=text) | Q(email__iexact=text)


def _people_like(by: Actor, rows: QuerySet[Any], text: str) -> QuerySet[Any]:
    return rows.filter(Q(name__icontains=text) | Q(number__istartswith=text) | Q(email__istartswith=text))


def _person_label(person: Person) -> str:
    more = person.number or person.email
    return f"{person.name}{_BETWEEN}{more}" if more else person.name


# ---- trees ---------------------------------------------------------------------------------------------------------------------


def _in_tree(model: Any, sees: Callable[[Actor, str], bool]) -> Callable[[Actor, Sequence[Any]], list[str]]:
    """Each with what is around it, as far as they may know that: `Store room (Hamburg / Hall A)`."""

    def labels(by: Actor, nodes: Sequence[Any]) -> list[str]:
        above = {node.path[:end] for node in nodes for end in range(model.steplen, len(node.path), model.steplen)}
        names = dict(model.objects.filter(path__in=above).order_by().values_list("path", "name")) if above else {}

        def label(node: Any) -> str:
            paths = [node.path[:end] for end in range(model.steplen, len(node.path), model.steplen)]
            around = [names[path] for path in paths if path in names and sees(by, path)]
            return f"{node.name} ({' / '.join(around)})" if around else str(node.name)

        return [label(node) for node in nodes]

    return labels


def _sees_category(by: Actor, path: str) -> bool:
    return any(grant.category_path is None or path.startswith(grant.category_path) for grant in by.granted(Action.VIEW))


def _called(by: Actor, text: str) -> Q:
    return Q(name__iexact=text)


def _place_called(by: Actor, text: str) -> Q:
    return Q(name__iexact=text) | Q(code__iexact=text) | Q(gln=text)


def _places_like(by: Actor, rows: QuerySet[Any], text: str) -> QuerySet[Any]:
    return rows.filter(Q(name__icontains=text) | Q(code__istartswith=text))


def _by_name(by: Actor, rows: QuerySet[Any], text: str) -> QuerySet[Any]:
    return rows.filter(name__icontains=text)


# ---- words of the company ------------------------------------------------------------------------------------------------------


def _models_like(by: Actor, rows: QuerySet[Any], text: str) -> QuerySet[Any]:
    for word in text.split()[:8]:
        rows = rows.filter(Q(name__icontains=word) | Q(manufacturer__icontains=word) | Q(part_no__icontains=word))
    return rows


def _model_called(by: Actor, text: str) -> Q:
    called = Q(name__iexact=text) | Q(part_no__iexact=text)
    words = text.partition(_BETWEEN)[0].split(" ")
    for at in range(1, len(words)):
        called |= Q(manufacturer__iexact=" ".join(words[:at]), name__iexact=" ".join(words[at:]))
    return called


def _model_label(model: AssetModel) -> str:
    return f"{model}{_BETWEEN}{model.part_no}" if model.part_no else str(model)


def _each(label: Callable[[Any], str]) -> Callable[[Actor, Sequence[Any]], list[str]]:
    return lambda by, rows: [label(row) for row in rows]


SOURCES: Final[dict[str, Source]] = {
    "asset": Source(
        "asset",
        _assets,
        _asset_called,
        _assets_like,
        _each(lambda a: f"{a.name}{_BETWEEN}{a.asset_no}"),
        lambda a: str(a.asset_no),
    ),
    "person": Source("person", _people, _person_called, _people_like, _each(_person_label), _person_label),
    "place": Source(
        "place",
        lambda by, action: Location.objects.visible_to(by, action),
        _place_called,
        _places_like,
        _in_tree(Location, lambda by, path: by.sees_place(path)),
        lambda place: str(place.code or place.name),
    ),
    "category": Source(
        "category",
        lambda by, action: Category.objects.visible_to(by, action),
        _called,
        _by_name,
        _in_tree(Category, _sees_category),
        lambda category: str(category.name),
    ),
    "model": Source(
        "model",
        lambda by, action: AssetModel.objects.filter(active=True),
        _model_called,
        _models_like,
        _each(_model_label),
        _model_label,
    ),
    "supplier": Source(
        "supplier",
        lambda by, action: Supplier.objects.filter(active=True),
        _called,
        _by_name,
        _each(str),
        str,
    ),
    "tag": Source("tag", lambda by, action: Tag.objects.all(), _called, _by_name, _each(str), str),
    "cost-center": Source(
        "cost centre",
        lambda by, action: CostCenter.objects.filter(active=True),
        lambda by, text: Q(code__iexact=text.split(" ")[0]) | Q(name__iexact=text),
        lambda by, rows, text: rows.filter(Q(name__icontains=text) | Q(code__istartswith=text)),
        _each(str),
        lambda center: str(center.code),
    ),
}
