"""Takes orders from the registry: checks them, has each carried out once, and answers. READ FIRST.

    down/cmd    -> MAC, time, memory -> one after the other -> the verb (doing.py, setting.py) -> up/reply
    down/config -> MAC, time         -> in the same line    -> configuring.py

The registry says an order again until it has the answer; an order that is known is answered from memory. Late is what the
registry's clock says: its time comes with the answer to each hello and goes on by the monotonic clock, so a broker that holds an
order back, or a gateway whose own clock was never set, changes nothing. What is not taken is counted, never queued without bound.
"""

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

import msgspec

from gateway.orders.configuring import Configurer
from gateway.orders.memory import Memory
from sync.correspondence import Publish
from sync.wire import MAX_TEXT, Command, Configuration, Outcome, Purpose, Reply, WireError, seal, unseal

log = logging.getLogger(__name__)

MAX_WAITING: Final = 16
MAX_ARGUMENT_BYTES: Final = 8 * 1024
BURST, PER_S = 20.0, 2.0  # orders and repeats that are listened to
LONGEST: Final = timedelta(hours=1)  # from now to `not_after`: so long an id has to be remembered
WITHIN_S: Final = 60.0

Do = Callable[[bytes], Awaitable[str]]
"""A verb: its arguments (JSON) to a sentence for whoever ordered it. Raises Refused, Failed."""


class Refused(Exception):
    """Nothing has been done; the text says why and what to do."""


class Failed(Exception):
    """It was begun and did not succeed; the text says how far it came."""


class Desk:
    """One for a gateway, through all its connections: see `sync.correspondence.Correspondent`."""

    leaves = frozenset({"cmd", "config"})

    def __init__(self, verbs: Mapping[str, Do], memory: Memory, configurer: Configurer, mono_ns: Callable[[], int]) -> None:
        self.counts: Counter[str] = Counter()
        self._verbs = verbs
        self._memory = memory
        self._configurer = configurer
        configurer.say = self.say
        self._mono_ns = mono_ns
        self._key = b""
        self._greeted: tuple[datetime, int] | None = None  # the registry's time, and our monotonic one then
        self._waiting: asyncio.Queue[Command | Configuration] = asyncio.Queue(MAX_WAITING)
        self._answers: deque[Reply] = deque(maxlen=2 * MAX_WAITING)  # the registry asks again for what falls out
        self._news = asyncio.Event()
        self._tokens, self._tokens_ns = BURST, mono_ns()

    def with_key(self, mac_key: bytes) -> "Desk":
        """Go on with these credentials: a new conversation begins."""
        self._key, self._greeted = mac_key, None
        return self

    # ---- what the uplink tells

    def greeted(self, server_time: datetime) -> None:
        self._greeted = server_time, self._mono_ns()
        self._configurer.greeted()

    def told(self, leaf: str, payload: bytes) -> None:
        try:
            order: Command | Configuration
            if leaf == "cmd":
                order = unseal(payload, Command, Purpose.COMMAND, self._key)
            else:
                order = unseal(payload, Configuration, Purpose.CONFIGURATION, self._key)
        except WireError as exc:
            self.counts[f"orders_ignored_{exc.code}"] += 1
            return
        if self.registry_time() is None:  # not greeted yet: the registry says it again
            self.counts["orders_ignored_early"] += 1
        elif not self._has_token() or self._waiting.full():
            self.counts["orders_ignored_too_many"] += 1
        else:
            self._waiting.put_nowait(order)

    def say(self, reply: Reply) -> None:
        """Send an answer as soon as there is a connection."""
        self._answers.append(reply)
        self._news.set()

    async def speak(self, publish: Publish) -> None:
        while True:
            while self._answers:
                reply = self._answers[0]
                await publish("reply", seal(reply, Purpose.REPLY, self._key))
                if self._answers and self._answers[0] is reply:
                    self._answers.popleft()
            self._news.clear()
            await self._news.wait()

    # ---- the work

    async def run(self) -> None:
        """Carry out what comes, one after the other, until cancelled; an order begun then is told as interrupted later."""
        while True:
            order = await self._waiting.get()
            reply = await (self._answer(order) if isinstance(order, Command) else self._configure(order))
            if reply is not None:
                self.say(reply)

    def registry_time(self) -> datetime | None:
        """What the registry's clock says now; None before it has told."""
        if self._greeted is None:
            return None
        told, at_ns = self._greeted
        return told + timedelta(microseconds=(self._mono_ns() - at_ns) // 1000)

    async def _answer(self, command: Command) -> Reply | None:
        known = self._memory.of(command.id)
        if known is not None:
            self.counts["orders_repeated"] += 1
            return known.reply()
        now = self.registry_time()
        if now is None:
            self.counts["orders_ignored_early"] += 1
            return None
        if (why := _untimely(command, now)) is not None:
            self.counts["orders_late"] += 1
            return Reply(command.id, Outcome.REFUSED, why)
        try:
            if not await asyncio.to_thread(self._memory.begin, command.id, command.not_after, now):
                self.counts["orders_ignored_too_many"] += 1
                return None
            reply = await self._carried_out(command)
            await asyncio.to_thread(self._memory.settle, reply)
        except OSError as exc:  # what cannot be remembered is not begun
            log.error("order %s: cannot be noted on disk: %s", command.id, exc)
            self.counts["orders_ignored_disk"] += 1
            return None
        self.counts[f"orders_{reply.outcome.value}"] += 1
        log.info("order %s of the registry: %s, %s", command.verb[:40], reply.outcome.value, reply.text)
        return reply

    async def _configure(self, told: Configuration) -> Reply | None:
        now = self.registry_time()
        if now is None:
            self.counts["orders_ignored_early"] += 1
            return None
        if (why := _untimely(told, now)) is not None:
            self.counts["orders_late"] += 1
            log.warning("configuration %d of the registry: %s", told.number, why)
            return None  # the registry says it again, with a time of its own
        try:
            reply = await self._configurer.take(told)
        except OSError as exc:
            log.error("configuration %d of the registry: cannot be noted on disk: %s", told.number, exc)
            self.counts["orders_ignored_disk"] += 1
            return None
        self.counts["configurations"] += 1
        return reply

    async def _carried_out(self, command: Command) -> Reply:
        def reply(outcome: Outcome, text: str) -> Reply:
            return Reply(command.id, outcome, text[:MAX_TEXT])

        do = self._verbs.get(command.verb)
        if do is None:
            known = ", ".join(sorted(self._verbs))
            return reply(Outcome.REFUSED, f"this gateway does not know {command.verb[:40]!r}; it knows {known}")
        arguments = bytes(command.arguments)
        if len(arguments) > MAX_ARGUMENT_BYTES:
            return reply(Outcome.REFUSED, f"the arguments are larger than {MAX_ARGUMENT_BYTES} bytes")
        try:
            async with asyncio.timeout(WITHIN_S):
                return reply(Outcome.DONE, await do(arguments))
        except TimeoutError:
            return reply(Outcome.FAILED, f"it was not done within {WITHIN_S:.0f} s")
        except (Refused, msgspec.ValidationError, UnicodeDecodeError) as exc:  # the wire has not looked into the arguments
            return reply(Outcome.REFUSED, str(exc))
        except Failed as exc:
            return reply(Outcome.FAILED, str(exc))

    def _has_token(self) -> bool:
        now_ns = self._mono_ns()
        self._tokens = min(BURST, self._tokens + PER_S * (now_ns - self._tokens_ns) / 1e9)
        self._tokens_ns = now_ns
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


def _untimely(command: Command | Configuration, now: datetime) -> str | None:
    if now > command.not_after:
        return f"it came {(now - command.not_after).total_seconds():.0f} s too late"
    if command.not_after - now > LONGEST:
        return f"its time ends more than {LONGEST.total_seconds() / 3600:.0f} h from now, and so long nothing is remembered"
    return None
