"""What a list can be narrowed by, with how many rows each choice would leave. Four facets stand there at once; the others are
counted when somebody opens them."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Count, Q

from registry.access.actors import Action, Actor
from registry.assets import filters, finding
from registry.assets.filters import FILTERS, NONE
from registry.assets.models import AssetQuerySet, Category, Location
from registry.web.listing import Listing

COUNTED_UP_TO: Final = 20_000  # beyond it the numbers would cost more than the list itself
MOST_CHOICES: Final = 15
AT_ONCE: Final = ("place", "seen", "category", "status")
LATER: Final = ("kind", "label", "model", "custodian", "tag", "condition", "warranty", "criticality", "supplier", "cost_center",
                "home", "lacks")  # fmt: skip
TREES: Final[dict[str, tuple[Any, str]]] = {"place": (Location, "position__location"), "category": (Category, "category"),
                "home": (Location, "home_location")}  # fmt: skip
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


def facets(found: AssetQuerySet, listing: Listing, *, counted: bool) -> list[Facet]:
    """`found` is narrowed by the search alone: each facet counts within what all the others leave."""
    return [facet(name, found, listing, counted=counted) for name in AT_ONCE]


def later(by: Actor, listing: Listing) -> list[dict[str, Any]]:
    """The facets that are counted when they are opened."""
    return [
        {"name": name, "title": FILTERS[name].title, "open": getattr(listing.criteria, name) is not None}
        for name in LATER
        if by.may_anywhere(ACTIONS.get(name, Action.VIEW))
    ]


def facet(name: str, found: AssetQuerySet, listing: Listing, *, counted: bool) -> Facet:
    others = finding.narrow(found, listing.criteria.without(name))
    if name in TREES:
        return _tree(name, others, listing, counted)
    if FILTERS[name].choices:
        return _fixed(name, others, listing, counted)
    return _most_often(name, others, listing)


def _tree(name: str, others: AssetQuerySet, listing: Listing, counted: bool) -> Facet:
    """The way down to what is chosen, and one step further; from the tops of what one may see."""
    model, column = TREES[name]
    chosen: Location | Category | None = getattr(listing.criteria, name)
    counts = _rolled_up(others, column, model) if counted else None
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


def _rolled_up(found: AssetQuerySet, column: str, model: Any) -> Counter[str]:
    """How many at each node or below it. Counted by the nodes' keys: joining paths to all assets takes four times as long."""
    total: Counter[str] = Counter()
    counts = dict(_grouped(found, column))
    step = model.steplen
    paths = dict(model.objects.order_by().filter(pk__in=[pk for pk in counts if pk]).values_list("pk", "path"))
    for pk, number in counts.items():
        at = paths.get(pk, "")
        for end in range(step, len(at) + 1, step):
            total[at[:end]] += number
    return total


def _grouped(found: AssetQuerySet, name: str) -> Iterable[tuple[Any, int]]:
    return found.order_by().values_list(name).annotate(number=Count("pk"))


def _fixed(name: str, others: AssetQuerySet, listing: Listing, counted: bool) -> Facet:
    """A facet whose choices are the same for every company."""
    one, now = FILTERS[name], getattr(listing.criteria, name)
    counts: dict[str, int] = {}
    if counted and name in ("status", "kind", "criticality"):
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
