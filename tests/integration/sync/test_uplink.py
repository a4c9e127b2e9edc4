"""Outbox -> uplink -> a real broker -> a registry's peer, and everything that can die or lie in between."""

import asyncio
import dataclasses
import random
import shutil
import time
from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import msgspec
import pytest

from sync import topics
from sync.correspondence import Publish
from sync.mqtt import connect
from sync.uplink import GATHER_S, Timing
from sync.uplink_status import UplinkState
from sync.window import NEWEST_FIRST
from sync.wire import MAX_RECORDS, Ack, LiveEvent, Purpose, State, encode, seal
from tests.integration.sync.conftest import GATEWAY, KEY, QUICK, Gateway, Serving, arrivals, eventually, until_delivered
from tests.integration.sync.registry_peer import RegistryPeer
from tests.mosquitto import Mosquitto


def assert_all_there(gateway: Gateway, peer: RegistryPeer, count: int) -> None:
    events = peer.events()
    assert sorted(identity for _, identity in events) == [f"tag:{n:05}" for n in range(1, count + 1)]
    assert len({event_id for event_id, _ in events}) == count
    assert peer.conflicts == 0
    assert peer.errors == []


async def test_what_waits_and_what_comes_after_it_arrive_in_order(gateway: Gateway, peer: RegistryPeer, serving: Serving) -> None:
    gateway.store(NEWEST_FIRST)
    gateway.timing = dataclasses.replace(QUICK, stall_s=3.0)  # more than a busy machine takes to answer
    async with serving(), gateway.uplink() as uplink:
        await until_delivered(gateway)
        for _ in range(20):
            gateway.store(3)
            uplink.wake()
            await asyncio.sleep(0.005)
        await until_delivered(gateway)
        assert uplink.status.state is UplinkState.DELIVERING
        assert uplink.status.acked == NEWEST_FIRST + 60
        assert uplink.status.rtt_ms is not None
        assert uplink.status.last_ack_wall_ms is not None
    assert [identity for _, identity in peer.events()] == [f"tag:{n:05}" for n in range(1, NEWEST_FIRST + 61)]
    assert_all_there(gateway, peer, NEWEST_FIRST + 60)
    assert peer.duplicates == 0


async def test_from_wake_to_the_registry_takes_less_than_50_ms(gateway: Gateway, peer: RegistryPeer, serving: Serving) -> None:
    took_s = []
    async with serving(), gateway.uplink() as uplink:
        await eventually(lambda: uplink.status.state is UplinkState.DELIVERING)
        for n in range(1, 21):
            await asyncio.sleep(GATHER_S)
            gateway.store(1)
            began = time.perf_counter()
            uplink.wake()
            await eventually(lambda: peer.batches and peer.batches[-1].last == n)  # noqa: B023  (awaited here)
            took_s.append(time.perf_counter() - began)
    assert sorted(took_s)[10] < 0.05


async def test_commits_in_quick_succession_share_batches(gateway: Gateway, peer: RegistryPeer, serving: Serving) -> None:
    async with serving(), gateway.uplink() as uplink:
        await eventually(lambda: uplink.status.state is UplinkState.DELIVERING)
        began, before = time.perf_counter(), uplink.status.batches
        for _ in range(50):
            gateway.store(1)
            uplink.wake()
            await asyncio.sleep(0.004)
        await until_delivered(gateway)
        took_s = time.perf_counter() - began
        assert uplink.status.batches - before <= min(49, took_s / GATHER_S + 2)
    assert_all_there(gateway, peer, 50)


async def test_state_says_online_then_stopped_and_is_retained(broker: Mosquitto, gateway: Gateway, peer: RegistryPeer) -> None:
    async with peer.running():
        async with gateway.uplink() as uplink:
            await eventually(lambda: uplink.status.state is UplinkState.DELIVERING)
            assert peer.states == ["online"]
        await eventually(lambda: peer.states == ["online", "stopped"])
        assert uplink.status.state is UplinkState.STOPPED
    async with connect(broker.login("registry-ingest"), "late") as late:
        await late.subscribe(topics.up(GATEWAY, "state"))
        async for message in late.messages():
            assert message.retained
            assert msgspec.json.decode(message.payload, type=State).state == "stopped"
            break


async def test_the_will_says_offline_when_the_link_breaks(broker: Mosquitto, gateway: Gateway, peer: RegistryPeer) -> None:
    async with peer.running(), gateway.uplink() as uplink:
        await eventually(lambda: uplink.status.state is UplinkState.DELIVERING)
        async with connect(broker.login(GATEWAY), gateway.credentials.client_id):  # the same client id takes the session over
            await eventually(lambda: "offline" in peer.states)
        await eventually(lambda: uplink.status.connections > 1)


async def test_health_is_reported(gateway: Gateway, peer: RegistryPeer, serving: Serving) -> None:
    async with serving(), gateway.uplink():
        await eventually(lambda: len([m for m in peer.others if m.topic == topics.up(GATEWAY, "health")]) >= 2)


async def test_a_change_is_reported_at_once(gateway: Gateway, peer: RegistryPeer, serving: Serving) -> None:
    def reports() -> int:
        return len([m for m in peer.others if m.topic == topics.up(GATEWAY, "health")])

    gateway.timing = replace(QUICK, health_s=60.0)
    async with serving(), gateway.uplink() as uplink:
        await eventually(lambda: reports() == 1)
        uplink.report_health()
        uplink.report_health()
        await asyncio.sleep(0.3)
        assert reports() == 1  # not more often than every two seconds
        await eventually(lambda: reports() == 2)
        await asyncio.sleep(0.1)
        assert reports() == 2


async def test_no_broker_is_said_in_words_and_delivery_goes_on_when_it_is_back(
    broker: Mosquitto, gateway: Gateway, peer: RegistryPeer, serving: Serving
) -> None:
    broker.kill()
    gateway.store(10)
    async with serving(), gateway.uplink() as uplink:
        await eventually(lambda: uplink.status.state is UplinkState.BROKER_DOWN)
        assert "nothing listens at 127.0.0.1" in uplink.status.why
        broker.start()
        await until_delivered(gateway)
    assert_all_there(gateway, peer, 10)


async def test_a_wrong_password_is_said_in_words(gateway: Gateway) -> None:
    gateway.credentials = type(gateway.credentials)(GATEWAY, "127.0.0.1", gateway.credentials.port, "wrong", KEY)
    async with gateway.uplink() as uplink:
        await eventually(lambda: "refuses user gate-1: wrong password" in uplink.status.why)


async def test_a_silent_registry_is_asked_now_and_then_and_nothing_else_is_sent(
    gateway: Gateway, peer: RegistryPeer, serving: Serving
) -> None:
    gateway.store(500)
    peer.silent = True
    async with serving(), gateway.uplink() as uplink:
        await eventually(lambda: uplink.status.state is UplinkState.REGISTRY_SILENT)
        await eventually(lambda: len(peer.hellos) >= 3)
        assert peer.batches == []
        before = uplink.progress
        await asyncio.sleep(0.5)
        assert uplink.progress > before
        peer.silent = False
        await until_delivered(gateway)
    assert_all_there(gateway, peer, 500)


async def test_a_registry_that_comes_up_nudges(gateway: Gateway, peer: RegistryPeer, serving: Serving) -> None:
    gateway.store(5)
    gateway.timing = Timing(nudge_spread_s=0.01)  # 10 s for an answer
    async with gateway.uplink() as uplink:
        await eventually(lambda: uplink.status.state is UplinkState.GREETING)
        async with serving():
            await until_delivered(gateway, within_s=5)
    assert_all_there(gateway, peer, 5)


async def test_broker_killed_again_and_again(broker: Mosquitto, gateway: Gateway, peer: RegistryPeer, serving: Serving) -> None:
    rng = random.Random(7)
    async with serving(), gateway.uplink() as uplink:
        for _ in range(5):
            for _ in range(10):
                gateway.store(rng.randrange(1, 40))
                uplink.wake()
                await asyncio.sleep(rng.uniform(0, 0.02))
            broker.kill()
            gateway.store(20)
            uplink.wake()
            broker.start()
        await until_delivered(gateway)
    assert_all_there(gateway, peer, gateway.outbox.stat().last)


async def test_the_registry_forgets_its_sessions_again_and_again(gateway: Gateway, peer: RegistryPeer, serving: Serving) -> None:
    rng = random.Random(8)
    async with gateway.uplink() as uplink:
        for _ in range(5):
            async with serving():
                for _ in range(10):
                    gateway.store(rng.randrange(1, 40))
                    uplink.wake()
                    await asyncio.sleep(rng.uniform(0, 0.02))
        async with serving():
            await until_delivered(gateway)
    assert_all_there(gateway, peer, gateway.outbox.stat().last)


async def test_the_gateway_ends_and_begins_again_and_again(gateway: Gateway, peer: RegistryPeer, serving: Serving) -> None:
    async with serving():
        for _ in range(6):
            gateway.store(300)
            async with gateway.uplink():
                await asyncio.sleep(0.05)
            gateway.reopen()
        async with gateway.uplink():
            await until_delivered(gateway)
    assert_all_there(gateway, peer, 1800)


@pytest.mark.parametrize("keep", [lambda n: n % 3 == 0, lambda n: n % 7 in (1, 2)], ids=["two of three lost", "runs lost"])
async def test_lost_acks_cost_nothing(gateway: Gateway, peer: RegistryPeer, serving: Serving, keep: object) -> None:
    counted = iter(range(10**6))
    peer.on_the_way = lambda ack: [ack] if keep(next(counted)) else []  # type: ignore[operator]
    async with serving(), gateway.uplink() as uplink:
        for _ in range(15):
            gateway.store(20)
            uplink.wake()
            await asyncio.sleep(0.01)
        await until_delivered(gateway)
    assert_all_there(gateway, peer, 300)


async def test_doubled_and_late_acks_cost_nothing(gateway: Gateway, peer: RegistryPeer, serving: Serving) -> None:
    kept: list[Ack] = []

    def late_and_double(ack: Ack) -> list[Ack | bytes]:
        kept.append(ack)
        return [ack, ack, kept[len(kept) // 2]]

    peer.on_the_way = late_and_double
    async with serving(), gateway.uplink() as uplink:
        for _ in range(30):
            gateway.store(20)
            uplink.wake()
            await asyncio.sleep(0.01)
        await until_delivered(gateway)
        assert uplink.status.ignored["stale"] > 0
        assert uplink.status.parted == 0
    assert_all_there(gateway, peer, 600)


async def test_forged_acks_are_counted_and_change_nothing(gateway: Gateway, peer: RegistryPeer, serving: Serving) -> None:
    forged: list[Ack | bytes] = []
    peer.on_the_way = lambda ack: forged
    gateway.store(10)
    async with serving(), gateway.uplink() as uplink:
        epoch = gateway.outbox.epoch
        await eventually(lambda: peer.hellos)
        ids = {record.seq: record.event_id for record in gateway.outbox.read_after(0, 10, 10**6)[0]}
        good = Ack(epoch, 10, ids[10], 1000, datetime.now(UTC))
        forged += [
            seal(good, Purpose.ACK, bytes(32)),  # another key
            seal(good, Purpose.HELLO, KEY),  # made for something else
            seal(good, Purpose.ACK, KEY)[:-3],
            b"not json",
            b"",
            b"\x1f\x8b" + b"\0" * 100,
            b"x" * 70_000,
            msgspec.structs.replace(good, version=2),
            msgspec.structs.replace(good, epoch="f" * 32),
            msgspec.structs.replace(good, through=11, through_id=uuid4()),
        ]
        await eventually(lambda: uplink.status.ignored.total() >= 10)
        assert gateway.outbox.stat().acked == 0
        assert gateway.outbox.epoch == epoch
        reasons = set(uplink.status.ignored)
        assert reasons >= {"bad_mac", "bad_gzip", "too_big", "bad_version", "foreign_epoch", "too_high"}
        peer.on_the_way = lambda ack: [ack]
        await until_delivered(gateway)
    assert_all_there(gateway, peer, 10)


async def test_retained_traps_are_not_followed(broker: Mosquitto, gateway: Gateway, peer: RegistryPeer, serving: Serving) -> None:
    gateway.store(10)
    ids = {record.seq: record.event_id for record in gateway.outbox.read_after(0, 10, 10**6)[0]}
    trap = Ack(gateway.outbox.epoch, 10, ids[10], 1000, datetime.now(UTC))
    async with connect(broker.login("registry-ingest"), "evil") as evil:
        await evil.publish(topics.down(GATEWAY, "ack"), seal(trap, Purpose.ACK, KEY), retain=True)
        await evil.publish(topics.REGISTRY_STATE, encode(State("online")), retain=True)
        await evil.publish(topics.down(GATEWAY, "cmd"), b"reboot")
    async with serving(), gateway.uplink() as uplink:
        await until_delivered(gateway)
        assert uplink.status.ignored["retained"] == 2
    assert_all_there(gateway, peer, 10)


async def test_an_outbox_that_was_rolled_back_goes_on_in_a_new_epoch(
    gateway: Gateway, peer: RegistryPeer, serving: Serving
) -> None:
    gateway.store(20)
    async with serving(), gateway.uplink():
        await until_delivered(gateway)
    gateway.reopen()
    gateway.outbox.close()  # everything in one file
    image = gateway.path.with_suffix(".image")
    shutil.copy(gateway.path, image)
    gateway.outbox = gateway.open_outbox()
    gateway.store(30)
    async with serving(), gateway.uplink():
        await until_delivered(gateway)
    gateway.outbox.close()
    for side in ("", "-wal", "-shm"):
        gateway.path.with_name(gateway.path.name + side).unlink(missing_ok=True)
    shutil.copy(image, gateway.path)
    gateway.outbox = gateway.open_outbox()
    old_epoch = gateway.outbox.epoch
    gateway.store(15)  # seq 21 to 35, which the registry knows as others
    async with serving(), gateway.uplink() as uplink:
        await until_delivered(gateway)
        assert uplink.status.parted == 1
    now = gateway.outbox.stat()
    assert now.epoch != old_epoch
    assert (now.last, now.acked) == (15, 15)
    assert "parted" in now.alarm
    assert_all_there(gateway, peer, 65)


async def test_a_registry_restored_from_a_backup_is_refilled(gateway: Gateway, peer: RegistryPeer, serving: Serving) -> None:
    gateway.store(50)
    async with serving(), gateway.uplink():
        await until_delivered(gateway)
    backup = peer.path.with_suffix(".backup")
    shutil.copy(peer.path, backup)
    async with gateway.uplink() as uplink:
        async with serving():
            gateway.store(250)
            uplink.wake()
            await until_delivered(gateway)
        shutil.copy(backup, peer.path)
        assert len(peer.events()) == 50
        async with serving():
            await eventually(lambda: len(peer.events()) == 300)
            await until_delivered(gateway)
    assert_all_there(gateway, peer, 300)
    assert peer.gaps() == []


async def test_rejected_records_do_not_stall_the_rest(gateway: Gateway, peer: RegistryPeer, serving: Serving) -> None:
    peer.poison = {"tag:00003", "tag:00250"}
    gateway.store(300)
    async with serving(), gateway.uplink() as uplink:
        await until_delivered(gateway)
        await eventually(lambda: uplink.status.rejected == 2)
    assert len(peer.events()) == 298
    assert {dead.code for dead in gateway.outbox.dead()} == {"poison"}


async def test_while_a_backlog_is_delivered_its_newest_and_what_is_new_go_ahead(
    gateway: Gateway, peer: RegistryPeer, serving: Serving
) -> None:
    gateway.store(5_000)
    gateway.timing = dataclasses.replace(QUICK, stall_s=3.0)

    def slowly(ack: Ack) -> list[Ack | bytes]:
        time.sleep(0.02)
        return [ack]

    peer.on_the_way = slowly
    async with serving(), gateway.uplink() as uplink:
        await eventually(lambda: peer.batches)
        for n in range(5_001, 5_005):
            gateway.store(1)
            uplink.wake()
            await eventually(lambda: any(batch.last >= n for batch in peer.batches))  # noqa: B023  (awaited here)
            assert gateway.outbox.stat().acked < 5_000
        await until_delivered(gateway)
    assert_all_there(gateway, peer, 5_004)
    assert peer.duplicates == 0
    assert [batch.late for batch in peer.batches] == [batch.last <= 5_000 for batch in peer.batches]
    newest = range(5_001 - NEWEST_FIRST, 5_001)
    assert {batch.first for batch in peer.batches[:4]} >= {newest[0], newest[MAX_RECORDS]}
    for lane in ([b.first for b in peer.batches if b.first < newest[0]], [b.first for b in peer.batches if b.first >= newest[0]]):
        assert lane == sorted(lane)


async def test_a_lost_batch_goes_again_alone(gateway: Gateway, peer: RegistryPeer, serving: Serving) -> None:
    lost = iter([False, False, True])
    peer.drops = lambda batch: next(lost, False)
    gateway.store(1_500)
    gateway.timing = dataclasses.replace(QUICK, stall_s=0.7)  # more than a busy machine takes to answer
    async with serving(), gateway.uplink():
        await until_delivered(gateway)
    assert_all_there(gateway, peer, 1_500)
    assert peer.duplicates == 0


async def test_a_record_that_never_gets_through_is_set_apart_and_nothing_else(
    gateway: Gateway, peer: RegistryPeer, serving: Serving
) -> None:
    peer.drops = lambda batch: any(record.seq == 150 for record in batch.records)
    gateway.store(900)
    gateway.timing = dataclasses.replace(QUICK, stall_s=0.005)
    async with serving(), gateway.uplink() as uplink:
        await until_delivered(gateway)
        assert uplink.status.undeliverable == 1
    assert len(peer.events()) == 899
    assert [(dead.code, b"tag:00150" in dead.body) for dead in gateway.outbox.dead()] == [("undeliverable", True)]
    assert peer.gaps() == [(150, 150, "dead")]


async def test_a_gateway_that_is_held_keeps_everything_and_says_why(
    gateway: Gateway, peer: RegistryPeer, serving: Serving
) -> None:
    peer.on_the_way = lambda ack: [msgspec.structs.replace(ack, credit=0, held="two machines; decide")]
    gateway.store(300)
    async with serving(), gateway.uplink() as uplink:
        await eventually(lambda: uplink.status.state is UplinkState.HELD)
        assert uplink.status.why == "two machines; decide"
        await eventually(lambda: len(peer.hellos) >= 3)
        assert peer.batches == []
        peer.on_the_way = lambda ack: [ack]
        await until_delivered(gateway)
        await eventually(lambda: uplink.status.state is UplinkState.DELIVERING)
    assert_all_there(gateway, peer, 300)


async def test_ranges_of_another_past_part_the_epoch(gateway: Gateway, peer: RegistryPeer, serving: Serving) -> None:
    """A registry that holds, above a hole, what a gateway sent that was rolled back since: nothing new may pass for that."""
    gateway.store(10)
    epoch = gateway.outbox.epoch
    async with serving(), gateway.uplink() as uplink:
        await until_delivered(gateway)
        gateway.store(10)
        at_10 = gateway.outbox.read_after(9, 1, 10**6)[0][0].event_id
        foreign = {"through": 10, "through_id": at_10, "ranges": ((15, 16),), "range_ids": (uuid4(),)}
        peer.on_the_way = lambda ack: [msgspec.structs.replace(ack, **foreign) if ack.epoch == epoch else ack]
        uplink.wake()
        await eventually(lambda: gateway.outbox.epoch != epoch)
        await until_delivered(gateway)
        assert uplink.status.parted == 1
    assert_all_there(gateway, peer, 20)


async def test_no_more_than_the_credit_is_under_way(gateway: Gateway, peer: RegistryPeer, serving: Serving) -> None:
    peer.credit = 30
    gateway.store(400)
    async with serving(), gateway.uplink():
        await until_delivered(gateway)
    assert max(len(batch.records) for batch in peer.batches) <= 30
    assert_all_there(gateway, peer, 400)


async def test_no_credit_is_waited_out(gateway: Gateway, peer: RegistryPeer, serving: Serving) -> None:
    peer.credit = 0
    gateway.store(10)
    async with serving(), gateway.uplink() as uplink:
        await eventually(lambda: uplink.status.state is UplinkState.DELIVERING)
        await asyncio.sleep(0.3)
        assert peer.batches == []
        peer.credit = 100  # which it says in its next answer
        await until_delivered(gateway)
    assert_all_there(gateway, peer, 10)


async def test_large_records_are_sent_in_batches_that_fit(gateway: Gateway, peer: RegistryPeer, serving: Serving) -> None:
    rng = random.Random(3)
    for n in range(1, 41):
        noise = "".join(chr(rng.randrange(0x20, 0x7F)) for _ in range(8000))  # hardly compressible
        gateway.outbox.append([msgspec.structs.replace(arrivals(1, n)[0], raw=noise)])
    async with serving(), gateway.uplink():
        await until_delivered(gateway)
    assert_all_there(gateway, peer, 40)
    assert len(peer.batches) > 3


async def test_live_messages_reach_a_subscriber(broker: Mosquitto, gateway: Gateway, serving: Serving) -> None:
    gateway.live = True
    gateway.store(3)  # before the connection: not told
    async with serving(), connect(broker.login("dashboard"), "dashboard") as dashboard:
        await dashboard.subscribe("sightpost/1/live/#")
        async with gateway.uplink() as uplink:
            await until_delivered(gateway)
            await asyncio.sleep(0.05)
            gateway.store(2)
            uplink.wake()
            told = []
            async for message in dashboard.messages():
                told.append((message.topic, msgspec.json.decode(message.payload, type=LiveEvent).identity))
                if len(told) == 2:
                    break
    assert told == [
        ("sightpost/1/live/gate-1/hall-a/arrived", "tag:00004"),
        ("sightpost/1/live/gate-1/hall-a/arrived", "tag:00005"),
    ]


async def test_a_store_that_is_locked_for_long_is_told_and_overcome(
    gateway: Gateway, peer: RegistryPeer, serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sync.store._BUSY_TIMEOUT_S", 0.05)
    gateway.store(10)
    async with serving(), gateway.uplink() as uplink:
        await until_delivered(gateway)
        gateway.store(10)
        with gateway.outbox._store.writing():  # somebody holds the write lock: acks cannot be kept
            uplink.wake()
            await eventually(lambda: uplink.status.state is UplinkState.OUTBOX_DOWN)
            assert "locked" in uplink.status.why
        await until_delivered(gateway)
    assert_all_there(gateway, peer, 20)


class Echo:
    """Says on `up/reply` what it hears on `down/cmd`, once it has been greeted."""

    leaves = frozenset({"cmd"})

    def __init__(self) -> None:
        self.heard: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()
        self.times: list[datetime] = []

    def told(self, leaf: str, payload: bytes) -> None:
        self.heard.put_nowait((leaf, payload))

    def greeted(self, server_time: datetime) -> None:
        self.times.append(server_time)

    async def speak(self, publish: Publish) -> None:
        while True:
            leaf, payload = await self.heard.get()
            await publish("reply", leaf.encode() + b" " + payload)


async def test_what_is_neither_event_nor_ack_goes_to_who_listens_to_it(
    broker: Mosquitto, gateway: Gateway, peer: RegistryPeer
) -> None:
    echo = Echo()
    gateway.others.append(echo)
    async with peer.running() as session:
        await session.publish(topics.down(GATEWAY, "cmd"), b"a trap", retain=True)
        async with gateway.uplink() as uplink:
            await eventually(lambda: len(echo.times) == 1)
            await session.publish(topics.down(GATEWAY, "cmd"), b"hello")
            await session.publish(topics.down(GATEWAY, "cert"), b"nobody listens")
            await eventually(lambda: any(other.topic == topics.up(GATEWAY, "reply") for other in peer.others))
            assert [other.payload for other in peer.others if other.topic == topics.up(GATEWAY, "reply")] == [b"cmd hello"]
            uplink.greet()
            await eventually(lambda: len(echo.times) == 2)
            assert uplink.status.ignored == {"retained": 1}, "what nobody listens to was not even asked for"
