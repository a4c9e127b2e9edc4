"""How zones, unknown tags, positions and events look over the API."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from ninja import Schema
from pydantic import Field

from registry.assets.schemas import AssetRef, CodeKind, PlaceRef, asset_ref, place_ref
from registry.operations import Paged, Strict
from registry.tracking.models import TEXT_CHARS, LocationEvent, Position, UnknownTag, Zone

ZoneKind = Literal["unknown", "storage", "door", "exit", "desk"]
EventKind = Literal["arrived", "moved", "departed", "passed", "seen"]


class ZoneRef(Schema):
    """A zone at a place that the caller may not know has no id; its name is `elsewhere`."""

    id: UUID | None
    name: str
    place: PlaceRef | None


class ZoneOut(Schema):
    """Without `place` it is unmapped: what is there is known, but not in which place of the tree that is."""

    id: UUID
    gateway: str
    name: str
    kind: str
    place: PlaceRef | None
    valid_from: datetime
    valid_to: datetime | None


class ZonePage(Paged):
    items: list[ZoneOut]


class NewZone(Strict):
    gateway: Annotated[str, Field(min_length=1, max_length=40)]
    name: Annotated[str, Field(min_length=1, max_length=TEXT_CHARS)]
    kind: ZoneKind = "unknown"
    place: UUID | None = None


class ZoneMapping(Strict):
    """`null` unmaps the zone."""

    place: UUID | None


class UnknownTagOut(Schema):
    id: UUID
    identity: str
    raw: str
    symbology: str | None
    gateway: str | None
    read_point: str | None
    zone: str | None
    first_seen: datetime
    last_seen: datetime
    count: int


class UnknownTagPage(Paged):
    items: list[UnknownTagOut]


class Claim(Strict):
    asset: UUID
    kind: CodeKind | None = None


class PositionOut(Schema):
    """`state` is `present`, or `unknown` when it has left and not been seen since; the place is then the last one."""

    asset: AssetRef
    state: str
    place: PlaceRef | None
    zone: str | None
    since: datetime | None
    last_seen_at: datetime
    source: str
    confidence: float | None


class PositionPage(Paged):
    items: list[PositionOut]


class EventOut(Schema):
    """`event_time` is as told, `happened_at` the time we go by, `recorded_time` when it was committed here."""

    event_id: UUID
    gateway: str | None
    epoch: str | None
    seq: int | None
    kind: str
    direction: str | None
    asset: AssetRef | None
    identity: str
    raw: str
    symbology: str | None
    zone_from: ZoneRef | None
    zone_to: ZoneRef | None
    read_point: str | None
    door: str | None
    event_time: datetime
    happened_at: datetime
    decided_at: datetime
    recorded_time: datetime
    time_uncertainty_ms: int
    clock_quality: str
    late: bool
    deliberate: bool
    source: str
    operator: str | None
    reads: int
    rssi_max: int | None
    confidence: float | None
    reason: str | None


class EventPage(Paged):
    items: list[EventOut]


def zone_ref(zone: Zone | None) -> ZoneRef | None:
    return ZoneRef(id=zone.pk, name=zone.name, place=place_ref(zone.location)) if zone is not None else None


def zone_out(zone: Zone) -> ZoneOut:
    return ZoneOut(
        id=zone.pk,
        gateway=zone.gateway_id,
        name=zone.name,
        kind=zone.kind,
        place=place_ref(zone.location),
        valid_from=zone.valid_from,
        valid_to=zone.valid_to,
    )


def unknown_tag_out(tag: UnknownTag) -> UnknownTagOut:
    return UnknownTagOut(
        id=tag.pk,
        identity=tag.identity,
        raw=tag.raw,
        symbology=tag.symbology,
        gateway=tag.gateway_id,
        read_point=_name(tag.read_point),
        zone=_name(tag.zone),
        first_seen=tag.first_seen,
        last_seen=tag.last_seen,
        count=tag.count,
    )


def position_out(position: Position) -> PositionOut:
    return PositionOut(
        asset=asset_ref(position.asset),
        state=position.state,
        place=place_ref(position.location),
        zone=_name(position.zone),
        since=position.since,
        last_seen_at=position.last_seen_at,
        source=position.source,
        confidence=position.confidence,
    )


def event_out(event: LocationEvent) -> EventOut:
    """Of an event that attach_assets() has seen."""
    return EventOut(
        event_id=event.pk,
        gateway=event.gateway_id,
        epoch=event.epoch.epoch if event.epoch is not None else None,
        seq=event.seq,
        kind=event.kind,
        direction=event.direction,
        asset=asset_ref(event.asset) if event.asset is not None else None,
        identity=event.identity,
        raw=event.raw,
        symbology=event.symbology,
        zone_from=zone_ref(event.zone_from),
        zone_to=zone_ref(event.zone_to),
        read_point=_name(event.read_point),
        door=event.door,
        event_time=event.event_time,
        happened_at=event.happened_at,
        decided_at=event.decided_at,
        recorded_time=event.recorded_time,
        time_uncertainty_ms=event.time_uncertainty_ms,
        clock_quality=event.clock_quality,
        late=event.late,
        deliberate=event.deliberate,
        source=event.source,
        operator=event.operator,
        reads=event.reads,
        rssi_max=event.rssi_max,
        confidence=event.confidence,
        reason=event.reason,
    )


def _name(row: Any) -> str | None:
    return row.name if row is not None else None
