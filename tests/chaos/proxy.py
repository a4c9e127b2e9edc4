"""A TCP proxy that is a bad network: late, lossy as TCP shows it, cut, or silent on a connection that looks open."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

CHUNK_BYTES = 64 * 1024
RETRANSMITTED_AFTER_S = (0.2, 1.0)  # what TCP makes of a lost segment: everything behind it comes later


class Proxy:
    """Between whoever connects to `port` and `target_port`, both on loopback. Public fields may be changed while it runs."""

    def __init__(self, target_port: int, rng: random.Random) -> None:
        self.delay_s = 0.0
        self.loss = 0.0  # the chance that a chunk has to be sent again
        self.cut = False  # nobody gets through, and who was through is disconnected
        self.port = 0
        self.connections = 0  # that were let through
        self._target_port = target_port
        self._rng = rng
        self._silent = False
        self._open: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Proxy"]:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            await self._hang_up()

    async def partition(self, for_s: float) -> None:
        self.cut = True
        await self._hang_up()
        await asyncio.sleep(for_s)
        self.cut = False

    @asynccontextmanager
    async def half_open(self) -> AsyncIterator[None]:
        """Connections stay open and nothing comes through, in either direction; those of this time stay so afterwards."""
        self._silent = True
        try:
            yield
        finally:
            self._silent = False

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            if not self.cut:
                await self._join(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._open.discard(task)
            await _closed(writer)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._target_port)
        self.connections += 1
        pumps = [asyncio.create_task(self._pump(reader, back)), asyncio.create_task(self._pump(there, writer))]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            await _closed(back)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        due_s, silent = 0.0, False
        while data := await reader.read(CHUNK_BYTES):
            silent = silent or self._silent  # a gap in a stream of bytes cannot be closed any more
            if silent:
                continue
            late_s = self.delay_s + (self._rng.uniform(*RETRANSMITTED_AFTER_S) if self._rng.random() < self.loss else 0.0)
            due_s = max(due_s + 1e-6, loop.time() + late_s)  # never before what was sent earlier
            loop.call_at(due_s, _write, writer, data)

    async def _hang_up(self) -> None:
        tasks = list(self._open)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _write(writer: asyncio.StreamWriter, data: bytes) -> None:
    if not writer.is_closing():
        writer.write(data)


async def _closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError, asyncio.CancelledError):
        await writer.wait_closed()
