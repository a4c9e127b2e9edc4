"""What a list can be narrowed by, with how many rows each choice would leave. Four facets stand there at once; the others are
counted when somebody opens them."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db.models import Case, CharField, Count, Q, TextField, Value, When
from django.db.models.functions import Cast
from django.utils import timezone

from registry.access.actors import Action, Actor
from registry.among import among
from registry.assets import filters, finding
from registry.assets.filters import FILTERS, NONE, SEEN, SEEN_WITHIN, Criteria
from registry.assets.models import Asset, AssetQuerySet, Category, Location
from registry.tracking.models import Position
from registry.web.listing import Listing

COUNTED_UP_TO: Final = 20_000  # beyond it the numbers would cost more than the list itself
MOST_CHOICES: Final = 15
AT_ONCE: Final = ("place", "seen", "category", "status")
LATER: Final = ("kind", "label", "model", "custodian", "custody", "tag", "condition", "warranty", "criticality", "supplier",
                "cost_center", "home", "lacks")  # fmt: skip
TREES: Final[dict[str, tuple[Any, str]]] = {"place": (Location, "position__location"), "category": (Category, "category"),
                "home": (Location, "home_location")}  # fmt: skip
Counts = Mapping[Any, int]  # of each value, or key of a value; of a tree's nodes without those below them
COLUMNS: Final = {"tag": "tagged__tag"}  # where the filter is not called like the column
ACTIONS: Final = {"custodian": Action.HANDLE}


@dataclass(frozen=True, slots=True)
class Choice:
    name: str
    query: str
    count: int | None
    chosen: bool = False
    depth: int = 0


@dataclass(frozen=True, slots=True)
class Facet:
    title: str
    choices: tuple[Choice, ...]
    nothing: str = ""
    hidden: int = 0  # choices left out because they are too many


def facets(found: AssetQuerySet, left: AssetQuerySet, listing: Listing, total: int) -> list[Facet]:
    """`found` is narrowed by the search alone: each facet counts within what all the others leave. `left` is what all leave,
    `total` how many these are."""
    counted = countable(listing, total)
    free = [name for name in AT_ONCE if getattr(listing.criteria, name) is None and not _of_all(name, listing)]
    told = _together(left, free) if counted and free else {}
    uncounted = {"seen"} if total > COUNTED_UP_TO else set()  # no index holds what changes with every event
    if listing.criteria == Criteria():
        told = {
            name: _counted_of_all(name, total) for name in AT_ONCE if _of_all(name, listing) and name not in uncounted
        } or told
    return [facet(name, found, listing, counted=counted and name not in uncounted, told=told.get(name)) for name in AT_ONCE]


def countable(listing: Listing, total: int) -> bool:
    return total <= COUNTED_UP_TO or (listing.criteria == Criteria() and listing.by.may_everywhere(Action.VIEW))


def later(by: Actor, listing: Listing) -> list[dict[str, Any]]:
    """The facets that are counted when they are opened."""
    return [
        {"name": name, "title": FILTERS[name].title, "open": getattr(listing.criteria, name) is not None}
        for name in LATER
        if by.may_anywhere(ACTIONS.get(name, Action.VIEW))
    ]


def facet(name: str, found: AssetQuerySet, listing: Listing, *, counted: bool, told: Counts | None = None) -> Facet:
    """`told` is how many there are of each, where that is known already."""
    others = finding.narrow(found, listing.criteria.without(name))
    if told is None and counted and name in AT_ONCE:
        told = _counted_of_all(name, None) if _of_all(name, listing) else _together(others, [name])[name]
    if name in TREES:
        return _tree(name, others, listing, counted, told)
    if FILTERS[name].choices:
        return _fixed(name, others, listing, counted, told)
    return _most_often(name, others, listing)


def _of_all(name: str, listing: Listing) -> bool:
    """Does the facet count all assets there are?"""
    return listing.criteria.without(name) == Criteria() and listing.by.may_everywhere(Action.VIEW)


def _counted_of_all(name: str, total: int | None) -> Counts:
    """By an index, or by the positions alone: joined to all assets they take ten times as long."""
    if name == "place":
        return dict(_grouped(Position.objects.all(), "location"))
    if name == "seen":
        told = dict(_grouped(Position.objects.annotate(bucket=_bucket("last_seen_at")), "bucket"))
        every = Asset.objects.count() if total is None else total
        return _seen(told | {"never": every - sum(told.values())})
    return dict(_grouped(Asset.objects.all(), name))


def _together(found: AssetQuerySet, names: Iterable[str]) -> dict[str, Counts]:
    """Of several facets at once: one row for each asset, read once."""
    names = list(names)
    columns: dict[str, Any] = {
        "place": Cast("position__location", TextField()), "seen": _bucket("position__last_seen_at"),
        "category": Cast("category", TextField()), "status": "status",
    }  # fmt: skip
    rows = list(found.order_by().values_list(*(columns[name] for name in names)))
    told: dict[str, Counts] = {name: Counter(row[place] for row in rows) for place, name in enumerate(names)}
    for name in told.keys() & TREES.keys():
        told[name] = {UUID(key): number for key, number in told[name].items() if key}
    return told | ({"seen": _seen(told["seen"])} if "seen" in told else {})


def _bucket(moment: str) -> Case:
    now = timezone.now()
    within = [When(**{f"{moment}__gte": now - span}, then=Value(name)) for name, span in SEEN_WITHIN.items()]
    older = When(**{f"{moment}__isnull": False}, then=Value("older"))
    return Case(*within, older, default=Value("never"), output_field=CharField())


def _seen(buckets: Counts) -> Counts:
    """What was seen in the last hour was seen in the last day, too."""
    told, within = {name: buckets.get(name, 0) for name in SEEN}, 0
    for name in SEEN_WITHIN:
        told[name] = within = within + told[name]
    return told


def _tree(name: str, others: AssetQuerySet, listing: Listing, counted: bool, told: Counts | None) -> Facet:
    """The way down to what is chosen, and one step further; from the tops of what one may see."""
    model, column = TREES[name]
    chosen: Location | Category | None = getattr(listing.criteria, name)
    counts = _rolled_up(dict(_grouped(others, column)) if told is None else told, model) if counted else None
    visible = model.objects.visible_to(listing.by)
    top = _depth_of_tops(listing.by, model)
    if chosen is None:
        shown = visible.filter(depth=top)
    else:
        way = [chosen.path[:end] for end in range(model.steplen, len(chosen.path) + 1, model.steplen)]
        shown = visible.filter(Q(path__in=way) | Q(path__startswith=chosen.path, depth=chosen.depth + 1))
    rows: list[Any] = list(shown)
    choices = [
        Choice(
            row.name,
            listing.without(name) if row == chosen else listing.with_(**{name: str(row.pk)}),
            None if counts is None else counts[row.path],
            chosen=row == chosen,
            depth=min(max(0, row.depth - top), 4),
        )
        for row in rows
    ]
    kept = [c for c in choices if c.chosen or c.count is None or c.count]
    nothing = f"No {'categories' if name == 'category' else 'places'} yet" if not rows else "Nothing here has one"
    return Facet(FILTERS[name].title, tuple(kept[:MOST_CHOICES]), nothing, hidden=max(0, len(kept) - MOST_CHOICES))


def _depth_of_tops(by: Actor, model: Any) -> int:
    """How deep the highest nodes of their scope lie; 1 where the whole tree is theirs."""
    column = "location_path" if model is Location else "category_path"
    paths = [getattr(grant, column) for grant in by.granted(Action.VIEW)]
    return 1 if None in paths or not paths else min(len(path) // model.steplen for path in paths)


def _rolled_up(counts: Counts, model: Any) -> Counter[str]:
    """How many at each node or below it, by its path."""
    total: Counter[str] = Counter()
    step = model.steplen
    nodes = model.objects.order_by().filter(pk__in=among([pk.hex for pk in counts if pk]))
    for pk, at in nodes.values_list("pk", "path"):
        for end in range(step, len(at) + 1, step):
            total[at[:end]] += counts[pk]
    return total


def _grouped(found: Any, name: str) -> Any:
    """(Value, how many) of each value."""
    return found.order_by().values_list(name).annotate(number=Count("*"))


def _fixed(name: str, others: AssetQuerySet, listing: Listing, counted: bool, told: Counts | None) -> Facet:
    """A facet whose choices are the same for every company."""
    one, now = FILTERS[name], getattr(listing.criteria, name)
    counts: Counts = told or {}
    if told is not None:
        pass
    elif counted and name in ("kind", "criticality"):
        counts = dict(_grouped(others, name))
    elif counted:
        counts = others.order_by().aggregate(**{f"is_{value}": Count("pk", filter=one.means(value)) for value in one.choices})
        counts = {value: counts[f"is_{value}"] for value in one.choices}
    choices = [
        Choice(
            words.capitalize(),
            listing.without(name) if value == now else listing.with_(**{name: value}),
            counts.get(value, 0) if counted else None,
            value == now,
        )
        for value, words in one.choices.items()
        if value == now or not counted or counts.get(value)
    ]
    return Facet(one.title, tuple(choices), "Nothing here has one")


def _most_often(name: str, others: AssetQuerySet, listing: Listing) -> Facet:
    """The words of the company that most of these assets have, and none at all."""
    one, now = FILTERS[name], getattr(listing.criteria, name)
    counts = dict(_grouped(others, COLUMNS.get(name, name)))
    without = counts.pop(None, 0)
    most = sorted(counts.items(), key=lambda pair: (-pair[1], str(pair[0])))
    values = {str(pk): one.read(listing.by, str(pk)) for pk, _ in most[:MOST_CHOICES]}
    choices = [
        Choice(one.said(values[str(pk)]), listing.with_(**{name: str(pk)}), number, values[str(pk)] == now)
        for pk, number in most[:MOST_CHOICES]
        if values[str(pk)] is not None
    ]
    if without and name not in ("tag", "condition"):
        choices.append(Choice(f"No {one.title.lower()}", listing.with_(**{name: NONE}), without, now == NONE))
    choices = [Choice(c.name, listing.without(name), c.count, True) if c.chosen else c for c in choices]
    return Facet(one.title, tuple(choices), "Nothing here has one", hidden=max(0, len(most) - MOST_CHOICES))


assert filters.FILTERS.keys() >= {*AT_ONCE, *LATER}
