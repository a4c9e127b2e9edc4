"""Everybody who is not let in, at each of the broker's doors, and who is let in by one and tries what another may.

The doors: this machine (password), gateways elsewhere (TLS and certificate), subscribers elsewhere (TLS and password).
"""

import asyncio
import socket
import ssl
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from sync import mqtt, topics
from sync.broker import INGEST_USER
from sync.credentials import read_credentials
from sync.mqtt import BrokerUnavailable, Login
from sync.tls import Tls
from sync.wire import Purpose, State, encode, seal
from tests.certificates import client, fresh_authority
from tests.integration.intruders.conftest import HERE, Gateway, Site, until
from tests.integration.intruders.test_lies_to_the_registry import Liar

pytestmark = pytest.mark.timeout(180)  # several processes are started for the first of them


async def refused(login: Login, client_id: str = "thief") -> str:
    with pytest.raises(BrokerUnavailable) as caught:
        async with mqtt.connect(login, client_id) as session:
            await session.publish(topics.up("munich", "state"), b"x")
    return str(caught.value)


async def test_without_the_right_password_nobody_comes_in(site: Site, good: Gateway) -> None:
    theirs = site.login("munich")
    for user, password in (
        ("", ""), ("munich", ""), ("munich", site.login("hamburg").password), ("munich", theirs.password[:-1]),
        ("MUNICH", theirs.password), (INGEST_USER, theirs.password), ("registry-work", theirs.password), ("root", "root"),
        ("munich", theirs.password + "A"), ("x" * 60_000, "x" * 60_000),
    ):  # fmt: skip
        assert "refuse" in await refused(replace(theirs, user=user, password=password)), (user[:20], password[:20])
    await good.served()
    async with mqtt.connect(theirs, "munich"):
        pass


async def test_without_a_certificate_of_ours_no_gateway_comes_in(site: Site, good: Gateway) -> None:
    ours, others, ca = site.authority, fresh_authority(), site.authority.certificate_pem
    password = site.login("munich").password
    login = Login(HERE, site.tls_port, "munich", "", None)
    for why, tls, by_password in (
        ("none", Tls(ca), ""),
        ("none, but the password", Tls(ca), password),
        ("of another authority", replace(client(others, "munich"), ca=ca), ""),
        ("ended", client(ours, "munich", now=datetime.now(UTC) - timedelta(days=99)), ""),
    ):
        said = await refused(replace(login, tls=tls, password=by_password))
        assert "does not take the certificate" in said or "lost" in said, why
    assert "not of the authority that we know" in await refused(replace(login, tls=client(others, "munich")))
    await refused(replace(site.login("munich"), port=site.tls_port))  # no TLS at all
    await good.served()
    async with mqtt.connect(replace(login, tls=client(ours, "munich")), "munich"):
        pass


async def test_with_its_own_certificate_a_gateway_is_nobody_else(site: Site, good: Gateway) -> None:
    """Whatever name and id it gives, and with the other one's key as well."""
    tls, key, liar = client(site.authority, "munich"), site.credentials("hamburg").mac_key, Liar()
    hello = seal(liar.hello(), Purpose.HELLO, key)
    epochs = f"SELECT count(*) FROM tracking_gatewayepoch WHERE epoch = '{liar.epoch}'"
    async with site.counting(messages=3):  # of the good one
        for user in ("hamburg", INGEST_USER, "munich"):
            async with mqtt.connect(Login(HERE, site.tls_port, user, "x", tls), "hamburg") as munich:
                await munich.subscribe("#")
                await munich.publish(topics.up("hamburg", "hello"), hello)
                await munich.publish(topics.down("hamburg", "cmd"), b"x")
                await good.served()
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.1):
                        await anext(munich.messages())
    assert good.uplink is not None
    assert (good.uplink.status.connections, good.uplink.status.ignored.total()) == (1, 0)
    async with mqtt.connect(Login(HERE, site.tls_port, "", "", client(site.authority, "hamburg")), "h") as hamburg:
        await hamburg.publish(topics.up("hamburg", "hello"), hello)
        await until(lambda: site.home.query(epochs) == [(1,)])


async def test_who_may_only_listen_says_nothing(site: Site, good: Gateway) -> None:
    key, liar = site.credentials("munich").mac_key, Liar()
    here = Login(HERE, site.home.broker_port, "dashboard", site.dashboard_password)
    elsewhere = replace(here, port=site.subscribers_port, tls=Tls(site.authority.certificate_pem))
    said = topics.live("munich", "hall", "seen")
    async with site.counting(messages=2), site.stolen() as munich:  # of the good one
        for login in (here, elsewhere):
            async with mqtt.connect(login, "munich") as dashboard:
                await dashboard.subscribe("#")
                for topic, payload in (
                    (topics.up("munich", "hello"), seal(liar.hello(), Purpose.HELLO, key)),
                    (topics.up("munich", "state"), encode(State("stopped"))),
                    (topics.up("dashboard", "state"), encode(State("online"))),
                    (topics.down("hamburg", "ack"), b"x"),
                    (topics.REGISTRY_STATE, encode(State("online"))),
                    (said, b"made up"),
                ):
                    await dashboard.publish(topic, payload)
                await good.served()
                await munich.publish(said, b"true")
                heard = await asyncio.wait_for(anext(dashboard.messages()), 2)
                assert (heard.topic, heard.payload) == (said, b"true")
    for user in (INGEST_USER, "munich"):
        await refused(replace(elsewhere, user=user, password=site.login("munich").password))


async def test_who_takes_the_ids_of_others_stops_nobody(site: Site, good: Gateway, bremen: Gateway) -> None:
    """At the door of this machine a session goes by the id that it gives, and the next one with that id ends it: but nobody knows
    the ids of others."""
    before = site.home.log("ingest-log").count("taking in from the broker")
    for client_id in ("registry-1", "registry-ingest", "registry-work"):
        async with mqtt.connect(site.login("munich"), client_id):
            await good.served()
    assert site.home.log("ingest-log").count("taking in from the broker") == before, "nobody knows the id of ingest"
    async with bremen.running() as uplink:
        for guess in ("bremen", "bremen-", f"bremen-{0:016x}"):
            async with mqtt.connect(site.login("munich"), guess) as munich:
                await munich.subscribe(topics.down("bremen", "#"))
                await bremen.served()
        assert uplink.status.connections == 1
        bremen.store()
        async with mqtt.connect(site.login("munich"), bremen.credentials.client_id):  # who did know it
            await until(lambda: uplink.status.connections > 1)
        await until(lambda: bremen.outbox.stat().waiting == 0)  # it comes back by itself, and nothing was lost
        await good.served()
    assert site.told(bremen) == [1, 2, 3, 4]


async def test_a_gateway_of_this_machine_that_is_revoked_is_cut_off(site: Site, good: Gateway) -> None:
    path = site.home.data / "cologne.json"
    await asyncio.to_thread(site.home.run, "gateways", "add", "cologne", "--local", "--out", str(path))
    cologne = read_credentials(path)
    login = Login(cologne.host, cologne.port, cologne.user, cologne.password)
    async with mqtt.connect(login, cologne.client_id) as session:
        await asyncio.to_thread(site.home.run, "gateways", "revoke", "cologne")
        with pytest.raises(BrokerUnavailable, match="lost"):
            async with asyncio.timeout(10):
                await anext(session.messages())
    assert "refuse" in await refused(login)
    await good.served()


CONNECT = b"\x10\xff\xff\x03\x00\x04MQTT\x04\x02\x00\x3c"  # and 65,000 bytes more, it says


async def test_slow_strangers_stand_in_nobodys_way(site: Site, good: Gateway) -> None:
    """Silent ones, one with half a handshake, one with a packet that never ends: at every door."""
    with ExitStack() as held:
        for port in (site.home.broker_port, site.tls_port, site.subscribers_port):
            for number in range(100):
                stranger = held.enter_context(socket.create_connection((HERE, port), 5))
                stranger.sendall((b"", CONNECT, b"\x16\x03\x01\x02\x00\x01")[number % 3])
        await good.served()
        async with mqtt.connect(site.login("munich"), "munich"):
            await good.served()
        tls = client(site.authority, "munich")
        async with mqtt.connect(Login(HERE, site.tls_port, "munich", "", tls), "munich") as munich:
            await munich.publish(topics.up("munich", "state"), encode(State("online")))


async def test_what_is_no_mqtt_is_hung_up_on(site: Site, good: Gateway) -> None:
    context = ssl.create_default_context(cadata=site.authority.certificate_pem)
    noises = (b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 4096, b"\x10\xff\xff\xff\xff\xff", b"\x30\x7f" + b"x" * 200, b"\x00" * 100)
    for noise in noises:
        for port, tls in ((site.home.broker_port, False), (site.tls_port, False), (site.subscribers_port, True)):
            with socket.create_connection((HERE, port), 5) as plain, ExitStack() as wrapped:
                stranger = wrapped.enter_context(context.wrap_socket(plain, server_hostname=HERE)) if tls else plain
                stranger.sendall(noise)
                try:
                    while await asyncio.to_thread(stranger.recv, 100):
                        pass
                except ConnectionError:
                    pass
    await good.served()
