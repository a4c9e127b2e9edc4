"""Too much of everything: packets, numbers, depth, what unfolds to more than it was. It is dropped and counted, and others go on.

Who floods here has a gateway's login, and where the content is what matters its key too: a gateway that somebody has in hand.
"""

import asyncio
import gzip

import pytest

from sync import topics
from sync.mqtt import BrokerUnavailable, Session
from sync.wire import MAX_WIRE_BYTES, Purpose
from tests.integration.intruders.conftest import Gateway, Site, sealed_by_hand

pytestmark = pytest.mark.timeout(180)  # several processes are started for the first of them
EVENTS = topics.up("munich", "events")


async def test_a_packet_beyond_the_limit_ends_its_connection(site: Site, good: Gateway) -> None:
    async with site.stolen() as thief:
        with pytest.raises(BrokerUnavailable):
            await thief.publish(EVENTS, b"x" * 300_000)
        await good.served()


async def test_messages_larger_than_any_of_ours_are_dropped_by_ingest_and_by_gateways(
    site: Site, good: Gateway, bremen: Gateway
) -> None:
    large = [b"{" * (MAX_WIRE_BYTES + 1), b"\x1f\x8b" * 60_000, b"x" * 250_000]
    async with site.counting(dropped_too_big=30), site.stolen() as thief:
        await asyncio.gather(*(thief.publish(EVENTS, payload) for payload in large * 10))
        await good.served()
    async with bremen.running() as uplink, site.broker_in_hand() as evil:
        await asyncio.gather(*(evil.publish(topics.down("bremen", "ack"), payload) for payload in large * 3))
        await bremen.served()
        assert uplink.status.ignored == {"too_big": 9}


def bombs(key: bytes) -> dict[str, list[bytes]]:
    """By the reason for which each is refused. All that can be is under the key."""
    nothing = gzip.compress(b"\0" * 60_000_000)
    zeros = b"0" * 1_000_000
    sealed = sealed_by_hand(Purpose.EVENTS, key)
    return {
        "too_big": [nothing],
        "bad_mac": [gzip.compress(nothing), gzip.compress(gzip.compress(gzip.compress(nothing)))],
        "bad_gzip": [gzip.compress(zeros)[:-9], gzip.compress(zeros) * 2, b"\x1f\x8b\x08\x1f" + b"\xff" * 60_000],
        "bad_shape": [
            gzip.compress(sealed(b'{"v":1,"epoch":' + b"[" * 500_000 + b"}")),
            gzip.compress(sealed(b'{"v":1,"records":[' + b'{"a":' * 180_000 + b"}")),
            gzip.compress(sealed(b'{"v":1,"epoch":"e","from":1,"to":1' + zeros + b',"records":[]}')),
            gzip.compress(sealed(b'{"v":1,"epoch":"e","from":1,"to":1e' + zeros[:900_000] + b'9,"records":[]}')),
            gzip.compress(sealed(b'{"v":1,"epoch":"e","from":1,"to":1,"records":[' + b"{}," * 300_000 + b"{}]}")),
            sealed(b'{"v":1,"epoch":"e","from":1e999,"to":1,"records":[]}'),
        ],
        "bad_batch": [
            sealed(b'{"v":1,"epoch":"e","from":1,"to":9223372036854775807,"records":[]}'),
            sealed(b'{"v":1,"epoch":"e","from":9,"to":1,"records":[]}'),
        ],
    }  # fmt: skip


async def test_what_unfolds_to_much_is_refused_before_it_does(site: Site, good: Gateway) -> None:
    kinds = bombs(site.credentials("munich").mac_key)
    expected = {f"refused_{why}": 2 * len(payloads) for why, payloads in kinds.items()}
    assert all(len(payload) <= MAX_WIRE_BYTES for payloads in kinds.values() for payload in payloads)
    async with site.counting(**expected), site.stolen() as thief:
        told = asyncio.gather(*(thief.publish(EVENTS, one) for kind in kinds.values() for one in kind * 2))
        await good.served()
        await told
        await good.served()


@pytest.mark.parametrize(
    ("leaf", "payload"),
    [
        ("events", b""),
        ("events", b"x" * MAX_WIRE_BYTES),
        ("events", gzip.compress(b" " * 1_000_000)),
        ("state", b'{"v":1,"state":"online"}'),
    ],
    ids=["empty", "large", "bombs", "states"],
)
async def test_whoever_talks_without_end_holds_up_nobody(site: Site, good: Gateway, leaf: str, payload: bytes) -> None:
    """Far more than a gateway has to say. Of what waits for ingest nobody has more than a share."""

    async def talk(session: Session) -> None:
        while True:
            await asyncio.gather(*(session.publish(topics.up("munich", leaf), payload) for _ in range(50)))
            await asyncio.sleep(0.05)

    before = await site.counts()
    async with site.stolen() as one:
        talking = asyncio.create_task(talk(one))
        try:
            for _ in range(3):
                await good.served()
        finally:
            talking.cancel()
            await asyncio.wait({talking})
    after = await site.counts()
    assert after["dropped_gateway_share"] > before["dropped_gateway_share"]
    assert after["dropped_ingest_queue_full"] == before["dropped_ingest_queue_full"]
