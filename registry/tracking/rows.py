"""From what a gateway told to rows of location events and raw records."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from registry.tracking.models import LocationEvent
from registry.tracking.parsing import plain
from sync.wire import LocationEvent as ToldEvent
from sync.wire import Record

GATEWAY = LocationEvent.Source.GATEWAY.value
FUTURE = timedelta(minutes=5)  # what lies further ahead of its receipt is a clock gone wrong

EVENT_COLUMNS = (
    "event_id", "gateway", "epoch", "seq", "kind", "direction", "identity", "raw", "symbology", "zone_from", "zone_to",
    "read_point", "door", "event_time", "happened_at", "decided_at", "stored_at", "recorded_time", "boot", "mono_ms",
    "time_uncertainty_ms", "clock_quality", "late", "source", "deliberate", "operator", "reads", "rssi_max", "confidence",
    "reason", "evidence", "parameters",
)  # fmt: skip
RAW_COLUMNS = ("event_id", "gateway", "epoch", "seq", "kind", "body", "stored_at", "recorded_time", "boot", "mono_ms")
PLACE = {name: place for place, name in enumerate(EVENT_COLUMNS)}
"""Where in a row of EVENT_COLUMNS a column stands."""

Row = tuple[Any, ...]


class Names(NamedTuple):
    """The ids of what one gateway names."""

    zones: Mapping[str | None, UUID]
    read_points: Mapping[str | None, UUID]
    boots: Mapping[str, int]


def event_row(gateway: str, epoch: int, record: Record, event: ToldEvent, names: Names, now: datetime) -> Row:
    """Return a row of EVENT_COLUMNS. A time too far ahead of its receipt `now` is replaced by it in `happened_at`, only there."""
    event_time = event.event_time.astimezone(UTC)
    ahead = event_time > now + FUTURE
    evidence = event.evidence
    more = {"duration_ms": evidence.duration_ms, "sides": evidence.sides} if evidence.duration_ms or evidence.sides else None
    return (
        record.event_id, gateway, epoch, record.seq, event.kind.value, event.direction and event.direction.value,
        event.identity, event.raw, event.symbology, names.zones.get(event.zone_from), names.zones.get(event.zone_to),
        names.read_points.get(event.read_point), event.door, event_time, now if ahead else event_time,
        event.decided_at.astimezone(UTC), record.stored_at.astimezone(UTC), now, names.boots.get(record.boot_id), record.mono_ms,
        event.time_uncertainty_ms, "unset" if ahead else event.clock_quality.value, event.late, GATEWAY, event.deliberate,
        event.operator, evidence.n, evidence.rssi_max_dbm, event.confidence, event.reason, more, event.parameters,
    )  # fmt: skip


def raw_row(gateway: str, epoch: int, record: Record, boots: Mapping[str, int], now: datetime) -> Row:
    """Return a row of RAW_COLUMNS."""
    return (
        record.event_id, gateway, epoch, record.seq, plain(record.kind), body_text(record), record.stored_at.astimezone(UTC), now,
        boots.get(record.boot_id), record.mono_ms,
    )  # fmt: skip


def body_text(record: Record) -> str:
    return bytes(record.body).decode("utf-8", "replace")
