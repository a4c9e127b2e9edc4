"""The gateway's durable queue: what it holds survives power loss, and leaves only when the registry has committed it.

Every public call is one whole transaction (WAL, synchronous=FULL): when `append` returns, its records and the engine state that
goes with them are confirmed. Calls block, so each connection belongs to one worker thread; the pipeline and the uplink open one
each.

Rows have a *position* that only ever grows. A record's `seq` is its position minus the base of the present epoch, so parting from
a past that the registry knows otherwise is one new row in `epoch`, however much waits. Rows up to `cursor.acked` are the *sent
ring*: kept within their share of the quota, to refill a registry that was restored from a backup.
"""

import enum
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from host.crash_points import reached
from sync import engine_state, outbox_dead, outbox_gaps
from sync.event_ids import event_ids
from sync.outbox_dead import DeadRecord
from sync.outbox_read import Stretch, rows_after
from sync.outbox_room import TRIM_AT_ONCE, Room
from sync.outbox_stat import OutboxStat, stat
from sync.store import Cursor, OutboxDamaged, OutboxUnavailable, Store, open_store
from sync.stored import as_json, as_record
from sync.wire import MAX_BODY_BYTES, Ack, Gap, LocationEvent, Record, RecordKind, encode

__all__ = ["Acknowledged", "DeadRecord", "Outbox", "OutboxDamaged", "OutboxStat", "OutboxUnavailable", "Verdict"]

QUOTA_BYTES = 512 * 1024 * 1024
RING_SHARE = 0.2  # of the quota, for what has been sent
ROOM_TRIES = 10  # of one append to get more room: a few seconds at most

_ADD = "INSERT INTO record (position, event_id, kind, wall_ms, mono_ms, boot_id, body) VALUES (?, ?, ?, ?, ?, ?, ?)"


class Verdict(enum.StrEnum):
    """What became of an ack."""

    ADVANCED = "advanced"
    UNCHANGED = "unchanged"
    LOWERED = "lowered"  # a registry restored from a backup: what the ring holds is sent again, the rest is a gap
    PARTED = "parted"  # it knows another past than we: we go on in a new epoch
    STALE = "stale"  # below what is acknowledged, and no answer to this connection's hello
    FOREIGN_EPOCH = "foreign_epoch"
    TOO_HIGH = "too_high"


@dataclass(frozen=True, slots=True)
class Acknowledged:
    verdict: Verdict
    acked: int  # seq up to which the registry now has everything
    buried: int = 0  # rejected rows moved to `dead`
    why: str = ""  # for people, when the verdict is PARTED


class Outbox:
    """One connection to the queue. Every call may raise OutboxUnavailable (nothing happened, later may help) or OutboxDamaged."""

    def __init__(
        self,
        store: Store,
        *,
        wall_ms: Callable[[], int],
        mono_ns: Callable[[], int],
        boot_id: str,
        drop_oldest: bool = True,
    ) -> None:
        self._store = store
        self._db = store.db
        self._wall_ms = wall_ms
        self._mono_ns = mono_ns
        self._boot_id = boot_id
        self._room = Room(store, wall_ms, drop_oldest=drop_oldest)

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        wall_ms: Callable[[], int],
        mono_ns: Callable[[], int],
        boot_id: str,
        quota_bytes: int = QUOTA_BYTES,
        drop_oldest: bool = True,
    ) -> "Outbox":
        """Open the queue at `path`, made on first use; an unreadable one is set aside, unless this process has it open already.

        `drop_oldest`: at the quota superseded events give way to new ones (outbox_room.py); false: then it takes no more.
        Raises OutboxUnavailable, OutboxDamaged."""
        store = open_store(path, quota_bytes, wall_ms())
        return cls(store, wall_ms=wall_ms, mono_ns=mono_ns, boot_id=boot_id, drop_oldest=drop_oldest)

    def close(self) -> None:
        self._store.close()

    @property
    def epoch(self) -> str:
        return self.newest()[0]

    def newest(self) -> tuple[str, int]:
        """Return the epoch and its newest seq."""
        with self._store.reading():
            now = self._store.cursor()
        return now.epoch, now.last - now.base

    def newest_wall_ms(self) -> int | None:
        """Return when the newest record that is still here was stored, by the wall clock then."""
        with self._store.reading():
            row = self._db.execute("SELECT wall_ms FROM record ORDER BY position DESC LIMIT 1").fetchone()
        return int(row[0]) if row else None

    def append(self, events: Sequence[LocationEvent], state: Mapping[str, bytes | None] | None = None) -> int:
        """Store location events and the engine state that goes with them; return the newest seq. See `append_records`."""
        records = [(RecordKind.LOCATION, encode(event)) for event in events]
        return self._append_with_room(records, [event.identity for event in events], state or {})

    def append_records(self, records: Sequence[tuple[RecordKind, bytes]], state: Mapping[str, bytes | None] | None = None) -> int:
        """Store records (kind, JSON body) and engine state (None forgets the identity) together; return the newest seq.

        At the quota others give way: see outbox_room.py."""
        return self._append_with_room(records, [], state or {})

    def read_after(
        self, seq: int, max_records: int, max_bytes: int, *, until: int | None = None
    ) -> tuple[list[Record], list[Gap]]:
        """Return what follows `seq`, up to `until`, without holes: the records (at least one, if there is one) and, as gaps, the
        numbers that will never come. `max_bytes` counts the records as JSON."""
        with self._store.reading():
            rows, gaps = rows_after(self._store, self._store.cursor(), seq, max_records, max_bytes, until)
        return [as_record(*row) for row in rows], gaps

    def stretch_after(self, epoch: str, seq: int, max_records: int, max_bytes: int, *, until: int | None = None) -> Stretch:
        """As `read_after`, the records as JSON; nothing when another epoch has begun."""
        with self._store.reading():
            now = self._store.cursor()
            if now.epoch != epoch:
                return Stretch([], [], seq, 0)
            rows, gaps = rows_after(self._store, now, seq, max_records, max_bytes, until)
        last = max([seq, *(row[0] for row in rows[-1:]), *(gap.last for gap in gaps[-1:])])
        return Stretch(as_json(rows), gaps, last, now.last - now.base)

    def acknowledge(self, ack: Ack, *, nonce: str | None) -> Acknowledged:
        """Take the registry's word; the caller has checked its MAC. `nonce`: this connection's hello, while it is unanswered.

        A registry that holds another record than ours at `through`, or in its answer more than we ever gave out, speaks of
        another past of this epoch (a restored image, a cloned card): what it has not confirmed for us goes into a new one."""
        answers = nonce is not None and ack.nonce == nonce
        with self._store.writing():
            now = self._store.cursor()
            through = now.base + ack.through
            if ack.epoch != now.epoch:
                return Acknowledged(Verdict.FOREIGN_EPOCH, now.acked - now.base)
            if through > now.last and not answers:
                return Acknowledged(Verdict.TOO_HIGH, now.acked - now.base)
            if through > now.last:
                why = f"the registry holds seq {ack.through}, we only gave out {now.last - now.base}"
                return self._part(now, now.acked, why)
            if not self._agrees(now, through, ack.through_id):
                agreed = now.acked if through > now.acked else (now.first or now.last + 1) - 1
                return self._part(now, agreed, f"the registry holds another record at seq {ack.through} than we")
            if (foreign := self._foreign_range(now, ack)) is not None:
                agreed = through if answers else max(through, now.acked)
                return self._part(now, agreed, f"the registry holds another record at seq {foreign} than we")
            refusals = [(now.base + no.seq, no.code, no.text) for no in ack.rejected]
            buried = outbox_dead.bury(self._db, [no for no in refusals if no[0] <= now.last], self._wall_ms())
            if through < now.acked and not answers:
                return Acknowledged(Verdict.STALE, now.acked - now.base, buried)
            if through == now.acked:
                return Acknowledged(Verdict.UNCHANGED, ack.through, buried)
            through_id = None if ack.through_id is None else ack.through_id.bytes
            self._db.execute("UPDATE cursor SET acked = ?, acked_id = ?", (through, through_id))
            if through < now.acked:
                return Acknowledged(Verdict.LOWERED, ack.through, buried)
            self._trim(now._replace(acked=through))
            reached("mid_delete")
            return Acknowledged(Verdict.ADVANCED, ack.through, buried)

    def bury(self, epoch: str, seq: int, code: str, text: str) -> bool:
        """Move a record that cannot be delivered to `dead`: its number becomes a gap. Return whether it still waited there."""
        with self._store.writing():
            now = self._store.cursor()
            if epoch != now.epoch or now.base + seq <= now.acked:
                return False
            return outbox_dead.bury(self._db, [(now.base + seq, code, text)], self._wall_ms()) > 0

    def saved_state(self) -> dict[str, bytes]:
        """Return the engine state per identity."""
        with self._store.reading():
            return engine_state.saved(self._db)

    def reader_live(self, readers: Iterable[str], until_ms: int) -> None:
        """Remember that these readers were live until `until_ms` (wall clock)."""
        with self._store.writing():
            self._db.executemany("INSERT OR REPLACE INTO reader_live VALUES (?, ?)", [(reader, until_ms) for reader in readers])
            engine_state.forget_sent(self._db)  # as good a moment as any: it comes every half minute

    def live_until(self) -> dict[str, int]:
        with self._store.reading():
            return dict(self._db.execute("SELECT reader, until_ms FROM reader_live WHERE typeof(until_ms) = 'integer'"))

    def dead(self, limit: int = 1000) -> list[DeadRecord]:
        """Return what the registry rejected, newest first."""
        with self._store.reading():
            return outbox_dead.listed(self._db, self._store.cursor().last + 1, limit)

    def stat(self) -> OutboxStat:
        """Return where the outbox stands. Costs the same however much waits."""
        return stat(self._store)

    def _append_with_room(
        self, records: Sequence[tuple[RecordKind, bytes]], identities: Sequence[str], state: Mapping[str, bytes | None]
    ) -> int:
        for kind, body in records:
            if len(body) > MAX_BODY_BYTES:
                raise ValueError(f"a {kind} record of {len(body)} bytes: no batch can carry more than {MAX_BODY_BYTES}")
        tries = 0
        while True:
            try:
                last = self._append(records, identities, state)
            except OutboxUnavailable as exc:
                tries += 1
                if not exc.full or tries > ROOM_TRIES or not self._room.make(only_sent=not exc.quota):
                    raise
            else:
                reached("after_commit")
                return last

    def _append(
        self, records: Sequence[tuple[RecordKind, bytes]], identities: Sequence[str], state: Mapping[str, bytes | None]
    ) -> int:
        """`identities`: of the records, when they are location events."""
        with self._store.writing():
            now = self._store.cursor()
            wall_ms, mono_ms = self._wall_ms(), self._mono_ns() // 1_000_000
            ids = event_ids(len(records), wall_ms, os.urandom)
            self._db.executemany(
                _ADD,
                [
                    (position, event_id, kind, wall_ms, mono_ms, self._boot_id, body)
                    for position, (event_id, (kind, body)) in enumerate(zip(ids, records, strict=True), start=now.last + 1)
                ],
            )
            last = now.last + len(records)
            self._db.execute("UPDATE cursor SET last = ?", (last,))
            latest = dict(zip(identities, range(now.last + 1, last + 1), strict=bool(identities)))
            engine_state.put(self._db, state, latest)
            if records:
                self._store.check_room()
            return last - now.base

    def _agrees(self, now: Cursor, position: int, event_id: UUID | None) -> bool:
        """Whether the registry's id at `position` is ours. Where we have nothing to hold against it, it is."""
        if position == now.base:
            return True
        theirs = None if event_id is None else event_id.bytes
        if row := self._db.execute("SELECT event_id FROM record WHERE position = ?", (position,)).fetchone():
            return bool(row[0] == theirs)
        if row := self._db.execute("SELECT event_id FROM dead WHERE position = ?", (position,)).fetchone():
            return theirs in (None, row[0])
        return position != now.acked or now.acked_id is None or now.acked_id == theirs

    def _foreign_range(self, now: Cursor, ack: Ack) -> int | None:
        """Return the end of a range that the registry has of another past, with a record there that we do not have."""
        for (_, last), event_id in zip(ack.ranges, ack.range_ids, strict=False):
            position = now.base + last
            if position > now.last or not self._agrees(now, position, event_id):
                return last
        return None

    def _part(self, now: Cursor, agreed: int, why: str) -> Acknowledged:
        """Go on in a new epoch that begins after position `agreed`; ids and rows stay as they are."""
        self._store.begin_epoch(agreed, self._wall_ms(), f"parted from epoch {now.epoch}: {why}")
        self._db.execute("UPDATE cursor SET acked = ?, acked_id = NULL", (agreed,))
        return Acknowledged(Verdict.PARTED, 0, why=why)

    def _trim(self, now: Cursor) -> None:
        """Keep the sent ring within its share of the quota, by the average size of a row."""
        outbox_gaps.forget(self._db, now.acked if now.first is None else min(now.acked, now.first - 1))
        if now.first is None or now.first > now.acked:
            return
        row_bytes = self._store.used_bytes() / (now.last - now.first + 1)
        excess = now.acked - now.first + 1 - int(self._store.quota_bytes * RING_SHARE / row_bytes)
        if excess > 0:
            self._db.execute("DELETE FROM record WHERE position < ?", (now.first + min(excess, TRIM_AT_ONCE),))
