"""An outbox at its quota and a registry that comes back: every number arrives as a record or as a declared gap."""

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sync.outbox import Outbox
from sync.outbox_upkeep import TakenIn, rows, take_in
from sync.store import Store
from sync.wire import EventKind, LocationEvent
from tests.integration.sync.conftest import Gateway, Serving, eventually, until_delivered, wall_ms
from tests.integration.sync.registry_peer import RegistryPeer
from tests.mosquitto import Mosquitto

TAGS = 40


class SmallGateway(Gateway):
    """Its outbox holds about 700 events."""

    def open_outbox(self) -> Outbox:
        return Outbox.open(self.path, wall_ms=wall_ms, mono_ns=time.monotonic_ns, boot_id="boot-1", quota_bytes=256 * 1024)

    def see_all(self) -> int:
        now = datetime.now(UTC)
        seen = [
            LocationEvent(EventKind.SEEN, f"tag:{n:05}", f"{n:024x}", now, now, "hall:1", zone_to="hall") for n in range(TAGS)
        ]
        return self.outbox.append(seen)


@pytest.fixture
def gateway(tmp_path: Path, broker: Mosquitto) -> Iterator[SmallGateway]:
    made = SmallGateway(tmp_path / "gateway" / "outbox.db", broker)
    yield made
    made.outbox.close()


async def test_what_gave_way_is_declared_also_while_it_is_being_delivered(
    gateway: SmallGateway, peer: RegistryPeer, serving: Serving
) -> None:
    peer.credit = 60  # so little that the outbox stays full while it drains
    for _ in range(60):
        gateway.see_all()
    assert gateway.outbox.stat().dropped
    before = gateway.outbox.stat().dropped[0].records
    last = 0
    async with serving(), gateway.uplink() as uplink:
        await eventually(lambda: uplink.status.acked)
        for _ in range(60):
            last = gateway.see_all()
            uplink.wake()
            await asyncio.sleep(0)
        assert gateway.outbox.stat().dropped[0].records > before
        await until_delivered(gateway)
    delivered = {record.seq for batch in peer.batches for record in batch.records}
    declared = {n for first, until, reason in peer.gaps() for n in range(first, until + 1) if reason == "superseded"}
    assert delivered | declared == set(range(1, last + 1))
    assert set(range(last - TAGS + 1, last + 1)) <= delivered  # the latest of each
    assert (peer.conflicts, peer.errors, uplink.status.parted) == (0, [], 0)


async def test_what_a_command_puts_in_is_delivered_too_and_twice_changes_nothing(
    gateway: SmallGateway, peer: RegistryPeer, serving: Serving, tmp_path: Path
) -> None:
    card = Outbox.open(tmp_path / "card.db", wall_ms=wall_ms, mono_ns=time.monotonic_ns, boot_id="boot-0")
    now = datetime.now(UTC)
    card.append([LocationEvent(EventKind.ARRIVED, f"old:{n}", "e2", now, now, "hall:1", zone_to="hall") for n in range(30)])
    card.close()
    store, old = Store(gateway.path, 256 * 1024, 0, ""), Store(tmp_path / "card.db", 10**9, 0, "")
    async with serving(), gateway.uplink() as uplink:
        gateway.see_all()
        for _ in range(2):
            take_in(store, (row.stored for row in rows(old)), TakenIn())
            uplink.wake()
            await until_delivered(gateway)
    store.close()
    old.close()
    assert len(peer.events()) == TAGS + 30
    assert (peer.duplicates, peer.conflicts) == (0, 0)
