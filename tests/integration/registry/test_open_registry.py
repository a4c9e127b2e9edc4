"""A registry that is open to other machines, as processes: a gateway delivers by its certificate until it is revoked, and a
subscriber connects as home automation does."""

import asyncio
import json
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from sync import mqtt, topics
from sync.credentials import Credentials, read_credentials
from sync.mqtt import BrokerUnavailable, Login
from tests.mosquitto import free_port
from tests.registry_process import RegistryHome, registry_home, wait_for

pytestmark = pytest.mark.timeout(180)  # several processes are started one after the other
HERE = "127.0.0.1"

PREPARE = """
from dataclasses import replace
from datetime import UTC, datetime
from django.conf import settings
from registry.tracking.gateways import add_gateway
from registry.trust import certificates
from registry.trust.authority import described, read_or_make
from cryptography import x509
from sync.credentials import write_credentials
from tests.certificates import client
from tests.registry_world import ROOT
authority = read_or_make(settings.DATA_DIR)
for name in ("hamburg", "berlin"):
    credentials = add_gateway(by=ROOT, gateway_id=name)
    tls = client(authority, name)
    certificates.note(name, described(x509.load_pem_x509_certificate(tls.certificate.encode())))
    host, port = settings.CONFIGURATION.broker.address
    write_credentials(settings.DATA_DIR / f"{name}.json", replace(credentials, host=host, port=port, password="", tls=tls))
"""


@dataclass
class Open:
    home: RegistryHome
    subscribers_port: int

    def credentials(self, name: str) -> Credentials:
        return read_credentials(self.home.data / f"{name}.json")

    def counts(self) -> dict[str, int]:
        [(found,)] = self.home.query("SELECT counters FROM tracking_ingestworker") or [("{}",)]
        counted: dict[str, int] = json.loads(found) if isinstance(found, str) else found
        return counted


@pytest.fixture(scope="module")
def open_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    tls_port, subscribers_port = free_port(), free_port()
    settings = f'host = "0.0.0.0"\nnames = ["{HERE}"]\ntls_port = {tls_port}\nsubscribers_port = {subscribers_port}'
    folder = tmp_path_factory.mktemp("registry")
    with registry_home(folder, migrated=True, broker=settings) as home:
        home.python(PREPARE)
        with home.running("broker", log="broker-log"), home.running("ingest", log="ingest-log"):
            wait_for(lambda: home.query("SELECT 1 FROM tracking_ingestworker WHERE connected"))
            yield Open(home, subscribers_port)


async def test_a_gateway_that_is_revoked_is_cut_off_in_the_middle_of_its_words(open_registry: Open) -> None:
    home, me, other = open_registry.home, open_registry.credentials("hamburg"), open_registry.credentials("berlin")
    lasting = Login(other.host, other.port, other.user, other.password, other.tls)
    login = Login(me.host, me.port, me.user, me.password, me.tls)
    async with mqtt.connect(lasting, "berlin") as neighbour, mqtt.connect(login, "hamburg") as session:
        talking = asyncio.create_task(talk(session))
        while sum(n for name, n in open_registry.counts().items() if "refused" in name) < 10:
            assert not talking.done()
            await asyncio.sleep(0.1)
        assert await asyncio.to_thread(home.run, "gateways", "revoke", "hamburg") == "hamburg is revoked.\n"
        with pytest.raises(BrokerUnavailable, match="lost"):
            await asyncio.wait_for(talking, 30)
        for _ in range(3):
            with pytest.raises(BrokerUnavailable, match="does not take the certificate of hamburg"):
                async with mqtt.connect(login, "hamburg"):
                    pass
        await neighbour.publish(topics.up("berlin", "health"), b"")
    wait_for(lambda: open_registry.counts().get("sessions_ended", 0) > 0)
    assert home.query("SELECT count(*) FROM trust_sessiontoend") == [(0,)]
    assert home.query("SELECT count(*) FROM trust_gatewaycertificate WHERE revoked_at IS NOT NULL") == [(1,)]


async def talk(session: mqtt.Session) -> None:
    """With no mind to stop."""
    while True:
        await session.publish(topics.up("hamburg", "health"), b"not even sealed")
        await asyncio.sleep(0.01)


@dataclass
class HomeAutomation:
    """Connects as Home Assistant's MQTT integration does: paho's thread, MQTT 3.1.1, user and password, the authority's file."""

    user: str
    password: str
    heard: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.client = paho.Client(CallbackAPIVersion.VERSION2, "home-assistant", protocol=paho.MQTTv311)
        self.client.username_pw_set(self.user, self.password)
        self.client.on_connect = lambda c, u, f, reason, p: self.said.append(str(reason))
        self.client.on_disconnect = lambda c, u, f, reason, p: self.said.append("gone")
        self.client.on_message = lambda c, u, message: self.heard.append(message.topic)


def test_home_automation_reads_its_topics_and_nothing_else(open_registry: Open, tmp_path: Path) -> None:
    home = open_registry.home
    (_, added), (_, authority) = home.batch("subscribers add house --live --json", "authority")
    (tmp_path / "authority.pem").write_text(authority)
    login = json.loads(added)
    assert login["tls"] == f"{HERE}:{open_registry.subscribers_port}"
    house = HomeAutomation(login["user"], login["password"])
    house.client.tls_set(str(tmp_path / "authority.pem"), tls_version=ssl.PROTOCOL_TLS_CLIENT)
    house.client.connect(HERE, open_registry.subscribers_port, 60)
    house.client.loop_start()
    try:
        wait_for(lambda: house.said == ["Success"])
        house.client.subscribe([("#", 0), ("$SYS/#", 0), ("sightpost/1/live/#", 1)])
        house.client.publish("sightpost/1/live/berlin/hall/arrived", "forged", 1).wait_for_publish(5)
        house.client.publish("sightpost/1/g/berlin/down/cmd", "forged", 1).wait_for_publish(5)
        asyncio.run(tell(open_registry.credentials("berlin")))
        wait_for(lambda: house.heard)
        time.sleep(0.1)
        assert set(house.heard) == {"sightpost/1/live/berlin/hall/moved"}
        (_, listed), revoked, none = home.batch("subscribers ls --json", "subscribers revoke house", "subscribers ls")
        assert [(one["name"], one["live"], one["assets"]) for one in json.loads(listed)] == [("house", True, False)]
        assert (revoked, none) == ((0, "house is revoked.\n"), (0, "There are none.\n"))
        wait_for(lambda: house.said[1:2] == ["gone"])
        wait_for(lambda: "Not authorized" in house.said[2:])
    finally:
        house.client.disconnect()
        house.client.loop_stop()


async def tell(credentials: Credentials) -> None:
    """What a gateway says meanwhile, for all and for the registry."""
    login = Login(credentials.host, credentials.port, credentials.user, credentials.password, credentials.tls)
    async with mqtt.connect(login, credentials.gateway) as session:
        await session.subscribe(topics.down(credentials.gateway, "#"))
        await session.publish(topics.up(credentials.gateway, "health"), b"")
        await session.publish(topics.live(credentials.gateway, "hall", "moved"), b"{}", qos=0)
        await asyncio.sleep(0.2)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await anext(session.messages())  # nothing that the subscriber forged
