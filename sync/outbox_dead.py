"""What the registry rejected: out of the way of everything else, kept for a month, sent again when a person says so.

The functions run in the caller's transaction."""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from sync import outbox_gaps
from sync.outbox_gaps import Run
from sync.stored import Stored, told_again

DEAD_KEPT_MS = 30 * 24 * 3600 * 1000

_BURY = """
INSERT OR IGNORE INTO dead
SELECT position, event_id, kind, wall_ms, mono_ms, boot_id, body, ?, ?, ? FROM record WHERE position = ?"""
_DEAD = "SELECT event_id, kind, wall_ms, mono_ms, boot_id, body FROM dead WHERE position = ?"
_RAISE = "INSERT INTO record (position, event_id, kind, wall_ms, mono_ms, boot_id, body) VALUES (?, ?, ?, ?, ?, ?, ?)"


@dataclass(frozen=True, slots=True)
class DeadRecord:
    position: int  # of the outbox: what it had before it was rejected
    event_id: UUID
    kind: str
    stored_wall_ms: int
    body: bytes
    code: str
    text: str
    died_wall_ms: int


def bury(db: sqlite3.Connection, refusals: Iterable[tuple[int, str, str]], died_ms: int) -> int:
    """Take these records (position, code, text) out of the queue; return how many were there."""
    buried = 0
    for position, code, text in refusals:
        db.execute(_BURY, (code, text, died_ms, position))
        if db.execute("DELETE FROM record WHERE position = ?", (position,)).rowcount:
            outbox_gaps.declare(db, [Run(position, position, "dead")])
            buried += 1
    if buried:
        db.execute("DELETE FROM dead WHERE died_ms < ?", (died_ms - DEAD_KEPT_MS,))
    return buried


def listed(db: sqlite3.Connection, before: int, limit: int) -> list[DeadRecord]:
    """Return those below a position, newest first."""
    rows = db.execute(
        "SELECT position, event_id, kind, wall_ms, body, code, text, died_ms FROM dead WHERE position < ? "
        "ORDER BY position DESC LIMIT ?",
        (before, limit),
    )
    return [DeadRecord(position, UUID(bytes=event_id), *rest) for position, event_id, *rest in rows]


def raise_again(db: sqlite3.Connection, positions: Iterable[int], last: int) -> int:
    """Put them at the end of the queue, behind position `last`, their ids unchanged; return the newest position."""
    for position in positions:
        if (row := db.execute(_DEAD, (position,)).fetchone()) is not None:
            last += 1
            dead = Stored(*row)
            db.execute(_RAISE, (last, *dead._replace(body=told_again(dead.kind, dead.body))))
            db.execute("DELETE FROM dead WHERE position = ?", (position,))
    return last
