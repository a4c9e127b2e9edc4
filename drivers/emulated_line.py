"""Lines that an emulated device hangs on: a pty behind a stable name, or a TCP port. Both can be unplugged and plugged in again.

line = EmulatedPty(Path("/run/demo/door-3"))
async with attached(device, line):      # plugged in and running
    ...                                 # a reader opens line.url
    line.unplug(); line.plug()
"""

import asyncio
import contextlib
import os
import random
import socket
import tty
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from drivers.emulated_device import EmulatedDevice

BITS_PER_BYTE = 10  # 8N1
LATENCY_TIMER_S = 0.016  # a USB adapter hands its bytes on at least this often
READ_BYTES = 4096


@dataclass(slots=True)
class Weather:
    """What a bad line does to the bytes a device says. May be changed while the line is in use."""

    rng: random.Random
    noise: float = 0.0  # chance that garbage comes before a burst
    max_noise_bytes: int = 40
    loss: float = 0.0  # chance that a burst loses one stretch of its bytes
    tear_bytes: int | None = None  # a burst comes in pieces of at most this many bytes
    delay_s: float = 0.0  # each piece comes up to this much later

    def spoil(self, data: bytes) -> bytes:
        if data and self.rng.random() < self.loss:
            start = self.rng.randrange(len(data))
            data = data[:start] + data[start + self.rng.randint(1, self.max_noise_bytes) :]
        if self.rng.random() < self.noise:
            data = self.rng.randbytes(self.rng.randint(1, self.max_noise_bytes)) + data
        return data

    def piece_bytes(self) -> int:
        return READ_BYTES if self.tear_bytes is None else self.rng.randint(1, self.tear_bytes)


class Line(Protocol):
    """Where a device hangs. `url` is what a reader is configured with; it stays the same through unplugging."""

    @property
    def url(self) -> str: ...

    def plug(self) -> None: ...

    def unplug(self) -> None:
        """Hang up, as when somebody pulls the cable or cuts the power."""
        ...

    async def run(self, device: EmulatedDevice) -> None:
        """Be the device, plugged in or not, until cancelled. Plugging in powers it up."""
        ...


@contextlib.asynccontextmanager
async def attached(device: EmulatedDevice, line: Line) -> AsyncIterator[None]:
    """Plug the line in and run the device on it; unplug at the end."""
    line.plug()
    running = asyncio.create_task(line.run(device), name=f"emulated device at {line.url}")
    try:
        yield
    finally:
        line.unplug()
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


class EmulatedPty:
    """A pseudo-terminal behind a symbolic link at `path`, as a serial adapter behind its udev name.

    `baudrate` sets the pace of the device's bytes; None: as fast as the other side takes them.
    """

    def __init__(self, path: Path, *, baudrate: int | None = 115_200, weather: Weather | None = None) -> None:
        self.path = path
        self.weather = weather
        self._baudrate = baudrate
        self._end: _End | None = None
        self._slave = -1
        self._plugged = asyncio.Event()

    @property
    def url(self) -> str:
        return str(self.path)

    def plug(self) -> None:
        if self._end is not None:
            return
        master, self._slave = os.openpty()  # our own hold on the slave keeps the master alive between two readers
        tty.setraw(self._slave)
        self._end = _End(master)
        self.path.unlink(missing_ok=True)
        self.path.symlink_to(os.ttyname(self._slave))
        self._plugged.set()

    def unplug(self) -> None:
        if self._end is None:
            return
        self._plugged.clear()
        self.path.unlink(missing_ok=True)
        self._end.close()
        os.close(self._slave)
        self._end = None

    async def run(self, device: EmulatedDevice) -> None:
        while True:
            await self._plugged.wait()
            device.power_cycle()
            if self._end is not None:
                await _converse(device, self._end, self._baudrate, self)


class EmulatedServer:
    """A TCP port, as of a serial server or of a reader with a network socket: one connection at a time, others wait.

    Port 0 takes a free one and keeps it.
    """

    def __init__(
        self, host: str = "127.0.0.1", port: int = 0, *, baudrate: int | None = 115_200, weather: Weather | None = None
    ) -> None:
        self.weather = weather
        self._address = (host, port)
        self._baudrate = baudrate
        self._listening: _End | None = None
        self._end: _End | None = None
        self._plugged = asyncio.Event()

    @property
    def url(self) -> str:
        return "tcp://{}:{}".format(*self._address)

    def plug(self) -> None:
        if self._listening is not None:
            return
        listener = socket.create_server(self._address, backlog=4)
        self._address = listener.getsockname()[:2]
        self._listening = _End(listener.detach())
        self._plugged.set()

    def unplug(self) -> None:
        if self._listening is None:
            return
        self._plugged.clear()
        self._listening.close()
        self._listening = None
        if self._end is not None:
            self._end.close()

    async def run(self, device: EmulatedDevice) -> None:
        while True:
            await self._plugged.wait()
            device.power_cycle()
            while (listening := self._listening) is not None:
                await listening.ready(writing=False)
                self._end = _accepted(listening)
                if self._end is not None:
                    try:
                        await _converse(device, self._end, self._baudrate, self)
                    finally:
                        self._end.close()


def _accepted(listening: "_End") -> "_End | None":
    """Return our end of the connection that waits; None when there is none, or the listener was closed meanwhile."""
    if not listening.is_open:
        return None
    with socket.socket(fileno=os.dup(listening.fd)) as listener, contextlib.suppress(BlockingIOError):
        return _End(listener.accept()[0].detach())
    return None


class _HasWeather(Protocol):
    weather: Weather | None


async def _converse(device: EmulatedDevice, end: "_End", baudrate: int | None, line: _HasWeather) -> None:
    """Be `device` at `end` of a line until it hangs up."""
    loop = asyncio.get_running_loop()
    free_at = loop.time()  # when the line has carried all that was said
    while end.is_open:
        burst = device.step()
        if burst is None:
            await end.ready(writing=False)
        else:
            free_at = max(free_at, loop.time())
            data = line.weather.spoil(burst.data) if line.weather else burst.data
            # Tags are told while the round goes on: a burst takes as long as its work or its bytes, whichever is longer.
            takes_s = max(burst.takes_s, len(data) * BITS_PER_BYTE / baudrate if baudrate else 0.0)
            byte_s = takes_s / max(1, len(data))
            slot_bytes = max(1, int(LATENCY_TIMER_S / byte_s)) if byte_s else READ_BYTES
            while end.is_open:
                piece = data[: min(slot_bytes, line.weather.piece_bytes()) if line.weather else slot_bytes]
                data = data[len(piece) :]
                free_at += len(piece) * byte_s if piece else takes_s
                if line.weather:
                    free_at += line.weather.rng.uniform(0, line.weather.delay_s)
                await asyncio.sleep(max(0.0, free_at - loop.time()))
                await end.write(piece)
                if not data:
                    break
        device.receive(end.read())


class _End:
    """Our end of an open line: a descriptor that may be closed while somebody waits for it."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.is_open = True
        self._waiting: asyncio.Future[None] | None = None
        os.set_blocking(fd, False)

    def close(self) -> None:
        if self.is_open:
            self.is_open = False
            loop = asyncio.get_running_loop()
            loop.remove_reader(self.fd)
            loop.remove_writer(self.fd)
            os.close(self.fd)
            self._wake()

    async def ready(self, *, writing: bool) -> None:
        """Wait until it can be read (or written), or is closed."""
        if not self.is_open:
            return
        loop = asyncio.get_running_loop()
        self._waiting = loop.create_future()
        add, remove = (loop.add_writer, loop.remove_writer) if writing else (loop.add_reader, loop.remove_reader)
        add(self.fd, self._wake)
        try:
            await self._waiting
        finally:
            if self.is_open:
                remove(self.fd)

    def read(self) -> bytes:
        """Return what is there, maybe nothing. Closes when the other side has hung up."""
        data = b""
        if self.is_open:
            try:
                data = os.read(self.fd, READ_BYTES)
            except BlockingIOError:
                return b""
            except OSError:
                data = b""
            if not data:
                self.close()
        return data

    async def write(self, data: bytes) -> None:
        """Send all of it, waiting while the other side does not read. What cannot be sent is lost, as on a wire."""
        while data and self.is_open:
            try:
                data = data[os.write(self.fd, data) :]
            except BlockingIOError:
                await self.ready(writing=True)
            except OSError:
                self.close()

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)
