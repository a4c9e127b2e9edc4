"""REST: zones and unknown tags to be given a meaning, positions, events. Gateways: gateway_api.py."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from django.db.models import F, Q
from django.http import HttpRequest, HttpResponse
from ninja import Path, Query, Router, Schema, Status
from pydantic import AwareDatetime, Field

from registry.access.actors import Actor
from registry.assets.elsewhere import hide_elsewhere_of
from registry.assets.models import Location
from registry.assets.parts_api import asset_or_404
from registry.assets.schemas import IdentifierOut, identifier_out
from registry.assets.trees_api import location_or_404
from registry.operations import READ_ONCE, Cursor, IfMatch, Limit, acting, must_be_as_seen, tagged
from registry.paging import Order, cut, cut_by_key
from registry.problems import NotFound
from registry.tracking import services
from registry.tracking.models import Gateway, LocationEvent, Position, UnknownTag, Zone, attach_assets
from registry.tracking.schemas import (
    Claim,
    EventKind,
    EventPage,
    NewZone,
    PositionPage,
    UnknownTagPage,
    ZoneMapping,
    ZoneOut,
    ZonePage,
    event_out,
    position_out,
    unknown_tag_out,
    zone_out,
)
from registry.tracking.telling import hide_zones

router = Router()

BY_NAME = Order("name", F("name"))
LAST_SEEN = Order("seen", F("last_seen"), "time", descending=True)
POSITION_SEEN = Order("seen", F("last_seen_at"), "time", descending=True)
EVENT_ORDERS = {
    "recorded": Order("recorded", F("recorded_time"), "time"),
    "-recorded": Order("recorded", F("recorded_time"), "time", descending=True),
    "happened": Order("happened", F("happened_at"), "time"),
    "-happened": Order("happened", F("happened_at"), "time", descending=True),
}


class EventFilters(Schema):
    asset: UUID | None = Field(None, description="Told of this asset, by each of its codes while it bore them")
    identity: str | None = Field(None, max_length=512, description="Told of this canonical key")
    place: UUID | None = Field(None, description="To or from a zone of this place or one inside it")
    gateway: str | None = Field(None, max_length=40)
    kind: EventKind | None = None
    since: AwareDatetime | None = Field(None, description="Happened then or later")
    until: AwareDatetime | None = Field(None, description="Happened before then")
    recorded_since: AwareDatetime | None = Field(None, description="Committed here then or later: to read on from where you were")


# ---- zones and unknown tags --------------------------------------------------------------------------------------------------


@router.get("/zones", response=ZonePage, operation_id="list_zones", tags=["zones"], summary="Zones, and which places they are")
def list_zones(
    request: HttpRequest,
    gateway: Annotated[str | None, Query(max_length=40)] = None,
    mapped: Annotated[bool | None, Query()] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Any:
    found = Zone.objects.visible_to(acting(request)).valid().select_related("location")
    if gateway is not None:
        found = found.filter(gateway=gateway)
    if mapped is not None:
        found = found.filter(location__isnull=not mapped)
    page = cut(found, BY_NAME, cursor, limit)
    return ZonePage(items=[zone_out(row) for row in page.rows], next=page.next, previous=page.previous)


@router.post("/zones", response={201: ZoneOut}, operation_id="create_zone", tags=["zones"], summary="Make a zone known")
def create_zone(request: HttpRequest, response: HttpResponse, body: NewZone) -> Any:
    by = acting(request)
    gateway = Gateway.objects.visible_to(by).filter(pk=body.gateway).first()
    if gateway is None:
        raise NotFound("There is no such gateway.", field="gateway")
    location = location_or_404(by, body.place) if body.place else None
    zone = services.create_zone(by=by, gateway=gateway, name=body.name, kind=body.kind, location=location)
    return Status(201, tagged(response, zone_out(zone)))


@router.get(
    "/zones/{zone_id}", response=ZoneOut, operation_id="get_zone", tags=["zones"], summary="Read a zone", openapi_extra=READ_ONCE
)
def get_zone(request: HttpRequest, response: HttpResponse, zone_id: Path[UUID]) -> Any:
    return tagged(response, zone_out(_zone(acting(request), zone_id)))


@router.put("/zones/{zone_id}/place", response=ZoneOut, operation_id="map_zone", tags=["zones"], summary="Map a zone to a place")
def map_zone(
    request: HttpRequest, response: HttpResponse, zone_id: Path[UUID], body: ZoneMapping, if_match: IfMatch = None
) -> Any:
    """What is in the zone and was in it moves to that place."""
    by = acting(request)
    zone = _zone(by, zone_id)
    must_be_as_seen(if_match, zone_out(zone))  # and so it has to be still when it is changed
    location = location_or_404(by, body.place) if body.place else None
    return tagged(response, zone_out(services.map_zone(by=by, zone=zone, location=location)))


@router.get(
    "/unknown-tags",
    response=UnknownTagPage,
    operation_id="list_unknown_tags",
    tags=["unknown tags"],
    summary="Unknown tags",
)
def list_unknown_tags(request: HttpRequest, cursor: Cursor = None, limit: Limit = 50) -> Any:
    shown = UnknownTag.objects.visible_to(acting(request)).select_related("read_point", "zone")
    page = cut(shown, LAST_SEEN, cursor, limit)
    return UnknownTagPage(items=[unknown_tag_out(row) for row in page.rows], next=page.next, previous=page.previous)


@router.post(
    "/unknown-tags/{tag_id}/claim",
    response={201: IdentifierOut},
    operation_id="claim_unknown_tag",
    tags=["unknown tags"],
    summary="Say whose code it is",
)
def claim_unknown_tag(request: HttpRequest, tag_id: Path[UUID], body: Claim) -> Any:
    """The asset gets everything that was told of the code so far."""
    by = acting(request)
    tag = UnknownTag.objects.visible_to(by).filter(pk=tag_id).first()
    if tag is None:
        raise NotFound("There is no such unknown tag; perhaps it was claimed meanwhile.")
    asset = asset_or_404(by, body.asset)
    return Status(201, identifier_out(services.claim_unknown_tag(by=by, identity=tag.identity, asset=asset, kind=body.kind)))


# ---- positions, events -----------------------------------------------------------------------------------------------


@router.get("/positions", response=PositionPage, operation_id="list_positions", tags=["positions"], summary="Where all is now")
def list_positions(
    request: HttpRequest,
    place: Annotated[UUID | None, Query(description="At this place or one inside it")] = None,
    state: Annotated[Literal["present", "unknown"] | None, Query()] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Any:
    by = acting(request)
    if place is not None:
        inside = Location.objects.within(location_or_404(by, place)).order_by().values("pk")
        found = Position.objects.at_places_of(by).filter(location__in=inside)
    else:
        found = Position.objects.visible_to(by)
    if state is not None:
        found = found.filter(state=state)
    shown = Position.objects.select_related("asset", "location", "zone__location")
    page = cut_by_key(found, shown, POSITION_SEEN, cursor, limit)
    for position in page.rows:
        hide_elsewhere_of(by, position)
    return PositionPage(items=[position_out(row) for row in page.rows], next=page.next, previous=page.previous)


@router.get("/events", response=EventPage, operation_id="list_events", tags=["events"], summary="What gateways told")
def list_events(
    request: HttpRequest,
    filters: Query[EventFilters],
    sort: Literal["recorded", "-recorded", "happened", "-happened"] = "-recorded",
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Any:
    by = acting(request)
    found = LocationEvent.objects.visible_to(by)
    if filters.asset is not None:
        found = found.of_asset(asset_or_404(by, filters.asset))
    if filters.place is not None:
        inside = Location.objects.within(location_or_404(by, filters.place)).order_by().values("pk")
        zones = Zone.objects.filter(location__in=inside).order_by().values("pk")
        found = found.filter(Q(zone_to__in=zones) | Q(zone_from__in=zones))
    plain = {"identity": filters.identity, "gateway": filters.gateway, "kind": filters.kind}
    found = found.filter(**{name: value for name, value in plain.items() if value is not None})
    for lookup, moment in _times(filters):
        found = found.filter(**{lookup: moment})
    shown = LocationEvent.objects.select_related("epoch", "zone_from__location", "zone_to__location", "read_point")
    page = cut_by_key(found, shown, EVENT_ORDERS[sort], cursor, limit)
    attach_assets(page.rows)
    hide_zones(by, page.rows)
    return EventPage(items=[event_out(row) for row in page.rows], next=page.next, previous=page.previous)


def _times(filters: EventFilters) -> list[tuple[str, datetime]]:
    given = (
        ("happened_at__gte", filters.since),
        ("happened_at__lt", filters.until),
        ("recorded_time__gte", filters.recorded_since),
    )
    return [(lookup, moment) for lookup, moment in given if moment is not None]


def _zone(by: Actor, zone_id: UUID) -> Zone:
    zone = Zone.objects.visible_to(by).valid().select_related("location").filter(pk=zone_id).first()
    if zone is None:
        raise NotFound("There is no such zone.")
    return zone
