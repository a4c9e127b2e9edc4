"""From reads to confirmed rows: one consumer feeds the engine and commits what it decides, many events per commit.

One round: take what waits, let the engine decide, commit its events and the engine state that goes with them in one transaction,
wake the uplink. At most one round per commit interval, so a burst shares a commit and a lone event does not wait. While a commit
fails its batch is kept and tried again and nothing is taken; the bounded intake then fills, refuses and counts (intake.py). Where
the site wants it so, readers are not heard at all while the outbox is full.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from drivers.api import Clock
from gateway.intake import Intake, Link
from gateway.location.engine import Engine
from gateway.location.site import Instant
from gateway.recording.recorder import OFF, Recorder
from gateway.writer import Writer
from host.crash_points import reached
from sync.outbox import OutboxUnavailable
from sync.wire import LocationEvent

log = logging.getLogger(__name__)

ROUND_READS = 5_000  # what the engine takes without letting others run: about 15 ms of work
IDLE_S = 1.0  # a round this often at least: the watchdog wants to see it turn
RETRY_S = 1.0
LIVE_EVERY_S = 30.0
RECENT_EVENTS = 200


class Store(Protocol):
    """What the pipeline needs of the outbox; calls block and run in the writer's thread."""

    def append(self, events: list[LocationEvent], state: Mapping[str, bytes | None]) -> int: ...

    def reader_live(self, readers: Iterable[str], until_ms: int) -> None: ...


@dataclass(slots=True)
class Committed:
    """The pipeline's word to the status page."""

    last_seq: int = 0
    events: int = 0
    commits: int = 0
    commit_ms: float = 0.0  # the last one
    trouble: str = ""  # why the last try failed; empty once one succeeds
    trouble_since_ns: int = 0
    held_events: int = 0  # decided, not stored, tried again


class Pipeline:
    def __init__(
        self,
        intake: Intake,
        engine: Engine,
        store: Store,
        writer: Writer,
        clock: Clock,
        *,
        commit_interval_s: float,
        committed: Callable[[list[LocationEvent]], None],
        full: Callable[[str], None] = lambda why: None,
        recorder: Recorder = OFF,
    ) -> None:
        """`committed` is told after each commit what is stored now; `full`, why there is no room, and "" once there is again."""
        self._intake = intake
        self.engine = engine
        self._store = store
        self._writer = writer
        self._clock = clock
        self.commit_interval_s = commit_interval_s
        self._committed = committed
        self._full = full
        self._recorder = recorder
        self._closing = False
        self._renewals: deque[tuple[Callable[[], Awaitable[Engine]], asyncio.Future[None]]] = deque()
        self.status = Committed()
        self.recent: deque[tuple[int, LocationEvent]] = deque(maxlen=RECENT_EVENTS)  # with their seq, for the live tail
        self.progress = 0  # moves with every round and every try; the watchdog looks at it

    async def run(self) -> None:
        """Turn until `finish` was called and nothing waits, or until cancelled."""
        while not (self._closing and not self._intake.waiting):
            await self._intake.wait(0 if self._closing else self._until_due_s())
            while self._renewals:
                make, renewed = self._renewals.popleft()
                self.engine = await make()
                renewed.set_result(None)
            round_began = time.monotonic()
            events = self._decide()
            await self._commit(events)
            self.progress += 1
            if not self._closing:
                await asyncio.sleep(max(0.0, self.commit_interval_s - (time.monotonic() - round_began)))

    def finish(self) -> None:
        """Let `run` take what still waits, commit it and return."""
        self._closing = True
        self._intake.wake()

    async def renew(self, make: Callable[[], Awaitable[Engine]]) -> None:
        """Go on with the engine that `make` returns. It is asked between two rounds, when all that was decided is stored; return
        when it decides."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._renewals.append((make, done))
        self._intake.wake()
        await done

    async def keep_live(self, live_readers: Callable[[], list[str]]) -> None:
        """Write every half minute up to when each reader was live: what a departure found after a restart is measured by."""
        while True:
            await asyncio.sleep(LIVE_EVERY_S)
            await self.write_live(live_readers())

    async def write_live(self, readers: list[str]) -> None:
        try:
            await self._writer(self._store.reader_live, readers, self._clock.wall_ms())
        except OutboxUnavailable as exc:
            log.warning("outbox: which readers are live is not stored: %s", exc)

    def _now(self) -> Instant:
        return Instant(self._clock.mono_ns(), self._clock.wall_ms())

    def _until_due_s(self) -> float:
        due_ns = self.engine.next_due_ns()
        return IDLE_S if due_ns is None else min(IDLE_S, max(0.0, (due_ns - self._clock.mono_ns()) / 1e9))

    def _decide(self) -> list[LocationEvent]:
        events: list[LocationEvent] = []
        for item in self._intake.take(ROUND_READS):
            if isinstance(item, Link):
                tell = self.engine.reader_up if item.up else self.engine.reader_down
                tell(item.reader, item.now)
            else:
                events += self.engine.take(item)
        now = self._now()
        self._recorder.turn(now, self._intake.waiting)
        events += self.engine.advance(now)
        return events

    async def _commit(self, events: list[LocationEvent]) -> None:
        state = self.engine.changes()
        if not events and not state:
            return
        reached("after_read")
        while True:
            began = time.perf_counter()
            try:
                newest = await self._writer(self._store.append, events, state)
            except OutboxUnavailable as exc:
                self._failed(exc, len(events))
            else:
                break
            self.progress += 1
            await asyncio.sleep(RETRY_S)
        self._stored(events, newest, (time.perf_counter() - began) * 1000)

    def _failed(self, exc: OutboxUnavailable, events: int) -> None:
        if not self.status.trouble:
            self.status.trouble_since_ns = self._clock.mono_ns()
            log.error("outbox: cannot store %d events: %s; they are kept and tried again", events, exc)
        self.status.trouble = str(exc)
        self.status.held_events = events
        if exc.full:
            self._full(str(exc))

    def _stored(self, events: list[LocationEvent], newest: int, took_ms: float) -> None:
        status = self.status
        if status.trouble:
            log.warning("outbox: storing again after %.0f s", (self._clock.mono_ns() - status.trouble_since_ns) / 1e9)
            self._full("")
        status.trouble, status.held_events = "", 0
        status.last_seq = newest
        status.events += len(events)
        status.commits += 1
        status.commit_ms = took_ms
        self.recent.extend(enumerate(events, start=newest - len(events) + 1))
        self._committed(events)
