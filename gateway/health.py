"""What the gateway knows about itself at one moment: the data that the status page, /metrics and the health message read.

Only data lives here, so that a page can be written and tested without a running gateway; `snapshot.py` fills it in.
"""

import enum
from dataclasses import dataclass, field

from drivers.api import AntennaState


class Light(enum.StrEnum):
    """Never shown as a colour alone: a shape and a word go with it."""

    GOOD = "good"
    WAITING = "waiting"
    ATTENTION = "attention"
    FAILED = "failed"
    UNKNOWN = "unknown"


class ReaderState(enum.StrEnum):
    UP = "up"
    CONNECTING = "connecting"
    DOWN = "down"
    MISCONFIGURED = "misconfigured"


@dataclass(frozen=True, slots=True)
class Hop:
    """One station of the path readers -> engine -> outbox -> broker -> registry. `rate` is text for people, "12 reads/s"."""

    name: str
    light: Light
    rate: str
    reason: str
    next_step: str = ""  # what a person can do about it; empty when there is nothing to do


@dataclass(frozen=True, slots=True)
class ReaderRow:
    """`since_wall_ms` is when this state began; counters are totals since the gateway started."""

    name: str
    driver: str
    url: str
    state: ReaderState
    why: str
    since_wall_ms: int
    last_read_wall_ms: int | None = None
    last_identity: str = ""
    reads_total: int = 0
    reads_per_min: float = 0.0
    reconnects: int = 0
    rejected_frames: int = 0
    skipped_bytes: int = 0
    antennas: tuple[AntennaState, ...] = ()
    next_try_s: float | None = None  # seconds until the next attempt while down


@dataclass(frozen=True, slots=True)
class TailRow:
    """One sighting of the live tail: what was read, what the engine did with it in words, and how far its event has come."""

    wall_ms: int
    read_point: str
    identity: str
    raw: str
    reads: int
    outcome: str
    seq: int | None = None  # the outbox's number of the event it caused; None when it caused none or is not committed yet
    delivered: bool = False  # the registry has acknowledged that seq


@dataclass(frozen=True, slots=True)
class DoorRow:
    """One door: the tags told in the last hour, by way."""

    name: str
    from_zone: str  # outside
    to_zone: str
    passed_in: int = 0
    passed_out: int = 0
    unknown: int = 0
    last_wall_ms: int | None = None  # when the last passage was decided


@dataclass(frozen=True, slots=True)
class DoorSample:
    """One sighting of a door session, or a few of one side that lay close together. `at_ms` counts from the first one."""

    at_ms: int
    side: str  # "outside" | "inside"
    reads: int
    rssi_dbm: float  # mean power


@dataclass(frozen=True, slots=True)
class DoorSession:
    """One tag's session at a door and what was made of it. `way` is in, out or unknown as told; None: nothing was told.

    `errors` says how much later inside was heard than outside, in standard errors of a tag that stands still; `needed` is how
    many speak for themselves. `own_way` and `own_reason` are what its reads say without its company.
    """

    identity: str
    raw: str
    begins_wall_ms: int
    samples: tuple[DoorSample, ...]
    outside_ms: int | None  # the middle of each side's power, from the first sample
    inside_ms: int | None
    decided_ms: int
    first_side: str
    last_side: str
    errors: float
    needed: float
    own_way: str | None
    own_reason: str | None
    way: str | None
    reason: str | None
    confidence: float
    taken_over: bool  # told by its carrier's word
    carrier: str | None  # the way its carrier went
    company: int  # sessions looked at together, this one among them
    louder_door: str | None


@dataclass(frozen=True, slots=True)
class DoorEntry:
    """Sessions that were judged alike at about one time; of many only a few are kept."""

    number: int
    way: str | None
    reason: str | None
    last_wall_ms: int
    count: int
    sessions: tuple[DoorSession, ...]  # the clearest first


@dataclass(frozen=True, slots=True)
class DoorSide:
    name: str  # "outside" | "inside"
    read_points: tuple[str, ...]
    troubles: tuple[str, ...] = ()  # what is wrong with its readers and antennas, in words


@dataclass(frozen=True, slots=True)
class DoorView:
    """A door with its evidence; both lists newest first."""

    row: DoorRow
    sides: tuple[DoorSide, ...]
    parked: int
    passages: tuple[DoorEntry, ...]
    held_back: tuple[DoorEntry, ...]
    now_wall_ms: int
    site: str


@dataclass(frozen=True, slots=True)
class OutboxRow:
    epoch: str
    last: int
    acked: int
    waiting: int
    oldest_wall_ms: int | None
    file_bytes: int
    days_left: float | None  # until the quota is full at the present rate; None when it is not filling
    dropped_reads: int  # reads refused because the queue before the outbox was full
    commit_ms: float  # how long the last commit took
    quota_bytes: int = 0
    dropped: tuple[tuple[str, int], ...] = ()  # (reason, records) that had to go for room, since the outbox was made
    dropped_lately: bool = False

    @property
    def dropped_records(self) -> int:
        return sum(records for _, records in self.dropped)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything at one moment. `counters` are totals since the start, by name, for /metrics."""

    sentence: str
    light: Light
    hops: tuple[Hop, ...]
    readers: tuple[ReaderRow, ...]
    tail: tuple[TailRow, ...]  # newest first
    outbox: OutboxRow
    uplink_state: str
    uplink_why: str
    last_delivered_wall_ms: int | None
    clock_quality: str
    version: str
    started_wall_ms: int
    now_wall_ms: int
    site: str
    counters: dict[str, int] = field(default_factory=dict)
    machine: str = ""  # the hash by which the registry tells this machine from another with the same credentials
    doors: tuple[DoorRow, ...] = ()
    set_from_afar: tuple[str, ...] = ()  # what the registry has set over gateway.toml, in words
