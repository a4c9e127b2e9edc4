"""What a list can be narrowed by, with how many rows each choice would leave."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from django.db.models import Count, Q

from registry.assets import finding
from registry.assets.finding import Criteria
from registry.assets.models import Asset, AssetQuerySet, Category, Location

COUNTED_UP_TO = 20_000  # beyond it the numbers would cost more than the list itself
MOST_CHOICES = 15

Query = Callable[..., str]  # (name=value, ...) -> "?..." with these changed, None taking one away


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


def facets(found: AssetQuerySet, wanted: Criteria, query: Query, *, counted: bool) -> list[Facet]:
    """`found` is narrowed by the search alone: each facet counts within what all the others leave."""
    return [
        _tree("place", "Place, now or last", Location, "position__location__path", found, wanted, query, counted),
        _seen(found, wanted, query, counted),
        _tree("category", "Category", Category, "category__path", found, wanted, query, counted),
        _status(found, wanted, query, counted),
    ]


def _tree(
    name: str, title: str, model: Any, path: str, found: AssetQuerySet, wanted: Criteria, query: Query, counted: bool
) -> Facet:
    """The way down to what is chosen, and one step further."""
    unset: dict[str, Any] = {name: None}
    chosen: Location | Category | None = getattr(wanted, name)
    others = finding.narrow(found, replace(wanted, **unset))
    counts = _rolled_up(others, path, model.steplen) if counted else None
    if chosen is None:
        shown = model.objects.filter(depth=1)
    else:
        way = [chosen.path[:end] for end in range(model.steplen, len(chosen.path) + 1, model.steplen)]
        shown = model.objects.filter(Q(path__in=way) | Q(path__startswith=chosen.path, depth=chosen.depth + 1))
    rows = list(shown)
    choices = [
        Choice(
            row.name,
            query(**{name: None if row == chosen else str(row.pk)}),
            None if counts is None else counts[row.path],
            chosen=row == chosen,
            depth=min(row.depth - 1, 4),
        )
        for row in rows
    ]
    kept = [c for c in choices if c.chosen or c.count is None or c.count]
    nothing = f"No {'places' if name == 'place' else 'categories'} yet" if not rows else "Nothing here has one"
    return Facet(title, tuple(kept[:MOST_CHOICES]), nothing, hidden=max(0, len(kept) - MOST_CHOICES))


def _rolled_up(found: AssetQuerySet, path: str, step: int) -> Counter[str]:
    """How many at each node or below it."""
    total: Counter[str] = Counter()
    for at, number in _grouped(found, path):
        for end in range(step, len(at or "") + 1, step):
            total[at[:end]] += number
    return total


def _grouped(found: AssetQuerySet, name: str) -> Iterable[tuple[str, int]]:
    return found.order_by().values_list(name).annotate(number=Count("pk"))


def _seen(found: AssetQuerySet, wanted: Criteria, query: Query, counted: bool) -> Facet:
    others = finding.narrow(found, replace(wanted, seen=None))
    counts: dict[str, int] = (
        others.aggregate(**{name: Count("pk", filter=finding.seen(name)) for name in finding.SEEN}) if counted else {}
    )
    return Facet(
        "Last seen",
        tuple(
            Choice(words.capitalize(), query(seen=None if name == wanted.seen else name), counts.get(name), name == wanted.seen)
            for name, words in finding.SEEN.items()
            if name == wanted.seen or counts.get(name, 1)
        ),
    )


def _status(found: AssetQuerySet, wanted: Criteria, query: Query, counted: bool) -> Facet:
    others = finding.narrow(found, replace(wanted, status=None))
    counts = dict(_grouped(others, "status")) if counted else {}
    return Facet(
        "Status",
        tuple(
            Choice(
                str(status.label).capitalize(),
                query(status=None if status == wanted.status else status.value),
                counts.get(status.value, 0) if counted else None,
                status == wanted.status,
            )
            for status in Asset.Status
            if status == wanted.status or not counted or counts.get(status.value)
        ),
    )
