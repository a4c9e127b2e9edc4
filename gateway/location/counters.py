"""What the engine has done, for people: totals, and the last sightings in words."""

from collections import Counter
from dataclasses import dataclass, field

import msgspec

from sync.wire import LocationEvent

TAIL = 50


class Trace(msgspec.Struct, frozen=True, gc=False):
    """One sighting and what came of it."""

    wall_ms: int
    read_point: str
    identity: str
    reads: int  # merged into this sighting
    outcome: str
    raw: str = ""
    event: LocationEvent | None = None  # the last one that this sighting told


@dataclass(slots=True)
class Counters:
    """Totals since the start. What leads to no event is counted with a reason.

    The reasons in `suppressed`. Reads: `length` (no code, or one too long), `weak` (below the zone's minimum), `rssi` (no
    possible value). Sightings: `class` and `place` (an identity that is no single thing), `parked` (a tag that stands at a door),
    `full` (more tags than fit). Late reads: `history` (the tag has been heard since). Tags: `glimpse` (forgotten unconfirmed),
    `crowded` (the oldest unconfirmed one made room). Door sessions that were no passage: `one_side`, `same_side`, `still` (no
    sign of movement), `contradiction` (sides and power disagree), `faint` (a side heard it at the edge of its reach, and nobody
    came with it), `cool_down` (told a moment ago), `other_door` (another door heard it louder).
    """

    reads: int = 0
    repeats: int = 0
    late: int = 0  # reads that came after their reader's lateness allowance, with what a link's outage had held up
    unassigned: int = 0  # reads of read points that no zone or door names
    sightings: int = 0
    refused_states: int = 0  # saved states that could not be understood
    events: Counter[str] = field(default_factory=Counter)
    suppressed: Counter[str] = field(default_factory=Counter)
