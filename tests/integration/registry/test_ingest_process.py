"""Ingest as a process, fed by a real uplink over a real mosquitto: killed in the middle, stopped in the middle, sent garbage."""

import asyncio
import dataclasses
import json
import random
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from sync import mqtt, topics
from sync.credentials import read_credentials
from sync.mqtt import Login
from sync.outbox import QUOTA_BYTES, Outbox
from sync.uplink import Identification, Timing, Uplink
from sync.wire import ClockQuality, EventKind, Gap, Health, LocationEvent, Purpose, pack, seal
from tests.mosquitto import free_port
from tests.registry_process import RegistryHome, registry_home, wait_for

pytestmark = pytest.mark.timeout(180)  # several processes are started one after the other
QUICK = Timing(answer_s=0.5, probe_max_s=0.3, reconnect_max_s=0.2, stall_s=0.3, health_s=0.5, nudge_spread_s=0.01)
ZONES = ("hall-a", "hall-b", "yard")


PREPARE = """
from django.conf import settings
from registry import migrating
from registry.assets.services import NewIdentifier, register_asset
from registry.tracking.gateways import add_gateway
from tests.registry_world import ROOT
from sync.credentials import write_credentials
migrating.run(settings.CONFIGURATION)
for gateway in ("hamburg", "berlin", "munich", "bremen", "dresden"):
    write_credentials(settings.DATA_DIR / f"{gateway}.credentials.json", add_gateway(by=ROOT, gateway_id=gateway))
for n in range(20):
    register_asset(by=ROOT, name=f"Thing {n}", identifiers=[NewIdentifier(f"tag:{n}")])
"""
REBUILD = "from registry.tracking.services import rebuild_projections\nrebuild_projections()"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryHome]:
    with registry_home(tmp_path_factory.mktemp("registry"), migrated=True) as home:
        home.python(PREPARE)
        with home.running("broker", log="broker-log"):
            yield home


class Gateway:
    """An outbox and its uplink, as the daemon has them."""

    def __init__(self, home: RegistryHome, name: str, *, quota_bytes: int = QUOTA_BYTES) -> None:
        self.credentials = read_credentials(home.data / f"{name}.credentials.json")
        self._path = home.folder / f"{name}.outbox"
        self._quota_bytes = quota_bytes
        self._rng = random.Random(name)
        self.outbox = self.open_outbox()

    def open_outbox(self) -> Outbox:
        return Outbox.open(
            self._path,
            wall_ms=lambda: time.time_ns() // 1_000_000,
            mono_ns=time.monotonic_ns,
            boot_id="boot-1",
            quota_bytes=self._quota_bytes,
        )

    def store(self, count: int) -> None:
        now = datetime.now(UTC)
        self.outbox.append(
            [
                LocationEvent(
                    EventKind.MOVED, f"tag:{self._rng.randrange(25)}", "raw", now, now, "door:1", zone_to=self._rng.choice(ZONES)
                )
                for _ in range(count)
            ]
        )

    @asynccontextmanager
    async def uplink(self) -> AsyncIterator[Uplink]:
        uplink = Uplink(
            self.open_outbox,
            self.credentials,
            Identification("test 1", "machine-1", "boot-1", lambda: ClockQuality.SYNCED),
            lambda: Health(waiting=0, oldest_age_s=None),
            wall_ms=lambda: time.time_ns() // 1_000_000,
            mono_ns=time.monotonic_ns,
            rng=random.Random(1),
            live=False,
            timing=QUICK,
        )
        running = asyncio.create_task(uplink.run())
        try:
            yield uplink
        finally:
            running.cancel()
            await asyncio.wait({running})

    async def delivered(self, within_s: float = 30.0) -> None:
        async with asyncio.timeout(within_s):
            while self.outbox.stat().waiting:  # noqa: ASYNC110 - the file says so, not this process
                await asyncio.sleep(0.02)


def stored(home: RegistryHome, gateway: str) -> list[int]:
    return [seq for (seq,) in home.query(f"SELECT seq FROM tracking_locationevent WHERE gateway_id = '{gateway}' ORDER BY seq")]


def counters(home: RegistryHome) -> dict[str, int]:
    [(found,)] = home.query("SELECT counters FROM tracking_ingestworker") or [("{}",)]
    counted: dict[str, int] = json.loads(found) if isinstance(found, str) else found
    return counted


async def test_killed_in_the_middle_it_goes_on_where_it_was(home: RegistryHome) -> None:
    """Three times -9 while events stream: each is stored once, and what was drawn is what a replay draws."""
    gateway = Gateway(home, "hamburg")
    rng = random.Random(5)
    async with gateway.uplink() as uplink:
        for kill in (True, True, True, False):
            before = len(stored(home, "hamburg"))
            with home.running("ingest", log="ingest-log") as ingest:
                while len(stored(home, "hamburg")) < before + 200:
                    gateway.store(8)
                    uplink.wake()
                    await asyncio.sleep(0.02)
                if kill:
                    await asyncio.sleep(rng.uniform(0, 0.1))
                    ingest.kill()
                else:
                    await gateway.delivered()
    last = gateway.outbox.stat().last
    gateway.outbox.close()
    assert last >= 800
    assert stored(home, "hamburg") == list(range(1, last + 1))
    assert home.query("SELECT count(DISTINCT event_id) FROM tracking_locationevent WHERE gateway_id = 'hamburg'") == [(last,)]
    as_told = drawn(home)
    assert len(as_told[0]) == 20
    home.python(REBUILD)
    assert drawn(home) == as_told


def drawn(home: RegistryHome) -> tuple[list[Any], list[Any]]:
    positions = home.query(
        "SELECT asset_id, zone_id, since, last_seen_at, last_event_id, state FROM tracking_position ORDER BY asset_id"
    )
    stays = home.query("SELECT asset_id, zone_id, from_ts, to_ts FROM tracking_stay ORDER BY asset_id, from_ts, to_ts, zone_id")
    return positions, stays


async def test_asked_to_stop_it_finishes_and_acknowledges_what_is_in_hand(home: RegistryHome) -> None:
    gateway = Gateway(home, "berlin")
    async with gateway.uplink() as uplink:
        gateway.store(2000)
        with home.running("ingest", log="ingest-log") as ingest:
            uplink.wake()
            await asyncio.to_thread(wait_for, lambda: stored(home, "berlin"))
            ingest.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(ingest.wait, 30) == 0
        # Up to where all is stored: what the newest batches brought, ahead of the others, is acknowledged apart from it.
        [(in_the_registry,)] = home.query("SELECT through FROM tracking_gatewayepoch WHERE gateway_id = 'berlin'")
        assert len(stored(home, "berlin")) >= in_the_registry
        async with asyncio.timeout(30):
            while gateway.outbox.stat().acked < in_the_registry:  # noqa: ASYNC110 - the uplink stores it on its own connection
                await asyncio.sleep(0.02)
        assert gateway.outbox.stat().acked == in_the_registry
        [(connected,)] = home.query("SELECT connected FROM tracking_ingestworker")
        assert not connected
    gateway.outbox.close()


async def test_while_the_database_is_held_the_queue_fills_and_nothing_is_lost(home: RegistryHome) -> None:
    small = dataclasses.replace(home, environment=home.environment | {"SIGHTPOST_REGISTRY_INGEST__QUEUE_MESSAGES": "8"})
    gateway = Gateway(home, "bremen")
    async with gateway.uplink() as uplink:
        with small.running("ingest", log="ingest-log"):
            gateway.store(10)
            uplink.wake()
            await gateway.delivered()
            with home.database_held():
                for _ in range(40):
                    gateway.store(50)
                    uplink.wake()
                    await asyncio.sleep(0.05)
            await gateway.delivered()
            await asyncio.to_thread(wait_for, lambda: counters(home).get("dropped_ingest_queue_full", 0) > 0)
        last = gateway.outbox.stat().last
    gateway.outbox.close()
    assert stored(home, "bremen") == list(range(1, last + 1))


async def test_restored_from_a_backup_it_is_filled_again_and_what_is_gone_is_declared(home: RegistryHome) -> None:
    """The gateway keeps what it has sent within a share of its quota: here far less than came after the backup."""
    gateway, backup = Gateway(home, "dresden", quota_bytes=600_000), home.folder / "backup"
    async with gateway.uplink() as uplink:

        async def deliver(count: int) -> None:
            with home.running("ingest", log="ingest-log"):
                gateway.store(count)
                uplink.wake()
                await gateway.delivered()

        await deliver(100)
        await asyncio.to_thread(home.run, "backup", str(backup))
        await deliver(900)
        await asyncio.to_thread(home.run, "restore", str(backup), "--replace", "--yes")
        assert stored(home, "dresden") == list(range(1, 101))
        await deliver(5)
    gateway.outbox.close()
    there = stored(home, "dresden")
    gaps = home.query("SELECT first, last, reason FROM tracking_gap WHERE reason = 'trimmed' ORDER BY first")
    lost = [seq for first, last, _ in gaps for seq in range(first, last + 1)]
    assert lost
    assert sorted(there + lost) == list(range(1, 1006))
    assert len(there) > 105  # the ring gave back what it had
    as_told = drawn(home)
    home.python(REBUILD)
    assert drawn(home) == as_told


async def test_garbage_and_forgeries_are_counted_and_change_nothing(home: RegistryHome) -> None:
    """Munich's login is stolen, its key is not; and whatever else may stand on a topic."""
    credentials = read_credentials(home.data / "munich.credentials.json")
    login = Login("127.0.0.1", home.broker_port, "munich", credentials.password)
    forged = seal(pack([], [Gap(1, 5, "gone")], "0" * 32), Purpose.EVENTS, b"\0" * 32)
    tables = (
        "tracking_locationevent",
        "tracking_gap",
        "tracking_quarantine",
        "tracking_gatewayepoch",
        "tracking_unknowntag",
        "tracking_stay",
    )
    rows = "SELECT " + ", ".join(f"(SELECT count(*) FROM {table})" for table in tables)
    before = home.query(rows)
    with home.running("ingest", log="ingest-log") as ingest:
        await asyncio.to_thread(wait_for, lambda: home.query("SELECT 1 FROM tracking_ingestworker WHERE connected"))
        async with mqtt.connect(login, "munich") as session:
            for leaf, payload in (
                ("events", forged), ("events", b"\x00" * 500), ("events", b"\x1f\x8b" + bytes(range(256))), ("hello", b"{}"),
                ("hello", b""), ("health", b"null"), ("state", b"\xff\xff"), ("nonsense", b"x"), ("events", b"[" * 60_000),
            ):  # fmt: skip
                await session.publish(topics.up("munich", leaf), payload)
            # Another gateway's topic, like one that does not exist: the broker says yes and drops it.
            await session.publish(topics.up("hamburg", "events"), forged)
            await session.publish(topics.ROOT + "/g/munich/up/deep/er", b"x")
            await asyncio.to_thread(wait_for, lambda: counters(home).get("refused_bad_mac") == 6)
        assert ingest.poll() is None
    counted = counters(home)
    assert counted["refused_bad_mac"] == 6
    assert (counted["refused_bad_gzip"], counted["refused_bad_shape"], counted.get("unknown_leaf", 0)) == (1, 1, 0)
    assert home.query(rows) == before


async def test_without_a_broker_it_says_so_and_tries_again(home: RegistryHome) -> None:
    elsewhere = dataclasses.replace(home, environment=home.environment | {"SIGHTPOST_REGISTRY_BROKER__PORT": str(free_port())})
    with elsewhere.running("ingest", log="lonely-log") as ingest:
        said = "SELECT 1 FROM tracking_ingestworker WHERE why LIKE 'nothing listens at%'"
        await asyncio.to_thread(wait_for, lambda: home.query(said))
        assert ingest.poll() is None
    assert home.log("lonely-log").count("trying again") == 1  # said once, then hushed
