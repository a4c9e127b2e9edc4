"""Pages: what was at a place on a date, and what belongs there against what is there."""

from typing import Any
from uuid import UUID

from django.db.models.functions import Lower
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from registry.access.actors import Actor
from registry.assets.models import Asset, AssetQuerySet, Location
from registry.page import acting, page
from registry.paging import BadCursor, Order, Page, cut_by_key
from registry.places import contents
from registry.tracking.models import Stay

PAGE_SIZE = 50
MOST_SHOWN = 50
FEW = 1_000
BY_NAME = Order("name", Lower("asset__name"))


def moment_of(text: str) -> Any:
    """The moment `2026-03-14T12:00` (UTC where it names no zone), not after now; None for anything else."""
    try:
        moment = parse_datetime(text.strip()[:40])
    except ValueError:
        return None
    if moment is None:
        return None
    if timezone.is_naive(moment):
        moment = timezone.make_aware(moment)
    return min(moment, timezone.now()) if moment.year > 1 else None


@page()
def then(request: HttpRequest, location_id: UUID) -> HttpResponse:
    """What was there at `at`."""
    by = acting(request)
    place: Location = get_object_or_404(Location.objects.visible_to(by), pk=location_id)
    asked = request.GET.get("at", "")
    moment = moment_of(asked) or timezone.now()
    stays = contents.at(by, place, moment)
    try:
        shown: Page[Stay] = cut_by_key(stays, contents.shown(), BY_NAME, request.GET.get("cursor"), PAGE_SIZE)
    except BadCursor:
        shown = cut_by_key(stays, contents.shown(), BY_NAME, None, PAGE_SIZE)
    context = frame(by, place, "then") | {
        "moment": moment,
        "wrong": bool(asked) and moment_of(asked) is None,
        "count": stays.count(),
        "rows": shown.rows,
        "next": shown.next,
        "previous": shown.previous,
    }
    return render(request, "places/then.html", context)


@page()
def expected(request: HttpRequest, location_id: UUID) -> HttpResponse:
    by = acting(request)
    place: Location = get_object_or_404(Location.objects.visible_to(by), pk=location_id)
    found = contents.compared(by, place)
    lists = (
        ("elsewhere", found.elsewhere, "Belongs here, is elsewhere"),
        ("unknown", found.unknown, "Belongs here, nobody knows where it is"),
        ("guests", found.guests, "Is here, belongs elsewhere or nowhere"),
    )
    firsts = [_firsts(rows) for _, rows, _ in lists]
    shown = Asset.objects.select_related("position__location", "position__zone", "home_location").in_bulk(
        [pk for _, some in firsts for pk in some]
    )
    parts: list[dict[str, Any]] = []
    for (name, _, words), (count, some) in zip(lists, firsts, strict=True):
        listed = [(shown[pk], *_places(by, shown[pk])) for pk in some if pk in shown]
        parts.append({"name": name, "title": words, "count": count, "rows": listed})
    here = found.here.count()
    belongs = here + parts[0]["count"] + parts[1]["count"]
    return render(
        request, "places/expected.html", frame(by, place, "expected") | {"parts": parts, "here": here, "belongs": belongs}
    )


def _firsts(rows: AssetQuerySet) -> tuple[int, list[UUID]]:
    """How many there are, and the first by name. Few are sorted here: PostgreSQL would go through all assets by name."""
    some = list(rows.values_list("name", "asset_no", "pk")[: FEW + 1])
    if len(some) <= FEW:
        return len(some), [pk for *_, pk in sorted(some)[:MOST_SHOWN]]
    return rows.count(), list(rows.order_by("name", "asset_no").values_list("pk", flat=True)[:MOST_SHOWN])


def _places(by: Actor, asset: Asset) -> tuple[str, str, Any]:
    """Where it is and where it belongs, in words; and when it was seen last."""
    position: Any = getattr(asset, "position", None)
    place, home = position.location if position is not None else None, asset.home_location
    return _name(by, place), _name(by, home), position.last_seen_at if position is not None else None


def _name(by: Actor, place: Location | None) -> str:
    if place is None:
        return ""
    return place.name if by.sees_place(place.path) else "elsewhere"


def frame(by: Actor, place: Location, tab: str) -> dict[str, Any]:
    """What every page of a place begins with."""
    way = [around for around in Location.objects.get_ancestors(place) if by.sees_place(around.path)]
    return {"area": "places", "place": place, "way": way, "tab": tab}
