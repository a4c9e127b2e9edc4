"""From the outbox to the registry: one conversation per connection, until the registry has acknowledged everything.

connect -> subscribe -> state `online` -> hello -> the registry's answer says where to resume -> batches in a window, each ack
opening it further. No progress: what is missing goes again. No word at all: ask by hello, now and then, and fill no broker.
The broker may lose anything at any time; nothing here relies on it, and a batch that arrives twice changes nothing.
"""

import asyncio
import contextlib
import functools
import logging
import random
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from host.crash_points import reached
from sync import topics
from sync.batches import Batches, SealedBatch
from sync.correspondence import Correspondent
from sync.credentials import Credentials
from sync.identification import Identification
from sync.live import LiveTeller
from sync.mqtt import BrokerUnavailable, Login, Message, Session, connect
from sync.outbox import Outbox, OutboxDamaged, OutboxUnavailable, Verdict
from sync.outbox_thread import OutboxThread
from sync.resumption import Resumption, committed_ranges, worth_taking
from sync.suspects import HOPELESS_AFTER
from sync.uplink_status import UplinkState, UplinkStatus
from sync.window import Lane, Slot, Window
from sync.wire import Ack, Health, Purpose, State, WireError, decode, encode, seal, unseal

__all__ = ["Identification", "Timing", "Uplink"]

log = logging.getLogger(__name__)

GATHER_S = 0.06  # after a batch that took all there was: the commits of this time share the next one
HEALTH_APART_S = 2.0  # between two health messages, whatever changes meanwhile
ACKS_WAITING = 20
TICK_S = 5.0  # at least this often the watchdog sees us turn
GOODBYE_S = 1.0


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds."""

    answer_s: float = 10.0  # to wait for the answer to a hello
    probe_max_s: float = 60.0  # between hellos while the registry is silent
    reconnect_max_s: float = 10.0
    stall_s: float = 5.0
    health_s: float = 30.0
    nudge_spread_s: float = 0.3  # so that all gateways do not say hello in the same instant


class Uplink:
    def __init__(
        self,
        open_outbox: Callable[[], Outbox],
        credentials: Credentials,
        identification: Identification,
        health: Callable[[], Health],
        *,
        wall_ms: Callable[[], int],
        mono_ns: Callable[[], int],
        rng: random.Random,
        live: bool = True,
        timing: Timing | None = None,
        others: Sequence[Correspondent] = (),
    ) -> None:
        """`open_outbox` is called in the uplink's own worker threads and gives each a connection of its own. `health` is asked
        every `timing.health_s` and after `report_health`. `live`: also tell each event to other subscribers, once, without
        promise. `others` hear and say what is neither event nor ack."""
        self.status = UplinkStatus(since_wall_ms=wall_ms())
        self.progress = 0  # moves at least every TICK_S; the watchdog looks at it
        self._reading = OutboxThread(open_outbox)
        self._writing = OutboxThread(open_outbox)  # a commit waits for the disk: meanwhile the next batch is read
        self._credentials = credentials
        self._identification = identification
        self._health = health
        self._wall_ms = wall_ms
        self._mono_ns = mono_ns
        self._rng = rng
        self._live = LiveTeller(credentials.gateway, self._skipped_live) if live else None
        self._timing = timing or Timing()
        self._topic = functools.partial(topics.up, credentials.gateway)
        self._ack_topic = topics.down(credentials.gateway, "ack")
        self._others = others
        self._told = {topics.down(credentials.gateway, leaf): (other, leaf) for other in others for leaf in other.leaves}
        self._news = asyncio.Event()  # something for the send loop: a commit, an ack, a nudge
        self._health_news = asyncio.Event()
        self._more = True  # the outbox may hold what was not sent yet
        self._hello_due = False
        self._nonce: str | None = None  # of the hello that waits for its answer, said at
        self._hello_s = 0.0
        self._told_trouble = ""
        self._window: Window | None = None  # since the answer to the hello
        self._held = ""  # why that answer says that nothing is taken
        self._registry_time: tuple[datetime, float] | None = None  # and ours then
        self._told_time = asyncio.Event()
        self._resumption = Resumption(self._timing.stall_s)

    def wake(self) -> None:
        """A commit has been made. Call it in the event loop's thread."""
        self._more = True
        self._news.set()
        if self._live:
            self._live.news.set()

    def report_health(self) -> None:
        """How the gateway is has changed: tell the registry soon. Call it in the event loop's thread."""
        self._health_news.set()

    def greet(self) -> None:
        """Say hello again, at the next opportunity: what it says has changed. Call it in the event loop's thread."""
        self._hello_due = True
        self._news.set()

    async def run(self) -> None:
        """Deliver until cancelled, then say goodbye. Raises OutboxDamaged, which only a new start heals."""
        failures = 0
        with self._reading, self._writing:
            while True:
                connections = self.status.connections
                try:
                    async with self._reading.opened(), self._writing.opened():
                        await self._converse()
                except BrokerUnavailable as exc:
                    self._become(UplinkState.BROKER_DOWN, str(exc))
                except OutboxUnavailable as exc:
                    self._become(UplinkState.OUTBOX_DOWN, str(exc))
                failures = 1 if self.status.connections > connections else failures + 1
                self._tell_trouble()
                ceiling_s = min(self._timing.reconnect_max_s, 0.5 * 2 ** min(failures, 16))
                await self._wait(lambda: False, self._rng.uniform(0, ceiling_s))

    async def _converse(self) -> None:
        """One connection, from its beginning to its end. Raises BrokerUnavailable, OutboxUnavailable, OutboxDamaged."""
        self._become(UplinkState.CONNECTING)
        me = self._credentials
        will = Message(self._topic("state"), encode(State("offline", "the connection broke")), retained=True)
        login = Login(me.host, me.port, me.user, me.password, me.tls)
        async with connect(login, me.client_id, will=will, dropped=self.status.ignored) as session:
            self.status.connections += 1
            try:
                await session.subscribe(self._ack_topic, *self._told, topics.REGISTRY_STATE)
                await session.publish(self._topic("state"), encode(State("online")), retain=True)
                await self._work(session)
            except asyncio.CancelledError:
                with contextlib.suppress(BrokerUnavailable, TimeoutError):
                    async with asyncio.timeout(GOODBYE_S):
                        await session.publish(self._topic("state"), encode(State("stopped")), retain=True)
                self._become(UplinkState.STOPPED)
                raise

    async def _work(self, session: Session) -> None:
        trouble: Exception | None = None
        try:
            async with asyncio.TaskGroup() as group:
                acks: asyncio.Queue[Ack] = asyncio.Queue(ACKS_WAITING)
                group.create_task(self._listen(session, acks))
                group.create_task(self._take_acks(acks))
                group.create_task(self._deliver(session, group))
                group.create_task(self._report_health(session))
                if live := self._live:
                    group.create_task(live.run(session, lambda: self._reading(live.new_records, self._reading.outbox)))
                for other in self._others:
                    group.create_task(other.speak(lambda leaf, payload: session.publish(self._topic(leaf), payload)))
        except* (BrokerUnavailable, OutboxUnavailable, OutboxDamaged) as several:
            trouble = min(several.exceptions, key=lambda exc: not isinstance(exc, OutboxDamaged))
        if trouble:
            raise trouble

    async def _deliver(self, session: Session, group: asyncio.TaskGroup) -> None:
        silent = False
        while True:
            await self._greet(session, silent=silent)
            silent = await self._stream(session, group)

    async def _greet(self, session: Session, *, silent: bool) -> None:
        """Say hello until the registry answers. `silent`: because nothing came back."""
        unanswered = 0
        self._resumption.leave(self._window, silent=silent)
        while True:
            self._hello_due, self._window = False, None
            self._nonce, self._hello_s = secrets.token_hex(16), self._now_s()
            await session.publish(self._topic("hello"), await self._reading(self._hello, self._nonce))
            if not unanswered:
                self._become(UplinkState.GREETING, "waiting for the registry's answer")
            if not await self._wait(self._is_addressed, self._timing.answer_s):
                unanswered += 1
                self._become(UplinkState.REGISTRY_SILENT, "the broker is there, but the registry does not answer")
                self._tell_trouble()
                ceiling_s = min(self._timing.probe_max_s, 2.0**unanswered)
                await self._wait(self._is_addressed, self._rng.uniform(min(1.0, ceiling_s), ceiling_s))
            if self._window:
                return
            if self._hello_due:
                self._resumption.registry_began_anew()
                await self._wait(lambda: False, self._rng.uniform(0, self._timing.nudge_spread_s))

    async def _stream(self, session: Session, group: asyncio.TaskGroup) -> bool:
        """Send what the outbox holds and the window allows. Return when it is time to say hello again, and whether the registry
        is silent."""
        if self._held:
            self._become(UplinkState.HELD, self._held)
            self._tell_trouble()
            await self._wait(lambda: self._hello_due, self._timing.probe_max_s)
            return False
        self._become(UplinkState.DELIVERING)
        if self._told_trouble:
            log.info("uplink: in touch with the registry again")
            self._told_trouble = ""
        self._more = True
        batches = Batches(self._reading, group, self._resumption.epoch, self._credentials.mac_key)
        while (window := self._window) and not self._hello_due:
            if (hopeless := self._resumption.suspects.hopeless()) is not None:
                await self._bury(hopeless)
            elif slot := window.next_slot(self._now_s(), more=self._more):
                if batch := await self._batch(batches, window, slot):
                    window.send(slot, batch.last, self._now_s())
                    if (following := window.next_of_backlog(self._now_s())) is not None:
                        batches.prepare(following)
                    self.status.batches += 1
                    self.status.records += batch.records
                    group.create_task(session.publish(self._topic("events"), batch.payload))
            elif not window.is_stalled(self._now_s()):
                wait_s = window.wait_s(self._now_s())
                await self._until_news(TICK_S if wait_s is None else wait_s)
            elif window.is_silent(self._now_s()):
                log.warning("uplink: no word from the registry for %.0f s", self._now_s() - window.heard_s)
                return True
            else:
                self.status.went_back += 1
                window.give_up(self._now_s())
            self.status.in_flight = window.in_flight
        return False

    async def _batch(self, batches: Batches, window: Window, slot: Slot) -> SealedBatch | None:
        """Return the batch for `slot`, if there is anything."""
        self._more = self._more and slot.lane is not Lane.LIVE
        batch, newest = await batches.take(slot)
        window.reach(newest)
        if batch and slot.lane is Lane.LIVE and batch.last >= newest:
            window.rest(self._now_s() + GATHER_S)
        return batch

    async def _bury(self, seq: int) -> None:
        """A record that the registry never takes, though it takes what comes after: set it apart, so that the rest goes on."""
        why = f"sent alone {HOPELESS_AFTER} times; the registry says nothing to it, though it answers what is sent later"
        if await self._writing(self._writing.outbox.bury, self._resumption.epoch, seq, "undeliverable", why):
            log.error("uplink: the record with seq %d does not get through; it is set apart (`sightpost outbox dead`)", seq)
            self.status.undeliverable += 1
        self._resumption.suspects.forget(seq)

    async def _listen(self, session: Session, acks: asyncio.Queue[Ack]) -> None:
        async for message in session.messages():
            if message.topic == self._ack_topic and not message.retained:
                if (ack := self._opened_ack(message.payload)) is not None:
                    await acks.put(ack)
            elif message.topic == topics.REGISTRY_STATE and not message.retained:
                self._take_registry_state(message.payload)
            elif message.topic in self._told and not message.retained:
                other, leaf = self._told[message.topic]
                other.told(leaf, message.payload)
            else:  # nothing but states is retained: who retains something else sets a trap
                self._ignore("retained" if message.retained else "unknown_topic")

    def _opened_ack(self, payload: bytes) -> Ack | None:
        try:
            ack = unseal(payload, Ack, Purpose.ACK, self._credentials.mac_key)
        except WireError as exc:
            self._ignore(exc.code)
            return None
        reached("after_ack")
        return ack

    async def _take_acks(self, acks: asyncio.Queue[Ack]) -> None:
        """While one is committed others come: what a later one says too is left out."""
        while True:
            heard = [await acks.get()]
            while not acks.empty():
                heard.append(acks.get_nowait())
            for ack in worth_taking(heard):
                await self._take_ack(ack)

    async def _take_ack(self, ack: Ack) -> None:
        nonce = self._nonce
        done = await self._writing(self._writing.outbox.acknowledge, ack, nonce=nonce)
        self.status.rejected += done.buried
        if done.verdict in (Verdict.FOREIGN_EPOCH, Verdict.TOO_HIGH, Verdict.STALE):
            return self._ignore(done.verdict.value)
        if done.verdict is Verdict.PARTED:
            log.error("uplink: going on in a new epoch: %s", done.why)
            self.status.parted += 1
            self._hello_due = True
        elif nonce and ack.nonce == nonce == self._nonce:
            if done.verdict is Verdict.LOWERED:
                log.warning("uplink: the registry has everything up to %d only; sending again from there", done.acked)
            self._nonce = None  # an answer counts once
            self._held = ack.held
            now_s = self._now_s()
            self._registry_time = ack.server_time, now_s
            self._told_time.set()
            self._window = self._resumption.answered(
                ack, done.acked, now_s=now_s, now_wall_ms=self._wall_ms(), rtt_s=now_s - self._hello_s
            )
            for other in self._others:
                other.greeted(ack.server_time)
        elif self._window:
            if (there := self._time_there()) is not None and ack.server_time > there:  # our clock is the slower one
                self._registry_time = ack.server_time, self._now_s()
            self._window.hear(done.acked, committed_ranges(ack), ack.credit, self._now_s())
        self.status.last_ack_wall_ms = self._wall_ms()
        self.status.acked, self.status.credit = done.acked, ack.credit
        self.status.rtt_ms = self._window.rtt_s * 1000 if self._window else None
        self._news.set()
        return None

    def _take_registry_state(self, payload: bytes) -> None:
        try:
            state = decode(payload, State)
        except WireError as exc:
            return self._ignore(exc.code)
        if state.state == "online":
            self.greet()
        return None

    async def _report_health(self, session: Session) -> None:
        apart_s = min(HEALTH_APART_S, self._timing.health_s)
        await self._told_time.wait()  # what is sent before is not believed: it could have been recorded at any time
        while True:
            self._health_news.clear()
            health = msgspec.structs.replace(self._health(), registry_time=self._time_there())
            sealed = seal(health, Purpose.HEALTH, self._credentials.mac_key)
            await session.publish(self._topic("health"), sealed, qos=0)
            await asyncio.sleep(apart_s)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._timing.health_s - apart_s):
                    await self._health_news.wait()

    def _time_there(self) -> datetime | None:
        """What the registry's clock says now."""
        if self._registry_time is None:
            return None
        told, at_s = self._registry_time
        return told + timedelta(seconds=self._now_s() - at_s)

    def _hello(self, nonce: str) -> bytes:
        """Runs in the worker thread."""
        now = self._reading.outbox.stat()
        self._resumption.greet(now)
        return seal(
            self._identification.hello(now, nonce, self._mono_ns() // 1_000_000), Purpose.HELLO, self._credentials.mac_key
        )

    def _is_addressed(self) -> bool:
        return self._hello_due or self._window is not None

    async def _wait(self, done: Callable[[], bool], timeout_s: float) -> bool:
        """Return whether `done` became true within the time."""
        until_s = self._now_s() + timeout_s
        while not done():
            if (left_s := until_s - self._now_s()) <= 0:
                return False
            await self._until_news(left_s)
        return True

    async def _until_news(self, timeout_s: float) -> None:
        self.progress += 1
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(timeout_s, TICK_S)):
                await self._news.wait()
        self._news.clear()

    def _become(self, state: UplinkState, why: str = "") -> None:
        if (state, why) != (self.status.state, self.status.why):
            self.status.state, self.status.why, self.status.since_wall_ms = state, why, self._wall_ms()

    def _tell_trouble(self) -> None:
        """Say it once, then hush until it is over or something else."""
        level = logging.DEBUG if self._told_trouble == self.status.why else logging.WARNING
        self._told_trouble = self.status.why
        log.log(level, "uplink: %s", self.status.why)

    def _ignore(self, reason: str) -> None:
        self.status.ignored[reason] += 1

    def _skipped_live(self, count: int) -> None:
        self.status.live_skipped += count

    def _now_s(self) -> float:
        return self._mono_ns() / 1e9
