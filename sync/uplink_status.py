"""What the uplink says of itself to the status page and /metrics."""

import enum
from collections import Counter
from dataclasses import dataclass, field


class UplinkState(enum.StrEnum):
    CONNECTING = "connecting"
    BROKER_DOWN = "broker_down"
    OUTBOX_DOWN = "outbox_down"
    GREETING = "greeting"  # connected, hello said, no answer yet
    REGISTRY_SILENT = "registry_silent"  # connected, but nobody answers
    DELIVERING = "delivering"
    HELD = "held"  # the registry answers, and takes nothing until somebody there has decided
    STOPPED = "stopped"


@dataclass(slots=True)
class UplinkStatus:
    """Counters are totals since the start."""

    since_wall_ms: int  # when this state began
    state: UplinkState = UplinkState.CONNECTING
    why: str = ""  # for people, when the state is not a good one
    connections: int = 0
    last_ack_wall_ms: int | None = None  # when the registry last confirmed something, or that there is nothing new
    acked: int = 0
    in_flight: int = 0  # batches
    credit: int = 0  # records the registry will take
    rtt_ms: float | None = None
    batches: int = 0
    records: int = 0  # sent, repetitions included
    went_back: int = 0  # times that something was sent again, because no ack came
    parted: int = 0  # times an epoch ended because the registry knows another past
    rejected: int = 0  # records the registry refused; they are in the outbox's `dead`
    undeliverable: int = 0  # records set apart because they never got through, though others did
    live_skipped: int = 0  # events not told live because too many came at once
    ignored: Counter[str] = field(default_factory=Counter)  # what arrived and did not count, by reason
