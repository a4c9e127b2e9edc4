"""What arrived, counted after everything has stopped: from the outbox file and the registry's database, never from counters."""

import contextlib
import sqlite3
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from gateway.simulate.world import Passage

TOLD_AFTER_S, TOLD_BEFORE_S = 3.0, 1.0  # how far from the truth the time of a told passage may lie

_TOLD = """
SELECT upper(e.event_id), e.kind, e.identity, e.direction, p.name, z.name, e.event_time, e.decided_at, e.recorded_time
FROM tracking_locationevent e
LEFT JOIN tracking_readpoint p ON p.id = e.read_point_id
LEFT JOIN tracking_zone z ON z.id = e.zone_to_id
ORDER BY e.epoch_id, e.seq"""
_ROWS = """
SELECT g.epoch, e.seq FROM tracking_locationevent e JOIN tracking_gatewayepoch g ON g.id = e.epoch_id
UNION ALL SELECT g.epoch, r.seq FROM tracking_rawrecord r JOIN tracking_gatewayepoch g ON g.id = r.epoch_id"""
_GAPS = "SELECT g.epoch, s.first, s.last FROM tracking_gap s JOIN tracking_gatewayepoch g ON g.id = s.epoch_id"


@dataclass(frozen=True, slots=True)
class Told:
    """One location event as the registry holds it."""

    event_id: str
    kind: str
    key: str
    direction: str | None
    read_point: str | None
    zone_to: str | None
    event_s: float  # Unix seconds
    latency_ms: float  # from the read or timer that decided it to the registry's row


@dataclass(frozen=True, slots=True)
class Doors:
    truth: int
    told: int
    correct: int
    told_twice: int


def allocated(outbox: Path) -> dict[str, int]:
    """Return the last sequence number of every epoch the outbox has had: one epoch ends where the next begins."""
    with _reading(outbox) as db:
        epochs = db.execute("SELECT epoch, base FROM epoch ORDER BY ordinal").fetchall()
        (newest,) = db.execute("SELECT last FROM cursor").fetchone()
    ends = [base for _, base in epochs[1:]] + [newest]
    return {epoch: end - base for (epoch, base), end in zip(epochs, ends, strict=True)}


def told(registry: Path) -> list[Told]:
    """Return every location event in the registry, in the order of sequence."""
    with _reading(registry) as db:
        return [
            Told(event_id, kind, key, direction, point, zone, _unix_s(at), (_unix_s(recorded) - _unix_s(decided)) * 1000)
            for event_id, kind, key, direction, point, zone, at, decided, recorded in db.execute(_TOLD)
        ]


def lost(outbox: Path, registry: Path) -> int:
    """Return how many sequence numbers 1..last, over all epochs, the registry has neither as a row nor in a gap."""
    held: dict[str, set[int]] = {}
    with _reading(registry) as db:
        for epoch, seq in db.execute(_ROWS):
            held.setdefault(epoch, set()).add(seq)
        for epoch, first, last in db.execute(_GAPS):
            held.setdefault(epoch, set()).update(range(first, last + 1))
    return sum(len(set(range(1, last + 1)) - held.get(epoch, set())) for epoch, last in allocated(outbox).items())


def doors(truth: list[Passage], events: list[Told], began_unix_s: float) -> Doors:
    """Hold the passages told against those that happened: the same thing, the same way, about the same time."""
    passed = [event for event in events if event.kind == "passed" and event.direction in ("in", "out")]
    matches = Counter[int]()
    for event in passed:
        at_s = event.event_s - began_unix_s
        for index, passage in enumerate(truth):
            near = -TOLD_BEFORE_S <= at_s - passage.at_s <= TOLD_AFTER_S
            if near and (passage.key, passage.direction) == (event.key, event.direction):
                matches[index] += 1
                break
    return Doors(len(truth), len(passed), len(matches), sum(count - 1 for count in matches.values()))


def stored_twice(events: list[Told]) -> int:
    return len(events) - len({event.event_id for event in events})


def percentile(values: list[float], share: float) -> float | None:
    """Return the nearest-rank percentile, None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _unix_s(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@contextlib.contextmanager
def _reading(file: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as db:
        yield db
