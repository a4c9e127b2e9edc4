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
