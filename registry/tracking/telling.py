"""Location events for people: repeats are one row, places by the name they have in the tree."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from registry.access.actors import Actor
from registry.assets.elsewhere import ELSEWHERE
from registry.tracking.models import LocationEvent, Zone


@dataclass(frozen=True, slots=True)
class Told:
    """`times` events in a row said the same, the earliest of them at `since`."""

    event: LocationEvent
    origin: str
    place: str
    times: int
    since: datetime


def told(events: Iterable[LocationEvent], by: Actor) -> list[Told]:
    """Newest first, as they come; places that `by` may not know are `elsewhere`."""
    rows: list[Told] = []
    for event in events:
        last = rows[-1] if rows else None
        if last is not None and _repeats(event, last.event):
            rows[-1] = Told(last.event, last.origin, last.place, last.times + 1, event.happened_at)
        else:
            rows.append(Told(event, zone_name(event.zone_from, by), zone_name(event.zone_to, by), 1, event.happened_at))
    return rows


def zone_name(zone: Zone | None, by: Actor) -> str:
    """The place that a zone is, or its own name while nobody has said."""
    if zone is None:
        return ""
    if zone.location is None:
        return str(zone.name) if by.sees_all_places() else ELSEWHERE
    return str(zone.location.name) if by.sees_place(zone.location.path) else ELSEWHERE


def hide_zones(by: Actor, events: Iterable[LocationEvent]) -> None:
    """Make the zones of these events, read for being shown, such as `by` may see them."""
    for event in events:
        for end in ("zone_from", "zone_to"):
            zone: Zone | None = getattr(event, end)
            if zone is not None and zone_name(zone, by) == ELSEWHERE:
                event._state.fields_cache[end] = Zone(id=None, name=ELSEWHERE)


def _repeats(event: LocationEvent, newer: LocationEvent) -> bool:
    return (event.kind, event.identity, event.read_point_id) == (
        "seen",
        newer.identity,
        newer.read_point_id,
    ) and newer.kind == "seen"
