"""The promised order, worked out once more by other code: position and stays of a thing from its events, one after the other.

Taken from the promise itself, not from the registry's projection: replay in (epoch ordinal, seq) order, time never running
backwards within a gateway. Only what a single gateway told about a thing is replayed here.
"""

from dataclasses import dataclass, field
from typing import NamedTuple


class Event(NamedTuple):
    event_id: str
    ordinal: int
    seq: int
    kind: str
    direction: str | None
    deliberate: bool
    zone: str | None
    at: str  # as the database writes it: all of one form, so that the order of texts is the order of times


class Stay(NamedTuple):
    zone: str | None
    begun: str
    ended: str | None


@dataclass(slots=True)
class Whereabouts:
    last_event: str = ""
    present: bool = False
    zone: str | None = None
    stays: list[Stay] = field(default_factory=list)


def replay(events: list[Event]) -> Whereabouts:
    """Return what follows from all events of one thing."""
    found, clock = Whereabouts(), ""
    for event in sorted(events, key=lambda e: (e.ordinal, e.seq)):
        clock = max(clock, event.at)
        found.last_event = event.event_id
        is_there = event.kind in ("arrived", "moved") or (event.kind == "passed" and event.direction in ("in", "out"))
        is_there = is_there or (event.kind == "seen" and (event.deliberate or not found.present))
        if event.kind == "departed":
            found.present = False
            _leave(found, clock)
        elif is_there and event.zone is not None:
            if not (found.present and found.zone == event.zone):
                _leave(found, clock)
                found.stays.append(Stay(event.zone, clock, None))
            found.present, found.zone = True, event.zone
    return found


def _leave(found: Whereabouts, at: str) -> None:
    if found.stays and found.stays[-1].ended is None:
        found.stays[-1] = found.stays[-1]._replace(ended=at)
