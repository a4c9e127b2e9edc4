"""An open line: bytes in, bytes out, and the reason when it is gone."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from serial_asyncio_fast import SerialTransport

from drivers.api import ReaderMisconfigured, ReaderUnavailable
from drivers.turns import Turns

T = TypeVar("T")

WRITE_TIMEOUT_S = 5.0
MAX_UNREAD_BYTES = 256 * 1024
"""What waits for a slow reader; above it the line is not read and the device's own flow control, or its loss, begins."""


class Link(asyncio.Protocol):
    """One open line. Made by `transport.open_link`; the last methods are asyncio's side of it."""

    def __init__(self, url: str, silence_s: float) -> None:
        self.url = url
        self._silence_s = silence_s
        self._loop = asyncio.get_running_loop()
        self._received: list[bytes] = []
        self._unread = 0
        self._paused = False
        self._lost: str | None = None
        self._waiting: asyncio.Future[None] | None = None
        self._writable: asyncio.Future[None] | None = None
        self._closed: asyncio.Future[None] = self._loop.create_future()
        self._transport: asyncio.BaseTransport | None = None
        self._afterwards: list[Callable[[], object]] = []
        self._flow: Turns | asyncio.ReadTransport | None = None

    @property
    def silence_s(self) -> float:
        """After this long without a byte nothing more of a frame is to be expected."""
        return self._silence_s + (self._flow.longest_s if isinstance(self._flow, Turns) else 0.0)

    async def read(self) -> bytes:
        """Return what has arrived, at least one byte. Raises ReaderUnavailable when the line is gone and all is read."""
        while not (data := self._take()):
            await self._arrival(None)
        return data

    async def read_within(self, timeout_s: float) -> bytes:
        """Return what has arrived, or b"" after `timeout_s` of silence. Raises as `read`."""
        data = self._take()
        if not data:
            await self._arrival(timeout_s)
            data = self._take()
        return data

    async def write(self, data: bytes) -> None:
        """Send; wait while the line takes no more. Raises ReaderUnavailable when it is gone, or stuck for WRITE_TIMEOUT_S."""
        self.write_now(data)
        if self._writable is not None:
            try:
                async with asyncio.timeout(WRITE_TIMEOUT_S):
                    await asyncio.shield(self._writable)
            except TimeoutError:
                raise ReaderUnavailable(
                    f"{self.url} takes no bytes for {WRITE_TIMEOUT_S:g} s; check flow control and power of the device"
                ) from None

    def write_now(self, data: bytes) -> None:
        """Send without waiting: for the last word before closing."""
        if self._lost is not None:
            raise ReaderUnavailable(self._lost)
        if not isinstance(self._transport, asyncio.WriteTransport):
            raise ReaderMisconfigured(f"{self.url} carries bytes in one direction only; this driver has to ask its device")
        self._transport.write(data)

    def when_released(self, done: Callable[[], object]) -> None:
        self._afterwards.append(done)

    async def release(self) -> None:
        """Close and wait until the port is free, also when cancelled meanwhile."""
        transport = self._transport
        if transport is None:
            return
        if not isinstance(transport, asyncio.WriteTransport):
            transport.close()
        elif not (isinstance(transport, SerialTransport) and transport.is_closing()):  # it cannot be closed twice
            transport.abort()
        try:
            await until_done(self._closed)
        finally:
            for done in self._afterwards:
                done()

    def _take(self) -> bytes:
        if not self._received:
            if self._lost is not None:
                raise ReaderUnavailable(self._lost)
            return b""
        data = self._received[0] if len(self._received) == 1 else b"".join(self._received)
        self._received.clear()
        self._unread = 0
        if self._paused and self._flow is not None and self._transport is not None and not self._transport.is_closing():
            self._paused = False
            self._flow.resume_reading()
        return data

    async def _arrival(self, timeout_s: float | None) -> None:
        self._waiting = self._loop.create_future()
        timer = None if timeout_s is None else self._loop.call_later(timeout_s, _wake, self._waiting)
        try:
            await self._waiting
        finally:
            self._waiting = None
            if timer is not None:
                timer.cancel()

    # ---- asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        if isinstance(transport, SerialTransport):
            self._flow = Turns(self, transport, self._loop)
        elif isinstance(transport, asyncio.ReadTransport):
            self._flow = transport

    def data_received(self, data: bytes) -> None:
        if isinstance(self._flow, Turns):
            self._flow.piece(len(data))
        self._received.append(data)
        self._unread += len(data)
        if self._unread > MAX_UNREAD_BYTES and not self._paused and self._flow is not None:
            self._paused = True
            self._flow.pause_reading()
        _wake(self._waiting)

    def eof_received(self) -> bool:
        self._hung_up("the other side closed it")
        return False

    def pause_writing(self) -> None:
        self._writable = self._loop.create_future()

    def resume_writing(self) -> None:
        _wake(self._writable)
        self._writable = None

    def connection_lost(self, exc: Exception | None) -> None:
        self._hung_up(str(exc) if exc else "the other side closed it")
        _wake(self._closed)

    def _hung_up(self, why: str) -> None:
        if isinstance(self._flow, Turns):
            self._flow.end()
        if self._lost is None:
            self._lost = f"{self.url} hung up ({why}); check cable and power of the device"
        _wake(self._waiting)
        self.resume_writing()


async def until_done(future: "asyncio.Future[T]") -> None:
    """Wait for `future`, whatever comes of it, even when cancelled; the cancelling takes effect afterwards."""
    cancelled: asyncio.CancelledError | None = None
    while not future.done():
        try:
            await asyncio.wait([future])
        except asyncio.CancelledError as exc:
            cancelled = exc
    if cancelled is not None:
        raise cancelled


def _wake(future: "asyncio.Future[None] | None") -> None:
    if future is not None and not future.done():
        future.set_result(None)
