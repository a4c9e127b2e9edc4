"""Whoever has the broker in hand can say anything to a gateway, keep it for later and say it again; but knows no key.

Nothing of it deletes a record, moves the epoch or has something done. Each lie is also said with the right key in the end, and
then it works: only the check stood between.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import msgspec
import pytest

from gateway.orders.configuring import Configurer
from gateway.orders.desk import Desk
from gateway.orders.memory import Memory
from gateway.orders.settled import Settled
from gateway.settings import GatewaySection, Settings
from sync import mqtt, topics
from sync.wire import Ack, Command, Configuration, Outcome, Purpose, Reply, State, encode, seal, unseal
from tests.integration.intruders.conftest import Gateway, Site, until

pytestmark = pytest.mark.timeout(180)  # several processes are started for the first of them

ACK, CMD = topics.down("bremen", "ack"), topics.down("bremen", "cmd")
WRONG_KEY = bytes(32)


def word_on(gateway: Gateway, through: int) -> Ack:
    """What the registry would say if it had everything up to there."""
    ids = {record.seq: record.event_id for record in gateway.outbox.read_after(0, 10, 10**6)[0]}
    return Ack(gateway.outbox.epoch, through, ids.get(through), 1000, datetime.now(UTC))


async def test_forged_acks_delete_nothing(site: Site, good: Gateway, bremen: Gateway) -> None:
    key, others_key = bremen.credentials.mac_key, good.credentials.mac_key
    async with bremen.running() as uplink, site.broker_in_hand() as evil:
        ignored = uplink.status.ignored
        await bremen.served()
        last = bremen.store()  # waits in the outbox, and the registry has never seen it
        word = word_on(bremen, last)
        first = word_on(bremen, last - 1)

        async def told(payload: bytes, because: str) -> None:
            before = ignored[because]
            await evil.publish(ACK, payload)
            await until(lambda: ignored[because] == before + 1)
            assert bremen.outbox.stat().waiting == 1

        replace = msgspec.structs.replace
        await told(encode(word), "bad_mac")
        await told(seal(word, Purpose.ACK, WRONG_KEY), "bad_mac")
        await told(seal(word, Purpose.ACK, others_key), "bad_mac")
        for purpose in set(Purpose) - {Purpose.ACK}:
            await told(seal(word, purpose, key), "bad_mac")
        await told(seal(replace(word, epoch=uuid4().hex), Purpose.ACK, key), "foreign_epoch")
        await told(seal(replace(word, through=last + 1, through_id=uuid4()), Purpose.ACK, key), "too_high")
        await told(seal(replace(word, through=0, through_id=None), Purpose.ACK, key), "stale")  # lower, and answers no hello
        await told(seal(replace(word, through=0, through_id=None, nonce="0" * 32), Purpose.ACK, key), "stale")
        await told(seal(replace(first, through=0, through_id=None, nonce=None), Purpose.ACK, key), "stale")
        await told(seal(word, Purpose.ACK, key)[:-1], "bad_mac")
        await told(b"x" * 70_000, "too_big")
        await good.served()
        assert (uplink.status.parted, bremen.outbox.stat().acked) == (0, last - 1)
        assert site.told(bremen)[-1:] == [last - 1]
        await evil.publish(ACK, seal(word, Purpose.ACK, key))  # the same word under the key
        await until(lambda: bremen.outbox.stat().waiting == 0)


async def test_true_words_said_again_change_nothing(site: Site, good: Gateway, bremen: Gateway) -> None:
    async with overheard(site, "bremen") as heard, site.broker_in_hand() as evil, bremen.running() as uplink:
        for _ in range(3):
            await bremen.served()
        last, waiting = bremen.outbox.stat().acked, bremen.store()
        acks = [payload for topic, payload in heard if topic == ACK]
        answer = acks[0]  # to the hello: it may set the gateway back, once
        assert unseal(answer, Ack, Purpose.ACK, bremen.credentials.mac_key).through < last
        for payload in acks * 5:
            await evil.publish(ACK, payload)
        before = uplink.status.ignored["stale"]
        await evil.publish(ACK, answer)
        await until(lambda: uplink.status.ignored["stale"] > before)
        await good.served()
        stat = bremen.outbox.stat()
        assert (stat.acked, stat.last, uplink.status.parted) == (last, waiting, 0)


class Clerk:
    """The desk of a gateway that can do one thing, and counts how often it did; and what its site was called."""

    def __init__(self, gateway: Gateway, folder: Path) -> None:
        self.done: list[bytes] = []
        self.sites: list[str] = []
        file = Settings(gateway=GatewaySection(site="test", data_dir=folder / "data"))
        configurer = Configurer(Settled(file), self._apply, lambda: None, time.monotonic_ns)
        self.desk = Desk({"note": self._note}, Memory(folder / "orders.json"), configurer, time.monotonic_ns)
        gateway.others = [self.desk.with_key(gateway.credentials.mac_key)]

    async def _note(self, arguments: bytes) -> str:
        self.done.append(arguments)
        return "noted"

    async def _apply(self, settings: Settings) -> str:
        self.sites.append(settings.gateway.site)
        return "applied"

    @asynccontextmanager
    async def working(self) -> AsyncIterator[Counter[str]]:
        task = asyncio.create_task(self.desk.run())
        try:
            yield self.desk.counts
        finally:
            task.cancel()
            await asyncio.wait({task})


def order(verb: str = "note", *, left_s: float = 60, arguments: bytes = b"{}") -> Command:
    return Command(uuid4(), verb, datetime.now(UTC) + timedelta(seconds=left_s), msgspec.Raw(arguments))


async def test_nobody_else_gives_orders(site: Site, good: Gateway, bremen: Gateway, tmp_path: Path) -> None:
    clerk, key = Clerk(bremen, tmp_path), bremen.credentials.mac_key
    async with clerk.working() as counts, bremen.running() as uplink, site.broker_in_hand() as evil:

        async def told(payload: bytes, because: str, *, retain: bool = False) -> None:
            before = counts[because]
            await evil.publish(CMD, payload, retain=retain)
            await until(lambda: counts[because] == before + 1)

        one = order()
        await told(encode(one), "orders_ignored_bad_mac")
        await told(seal(one, Purpose.COMMAND, WRONG_KEY), "orders_ignored_bad_mac")
        await told(seal(one, Purpose.COMMAND, good.credentials.mac_key), "orders_ignored_bad_mac")
        await told(seal(one, Purpose.REPLY, key), "orders_ignored_bad_mac")
        await told(seal(order(left_s=-1), Purpose.COMMAND, key), "orders_late")
        await told(seal(order(left_s=7200), Purpose.COMMAND, key), "orders_late")  # nobody remembers an order for so long
        await told(seal(order("shell", arguments=b'{"run":"id"}'), Purpose.COMMAND, key), "orders_refused")
        await told(seal(order(arguments=b'"' + b"x" * 9000 + b'"'), Purpose.COMMAND, key), "orders_refused")
        await good.served()
        assert clerk.done == []
        await told(seal(one, Purpose.COMMAND, key), "orders_done")  # the same order under the key
        for _ in range(3):
            await told(seal(one, Purpose.COMMAND, key), "orders_repeated")
        assert clerk.done == [b"{}"]
        assert uplink.status.ignored.total() == 0


async def test_nobody_else_configures(site: Site, good: Gateway, bremen: Gateway, tmp_path: Path) -> None:
    clerk, key = Clerk(bremen, tmp_path), bremen.credentials.mac_key
    async with clerk.working() as counts, bremen.running(), site.broker_in_hand() as evil:

        async def told(payload: bytes, because: str) -> None:
            before = counts[because]
            await evil.publish(topics.down("bremen", "config"), payload)
            await until(lambda: counts[because] == before + 1)

        now = datetime.now(UTC)
        one = Configuration(uuid4(), 5, now + timedelta(minutes=1), site="theirs")
        await told(encode(one), "orders_ignored_bad_mac")
        await told(seal(one, Purpose.CONFIGURATION, good.credentials.mac_key), "orders_ignored_bad_mac")
        await told(seal(one, Purpose.COMMAND, key), "orders_ignored_bad_mac")
        await told(
            seal(msgspec.structs.replace(one, not_after=now - timedelta(seconds=5)), Purpose.CONFIGURATION, key), "orders_late"
        )
        await good.served()
        assert clerk.sites == []
        await evil.publish(topics.down("bremen", "config"), seal(one, Purpose.CONFIGURATION, key))
        await until(lambda: clerk.sites == ["theirs"])
        older = msgspec.structs.replace(one, id=uuid4(), number=4, site="the old one")
        await told(seal(older, Purpose.CONFIGURATION, key), "configurations")
        await told(seal(msgspec.structs.replace(older, number=5), Purpose.CONFIGURATION, key), "configurations")
        assert clerk.sites == ["theirs"]


async def test_a_flood_of_old_orders_does_nothing_and_holds_up_nobody(
    site: Site, good: Gateway, bremen: Gateway, tmp_path: Path
) -> None:
    clerk, key = Clerk(bremen, tmp_path), bremen.credentials.mac_key
    async with clerk.working() as counts, bremen.running(), site.broker_in_hand() as evil:
        said = seal(order(), Purpose.COMMAND, key)
        flood = asyncio.gather(*(evil.publish(CMD, said) for _ in range(500)))
        await bremen.served()
        await good.served()
        await flood
        await until(lambda: counts["orders_ignored_too_many"] > 400)
        assert len(clerk.done) == 1


@pytest.fixture
async def traps(site: Site, bremen: Gateway) -> AsyncIterator[dict[str, bytes]]:
    """On each topic that this gateway listens to a message lies in wait that would work if it came otherwise. (It waits for no
    certificate, and so hears of none.)"""
    bremen.store()
    key = bremen.credentials.mac_key
    words = {
        ACK: seal(word_on(bremen, 1), Purpose.ACK, key),
        CMD: seal(order(), Purpose.COMMAND, key),
        topics.down("bremen", "config"): seal(
            Configuration(uuid4(), 1, datetime.now(UTC) + timedelta(minutes=1), site="theirs"), Purpose.CONFIGURATION, key
        ),
        topics.REGISTRY_STATE: encode(State("online")),
    }
    async with site.broker_in_hand() as evil:
        for topic, payload in words.items():
            await evil.publish(topic, payload, retain=True)
        yield words
        for topic in words:
            await evil.publish(topic, b"", retain=True)


async def test_nothing_that_was_retained_is_believed(
    site: Site, good: Gateway, bremen: Gateway, tmp_path: Path, traps: dict[str, bytes]
) -> None:
    clerk = Clerk(bremen, tmp_path)
    async with clerk.working() as counts, bremen.running() as uplink, site.broker_in_hand() as evil:
        await until(lambda: uplink.status.ignored["retained"] == len(traps))
        await bremen.served()
        await good.served()
        assert (uplink.status.ignored.total(), uplink.status.parted) == (len(traps), 0)
        assert (counts.total(), clerk.done, clerk.sites) == (0, [], [])
        assert site.told(bremen)[-2:] == [1, 2], "what the trap would have had deleted"
        await evil.publish(CMD, traps[CMD])
        await until(lambda: clerk.done == [b"{}"])  # said now, not kept: then it works


async def test_a_reply_that_is_made_up_answers_nothing(site: Site, good: Gateway) -> None:
    """An order to one gateway is answered by nobody else, also not by one with a key of its own."""
    [(asked, state)] = site.home.query("SELECT id, state FROM orders_gatewayorder")
    assert state == "waiting"
    reply = Reply(UUID(str(asked)), Outcome.DONE, "made up")
    mine, theirs = site.credentials("munich").mac_key, site.credentials("berlin").mac_key
    to_berlin, to_munich = topics.up("berlin", "reply"), topics.up("munich", "reply")
    async with site.stolen() as munich, site.stolen("berlin") as berlin:
        async with site.counting(refused_bad_mac=2, replies=1):
            await munich.publish(to_berlin, seal(reply, Purpose.REPLY, theirs))  # the broker drops it
            await munich.publish(to_munich, seal(reply, Purpose.REPLY, mine))
            await berlin.publish(to_berlin, seal(reply, Purpose.REPLY, mine))
            await berlin.publish(to_berlin, seal(reply, Purpose.COMMAND, theirs))
            await good.served()
        assert site.home.query("SELECT state FROM orders_gatewayorder") == [("waiting",)]
        await berlin.publish(to_berlin, seal(reply, Purpose.REPLY, theirs))
        await until(lambda: site.home.query("SELECT state FROM orders_gatewayorder") == [("done",)])


@asynccontextmanager
async def overheard(site: Site, gateway: str) -> AsyncIterator[list[tuple[str, bytes]]]:
    """Everything that is said to this gateway, from now on."""
    heard: list[tuple[str, bytes]] = []
    async with mqtt.connect(site.login(gateway), "overhearing") as session:
        await session.subscribe(topics.down(gateway, "#"))

        async def listen() -> None:
            async for message in session.messages():
                heard.append((message.topic, message.payload))

        task = asyncio.create_task(listen())
        try:
            yield heard
        finally:
            task.cancel()
            await asyncio.wait({task})
