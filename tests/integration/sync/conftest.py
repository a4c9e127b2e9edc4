"""A broker, a registry's peer and uplinks between them, for one test each."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sync.correspondence import Correspondent
from sync.credentials import Credentials
from sync.outbox import Outbox
from sync.uplink import Identification, Timing, Uplink
from sync.wire import ClockQuality, EventKind, Health, LocationEvent
from tests.integration.sync.registry_peer import RegistryPeer
from tests.mosquitto import Mosquitto

GATEWAY = "gate-1"
KEY = bytes(range(32))
QUICK = Timing(answer_s=0.3, probe_max_s=0.3, reconnect_max_s=0.1, stall_s=0.1, health_s=0.2, nudge_spread_s=0.01)


def arrivals(count: int, first: int = 1) -> list[LocationEvent]:
    now = datetime.now(UTC)
    return [
        LocationEvent(EventKind.ARRIVED, f"tag:{n:05}", f"{n:024x}", now, now, "hall-a:1", zone_to="hall-a")
        for n in range(first, first + count)
    ]


class Gateway:
    """One outbox as the pipeline has it, and uplinks on the same file."""

    def __init__(self, path: Path, broker: Mosquitto) -> None:
        self.path = path
        self.credentials = Credentials(GATEWAY, "127.0.0.1", broker.port, broker.passwords[GATEWAY], KEY)
        self.outbox = self.open_outbox()
        self.live = False
        self.timing = QUICK
        self.others: list[Correspondent] = []
        self._stored = 0

    def open_outbox(self) -> Outbox:
        return Outbox.open(self.path, wall_ms=wall_ms, mono_ns=time.monotonic_ns, boot_id="boot-1")

    def store(self, count: int) -> int:
        """Append so many arrivals of new identities; return the newest seq."""
        self._stored += count
        return self.outbox.append(arrivals(count, self._stored - count + 1))

    def reopen(self) -> None:
        self.outbox.close()
        self.outbox = self.open_outbox()

    @asynccontextmanager
    async def uplink(self) -> AsyncIterator[Uplink]:
        uplink = Uplink(
            self.open_outbox,
            self.credentials,
            Identification("test 1", "machine-1", "boot-1", lambda: ClockQuality.SYNCED),
            lambda: Health(waiting=0, oldest_age_s=None),
            wall_ms=wall_ms,
            mono_ns=time.monotonic_ns,
            rng=random.Random(1),
            live=self.live,
            timing=self.timing,
            others=self.others,
        )
        running = asyncio.create_task(uplink.run())
        try:
            yield uplink
        finally:
            running.cancel()
            await asyncio.wait({running})
            assert running.cancelled(), running.exception()


Serving = Callable[[], AbstractAsyncContextManager[None]]


def wall_ms() -> int:
    return time.time_ns() // 1_000_000


async def eventually(condition: Callable[[], object], within_s: float = 10.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
        await asyncio.sleep(0.005)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    mosquitto = Mosquitto(tmp_path / "broker", gateways=(GATEWAY, "gate-2"), subscribers=("dashboard",))
    mosquitto.start()
    yield mosquitto
    mosquitto.kill()  # an orderly stop takes it a tenth of a second


@pytest.fixture
def gateway(tmp_path: Path, broker: Mosquitto) -> Iterator[Gateway]:
    made = Gateway(tmp_path / "gateway" / "outbox.db", broker)
    yield made
    made.outbox.close()


@pytest.fixture
def peer(tmp_path: Path, broker: Mosquitto) -> RegistryPeer:
    return RegistryPeer(tmp_path / "registry.db", broker.login("registry-ingest"), {GATEWAY: KEY})


@pytest.fixture
def serving(peer: RegistryPeer) -> Serving:
    """`async with serving():` the registry is up, through every outage of the broker."""

    @asynccontextmanager
    async def served() -> AsyncIterator[None]:
        task = asyncio.create_task(peer.serve())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait({task})

    return served


async def until_delivered(gateway: Gateway, within_s: float = 20.0) -> None:
    await eventually(lambda: gateway.outbox.stat().waiting == 0, within_s)
