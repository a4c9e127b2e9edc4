"""From what a gateway told to rows of location events and raw records."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from registry.tracking.learned import Boot
from registry.tracking.models import LocationEvent
from registry.tracking.parsing import plain
from sync.wire import ClockQuality, Record
from sync.wire import LocationEvent as ToldEvent

GATEWAY, IMPORT = LocationEvent.Source.GATEWAY.value, LocationEvent.Source.IMPORT.value
SYNCED, UNSET, CORRECTED = ClockQuality.SYNCED.value, ClockQuality.UNSET.value, "corrected"
FUTURE = timedelta(minutes=5)  # what lies further ahead of its receipt is a clock gone wrong
EARLIEST = datetime(2025, 1, 1, tzinfo=UTC)  # no gateway existed before
EXACT = timedelta(seconds=2)  # a clock that was wrong by less needs no correction

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
    boots: Mapping[str, Boot]


def event_row(gateway: str, epoch: int, record: Record, event: ToldEvent, names: Names, now: datetime) -> Row:
    """Return a row of EVENT_COLUMNS, for what is received `now`."""
    event_time, stored_at = event.event_time.astimezone(UTC), record.stored_at.astimezone(UTC)
    boot = names.boots.get(record.boot_id)
    happened_at, quality = happened(event_time, event.clock_quality.value, stored_at, record.mono_ms, boot, now)
    evidence = event.evidence
    more = {"duration_ms": evidence.duration_ms, "sides": evidence.sides} if evidence.duration_ms or evidence.sides else None
    return (
        record.event_id, gateway, epoch, record.seq, event.kind.value, event.direction and event.direction.value,
        event.identity, event.raw, event.symbology, names.zones.get(event.zone_from), names.zones.get(event.zone_to),
        names.read_points.get(event.read_point), event.door, event_time, happened_at,
        event.decided_at.astimezone(UTC), stored_at, now, boot and boot.id, record.mono_ms,
        event.time_uncertainty_ms, quality, event.late, IMPORT if event.again else GATEWAY, event.deliberate,
        event.operator, evidence.n, evidence.rssi_max_dbm, event.confidence, event.reason, more, event.parameters,
    )  # fmt: skip


def happened(
    event_time: datetime, quality: str, stored_at: datetime, mono_ms: int | None, boot: Boot | None, received: datetime
) -> tuple[datetime, str]:
    """Return the time we go by, and how far it is to be trusted. Where the gateway has said since how wrong its clock was, the
    time is corrected; a time too far ahead of its receipt is replaced by that."""
    with suppress(OverflowError):  # a clock, or a correction, at the edge of the calendar
        if boot is not None and quality != SYNCED and (right := boot.right_time(mono_ms)) is not None:
            off = right - stored_at
            if abs(off) > EXACT and EARLIEST <= event_time + off <= received + FUTURE:
                return event_time + off, CORRECTED
    return (received, UNSET) if event_time > received + FUTURE else (event_time, quality)


def raw_row(gateway: str, epoch: int, record: Record, boots: Mapping[str, Boot], now: datetime) -> Row:
    """Return a row of RAW_COLUMNS."""
    boot = boots.get(record.boot_id)
    return (
        record.event_id, gateway, epoch, record.seq, plain(record.kind), body_text(record), record.stored_at.astimezone(UTC), now,
        boot and boot.id, record.mono_ms,
    )  # fmt: skip


def body_text(record: Record) -> str:
    return bytes(record.body).decode("utf-8", "replace")
