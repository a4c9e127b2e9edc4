"""The first page: what is where now, what needs somebody, what moved last."""

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from registry.access.actors import Actor
from registry.assets.models import Asset, Location
from registry.page import acting, page
from registry.tracking import watching
from registry.tracking.models import Position, UnknownTag
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
    by = acting(request)
    assets = Asset.objects.visible_to(by)
    figures = assets.aggregate(
        all=Count("pk"),
        placed=Count("pk", filter=Q(position__state="present", position__location__isnull=False)),
        unplaced=Count("pk", filter=Q(position__state="present", position__location__isnull=True)),
        left=Count("pk", filter=Q(position__state="unknown")),
        never=Count("pk", filter=Q(position__isnull=True)),
        today=Count("pk", filter=Q(position__last_seen_at__gte=timezone.now() - timedelta(days=1))),
    )
    gateways = watching.gateway_rows(by)
    bars, more_places = _bars(by)
    context = {
        "area": "home",
        "figures": figures,
        "bars": bars,
        "more_places": more_places,
        "any_place": bool(bars) or Location.objects.visible_to(by).exists(),
        "gateways": gateways,
        "troubled": [row for row in gateways if row.state in ("failed", "attention", "waiting")],
        "unmapped": watching.unmapped_count(by),
        "tag_count": UnknownTag.objects.visible_to(by).count(),
        "ingest": watching.ingest(by),
        "told": watching.latest_events(by)[:MOVES_SHOWN],
    }
    return render(request, "web/home.html", context)


def _bars(by: Actor) -> tuple[list[Bar], int]:
    """The places with most in them, each counted for itself; and how many more there are."""
    here = Q(position__location__in=Location.objects.visible_to(by))
    present = Asset.objects.visible_to(by).filter(here, position__state=Position.State.PRESENT)
    counts = Counter(dict(present.order_by().values_list("position__location").annotate(number=Count("pk"))))
    most = counts.most_common(MOST_BARS)
    places = Location.objects.visible_to(by).in_bulk([pk for pk, _ in most])
    around = surroundings(by, places.values())
    bars = [
        Bar(place := places[pk], around.get(place.path[: -place.steplen], ""), number, f"{100 * number / most[0][1]:.1f}%")
        for pk, number in most
        if pk in places
    ]
    return bars, len(counts) - len(bars)
