"""What happened to one asset, and the picture of where it has been."""

from datetime import datetime

from django.db.models import F, Q

from registry.access.actors import Actor
from registry.assets.models import Asset, Location
from registry.paging import Order, Page, cut
from registry.tracking.models import LocationEvent, SeenMonth, Stay
from registry.web.drawing import SPANS, Drawing, Span, draw, fitting_span

PAGE_SIZE = 40
MOST_STAYS = 1000  # in one picture
MOST_MONTHS = 500
NEWEST = Order("happened", F("happened_at"), "time", descending=True)


def events_of(by: Actor, asset: Asset, cursor: str | None) -> Page[LocationEvent]:
    shown = (
        LocationEvent.objects.of_asset(asset)
        .at_places_of(by)
        .select_related("gateway", "epoch", "read_point", "zone_from__location", "zone_to__location")
    )
    return cut(shown, NEWEST, cursor, PAGE_SIZE)


def months_of(by: Actor, asset: Asset) -> list[SeenMonth]:
    """What is left of sightings that were too old to keep, newest month first."""
    return list(asset.seen_months.at_places_of(by).select_related("zone__location").order_by("-last")[:MOST_MONTHS])


def picture(by: Actor, asset: Asset, wanted: str | None, now: datetime) -> tuple[str, Drawing] | None:
    """The name of the span shown, and the drawing; None for an asset that was never anywhere."""
    known = Q() if by.sees_all_places() else Q(location__in=Location.objects.visible_to(by))
    recent = list(asset.stays.filter(known).select_related("location", "zone").order_by("-from_ts")[:MOST_STAYS])
    if not recent:
        return None
    spans = [_span(stay) for stay in recent]
    name = wanted if wanted in SPANS else fitting_span(spans, now)
    return name, draw(spans, now, SPANS[name])


def _span(stay: Stay) -> Span:
    place = stay.location or stay.zone
    assert place is not None  # a stay has one of the two
    return Span(place.name, str(place.pk), stay.from_ts, stay.to_ts)
