"""`sightpost-registry ingest`: from the broker to the database, then the acknowledgement. READ FIRST.

    MQTT -> bounded queue -> one database thread (intake.take: what waits becomes one durable transaction) -> acks

The broker is assumed to forget everything: what finds the queue full is dropped and counted, because whatever we do not
acknowledge the gateway sends again. After a restart the cursors in the database say where to go on.
"""

import asyncio
import contextlib
import logging
import os
import random
import signal
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import TypeVar

from django.db import InterfaceError, OperationalError, connection, connections
from django.utils import timezone

from host.crash_points import reached
from registry import broker_login
from registry.broker_login import client_id
from registry.configuration import Configuration
from registry.texts import for_log
from registry.tracking import services
from registry.tracking.acks import Acks
from registry.tracking.correcting import correct_some_times
from registry.tracking.correspondence import Correspondent
from registry.tracking.intake import Message, Reply, take
from registry.tracking.models import IngestWorker
from registry.tracking.takeovers import end_sessions
from sync import mqtt, topics
from sync.wire import MAX_RECORDS, State, encode

log = logging.getLogger(__name__)

MESSAGES_AT_ONCE = 64
SHARE = 32  # messages of one gateway that wait or are in hand; by itself it sends 8 batches ahead and little else
REST_S = 0.01  # after a commit: SQLite's lock is not fair, and the pages want to write too
QUARANTINED = 10_000  # records kept; the oldest go first
HEARTBEAT_S = 2.0
HOUSEKEEPING_S = 0.5
OURS = frozenset({"hello", "events", "health", "state"})  # the leaves that `take` takes
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 5.0

Result = TypeVar("Result")


async def run(configuration: Configuration, others: Sequence[Correspondent] = ()) -> None:
    """Take in until SIGTERM or SIGINT. What is in hand then is still committed and acknowledged. `others` hear and say what is
    neither event nor ack."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await Ingest(configuration, rng=random.Random(), others=others).run(stop)  # noqa: S311 - jitter


class Ingest:
    """One worker. `counts` are totals since the start, by name; /metrics and the live page show them."""

    def __init__(self, configuration: Configuration, *, rng: random.Random, others: Sequence[Correspondent] = ()) -> None:
        section = configuration.ingest
        self._configuration = configuration
        self.counts: Counter[str] = Counter()
        self._login = broker_login.of_ingest(configuration)
        self._worker = section.worker
        self._unknown_tags = section.unknown_tags
        self._queue: asyncio.Queue[Message] = asyncio.Queue(maxsize=section.queue_messages)
        self._at_hand: Counter[str] = Counter()  # messages that wait or are being taken in, by gateway; bounded by the queue
        self._client_dropped: Counter[str] = Counter()
        self._acks = Acks(self._credit)
        self._others = others
        self._rng = rng
        self._started_at = timezone.now()
        self._session: mqtt.Session | None = None
        self._why = "starting"
        self._database = ThreadPoolExecutor(max_workers=1, thread_name_prefix="db")

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop`. The unexpected propagates: the process ends, its parent starts it again."""
        try:
            async with asyncio.TaskGroup() as tasks:
                receiving = tasks.create_task(self._receive(), name="receive")
                tidying = tasks.create_task(self._keep_house(), name="housekeeping")
                ending = tasks.create_task(self._end_sessions(), name="takeovers")
                await self._work(stop)
                tidying.cancel()
                ending.cancel()
                await self._acks.sent()
                receiving.cancel()
        finally:
            self._why = "stopped"
            with contextlib.suppress(OperationalError, InterfaceError):
                await self._in_thread(partial(self._beat, connected=False))
            await self._in_thread(_let_go)
            self._database.shutdown()

    async def _receive(self) -> None:
        """Keep a connection to the broker; put what arrives into the queue."""
        failures = 0
        while True:
            try:
                async with mqtt.connect(
                    self._login, client_id(f"registry-{self._worker}"), dropped=self._client_dropped
                ) as session:
                    await session.subscribe(topics.ALL_UP)
                    await session.publish(topics.REGISTRY_STATE, encode(State("online")))
                    self._session, self._why, failures = session, "", 0
                    log.info("taking in from the broker at %s:%d", self._login.host, self._login.port)
                    async with asyncio.TaskGroup() as tasks:
                        tasks.create_task(self._acks.send(session), name="acks")
                        await self._read(session)
            except* mqtt.BrokerUnavailable as lost:
                self._why = _first(lost)
            finally:
                self._session = None
                self._acks.forget()
            failures += 1
            pause_s = self._rng.uniform(0, min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(failures, 10)))
            log.log(logging.WARNING if failures == 1 else logging.DEBUG, "%s; trying again", self._why)
            await asyncio.sleep(pause_s)

    async def _read(self, session: mqtt.Session) -> None:
        async for message in session.messages():
            named = topics.gateway_of(message.topic)
            if named is None:
                self.counts["foreign_topics"] += 1
                continue
            if message.retained and named[1] != "state":  # else whoever kept it tells a gateway's past at each start
                self.counts["retained"] += 1
                continue
            if self._at_hand[named[0]] >= SHARE:  # nobody's flood keeps the others out
                self.counts["dropped_gateway_share"] += 1
                continue
            try:
                self._queue.put_nowait(Message(*named, message.payload))
            except asyncio.QueueFull:
                self.counts["dropped_ingest_queue_full"] += 1
            else:
                self._at_hand[named[0]] += 1

    async def _work(self, stop: asyncio.Event) -> None:
        stopping = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                waiting = asyncio.create_task(self._queue.get())
                await asyncio.wait({waiting, stopping}, return_when=asyncio.FIRST_COMPLETED)
                if not waiting.done():
                    waiting.cancel()  # what is not in hand is sent again
                    return
                messages = [waiting.result()]
                while len(messages) < MESSAGES_AT_ONCE and not self._queue.empty():
                    messages.append(self._queue.get_nowait())
                await self._take(messages, stop)
                self._at_hand -= Counter(message.gateway for message in messages)
                await asyncio.sleep(REST_S if connection.vendor == "sqlite" else 0)
        finally:
            stopping.cancel()

    async def _take(self, messages: list[Message], stop: asyncio.Event) -> None:
        """Take these in, trying again while the database cannot be used; the queue is not taken from meanwhile."""
        reached("after_read")
        loop = asyncio.get_running_loop()
        failures = 0

        def reply(one: Reply) -> None:
            loop.call_soon_threadsafe(self._acks.put, one)

        while True:
            try:
                return await self._in_thread(lambda: self._take_in(messages, reply))
            except (OperationalError, InterfaceError) as exc:
                failures += 1
                self.counts["failed_transactions"] += 1
                level = logging.ERROR if failures == 1 else logging.DEBUG
                log.log(level, "the database cannot be used, trying again: %s", for_log(str(exc)))
                await self._in_thread(_close_connections)
            if stop.is_set():
                return None
            pause_s = self._rng.uniform(0, min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(failures, 10)))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), pause_s)

    def _take_in(self, messages: list[Message], reply: Callable[[Reply], None]) -> None:
        theirs = {leaf for other in self._others for leaf in other.leaves} - OURS
        for other in self._others:  # first: a hello may be the first message under a gateway's new key
            if heard := [message for message in messages if message.leaf in other.leaves]:
                other.take(heard, self.counts)
        take([message for message in messages if message.leaf not in theirs], self.counts, reply)

    async def _keep_house(self) -> None:
        """Say that we live; finish what was begun (changed identifiers, mapped zones, clocks set right); keep lists bounded."""
        loop = asyncio.get_running_loop()
        beaten, told = -HEARTBEAT_S, False
        while True:
            try:
                more = await self._in_thread(self._tidy)
                await self._speak()
                connected = self._session is not None
                if connected != told or loop.time() - beaten >= HEARTBEAT_S:
                    beaten, told = loop.time(), connected
                    await self._in_thread(partial(self._beat, connected=connected))
            except (OperationalError, InterfaceError) as exc:
                log.debug("housekeeping: the database cannot be used: %s", for_log(str(exc)))
                await self._in_thread(_close_connections)
                more = False
            await asyncio.sleep(REST_S if more else HOUSEKEEPING_S)

    async def _speak(self) -> None:
        """Say what the others have to say; what is lost on the way they say again."""
        for other in self._others:
            if (session := self._session) is None:
                return
            with contextlib.suppress(mqtt.BrokerUnavailable):
                for one in await self._in_thread(other.due):
                    await session.publish(topics.down(one.gateway, one.leaf), one.payload)

    async def _end_sessions(self) -> None:
        await end_sessions(self._configuration, self._login, self._in_thread, self.counts)

    def _tidy(self) -> bool:
        """One transaction of each kind at most, so that batches never wait long; return whether there is more to do."""
        self.counts["dropped_from_quarantine"] += services.trim_quarantine(most=QUARANTINED)
        trimmed = services.trim_unknown_tags(most=self._unknown_tags)
        remapping = services.continue_some_remapping()
        correcting = correct_some_times()
        changed = services.project_changed_identifiers()
        return remapping or correcting or changed >= services.ASSETS_AT_ONCE or trimmed >= services.ROWS_AT_ONCE

    def _beat(self, *, connected: bool) -> None:
        now: datetime = timezone.now()
        IngestWorker.objects.update_or_create(
            worker=self._worker,
            defaults={
                "pid": os.getpid(),
                "started_at": self._started_at,
                "heartbeat_at": now,
                "connected": connected,
                "why": for_log(self._why, 500),
                "queued": self._queue.qsize(),
                "counters": self._totals(),
            },
        )

    def _totals(self) -> dict[str, int]:
        dropped = {f"dropped_{why}": count for why, count in self._client_dropped.items()}
        return {**self.counts, **dropped, "acks": self._acks.sent_total}

    def _credit(self) -> int:
        """How many records more the queue takes, at least one batch: nobody must wait for word that does not come."""
        return max(1, self._queue.maxsize - self._queue.qsize()) * MAX_RECORDS

    async def _in_thread(self, call: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._database, call)


def _first(lost: BaseExceptionGroup[BaseException]) -> str:
    inner = lost.exceptions[0]
    return _first(inner) if isinstance(inner, BaseExceptionGroup) else str(inner)


def _close_connections() -> None:
    """The next transaction opens a fresh one."""
    connections.close_all()


def _let_go() -> None:
    connections.close_all()
    if (
        close_pool := getattr(connections["default"], "close_pool", None)
    ) is not None:  # of PostgreSQL; it has threads of its own
        close_pool()
