"""What the sessions of serial readers share: talking to the device, and actions that wait for a moment between rounds."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

from drivers.api import Action, LineNoise, NotSupported, Read, ReaderUnavailable, Sink, Wiring
from drivers.link import Link

A = TypeVar("A")
NOISE_EVERY_S = 1.0
MAX_WAITING_ACTIONS = 8


class Decoder(Protocol[A]):
    """A codec: bytes with their arrival time in, reads and answers out.

    `set_up` is all that the session has told it and that changes reads, as bytes; a new codec told the same reads the same.
    """

    rejected_frames: int
    skipped_bytes: int
    set_up: bytes

    @property
    def holding(self) -> bool: ...

    def feed(self, data: bytes, mono_ns: int, wall_ms: int) -> tuple[list[Read], list[A]]: ...

    def flush(self, mono_ns: int, wall_ms: int) -> tuple[list[Read], list[A]]: ...


@runtime_checkable
class HasCodec(Protocol):
    """A reader whose recorded bytes can be read again."""

    def decoder(self) -> Decoder[Any]:
        """Return a new codec, as every session begins with."""
        ...


class Conversation(Generic[A]):
    """One session's talk with its device. Reads go to the sink as they come; answers to who asked."""

    def __init__(self, link: Link, decoder: Decoder[A], sink: Sink, wiring: Wiring) -> None:
        self._link = link
        self._decoder = decoder
        self._sink = sink
        self._clock = wiring.clock
        self._tap = wiring.tap
        self._now = asyncio.get_running_loop().time
        self.heard_at = self._now()
        """When the last good frame came, on the loop's clock."""
        self.read_count = 0
        self._noise_told = (0, 0)
        self._noise_told_at = self._now()

    @property
    def silent_s(self) -> float:
        """For how long no good frame has come."""
        return self._now() - self.heard_at

    async def listen(self, timeout_s: float) -> list[A]:
        """Hand on what comes next, return the answers in it; nothing after `timeout_s`, and maybe nothing before."""
        holding = self._decoder.holding
        data = await self._link.read_within(min(timeout_s, self._link.silence_s) if holding else timeout_s)
        if not data and not holding:
            return []
        mono_ns, wall_ms = self._clock.mono_ns(), self._clock.wall_ms()
        if self._tap is not None:
            self._tap(data, mono_ns, wall_ms, self._decoder.set_up)
        if data:
            reads, answers = self._decoder.feed(data, mono_ns, wall_ms)
        else:
            reads, answers = self._decoder.flush(mono_ns, wall_ms)
        if reads:
            self.read_count += len(reads)
            self._sink.reads(reads)
        if reads or answers:
            self.heard_at = self._now()
        if self._now() - self._noise_told_at >= NOISE_EVERY_S:
            self.tell_noise()
        return answers

    async def send(self, request: bytes) -> None:
        """Send a request whose answers come through `listen`. The silence is counted from here."""
        await self._link.write(request)
        self.heard_at = self._now()

    async def ask(self, request: bytes, fits: Callable[[A], bool], *, timeout_s: float, tries: int = 2) -> A | None:
        """Send `request` and return the first answer that fits; None when none came within `timeout_s` of any try."""
        for _ in range(tries):
            await self._link.write(request)
            deadline = self._now() + timeout_s
            while (left_s := deadline - self._now()) > 0:
                for answer in await self.listen(left_s):
                    if fits(answer):
                        return answer
        return None

    @property
    def noisy(self) -> bool:
        """True when bytes came that made no frame."""
        return self._decoder.skipped_bytes > 0 or self._decoder.holding

    def tell_noise(self) -> None:
        """Signal the totals of bad frames and bytes when they have grown."""
        noise = (self._decoder.rejected_frames, self._decoder.skipped_bytes)
        self._noise_told_at = self._now()
        if noise != self._noise_told:
            self._noise_told = noise
            self._sink.signal(LineNoise(*noise))


class ActionQueue:
    """Actions from the rest of the gateway, for the session to do between two rounds."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[Action, asyncio.Future[None]]] = deque()
        self._open = False

    async def submit(self, action: Action) -> None:
        """Wait until the session has done `action`. Raises what doing it raises; ReaderUnavailable without a session."""
        if not self._open:
            raise ReaderUnavailable("the reader is not connected; try again when it is")
        if len(self._waiting) >= MAX_WAITING_ACTIONS:
            raise ReaderUnavailable("the reader is busy with earlier actions; try again in a moment")
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((action, done))
        await done

    @property
    def waiting(self) -> bool:
        return bool(self._waiting)

    @contextlib.contextmanager
    def accepted(self) -> Iterator[None]:
        """Take actions while a session is up; those it leaves undone fail."""
        self._open = True
        try:
            yield
        finally:
            self._open = False
            while self._waiting:
                _settle(self._waiting.popleft()[1], _LEFT_UNDONE)

    async def carry_out(self, do: Callable[[Action], Awaitable[None]]) -> None:
        """Do what waits. What the device cannot do fails for who asked; an error of the session also ends the session."""
        while self._waiting:
            action, done = self._waiting.popleft()
            if done.done():  # who asked has gone
                continue
            try:
                await do(action)
            except NotSupported as exc:
                _settle(done, exc)
            except BaseException:
                _settle(done, _LEFT_UNDONE)
                raise
            else:
                _settle(done, None)


_LEFT_UNDONE = ReaderUnavailable("the reader hung up before it had done that; try again")


def _settle(done: "asyncio.Future[None]", failure: Exception | None) -> None:
    if done.done():
        return
    if failure is None:
        done.set_result(None)
    else:
        done.set_exception(failure)
