"""The first page: what is where now, what needs somebody, what moved last."""

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from registry.access.actors import Actor
from registry.among import among
from registry.assets import finding
from registry.assets.models import Location
from registry.page import acting, page
from registry.tracking import fleet, watching
from registry.tracking.models import Position, UnknownTag
from registry.web.due import what_is_due
from registry.web.where import surroundings

MOST_BARS = 12
MOVES_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Bar:
    place: Location
    inside: str
    count: int
    width: str


@page()
def show(request: HttpRequest) -> HttpResponse:
    by, now = acting(request), timezone.now()
    seen = finding.in_scope(by)
    every = Position.objects.order_by()
    positions = every.visible_to(by) if seen.keys is None else every.filter(pk__in=among(seen.keys))
    spots: Counter[tuple[UUID | None, str]] = Counter()
    for place, state, number in positions.values_list("location", "state").annotate(number=Count("pk")):
        spots[place, state] += number
    here = Counter({place: number for (place, state), number in spots.items() if state == Position.State.PRESENT})
    count = seen.rows.count() if seen.total is None else seen.total
    figures = {
        "all": count,
        "placed": here.total() - here[None],
        "unplaced": here[None],
        "left": spots.total() - here.total(),
        "never": max(count - spots.total(), 0),  # one may come in between the questions
        "today": positions.filter(last_seen_at__gte=now - timedelta(days=1)).count(),
    }
    gateways = fleet.gateway_rows(by)
    bars, more_places = _bars(by, here)
    context = {
        "area": "home",
        "figures": figures,
        "due": what_is_due(by, now),
        "bars": bars,
        "more_places": more_places,
        "any_place": bool(bars) or Location.objects.visible_to(by).exists(),
        "gateways": gateways,
        "troubled": [row for row in gateways if row.state in ("failed", "attention", "waiting")],
        "unmapped": watching.unmapped_count(by),
        "tag_count": UnknownTag.objects.visible_to(by).count(),
        "ingest": watching.ingest(by),
        "told": watching.latest_events(by, MOVES_SHOWN),
    }
    return render(request, "web/home.html", context)


def _bars(by: Actor, here: Counter[UUID | None]) -> tuple[list[Bar], int]:
    """The places with most in them, each counted for itself, of those that `by` may know; and how many more there are."""
    known = here.keys() - {None}
    if not by.sees_all_places():
        known &= set(Location.objects.visible_to(by).order_by().values_list("pk", flat=True))
    most = Counter({pk: here[pk] for pk in known}).most_common(MOST_BARS)
    places = Location.objects.visible_to(by).in_bulk([pk for pk, _ in most])
    around = surroundings(by, places.values())
    bars = [
        Bar(place := places[pk], around.get(place.path[: -place.steplen], ""), number, f"{100 * number / most[0][1]:.1f}%")
        for pk, number in most
        if pk in places
    ]
    return bars, len(known) - len(bars)
