"""Location events for people: repeats are one row, places by the name they have in the tree."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from registry.tracking.models import LocationEvent, Zone


@dataclass(frozen=True, slots=True)
class Told:
    """`times` events in a row said the same, the earliest of them at `since`."""

    event: LocationEvent
    origin: str
    place: str
    times: int
    since: datetime


def told(events: Iterable[LocationEvent]) -> list[Told]:
    """Newest first, as they come."""
    rows: list[Told] = []
    for event in events:
        last = rows[-1] if rows else None
        if last is not None and _repeats(event, last.event):
            rows[-1] = Told(last.event, last.origin, last.place, last.times + 1, event.happened_at)
        else:
            rows.append(Told(event, zone_name(event.zone_from), zone_name(event.zone_to), 1, event.happened_at))
    return rows


def zone_name(zone: Zone | None) -> str:
    """The place that a zone is, or its own name while nobody has said."""
    if zone is None:
        return ""
    return str(zone.location.name if zone.location is not None else zone.name)


def _repeats(event: LocationEvent, newer: LocationEvent) -> bool:
    return (event.kind, event.identity, event.read_point_id) == (
        "seen",
        newer.identity,
        newer.read_point_id,
    ) and newer.kind == "seen"
