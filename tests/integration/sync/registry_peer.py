"""The registry's side of the wire, small and honest: commits to a SQLite file, then acknowledges. Its lies are on order only."""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import msgspec

from sync import topics
from sync.cursor import Cursor
from sync.mqtt import BrokerUnavailable, Login, Message, Session, connect
from sync.wire import (
    MAX_RANGES,
    Ack,
    Batch,
    Hello,
    Purpose,
    Rejected,
    State,
    WireError,
    check_batch,
    encode,
    location_event,
    seal,
    unseal,
)  # fmt: skip

SCHEMA = """
CREATE TABLE IF NOT EXISTS event (event_id BLOB PRIMARY KEY, identity TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS label (epoch TEXT, seq INTEGER, event_id BLOB NOT NULL, PRIMARY KEY (epoch, seq));
CREATE TABLE IF NOT EXISTS cursor (epoch TEXT PRIMARY KEY, state BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS gap (epoch TEXT, first INTEGER, last INTEGER, reason TEXT, PRIMARY KEY (epoch, first));
"""


class RegistryPeer:
    def __init__(self, path: Path, login: Login, keys: dict[str, bytes]) -> None:
        self.path = path
        self.login = login
        self.keys = keys
        self.credit = 1000
        self.poison: set[str] = set()  # identities that are rejected
        self.on_the_way: Callable[[Ack], list[Ack | bytes]] = lambda ack: [ack]  # loses, doubles or forges acks
        self.silent = False
        self.drops: Callable[[Batch], bool] = lambda batch: False  # batches to which nothing is said, as if they made no sense
        self.hellos: list[Hello] = []
        self.batches: list[Batch] = []
        self.duplicates = 0
        self.conflicts = 0
        self.states: list[str] = []
        self.others: list[Message] = []
        self.errors: list[str] = []
        self._db: sqlite3.Connection | None = None

    @asynccontextmanager
    async def running(self, worker: str = "registry-1") -> AsyncIterator[Session]:
        """One ingest worker: its session is given out, so that a test can say something else through it."""
        self._db = sqlite3.connect(self.path, isolation_level=None)
        self._db.executescript(SCHEMA)
        try:
            async with connect(self.login, worker) as session, asyncio.TaskGroup() as group:
                await session.subscribe(topics.ALL_UP)
                await session.publish(topics.REGISTRY_STATE, encode(State("online")))
                work = group.create_task(self._work(session))
                yield session
                work.cancel()
        finally:
            self._db.close()

    async def serve(self) -> None:
        """Run until cancelled, through every outage of the broker."""
        while True:
            with contextlib.suppress(BrokerUnavailable):
                try:
                    async with self.running():
                        await asyncio.Event().wait()
                except* BrokerUnavailable:
                    pass
            await asyncio.sleep(0.05)

    def events(self) -> list[tuple[UUID, str]]:
        """What is committed, in the order it was."""
        with sqlite3.connect(self.path) as db:
            rows = db.execute("SELECT event_id, identity FROM event ORDER BY rowid").fetchall()
        db.close()
        return [(UUID(bytes=event_id), identity) for event_id, identity in rows]

    def gaps(self) -> list[tuple[int, int, str]]:
        with sqlite3.connect(self.path) as db:
            rows = db.execute("SELECT first, last, reason FROM gap ORDER BY first").fetchall()
        db.close()
        return rows

    async def _work(self, session: Session) -> None:
        async for message in session.messages():
            gateway, leaf = topics.gateway_of(message.topic) or ("", "")
            try:
                if leaf == "hello":
                    hello = unseal(message.payload, Hello, Purpose.HELLO, self.keys[gateway])
                    self.hellos.append(hello)
                    await self._acknowledge(session, gateway, hello.epoch, nonce=hello.nonce)
                elif leaf == "events":
                    batch = unseal(message.payload, Batch, Purpose.EVENTS, self.keys[gateway])
                    check_batch(batch)
                    self.batches.append(batch)
                    if self.drops(batch):
                        continue
                    await self._acknowledge(session, gateway, batch.epoch, rejected=self._commit(batch))
                elif leaf == "state":
                    self.states.append(msgspec.json.decode(message.payload, type=State).state)
                else:
                    self.others.append(message)
            except WireError as exc:
                self.errors.append(exc.code)

    def _commit(self, batch: Batch) -> tuple[Rejected, ...]:
        assert self._db
        rejected = []
        self._db.execute("BEGIN IMMEDIATE")
        for record in batch.records:
            event_id, event = record.event_id.bytes, location_event(record)
            known = self._db.execute(
                "SELECT event_id FROM label WHERE epoch = ? AND seq = ?", (batch.epoch, record.seq)
            ).fetchone()
            self.duplicates += known is not None
            self.conflicts += known is not None and known[0] != event_id
            self._db.execute("INSERT OR IGNORE INTO label VALUES (?, ?, ?)", (batch.epoch, record.seq, event_id))
            if event.identity in self.poison:
                rejected.append(Rejected(record.seq, "poison", "as the test wants it"))
            else:
                self._db.execute("INSERT OR IGNORE INTO event VALUES (?, ?)", (event_id, event.identity))
        for gap in batch.gaps:
            self._db.execute("INSERT OR IGNORE INTO gap VALUES (?, ?, ?, ?)", (batch.epoch, gap.first, gap.last, gap.reason))
        cursor = self._cursor(batch.epoch).with_spans([(batch.first, batch.last)])
        self._db.execute("INSERT OR REPLACE INTO cursor VALUES (?, ?)", (batch.epoch, msgspec.json.encode(cursor)))
        self._db.execute("COMMIT")
        return tuple(rejected)

    def _cursor(self, epoch: str) -> Cursor:
        assert self._db
        row = self._db.execute("SELECT state FROM cursor WHERE epoch = ?", (epoch,)).fetchone()
        return msgspec.json.decode(row[0], type=Cursor) if row else Cursor()

    async def _acknowledge(
        self, session: Session, gateway: str, epoch: str, *, nonce: str | None = None, rejected: tuple[Rejected, ...] = ()
    ) -> None:
        assert self._db
        cursor = self._cursor(epoch)
        ack = Ack(
            epoch,
            cursor.through,
            self._id_at(epoch, cursor.through),
            self.credit,
            datetime.now(UTC),
            nonce,
            cursor.ranges[:MAX_RANGES],
            rejected,
            tuple(self._id_at(epoch, last) for _, last in cursor.ranges[:MAX_RANGES]),
        )
        for one in [] if self.silent else self.on_the_way(ack):
            payload = one if isinstance(one, bytes) else seal(one, Purpose.ACK, self.keys[gateway])
            await session.publish(topics.down(gateway, "ack"), payload)

    def _id_at(self, epoch: str, seq: int) -> UUID | None:
        assert self._db
        row = self._db.execute("SELECT event_id FROM label WHERE epoch = ? AND seq = ?", (epoch, seq)).fetchone()
        return UUID(bytes=row[0]) if row else None
