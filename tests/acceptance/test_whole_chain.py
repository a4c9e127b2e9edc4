"""From the serial byte to the registry's answer, and what happens on the way when things break. Every process is a real one."""

import asyncio
import gzip
import random
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest

from drivers.emulated_device import empty_field
from drivers.emulated_line import Weather
from gateway.simulate import verdict
from sync import topics
from sync.broker import INGEST_USER
from sync.credentials import read_credentials
from sync.mqtt import BrokerUnavailable, Login, connect
from sync.wire import Ack, Batch, EventKind, LocationEvent, Purpose, Record, encode, pack, seal
from tests.acceptance.site_under_test import (
    GATEWAY,
    MOSQUITTO,
    Registry,
    all_gone,
    descendants,
    new_ones,
    open_page,
    reader,
    running_registry,
    running_site,
    standing,
    thing,
    until,
    victim,
    walking,
)

NOW = datetime.now(UTC)
COUNTED = {  # by the registry: how often at least the garbage below makes it count, and the words for it on the live page
    "refused_messages bad_mac": (60, "Not signed by its gateway"),
    "refused_messages bad_gzip": (3, "Badly compressed"),
    "refused_messages too_big": (3, "Too large"),
    "refused_messages bad_shape": (3, "Malformed"),
    "refused_messages bad_version": (1, "Of an unknown version"),
    "dropped_too_big": (1, "Larger than any message of ours"),
    "repeated": (1, "Sent again, known already"),
}
IGNORED = ("retained", "bad_mac", "too_high", "bad_shape", "too_big")  # by the gateway

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with running_registry(tmp_path_factory.mktemp("registry")) as registry:
        yield registry


def stored_ids(outbox: Path) -> list[str]:
    with closing(sqlite3.connect(f"file:{outbox}?mode=ro", uri=True)) as db:
        return [event_id for (event_id,) in db.execute("SELECT hex(event_id) FROM record ORDER BY position")]


async def test_a_thing_goes_through_the_door_and_its_place_changes(registry: Registry, tmp_path: Path) -> None:
    trolley, pump = thing(1001), thing(1002)
    trolley_id, pump_id = await registry.asset("Tool trolley", trolley), await registry.asset("Pump", pump)
    assert await registry.position(trolley_id) is None
    async with running_site(tmp_path, registry) as site:
        site.dock.field = walking(inwards=[trolley], outwards=[pump])
        await until(lambda: registry.position(trolley_id), lambda now: now == ("present", "Hall"))
        await until(lambda: registry.position(pump_id), lambda now: now == ("present", "Yard"))
        events = (await registry.get(f"/events?asset={trolley_id}"))["items"]
    assert [(e["kind"], e["direction"], e["door"], e["zone_to"]["place"]["name"]) for e in events] == [
        ("passed", "in", "dock", "Hall")
    ]


async def test_an_unknown_tag_waits_for_its_owner_and_then_has_been_where_it_was(registry: Registry, tmp_path: Path) -> None:
    stranger = thing(1101)
    async with running_site(tmp_path, registry) as site:
        site.desk.field = standing(stranger)

        async def unknown() -> list[dict[str, object]]:
            return [tag for tag in (await registry.get("/unknown-tags"))["items"] if tag["identity"] == stranger.key]

        (tag,) = await until(unknown, len)
        assert (tag["raw"], tag["read_point"], tag["zone"]) == (stranger.epc.hex().upper(), "desk:1", "packing")
        assert (await site.status())["counters"]["uplink_rejected"] == 0
        owner = await registry.asset("Scissor lift")
        await registry.post(f"/unknown-tags/{tag['id']}/claim", {"asset": owner})
        assert await registry.position(owner) == ("present", "Packing room")
        assert await unknown() == []


async def test_with_the_broker_gone_it_goes_on_storing_and_afterwards_everything_arrives(
    registry: Registry, tmp_path: Path
) -> None:
    assert registry.process is not None
    async with running_site(tmp_path, registry) as site:
        site.desk.field = new_ones(20_000)
        await site.until(lambda now: now["outbox"]["acked"] > 0)

        registry.mosquitto.unlink()  # so that it cannot come back
        broker = await victim(registry.process.pid, "mosquitto")
        broker.kill()
        before = await site.until(lambda now: now["uplink_state"] == "no broker")
        now = await site.until(lambda now: now["outbox"]["waiting"] >= before["outbox"]["waiting"] + 30)
        assert re.search(r"[Rr]egistry.*: \d+ events safe on disk", now["sentence"]), now["sentence"]
        assert now["light"] != "good"
        assert {row["state"] for row in now["readers"]} == {"up"}
        said = await site.page()
        assert "events safe on disk" in said
        assert f"nothing listens at 127.0.0.1:{registry.ports.broker}" in said

        registry.mosquitto.symlink_to(MOSQUITTO)
        await site.until(lambda now: now["uplink_state"] == "delivering", 60)
        site.desk.field = empty_field
        await asyncio.sleep(0.5)  # what is on the line still arrives
        await site.delivered(at_least=now["outbox"]["last"])
    kept = stored_ids(site.stage.outbox)
    told = [event.event_id for event in verdict.told(registry.stage.registry_database)]
    assert len(kept) > 30
    assert [event_id for event_id in kept if event_id not in told] == []
    assert len(told) == len(set(told))
    assert verdict.lost(site.stage.outbox, registry.stage.registry_database) == 0


async def test_an_unplugged_reader_is_red_with_the_reason_and_heals_when_it_is_plugged_in(
    registry: Registry, tmp_path: Path
) -> None:
    async with running_site(tmp_path, registry) as site:
        site.desk.field = standing(thing(1202))
        site.dock_line.unplug()
        down = reader(await site.until(lambda now: reader(now, "dock")["state"] == "down", 5), "dock")
        assert site.dock_line.url in down["why"]
        said = await site.page()
        assert "1 of 2 readers is down (dock)" in said
        assert re.search(r"dock r2000 · \S+ Down .*?(hung up|no such device)", said), said
        before = reader(await site.status(), "desk")["reads_total"]
        now = await site.until(lambda now: reader(now, "desk")["reads_total"] > before + 20)
        assert (reader(now, "desk")["state"], reader(now, "dock")["state"]) == ("up", "down")
        said_there = partial(registry.get, f"/gateways/{GATEWAY}")  # at once, not with the next report half a minute later
        told = await until(said_there, lambda now: [t["kind"] for t in now["troubles"]] == ["readers"], 10)
        assert (told["path"][0]["light"], told["path"][1]["light"]) == ("attention", "good")
        assert site.dock_line.url in told["path"][0]["reason"]

        site.dock_line.plug()
        healed = reader(await site.until(lambda now: reader(now, "dock")["state"] == "up", 5), "dock")
        assert healed["reconnects"] == 1
        await until(said_there, lambda now: not now["troubles"], 10)
        site.dock.field = standing(thing(1201))
        await site.until(lambda now: reader(now, "dock")["reads_total"] > healed["reads_total"] + 20)


async def test_noise_on_the_line_is_counted_and_shown_and_changes_nothing(registry: Registry, tmp_path: Path) -> None:
    trolley, pump, crate = thing(1301), thing(1302), thing(1303)
    async with running_site(tmp_path, registry) as site:
        site.dock_line.weather = Weather(random.Random(5), noise=0.5)
        site.desk_line.weather = Weather(random.Random(6), noise=0.5, loss=0.2)
        await site.until(lambda now: all(row["skipped_bytes"] > 100 for row in now["readers"]))
        site.dock.field, site.desk.field = walking(inwards=[trolley], outwards=[pump]), standing(crate)
        await site.until(lambda now: now["counters"].get("events_passed") == 2)
        now = await site.delivered(at_least=3)
        assert {row["state"] for row in now["readers"]} == {"up"}
        assert reader(now, "desk")["rejected_frames"] > 0
        assert "skipped" in await site.page()
    events = (await registry.get("/events?limit=200"))["items"]
    mine = {
        (e["identity"], e["kind"], e["direction"], e["zone_to"]["name"]) for e in events if e["epoch"] == now["outbox"]["epoch"]
    }
    assert mine == {
        (trolley.key, "passed", "in", "hall"),
        (pump.key, "passed", "out", "yard"),
        (crate.key, "arrived", None, "packing"),
    }
    assert now["outbox"]["last"] == 3


def forgeries(overheard: bytes, true: Batch, key: bytes, rng: random.Random) -> list[bytes]:
    """What somebody might say in the gateway's name who does not have its key, and what may come out of a broken machine."""
    return [
        seal(true, Purpose.EVENTS, bytes(32)),
        seal(true, Purpose.HELLO, key),  # sealed for another purpose
        overheard.replace(b"packing", b"hall"),
        overheard,  # true, but known
        gzip.compress(bytes(2_000_000)),
        b"\x1f\x8b" + rng.randbytes(100),
        b"",
        *(rng.randbytes(rng.randint(1, 3000)) for _ in range(20)),
    ]


async def test_garbage_on_the_topics_is_counted_and_shown_and_changes_nothing(registry: Registry, tmp_path: Path) -> None:
    assert registry.process is not None
    rng = random.Random(8)
    crate, pallet = thing(1401), thing(1402)
    crate_id = await registry.asset("Crate", crate)
    us = read_credentials(registry.stage.credentials)
    as_gateway = Login(us.host, us.port, us.user, us.password)
    as_ingest = Login(us.host, us.port, INGEST_USER, (registry.stage.registry_data / "broker-password").read_text().strip())
    ack_topic = topics.down(GATEWAY, "ack")
    before = await registry.counters()

    async with connect(as_ingest, "intruder-2") as session:
        await session.publish(ack_topic, b"a trap", retain=True)
    async with running_site(tmp_path, registry) as site, connect(as_ingest, "intruder-2") as to_gateway:
        await to_gateway.subscribe(topics.up(GATEWAY, "events"))
        site.desk.field = standing(crate)
        await until(lambda: registry.position(crate_id), lambda now: now == ("present", "Packing room"))
        overheard = (await anext(to_gateway.messages())).payload
        outbox = (await site.delivered())["outbox"]
        events, unknown = verdict.told(registry.stage.registry_database), await registry.get("/unknown-tags?limit=200")

        moved = LocationEvent(EventKind.ARRIVED, crate.key, crate.epc.hex(), NOW, NOW, "dock:1", zone_to="yard")
        record = Record(outbox["last"] + 1, uuid4(), "location", NOW, 1, "b" * 32, msgspec.Raw(encode(moved)))
        lies = forgeries(overheard, pack([record], [], outbox["epoch"]), us.mac_key, rng)
        async with connect(as_gateway, "intruder-1") as to_registry:
            for leaf in ("events", "hello", "health"):
                for lie in lies:
                    await to_registry.publish(topics.up(GATEWAY, leaf), lie, retain=lie == lies[0])
                    await asyncio.sleep(0.02)  # no faster than a gateway's share of ingest's queue is emptied
            for garbage in (b"", b"{}", b'{"v":1,"state":"gone fishing"}', rng.randbytes(50)):
                await to_registry.publish(topics.up(GATEWAY, "state"), garbage)
            await to_registry.publish(topics.up(GATEWAY, "nonsense"), b"{}")  # dropped by the broker
            await to_registry.publish(topics.up(GATEWAY, "events"), rng.randbytes(70_000))
            for not_ours in (topics.up("another", "events"), ack_topic, topics.REGISTRY_STATE):
                await to_registry.publish(not_ours, lies[0])
            with pytest.raises(BrokerUnavailable):
                await to_registry.publish(topics.up(GATEWAY, "events"), rng.randbytes(300_000))
        everything = Ack(outbox["epoch"], outbox["last"] + 1000, uuid4(), 10**9, NOW)
        for key in (bytes(32), us.mac_key):
            await to_gateway.publish(ack_topic, seal(everything, Purpose.ACK, key))
        for garbage in (rng.randbytes(99), rng.randbytes(70_000)):
            await to_gateway.publish(ack_topic, garbage)
        await to_gateway.publish(topics.REGISTRY_STATE, b"[")
        await to_gateway.publish(ack_topic, b"", retain=True)  # the trap is gone

        now = await until(registry.counters, lambda now: all(now[name] >= before[name] + n for name, (n, _) in COUNTED.items()))
        assert now["unknown_gateway"] == 0, "the broker lets a gateway speak for another"
        shown = await registry.live_page()
        assert [words for _, words in COUNTED.values() if not re.search(rf"{words} [1-9]", shown)] == []
        await site.until(lambda now: all(now["counters"].get(f"uplink_ignored_{reason}") for reason in IGNORED))
        shown = await site.page()
        assert [reason for reason in IGNORED if f"Uplink ignored {reason.replace('_', ' ')}" not in shown] == []

        assert verdict.told(registry.stage.registry_database) == events
        assert await registry.position(crate_id) == ("present", "Packing room")
        assert await registry.get("/unknown-tags?limit=200") == unknown
        assert (await site.status())["outbox"]["last"] == outbox["last"]

        (await victim(registry.process.pid, "ingest")).kill()  # it gets the retained lies again when it comes back
        site.desk.field = standing(crate, pallet)
        await site.delivered(at_least=outbox["last"] + 1)
    assert verdict.lost(site.stage.outbox, registry.stage.registry_database) == 0


async def test_the_registry_stops_with_a_live_page_open_and_leaves_nobody_behind(registry: Registry) -> None:
    """The last in this file: it ends the registry of the others."""
    assert registry.process is not None
    children = descendants(registry.process.pid)
    assert len(children) == 4, "web, ingest, work and broker"
    async with open_page(f"{registry.address}/live/stream", registry.person.cookies):
        registry.process.terminate()
        assert await asyncio.to_thread(registry.process.wait, 10) == 0
        await all_gone(children)

    registry.start()
    await victim(registry.process.pid, "mosquitto")
    children = await until(partial(asyncio.to_thread, descendants, registry.process.pid), lambda found: len(found) == 4)
    registry.process.kill()
    registry.process.wait()
    await all_gone(children)
