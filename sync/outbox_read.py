"""What follows a seq, without holes: records as they lie in the store, and as gaps the numbers that will never come.

In the caller's transaction."""

from dataclasses import dataclass

from sync import outbox_gaps
from sync.store import Cursor, Store
from sync.stored import Row, fault
from sync.wire import Gap

MAX_GAPS = 200  # in one reading

_RECORD_OVERHEAD_BYTES = 250  # what a record is on the wire besides its body

_READ = """
SELECT position, event_id, kind, wall_ms, mono_ms, boot_id, body FROM record
WHERE position > ? AND position <= ? ORDER BY position LIMIT ?"""


@dataclass(frozen=True, slots=True)
class Stretch:
    """What follows a seq, up to `last` without holes; it is that seq when nothing does."""

    records: list[bytes]  # JSON
    gaps: list[Gap]
    last: int
    newest: int  # the newest seq there is


def rows_after(
    store: Store, now: Cursor, seq: int, max_records: int, max_bytes: int, until: int | None
) -> tuple[list[Row], list[Gap]]:
    """Return what follows `seq`, up to `until`: at least one record, if there is one. `max_bytes` counts them as JSON.

    Raises OutboxDamaged."""
    end = now.last if until is None else min(now.last, now.base + until)
    found = store.db.execute(_READ, (now.base + seq, end, max_records)).fetchall()
    rows: list[Row] = []
    gaps: list[Gap] = []
    reached, room = now.base + seq, max_bytes
    for position, *stored in found:
        if position <= reached:
            raise store.damaged(f"record {position} stands behind {reached}")
        sound = not fault(*stored)
        room -= len(stored[-1]) + _RECORD_OVERHEAD_BYTES if sound else 0
        if rows and room < 0:
            return rows, gaps
        if position > reached + 1:
            gaps += _gaps(store, now, reached + 1, position - 1)
        if len(gaps) + (not sound) > MAX_GAPS:
            return rows, gaps[:MAX_GAPS]
        if sound:
            rows.append((position - now.base, *stored))
        else:  # the disk has changed it
            gaps.append(Gap(position - now.base, position - now.base, "corrupt"))
        reached = position
    if len(found) < max_records and reached < end and len(gaps) < MAX_GAPS:
        gaps += _gaps(store, now, reached + 1, end)
    return rows, gaps[:MAX_GAPS]


def _gaps(store: Store, now: Cursor, first: int, last: int) -> list[Gap]:
    """Why there is no record at positions `first`..`last`, at most about MAX_GAPS from the first on."""
    otherwise = "trimmed" if now.first is None or last < now.first else ""
    found = outbox_gaps.within(store.db, first, last, otherwise, MAX_GAPS + 1)
    for run in found:
        if not run.reason:  # never by us: SQLite has not noticed yet that pages are gone
            raise store.damaged(f"records {run.first} to {run.last} are missing")
    return [Gap(run.first - now.base, run.last - now.base, run.reason) for run in found]
