"""Places: the tree at the left with how much is in each, and at the right what is in the chosen one now."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render

from registry.access.actors import Actor
from registry.assets import finding
from registry.assets.models import Asset, AssetQuerySet, Location
from registry.page import acting, is_htmx, page
from registry.paging import BadCursor, Page, cut_by_key
from registry.places import contents
from registry.tracking.models import Position, Zone
from registry.web.where import for_assets

PAGE_SIZE = 50
SHOWN_WHOLE = 60  # a tree with more places opens only along the way to the chosen one
MOST_ELSEWHERE = 20
SORTS = {"name": "Name", "place": "Place", "seen": "Last seen"}


@dataclass(slots=True)
class Branch:
    """One place of the tree as it is drawn. `count` is what is there now, in it and in everything inside it."""

    place: Location
    count: int
    children: list["Branch"]
    more: bool = False  # has places inside that are not drawn


@page()
def show(request: HttpRequest, location_id: UUID | None = None) -> HttpResponse:
    by = acting(request)
    visible = Location.objects.visible_to(by)
    place: Location | None = get_object_or_404(visible, pk=location_id) if location_id else None
    assets = contents.of_known_places(by)
    present = assets.filter(position__state=Position.State.PRESENT)
    counts = present_within(by)
    if place is not None:
        here = present.filter(position__location__in=Location.objects.within(place).order_by().values("pk"))
    elif by.sees_all_places():
        here = present.filter(position__location__isnull=False)
    else:
        here = present.filter(position__location__in=visible.order_by().values("pk"))
    sort = request.GET.get("sort", "") if request.GET.get("sort", "").removeprefix("-") in SORTS else "name"
    shown = _page(here, sort, request.GET.get("cursor"))
    away: list[Asset] = _elsewhere(assets, place) if place else []
    left: list[Asset] = _left(assets, place) if place else []
    tree = tree_of(by, visible, place, counts)
    where = for_assets(by, [*shown.rows, *away, *left])
    context = {
        "area": "places",
        "place": place,
        "way": [node for node in Location.objects.get_ancestors(place) if by.sees_place(node.path)] if place else [],
        "tab": "now",
        "tree": tree,
        "inside": _inside(tree, place),
        "count": counts[place.path if place else ""],
        "heads": _heads(sort),
        "rows": [(asset, where[asset]) for asset in shown.rows],
        "away": [(asset, where[asset]) for asset in away],
        "left": [(asset, where[asset]) for asset in left],
        "most": MOST_ELSEWHERE,
        "sort": sort,
        "next": shown.next,
        "previous": shown.previous,
        "unplaced": _unplaced(by) if place is None and by.sees_all_places() else 0,
        "zones": list(Zone.objects.valid().filter(location=place).select_related("gateway")) if place else [],
    }
    return render(request, "web/_place.html" if is_htmx(request) else "web/places.html", context)


def present_within(by: Actor) -> Counter[str]:
    """How much is now at each place that `by` may know of or inside it, by path; of all of them by "". Counted by place, then
    summed up along the tree."""
    at_each = Position.objects.at_places_of(by).present().order_by().values_list("location").annotate(number=Count("pk"))
    paths = dict(Location.objects.visible_to(by).order_by().values_list("pk", "path"))
    total: Counter[str] = Counter()
    for pk, number in at_each:
        path = paths.get(pk, "")  # made since
        for end in range(0, len(path) + 1, Location.steplen):
            total[path[:end]] += number
    return total


def _unplaced(by: Actor) -> int:
    """What is in zones that nobody has mapped."""
    return Position.objects.visible_to(by).present().filter(location__isnull=True).count()


def tree_of(by: Actor, visible: Any, chosen: Location | None, counts: Counter[str]) -> list[Branch]:
    """The whole tree while it is small, else the way to the chosen place with its siblings and what is inside it."""
    rows: Sequence[Location] = list(visible[: SHOWN_WHOLE + 1])
    if len(rows) > SHOWN_WHOLE:
        way = [chosen.path[:end] for end in range(Location.steplen, len(chosen.path) + 1, Location.steplen)] if chosen else []
        opened = Q(depth=1) | Q(path__in=by.tops())
        for path in way:
            opened |= Q(path__startswith=path, depth=len(path) // Location.steplen + 1)
        rows = list(visible.filter(opened))
    branches: dict[str, Branch] = {}
    roots: list[Branch] = []
    for row in rows:
        branch = branches[row.path] = Branch(row, counts[row.path], [])
        above = branches.get(row.path[: -Location.steplen])
        (above.children if above is not None else roots).append(branch)
    for branch in branches.values():
        branch.more = branch.place.numchild > 0 and not branch.children
    return roots


def _inside(tree: list[Branch], chosen: Location | None) -> list[Branch]:
    """The branches right below the chosen place, at the top without one."""
    if chosen is None:
        return tree
    for branch in tree:
        if branch.place == chosen:
            return branch.children
        if chosen.path.startswith(branch.place.path):
            return _inside(branch.children, chosen)
    return []


def _elsewhere(assets: AssetQuerySet, place: Location) -> list[Asset]:
    """What belongs here and was seen somewhere else since."""
    inside = Location.objects.within(place).order_by().values("pk")
    home = assets.filter(home_location__in=inside, position__location__isnull=False)
    return _newest(home.filter(~contents.is_inside(place)))


def _left(assets: AssetQuerySet, place: Location) -> list[Asset]:
    """What was here last, has left, and was not seen since."""
    inside = Location.objects.within(place).order_by().values("pk")
    return _newest(assets.filter(position__state=Position.State.UNKNOWN, position__location__in=inside))


def _newest(found: AssetQuerySet) -> list[Asset]:
    pks = list(found.order_by("-position__last_seen_at", "pk").values_list("pk", flat=True)[:MOST_ELSEWHERE])
    rows = finding.for_rows(Asset.objects.order_by()).in_bulk(pks)
    return [rows[pk] for pk in pks if pk in rows]


def _page(found: AssetQuerySet, sort: str, cursor: str | None) -> Page[Asset]:
    order = finding.order_of(sort)
    assert order is not None
    rows = finding.for_rows(Asset.objects.order_by())
    try:
        return cut_by_key(found, rows, order, cursor, PAGE_SIZE)
    except BadCursor:
        return cut_by_key(found, rows, order, None, PAGE_SIZE)


def _heads(sort: str) -> list[dict[str, str]]:
    heads = []
    for name, title in SORTS.items():
        now = sort.removeprefix("-") == name
        first = "-seen" if name == "seen" else name
        other = name if sort.startswith("-") else f"-{name}"
        direction = ("descending" if sort.startswith("-") else "ascending") if now else ""
        heads.append({"title": title, "sorted": direction, "sort": other if now else first})
    return heads
