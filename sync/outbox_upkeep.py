"""What people do with an outbox beside the running gateway: look at it, take records in from elsewhere, send dead ones again.

Each call is one or more whole transactions of the caller's own connection; the gateway goes on between them.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal, NamedTuple

import msgspec

from sync import engine_state, outbox_dead
from sync.outbox_dead import DeadRecord
from sync.store import Store
from sync.stored import Stored, fault, told_again
from sync.wire import RecordKind

AT_ONCE = 500  # records in one transaction

_HELD = """
CREATE TEMP TABLE IF NOT EXISTS held (event_id BLOB PRIMARY KEY) WITHOUT ROWID;
INSERT OR IGNORE INTO temp.held SELECT event_id FROM main.record;
INSERT OR IGNORE INTO temp.held SELECT event_id FROM main.dead;
"""
_RECORDS = """
SELECT position, event_id, kind, wall_ms, mono_ms, boot_id, body FROM record
WHERE position > ? AND position <= ? ORDER BY position LIMIT ?"""
_DEAD = """
SELECT position, event_id, kind, wall_ms, mono_ms, boot_id, body, code, text, died_ms FROM dead
WHERE position > ? AND position <= ? ORDER BY position LIMIT ?"""
_DEAD_POSITIONS = """
SELECT position FROM dead WHERE :event_id IS NULL OR event_id = :event_id ORDER BY position LIMIT :limit"""
_ADD = "INSERT INTO record (position, event_id, kind, wall_ms, mono_ms, boot_id, body) VALUES (?, ?, ?, ?, ?, ?, ?)"


class Row(NamedTuple):
    """A record of an outbox with where it stands. `code`, `text` and `died_wall_ms` are of dead ones."""

    what: Literal["waiting", "sent", "dead"]
    epoch: str
    seq: int
    stored: Stored
    code: str = ""
    text: str = ""
    died_wall_ms: int = 0


@dataclass(slots=True)
class TakenIn:
    taken: int = 0
    known: int = 0  # the outbox holds their event_ids already
    refused: int = 0  # no record that could be sent


class _Named(msgspec.Struct):
    identity: str


_named = msgspec.json.Decoder(_Named)


def rows(store: Store, *, waiting: bool = True, sent: bool = True, dead: bool = True) -> Iterator[Row]:
    """Yield what the store holds, in its order, the dead last. What is there when it begins; what goes meanwhile may be missing.

    Raises OutboxUnavailable, OutboxDamaged."""
    with store.reading():
        now = store.cursor()
        epochs = store.db.execute("SELECT base, epoch FROM epoch ORDER BY ordinal").fetchall()
    bases = [base for base, _ in epochs]

    def stands(position: int) -> tuple[str, int]:
        base, epoch = epochs[max(0, bisect_left(bases, position) - 1)]
        return epoch, position - base

    first, last = 0 if sent else now.acked, now.last if waiting else now.acked
    for position, *stored in _slices(store, _RECORDS, first, last):
        yield Row("sent" if position <= now.acked else "waiting", *stands(position), Stored(*stored))
    for position, *found in _slices(store, _DEAD, 0, now.last) if dead else ():
        yield Row("dead", *stands(position), Stored(*found[:6]), *found[6:])


def _slices(store: Store, select: str, after: int, until: int) -> Iterator[tuple[Any, ...]]:
    while True:
        with store.reading():
            found = store.db.execute(select, (after, until, AT_ONCE)).fetchall()
        yield from found
        if len(found) < AT_ONCE:
            return
        after = found[-1][0]


def take_in(store: Store, records: Iterable[Stored], so_far: TakenIn) -> None:
    """Put records from elsewhere at the end of the queue, event_ids unchanged, but for those whose id the outbox holds.

    `so_far` counts, also when it ends by OutboxUnavailable: nothing here gives way for what comes in. Run again, it goes on."""
    with store.keeping():
        for statement in filter(str.strip, _HELD.split(";")):
            store.db.execute(statement)
    coming = iter(records)
    while chunk := list(islice(coming, AT_ONCE)):
        sound = [record for record in chunk if not fault(*record)]
        with store.writing():
            taken = _append(store, [record for record in sound if _is_new(store, record.event_id)])
        so_far.taken += taken
        so_far.known += len(sound) - taken
        so_far.refused += len(chunk) - len(sound)


def _is_new(store: Store, event_id: bytes) -> bool:
    return store.db.execute("INSERT OR IGNORE INTO temp.held VALUES (?)", (event_id,)).rowcount > 0


def _append(store: Store, records: Sequence[Stored]) -> int:
    if records:
        last = store.cursor().last
        added = [record._replace(body=told_again(record.kind, record.body)) for record in records]
        store.db.executemany(_ADD, [(position, *record) for position, record in enumerate(added, start=last + 1)])
        engine_state.put_first(store.db, _named_by(records, last + 1))
        store.db.execute("UPDATE cursor SET last = ?", (last + len(records),))
        store.check_room()
    return len(records)


def _named_by(records: Sequence[Stored], first: int) -> Iterator[tuple[str, int]]:
    """(identity, position) of location events."""
    for position, record in enumerate(records, start=first):
        if record.kind == RecordKind.LOCATION:
            try:
                yield _named.decode(record.body).identity, position
            except (msgspec.DecodeError, ValueError):
                continue


def dead(store: Store, before: int, limit: int) -> list[DeadRecord]:
    """Return what the registry rejected, below a position, newest first."""
    with store.reading():
        return outbox_dead.listed(store.db, before, limit)


def send_again(store: Store, event_id: bytes | None) -> int:
    """Put one dead record, or all of them, at the end of the queue; return how many. Raises OutboxUnavailable."""
    sent = 0
    while True:
        with store.writing():
            now = store.cursor()
            found = store.db.execute(_DEAD_POSITIONS, {"event_id": event_id, "limit": AT_ONCE})
            last = outbox_dead.raise_again(store.db, [position for (position,) in found.fetchall()], now.last)
            store.db.execute("UPDATE cursor SET last = ?", (last,))
            store.check_room()
        if last == now.last:
            return sent
        sent += last - now.last
