"""Who has a gateway's card says to the registry what they like in its name; without its key, or in another's name, nothing.

What is refused is counted under its reason, the tables stay as they are, and good gateways are served meanwhile. Each lie is told
once more by the right one with the right key, and then it works.
"""

import asyncio
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from sync import topics
from sync.wire import (
    Batch,
    ClockQuality,
    EventKind,
    Health,
    Hello,
    LocationEvent,
    Purpose,
    Record,
    State,
    encode,
    seal,
)
from tests.integration.intruders.conftest import Gateway, Site, until

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
EVENT = LocationEvent(EventKind.SEEN, "tag:stolen", "raw", NOW, NOW, "door:1", zone_to="hall")
TABLES = (
    "locationevent", "gap", "quarantine", "rawrecord", "gatewayepoch", "unknowntag", "stay", "position", "zone", "readpoint",
)  # fmt: skip

pytestmark = pytest.mark.timeout(180)  # several processes are started for the first of them


class Liar:
    """What a gateway would say, in an epoch of the liar's own."""

    def __init__(self) -> None:
        self.epoch = uuid4().hex

    def hello(self) -> Hello:
        boot = f"boot-{self.epoch}"
        return Hello("n", self.epoch, 1, 1, 0, None, boot, ClockQuality.SYNCED, "test", "machine", mono_ms=1)

    def batch(self, body: bytes = encode(EVENT)) -> Batch:
        return Batch(self.epoch, 1, 1, (Record(1, uuid4(), "location", NOW, 1, "boot", msgspec.Raw(body)),))


async def rows(site: Site) -> list[tuple[Any, ...]]:
    """How many there are in each table but of the good one, and what the gateways are said to be."""
    counts = ", ".join(f"(SELECT count(*) FROM tracking_{table})" for table in TABLES)
    return await asyncio.to_thread(
        site.home.query,
        f"SELECT {counts}, g.state, g.last_hello_at, g.health FROM tracking_gateway g WHERE g.id = 'munich'",
    )


async def test_without_the_key_nothing_is_believed(site: Site, good: Gateway) -> None:
    liar, key, others = Liar(), site.credentials("munich").mac_key, site.credentials("hamburg").mac_key
    health = Health(waiting=0, oldest_age_s=None, read_points=(("door:1", "hall"),))
    words = {
        "hello": (liar.hello(), Purpose.HELLO),
        "events": (liar.batch(), Purpose.EVENTS),
        "health": (health, Purpose.HEALTH),
    }
    before = await rows(site)
    async with site.counting(refused_bad_mac=15), site.stolen() as thief:
        for leaf, (message, purpose) in words.items():
            for payload in (
                encode(message),
                seal(message, purpose, bytes(32)),
                seal(message, purpose, others),
                seal(message, Purpose.ACK, key),  # made for something else
                seal(message, purpose, key).replace(b'"v":1', b'"v":2'),
            ):
                await thief.publish(topics.up("munich", leaf), payload)
        await good.served()
    after = await rows(site)
    assert (after[0][0] - before[0][0], after[0][1:]) == (1, before[0][1:]), "the good gateway's event alone"
    async with site.counting(refused_bad_mac=0, hellos=1), site.stolen() as munich:
        for leaf, (message, purpose) in words.items():
            await munich.publish(topics.up("munich", leaf), seal(message, purpose, key))
    now = await rows(site)
    assert now[0][0] == after[0][0] + 1
    assert now[0][-2:] != after[0][-2:]


async def test_in_the_name_of_another_nothing_arrives_even_with_its_key(site: Site, good: Gateway) -> None:
    liar, theirs = Liar(), site.credentials("hamburg").mac_key
    hello, batch = seal(liar.hello(), Purpose.HELLO, theirs), seal(liar.batch(), Purpose.EVENTS, theirs)
    state = encode(State("stopped"))
    names = ("hamburg", "HAMBURG", "hamburg/../hamburg", "munich/../hamburg", "%68amburg", "registry", "")
    async with site.counting(messages=1, hellos=0), site.stolen() as thief:
        for name in names:
            for leaf, payload in (("hello", hello), ("events", batch), ("state", state)):
                await thief.publish(f"{topics.ROOT}/g/{name}/up/{leaf}", payload)
        for topic in (topics.REGISTRY_STATE, topics.down("munich", "ack"), topics.asset("A-1", "position"), "$SYS/x", "x"):
            await thief.publish(topic, state)
        await good.served()
    [(said,)] = site.home.query("SELECT state FROM tracking_gateway WHERE id = 'hamburg'")
    assert said == "online"
    async with site.counting(hellos=1), site.stolen("hamburg") as hamburg:
        await hamburg.publish(topics.up("hamburg", "hello"), hello)
        await hamburg.publish(topics.up("hamburg", "events"), batch)
    assert site.home.query(f"SELECT through FROM tracking_gatewayepoch WHERE epoch = '{liar.epoch}'") == [(1,)]


async def test_nobody_listens_in(site: Site, good: Gateway) -> None:
    """The broker grants every subscription; what matters is what comes."""
    filters = (
        "#", "+/+/+/+/+/+", f"{topics.ROOT}/#", topics.down("hamburg", "#"), topics.down("+", "+"), topics.ALL_UP,
        topics.up("hamburg", "#"), "$SYS/#", f"$share/thieves/{topics.down('hamburg', '#')}", "$share/thieves/#",
    )  # fmt: skip
    async with site.stolen() as thief, site.stolen("hamburg") as hamburg:
        await thief.subscribe(*filters)
        await hamburg.subscribe(topics.down("hamburg", "ack"))
        await good.served()
        assert (await asyncio.wait_for(anext(hamburg.messages()), 2)).topic == topics.down("hamburg", "ack")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await anext(thief.messages())


async def test_what_was_recorded_makes_nobody_alive(site: Site, good: Gateway, bremen: Gateway) -> None:
    heard: dict[str, bytes] = {}
    async with site.broker_in_hand() as evil:
        await evil.subscribe(*(topics.up("bremen", leaf) for leaf in ("hello", "events", "health")))
        async with bremen.running():
            await bremen.served()
            async for message in evil.messages():
                heard[message.topic.rpartition("/")[2]] = message.payload
                if len(heard) == 3:
                    break
        await good.served()
        now = "SELECT last_hello_at, last_batch_at, health_at, health FROM tracking_gateway WHERE id = 'bremen'"
        before = await asyncio.to_thread(site.home.query, now)
        async with site.counting(old_hellos=1, old_health=1), site.stolen("bremen") as thief:
            for leaf, payload in heard.items():
                await thief.publish(topics.up("bremen", leaf), payload)
            await good.served()
        assert await asyncio.to_thread(site.home.query, now) == before


async def test_of_what_was_retained_ingest_believes_states_alone(site: Site, good: Gateway) -> None:
    """Else each start of ingest would tell a gateway's past again: how well it was, what it had answered."""
    key, up = site.credentials("munich").mac_key, partial(topics.up, "munich")
    words = {
        "hello": seal(Liar().hello(), Purpose.HELLO, key),
        "events": seal(Liar().batch(), Purpose.EVENTS, key),
        "health": seal(Health(waiting=7, oldest_age_s=None), Purpose.HEALTH, key),
        "reply": b"{}",
        "csr": b"{}",
        "state": encode(State("stopped")),
    }
    now = "SELECT state, health LIKE '%7%' FROM tracking_gateway WHERE id = 'munich'"
    async with site.stolen() as munich:
        for leaf, payload in words.items():
            await munich.publish(up(leaf), payload, retain=True)
        await until(lambda: site.home.query(now) == [("stopped", 1)])  # told now, not kept: then it counts
        await munich.publish(up("state"), encode(State("online")))
        await munich.publish(up("health"), seal(Health(waiting=0, oldest_age_s=None), Purpose.HEALTH, key))
        await until(lambda: site.home.query(now) == [("online", 0)])
        try:
            with site.second_ingest():
                async with asyncio.timeout(60):
                    while (await site.counts("2"))["retained"] < len(words) - 1:
                        await good.served(within_s=10)  # a process starts beside us
                await until(lambda: site.home.query(now) == [("stopped", 0)])
        finally:
            for leaf in words:
                await munich.publish(up(leaf), b"", retain=True)
