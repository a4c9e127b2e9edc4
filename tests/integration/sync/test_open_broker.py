"""A mosquitto that is open to other machines: gateways come in by their certificates alone, subscribers by passwords that are
worth nothing else, and whoever is revoked stays out."""

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from sync.broker import INGEST_USER, Network, Role
from sync.mqtt import BrokerUnavailable, Login, Session, connect
from sync.tls import Tls
from tests.certificates import client, fresh_authority
from tests.mosquitto import Mosquitto, free_port

ROOT = "sightpost/1"
OURS, OTHERS = fresh_authority(), fresh_authority()
HERE = "127.0.0.1"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    now = datetime.now(UTC)
    certificate, key = OURS.serve_as(["localhost", HERE], now=now)
    revoked = OURS.revocations([], now=now)
    network = Network(HERE, free_port(), OURS.certificate_pem, revoked, certificate, key, free_port())
    mosquitto = Mosquitto(tmp_path / "broker", gateways=("gate-1", "gate-2"), subscribers=("dashboard",), network=network)
    mosquitto.add_user("home", Role.FULL_SUBSCRIBER)
    mosquitto.start()
    yield mosquitto
    mosquitto.kill()


def gateway(broker: Mosquitto, tls: Tls, name: str = "gate-1") -> Login:
    assert broker.network is not None
    return Login(HERE, broker.network.port, name, "", tls)


def subscriber(broker: Mosquitto, name: str, password: str | None = None) -> Login:
    assert broker.network is not None
    assert broker.network.subscribers_port is not None
    return Login(HERE, broker.network.subscribers_port, name, password or broker.passwords[name], Tls(OURS.certificate_pem))


async def arrived(session: Session, within_s: float = 0.15) -> list[str]:
    topics: list[str] = []
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            async for message in session.messages():
                topics.append(message.topic)
    return topics


async def refused(login: Login) -> str:
    with pytest.raises(BrokerUnavailable) as caught:
        async with connect(login, "x"):
            pass
    return str(caught.value)


async def test_a_certificate_is_the_gateway_that_it_names_whatever_it_calls_itself(broker: Mosquitto) -> None:
    first, second = client(OURS, "gate-1"), client(OURS, "gate-2")
    async with connect(broker.login(INGEST_USER), "registry-1") as ingest, connect(gateway(broker, first), "gate-1") as one:
        await ingest.subscribe("#")
        async with connect(gateway(broker, second, "gate-1"), "gate-1") as two:  # the id and the name of the other one
            await one.publish(f"{ROOT}/g/gate-1/up/events", b"")
            await one.publish(f"{ROOT}/g/gate-2/up/events", b"")
            await two.publish(f"{ROOT}/g/gate-1/up/hello", b"")
            await two.publish(f"{ROOT}/g/gate-2/up/hello", b"")
            await two.subscribe("#")
            await ingest.publish(f"{ROOT}/g/gate-1/down/ack", b"")
            await ingest.publish(f"{ROOT}/g/gate-2/down/ack", b"")
            assert await arrived(two) == [f"{ROOT}/g/gate-2/down/ack"]
        assert await arrived(ingest) == [f"{ROOT}/g/gate-1/up/events", f"{ROOT}/g/gate-2/up/hello"]
        await one.publish(f"{ROOT}/g/gate-1/up/events", b"")  # its session has not been taken over


async def test_the_name_of_ingest_is_worth_nothing_in_a_certificate(broker: Mosquitto) -> None:
    """An authority elsewhere might certify it."""
    forged = client(OURS, INGEST_USER)
    async with (
        connect(broker.login(INGEST_USER), "registry-1") as ingest,
        connect(gateway(broker, forged), "registry-1") as other,
    ):
        await other.subscribe("#")
        await other.publish(f"{ROOT}/g/gate-1/down/ack", b"")
        async with connect(gateway(broker, client(OURS, "gate-1")), "gate-1") as one:
            await one.subscribe(f"{ROOT}/g/gate-1/down/#")
            await one.publish(f"{ROOT}/g/gate-1/up/events", b"")
            await other.publish(f"{ROOT}/g/gate-1/down/ack", b"")
            assert await arrived(one) == []
        assert await arrived(other) == []
        await ingest.publish(f"{ROOT}/registry/state", b"")


async def test_nobody_else_gets_in(broker: Mosquitto) -> None:
    now = datetime.now(UTC)
    assert "does not take the certificate" in await refused(gateway(broker, Tls(OURS.certificate_pem)))
    theirs = client(OTHERS, "gate-1")
    assert "does not take" in await refused(gateway(broker, replace(theirs, ca=OURS.certificate_pem)))
    assert "does not take" in await refused(gateway(broker, client(OURS, "gate-1", now=now - timedelta(days=99))))
    by_password = replace(gateway(broker, Tls(OURS.certificate_pem)), password=broker.passwords["gate-1"])
    assert "lost" in await refused(by_password)
    for name in (INGEST_USER, "gate-1"):
        assert "refuses user" in await refused(subscriber(broker, name)), "at the subscribers' door"
    assert "refuses user" in await refused(subscriber(broker, "dashboard", "a guess"))
    async with connect(gateway(broker, client(OURS, "gate-1")), "gate-1"):
        pass


async def test_who_is_revoked_is_cut_off_and_stays_out_and_the_others_go_on(broker: Mosquitto) -> None:
    revoked, good = client(OURS, "gate-1"), client(OURS, "gate-2")
    assert broker.network is not None
    assert revoked.certificate is not None
    serial = f"{x509.load_pem_x509_certificate(revoked.certificate.encode()).serial_number:x}"
    async with (
        connect(broker.login(INGEST_USER), "registry-1") as ingest,
        connect(gateway(broker, good), "gate-2") as other,
        connect(gateway(broker, revoked), "gate-1") as session,
    ):
        await ingest.subscribe(f"{ROOT}/g/+/up/+")
        broker.network = replace(broker.network, revoked=OURS.revocations([serial], now=datetime.now(UTC)))
        broker.forget("gate-1")
        await asyncio.sleep(0.1)
        await session.publish(f"{ROOT}/g/gate-1/up/events", b"")  # its session is still there, without any right
        await other.publish(f"{ROOT}/g/gate-2/up/events", b"")
        assert await arrived(ingest) == [f"{ROOT}/g/gate-2/up/events"]
        async with connect(broker.login(INGEST_USER), "gate-1"):  # so is it ended
            with pytest.raises(BrokerUnavailable):
                await asyncio.wait_for(anext(session.messages()), 5)
        assert "does not take the certificate" in await refused(gateway(broker, revoked))
        await other.publish(f"{ROOT}/g/gate-2/up/events", b"")
        assert await arrived(ingest) == [f"{ROOT}/g/gate-2/up/events"]


async def test_a_file_of_rights_that_names_nobody_allows_nothing(broker: Mosquitto) -> None:
    async with (
        connect(broker.login(INGEST_USER), "i") as ingest,
        connect(gateway(broker, client(OURS, "gate-1")), "gate-1") as one,
    ):
        await ingest.subscribe("#")
        for name in ("gate-1", "gate-2"):
            broker.forget(name)
        assert (broker.directory / "acl-gateways").read_text() == ""
        await asyncio.sleep(0.1)
        await one.subscribe("#")
        async with connect(gateway(broker, client(OURS, "gate-3")), "gate-3") as two:
            for session in (one, two):
                await session.publish(f"{ROOT}/g/gate-1/up/events", b"")
            await two.subscribe("#")
            await ingest.publish(f"{ROOT}/g/gate-1/down/ack", b"")
            await ingest.publish(f"{ROOT}/registry/state", b"")
            assert [await arrived(session) for session in (ingest, one, two)] == [[], [], []]


async def test_a_certificate_of_the_broker_is_replaced_while_it_runs(broker: Mosquitto) -> None:
    assert broker.network is not None
    certificate, key = OURS.serve_as(["registry.example.com"], now=datetime.now(UTC))
    broker.network = replace(broker.network, certificate=certificate, key=key)
    broker.rewrite()
    said: list[str] = []
    while not said or "use a name that the certificate is for" not in said[-1]:
        assert len(said) < 100, said
        with contextlib.suppress(BrokerUnavailable):
            try:
                async with connect(gateway(broker, client(OURS, "gate-1")), "gate-1"):
                    said.append("the old one")
            except BrokerUnavailable as exc:
                said.append(str(exc))
        await asyncio.sleep(0.02)


async def test_a_subscriber_elsewhere_reads_what_it_may_and_says_nothing(broker: Mosquitto) -> None:
    topics = [f"{ROOT}/live/gate-1/hall/arrived", f"{ROOT}/g/gate-1/up/events", f"{ROOT}/assets/A-1/position"]
    async with (
        connect(broker.login(INGEST_USER), "registry-1") as ingest,
        connect(subscriber(broker, "dashboard"), "registry-1") as dashboard,  # the id of ingest
        connect(subscriber(broker, "home"), "home") as home,
        connect(gateway(broker, client(OURS, "gate-1")), "gate-1") as one,
    ):
        for session in (ingest, dashboard, home):
            await session.subscribe("#")
        for topic in topics[:2]:
            await one.publish(topic, b"")
        await dashboard.publish(f"{ROOT}/live/gate-1/hall/left", b"")
        await dashboard.publish(f"{ROOT}/g/gate-1/up/events", b"forged")
        assert await arrived(dashboard) == topics[:1]
        assert await arrived(home) == topics[:1]
        assert await arrived(ingest) == topics[1:2], "and nobody has taken over its session"


async def test_a_subscriber_that_is_revoked_is_cut_off_at_once(broker: Mosquitto) -> None:
    async with connect(subscriber(broker, "dashboard"), "dashboard") as session:
        login = subscriber(broker, "dashboard")
        broker.forget("dashboard")
        with pytest.raises(BrokerUnavailable):
            await asyncio.wait_for(anext(session.messages()), 5)
        assert "refuses user dashboard" in await refused(login)


async def test_a_large_packet_ends_its_connection_alone(broker: Mosquitto) -> None:
    async with (
        connect(gateway(broker, client(OURS, "gate-1")), "gate-1") as one,
        connect(gateway(broker, client(OURS, "gate-2")), "gate-2") as two,
    ):
        with pytest.raises(BrokerUnavailable):
            await one.publish(f"{ROOT}/g/gate-1/up/events", b"x" * 300_000)
        await two.publish(f"{ROOT}/g/gate-2/up/events", b"x" * 65_536)
