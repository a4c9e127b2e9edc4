"""The MQTT port against a real mosquitto, and against peers that misbehave."""

import asyncio
import contextlib
import socket
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from sync.mqtt import BrokerUnavailable, Login, Message, Session, connect
from tests.certificates import client, fresh_authority
from tests.integration.sync.conftest import GATEWAY, eventually
from tests.mosquitto import Mosquitto, free_port

UP = f"sightpost/1/g/{GATEWAY}/up/"


@contextlib.asynccontextmanager
async def peer(answer: bytes | None) -> AsyncIterator[Login]:
    """Listens, reads the CONNECT, answers so, and stays silent; None hangs up."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            await reader.read(1000)
            if answer is not None:
                writer.write(answer)
                await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield Login("127.0.0.1", server.sockets[0].getsockname()[1], "me", "secret")
    await asyncio.sleep(0)


async def first_message(session: Session) -> Message:
    return await anext(session.messages())


async def why_not(login: Login, **options: float) -> str:
    with pytest.raises(BrokerUnavailable) as caught:
        async with connect(login, "me", **options):  # type: ignore[arg-type]
            pass
    assert "secret" not in str(caught.value)
    return str(caught.value)


async def test_what_is_published_arrives_with_its_topic(broker: Mosquitto) -> None:
    async with connect(broker.login("registry-ingest"), "r") as reading, connect(broker.login(GATEWAY), GATEWAY) as writing:
        await reading.subscribe("sightpost/1/g/+/up/+")
        await writing.publish(UP + "events", b"one")
        await writing.publish(UP + "health", b"", qos=0)
        await writing.publish(UP + "events", b"x" * 65536)
        arrived = []
        async for message in reading.messages():
            arrived.append(message)
            if len(arrived) == 3:
                break
    assert arrived == [Message(UP + "events", b"one"), Message(UP + "health", b""), Message(UP + "events", b"x" * 65536)]


async def test_many_publishes_may_wait_at_once(broker: Mosquitto) -> None:
    async with connect(broker.login("registry-ingest"), "r", queue_limit=1000) as reading:
        await reading.subscribe("sightpost/1/g/+/up/+")
        async with connect(broker.login(GATEWAY), GATEWAY) as writing:
            await asyncio.gather(*(writing.publish(UP + "events", b"%d" % n) for n in range(300)))
        arrived: list[bytes] = []
        async for message in reading.messages():
            arrived.append(message.payload)
            if len(arrived) == 300:
                break
    assert arrived == [b"%d" % n for n in range(300)]


async def test_a_full_queue_and_oversized_messages_are_counted(broker: Mosquitto) -> None:
    dropped: Counter[str] = Counter()
    async with (
        connect(broker.login("registry-ingest"), "r", queue_limit=5, dropped=dropped) as reading,
        connect(broker.login(GATEWAY), GATEWAY) as writing,
    ):
        await reading.subscribe("sightpost/1/g/+/up/+")
        for n in range(8):
            await writing.publish(UP + "events", b"%d" % n)
        await writing.publish(UP + "events", b"x" * 65537)
        await eventually(lambda: dropped == {"queue_full": 3, "too_big": 1})
        kept = [await anext(reading.messages()) for _ in range(5)]
    assert [message.payload for message in kept] == [b"0", b"1", b"2", b"3", b"4"]


async def test_the_end_of_the_broker_ends_everything_that_waits(broker: Mosquitto) -> None:
    async with connect(broker.login("registry-ingest"), "r") as session:
        reading = asyncio.create_task(first_message(session))
        await session.subscribe("sightpost/1/g/+/up/+")
        broker.kill()
        with pytest.raises(BrokerUnavailable, match="lost"):
            await reading
        for call in (session.publish("x", b""), session.subscribe("x"), anext(session.messages())):
            with pytest.raises(BrokerUnavailable):
                await call


async def test_refusals_are_said_in_words(broker: Mosquitto) -> None:
    login = broker.login(GATEWAY)
    assert "refuses user gate-1: wrong password" in await why_not(Login(login.host, login.port, GATEWAY, "secret"))
    assert "refuses user who: wrong password, or no such user" in await why_not(Login(login.host, login.port, "who", "secret"))


async def test_what_is_not_there_is_said_in_words() -> None:
    port = free_port()
    assert f"nothing listens at 127.0.0.1:{port}" in await why_not(Login("127.0.0.1", port, "me", "secret"))
    assert "the name no-such-host.invalid is not known" in await why_not(
        Login("no-such-host.invalid", 1, "me", "", client(fresh_authority(), "me"))
    )
    assert "nothing goes there without TLS" in await why_not(Login("no-such-host.invalid", 1, "me", "secret"))


async def test_a_peer_that_never_answers_is_given_up() -> None:
    async with peer(b"") as login:
        assert "does not answer" in await why_not(login, answer_timeout_s=0.1)


async def test_a_peer_that_hangs_up_is_given_up_at_once() -> None:
    async with peer(None) as login:
        assert "lost" in await why_not(login, answer_timeout_s=50)


@pytest.mark.parametrize(
    "noise", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x00" * 50, b"\xff" * 50, b"\x20\x02\x00\x09", b"\x20\x00"]
)
async def test_a_peer_that_speaks_no_mqtt_is_given_up(noise: bytes) -> None:
    async with peer(noise) as login:
        assert await why_not(login, answer_timeout_s=0.2)


async def test_a_half_open_connection_is_noticed_by_keep_alive() -> None:
    async with peer(b"\x20\x02\x00\x00") as login, connect(login, "me", keepalive_s=1) as session:
        with pytest.raises(BrokerUnavailable):
            await asyncio.wait_for(anext(session.messages()), 10)


async def test_a_broker_that_takes_nothing_any_more_is_given_up() -> None:
    async with peer(b"\x20\x02\x00\x00") as login, connect(login, "me", answer_timeout_s=0.1) as session:
        with pytest.raises(BrokerUnavailable, match="does not answer any more"):
            await session.publish("x", b"")


async def test_connecting_can_be_cancelled() -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(1)
        connecting = asyncio.create_task(why_not(Login("127.0.0.1", deaf.getsockname()[1], "me", "secret")))
        await asyncio.sleep(0.05)
        connecting.cancel()
        await asyncio.wait({connecting}, timeout=2)
        assert connecting.cancelled()


async def test_a_cancellation_is_never_lost(broker: Mosquitto) -> None:
    """Cancelled at any moment of its round trip, a publisher ends."""
    async with connect(broker.login(GATEWAY), GATEWAY) as session:
        for n in range(60):

            async def publish_for_ever() -> None:
                while True:
                    await session.publish(UP + "events", b"x")

            publishing = asyncio.create_task(publish_for_ever())
            await asyncio.sleep(n * 0.0001)
            publishing.cancel()
            await asyncio.wait({publishing}, timeout=2)
            assert publishing.cancelled()


async def test_the_will_is_published_only_without_a_goodbye(broker: Mosquitto) -> None:
    will = Message(UP + "state", b"offline", retained=True)
    async with connect(broker.login("registry-ingest"), "r") as reading:
        await reading.subscribe(UP + "state")
        async with connect(broker.login(GATEWAY), GATEWAY, will=will) as session:
            await session.publish(UP + "state", b"stopped", retain=True)
        first = await anext(reading.messages())
        async with connect(broker.login(GATEWAY), GATEWAY, will=will), connect(broker.login(GATEWAY), GATEWAY):
            second = await anext(reading.messages())
    assert (first.payload, second.payload) == (b"stopped", b"offline")
