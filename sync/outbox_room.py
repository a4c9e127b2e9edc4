"""Makes room when the quota is used up: what the registry has goes first, then what a newer event of its identity has replaced.

In this order: the oldest of the sent ring; `seen` events that are not the latest of their identity; other such location events,
the oldest first. Never: the latest event of an identity, what a person scanned, records of other kinds, gaps. Every dropped
number is declared as a gap, `superseded` or `quota`, in the transaction that drops it.

Hands go over the waiting records in slices, as on a clock, so no append pays for all that waits. A slice of which something goes
is written anew: rows that are deleted here and there free no page, and the quota counts pages.
"""

import logging
import sqlite3
from collections.abc import Callable

import msgspec

from sync import engine_state, outbox_gaps
from sync.store import Cursor, Store
from sync.wire import EventKind, RecordKind

log = logging.getLogger(__name__)

TRIM_AT_ONCE = 5_000  # rows of the sent ring: about 20 ms of the transaction that trims
SLICE_ROWS = 2_000  # looked at in one transaction: about 20 ms, twice that when they are written anew
SLICE_BYTES = 4 * 1024 * 1024
SLICES_AT_ONCE = 50  # for one append; then it is tried again later
TELL_EVERY_MS = 3600 * 1000

_PASSES = (  # (only `seen` events, the least share of a slice that is worth writing it anew)
    (True, 1 / 16),
    (False, 1 / 16),
    (False, 0.0),
)
_SLICE = """
SELECT position, event_id, kind, wall_ms, mono_ms, boot_id, body FROM record
WHERE position > ? ORDER BY position LIMIT ?"""
_ADD = "INSERT INTO record (position, event_id, kind, wall_ms, mono_ms, boot_id, body) VALUES (?, ?, ?, ?, ?, ?, ?)"
_COUNT = """
INSERT INTO dropped (reason, records, last_ms) VALUES (?, ?, ?)
ON CONFLICT (reason) DO UPDATE SET records = records + excluded.records, last_ms = excluded.last_ms"""


class _Said(msgspec.Struct):
    """Of a location event what decides whether it may go."""

    kind: str
    identity: str
    deliberate: bool = False


_said = msgspec.json.Decoder(_Said)


class Room:
    """Of one connection: where its hands are."""

    def __init__(self, store: Store, wall_ms: Callable[[], int], *, drop_oldest: bool) -> None:
        """`drop_oldest`: false lets only the sent ring give way."""
        self._store = store
        self._db = store.db
        self._wall_ms = wall_ms
        self._drop_oldest = drop_oldest
        self._hands = [0] * len(_PASSES)  # positions up to which each pass has looked
        self._exhausted_at = -1  # the newest position when every hand had been round
        self._told_ms = 0

    def make(self, *, only_sent: bool = False) -> bool:
        """Free some room; return False when nothing more may go, or when looking for it has taken long enough for now.

        Raises OutboxUnavailable, OutboxDamaged."""
        for _ in range(SLICES_AT_ONCE):
            with self._store.writing():
                now = self._store.cursor()
                if drop_sent(self._db, now):
                    return True
                if only_sent or not self._drop_oldest or now.last == self._exhausted_at:
                    return False
                which = next((n for n, hand in enumerate(self._hands) if max(hand, now.acked) < now.last), None)
                if which is None:
                    self._exhausted_at, self._hands = now.last, [0] * len(_PASSES)
                elif dropped := self._sweep(which, now):
                    self._tell(dropped)
                    return True
        return False

    def _sweep(self, which: int, now: Cursor) -> int:
        """Look at the next slice; return how many records went."""
        only_seen, worth = _PASSES[which]
        rows = self._slice(max(self._hands[which], now.acked))
        self._hands[which] = rows[-1][0] if rows else now.last
        reasons = self._superseded(rows, only_seen)
        if not reasons or len(reasons) < worth * len(rows):
            return 0
        self._db.execute("DELETE FROM record WHERE position BETWEEN ? AND ?", (rows[0][0], rows[-1][0]))
        self._db.executemany(_ADD, [row for row in rows if row[0] not in reasons])
        outbox_gaps.declare(self._db, outbox_gaps.runs(reasons.items()))
        for reason in sorted(set(reasons.values())):
            self._db.execute(_COUNT, (reason, sum(why == reason for why in reasons.values()), self._wall_ms()))
        return len(reasons)

    def _slice(self, after: int) -> list[tuple[int, bytes, str, int, int, str, bytes]]:
        rows = []
        size = 0
        looking = self._db.execute(_SLICE, (after, SLICE_ROWS))
        for row in looking:
            rows.append(row)
            size += len(row[-1])
            if size > SLICE_BYTES:
                break
        looking.close()
        return rows

    def _superseded(self, rows: list[tuple[int, bytes, str, int, int, str, bytes]], only_seen: bool) -> dict[int, str]:
        """Return the positions that may go, ascending, with the reason that is declared for each."""
        reasons: dict[int, str] = {}
        latest: dict[str, int] = {}
        for position, _, kind, _, _, _, body in rows:
            said = _location(kind, body)
            if said is None or said.deliberate or (only_seen and said.kind != EventKind.SEEN):
                continue
            if said.identity not in latest:
                latest[said.identity] = engine_state.latest(self._db, said.identity)
            if position < latest[said.identity]:
                reasons[position] = "superseded" if said.kind == EventKind.SEEN else "quota"
        return reasons

    def _tell(self, dropped: int) -> None:
        now_ms = self._wall_ms()
        if abs(now_ms - self._told_ms) > TELL_EVERY_MS:
            self._told_ms = now_ms
            log.warning("outbox: at its quota: dropping superseded events (%d now), each declared to the registry", dropped)


def drop_sent(db: sqlite3.Connection, now: Cursor) -> bool:
    """Delete the oldest part of the sent ring, whatever its share; return whether that freed anything."""
    if now.first is None or now.first > now.acked:
        return False
    until = min(now.acked, now.first + TRIM_AT_ONCE)
    return db.execute("DELETE FROM record WHERE position <= ?", (until,)).rowcount > 0


def _location(kind: str, body: bytes) -> _Said | None:
    if kind != RecordKind.LOCATION:
        return None
    try:
        return _said.decode(body)
    except (msgspec.DecodeError, ValueError):  # whatever this is, it is not ours to drop
        return None
