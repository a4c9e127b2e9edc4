"""docs/asyncapi.yaml against what is really sent: a gateway, ingest and the work process over a real mosquitto, and a program
that listens as Home Assistant does. And against topics.py."""

import asyncio
import json
import queue
import random
import re
import time
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from zlib import MAX_WBITS, decompress

import jinja2.sandbox
import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from registry import secret_files
from sync import topics
from sync.broker import INGEST_USER, WORK_USER, Role
from sync.credentials import Credentials, read_credentials
from sync.outbox import Outbox
from sync.uplink import Identification, Uplink
from sync.wire import ClockQuality, EventKind, Health, HopHealth, LocationEvent, Passage, ReaderHealth
from tests import asyncapi
from tests.integration.registry.test_ingest_process import QUICK
from tests.mosquitto import Mosquitto
from tests.registry_process import RegistryHome, registry_home

pytestmark = pytest.mark.timeout(120)
PREPARE = """
from django.conf import settings
from registry import migrating
from registry.assets.services import NewIdentifier, register_asset
from registry.tracking.gateways import add_gateway
from tests.registry_world import ROOT
from sync.credentials import write_credentials
migrating.run(settings.CONFIGURATION)
write_credentials(settings.DATA_DIR / "hamburg.json", add_gateway(by=ROOT, gateway_id="hamburg", name="Hamburg dock"))
register_asset(by=ROOT, name="Drill", asset_no="D 1", identifiers=[NewIdentifier("tag:drill")])
"""
REVOKE = """
from registry.tracking.gateways import revoke_gateway
from tests.registry_world import ROOT
revoke_gateway(by=ROOT, gateway_id="hamburg")
"""
G = "sightpost/1/gateways/hamburg"


@pytest.fixture
def home(tmp_path: Any) -> Iterator[RegistryHome]:
    with registry_home(
        tmp_path, migrated=True, broker="run = false", mqtt="publish_assets = true\nhome_assistant = true"
    ) as home:
        home.python(PREPARE)
        yield home


@pytest.fixture
def credentials(home: RegistryHome) -> Credentials:
    return read_credentials(home.data / "hamburg.json")


@pytest.fixture
def broker(home: RegistryHome, credentials: Credentials) -> Iterator[Mosquitto]:
    (home.folder / "broker").mkdir()
    broker = Mosquitto(home.folder / "broker")
    broker.port = home.broker_port
    for user, file in ((INGEST_USER, secret_files.BROKER_PASSWORD), (WORK_USER, secret_files.WORK_PASSWORD)):
        broker.passwords[user] = secret_files.read_or_make(home.data, file)
    assert credentials.password is not None
    broker.passwords["hamburg"] = credentials.password
    broker.forget(INGEST_USER)
    for user, role in ((INGEST_USER, Role.INGEST), (WORK_USER, Role.WORK), ("hamburg", Role.GATEWAY)):
        broker.add_known(user, role)
    broker.add_user("house", Role.FULL_SUBSCRIBER)
    broker.start()
    yield broker
    broker.kill()


class Listener:
    """What arrives on a plain paho connection: everything, and by topic the last."""

    def __init__(self, broker: Mosquitto, user: str, client_id: str, *wanted: str) -> None:
        self.heard: queue.Queue[paho.MQTTMessage] = queue.Queue()
        self.messages: dict[str, list[paho.MQTTMessage]] = defaultdict(list)
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id, protocol=paho.MQTTv311)
        self._client.username_pw_set(user, broker.passwords[user])
        self._client.on_message = lambda *said: self.heard.put(said[-1])
        self._client.on_connect = lambda client, *_: client.subscribe([(topic, 1) for topic in wanted])
        self._client.connect("127.0.0.1", broker.port)
        self._client.loop_start()

    async def until(self, done: Any, within_s: float = 30.0) -> None:
        deadline = time.monotonic() + within_s
        while True:
            while not self.heard.empty():
                message = self.heard.get()
                self.messages[message.topic].append(message)
            if done(self):
                return
            assert time.monotonic() < deadline, f"heard only {sorted(self.messages)}"
            await asyncio.sleep(0.02)

    def last(self, topic: str) -> Any:
        return said(self.messages[topic][-1]) if self.messages.get(topic) else None

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def said(message: paho.MQTTMessage) -> Any:
    body = message.payload
    return json.loads(decompress(body, MAX_WBITS | 16) if body.startswith(b"\x1f\x8b") else body) if body else None


def test_the_wires_messages_are_the_documents() -> None:
    schemas = asyncapi.document()["components"]["schemas"]
    made = asyncapi.wire_schemas()
    assert {name: schemas[name] for name in made} == made, "run `python -m tests.asyncapi`"


def test_every_topic_has_its_channel_and_every_reference_leads_somewhere() -> None:
    """By topics.py, with names that have to be encoded."""
    made = {
        topics.live("g", "a/b", "seen"): "live",
        topics.gateway("g", "state"): "gatewayState",
        topics.gateway("g", "readers", "a/b#"): "readerState",
        topics.gateway("g", "doors", "Tor 3"): "doorState",
        topics.discovery("sightpost_g"): "discovery",
        topics.asset("D 1", "events"): "assetEvents",
        topics.asset("D 1", "position"): "assetPosition",
        topics.REGISTRY_STATE: "registryState",
        **{topics.up("g", leaf): "up" for leaf in ("hello", "events", "health", "state", "reply", "csr")},
        **{topics.down("g", leaf): "down" for leaf in ("ack", "cmd", "config", "cert")},
    }
    assert {topic: asyncapi.channel_of(topic) for topic in made} == made
    document = asyncapi.document()
    assert set(made.values()) == set(document["channels"])
    assert {operation["channel"]["$ref"].rpartition("/")[2] for operation in document["operations"].values()} == set(
        document["channels"]
    )
    for reference in re.findall(r"#/[\w/]+", asyncapi.FILE.read_text()):
        place: Any = document
        for step in reference[2:].split("/"):
            place = place[step]


async def test_what_is_sent_is_what_the_document_says_and_home_assistant_finds_it(
    home: RegistryHome, broker: Mosquitto, credentials: Credentials
) -> None:
    house = Listener(broker, "house", "home-assistant", "#", "homeassistant/#")
    inside = [Listener(broker, INGEST_USER, "watching", "#"), Listener(broker, "hamburg", "watching-too", "#")]
    readers = [ReaderHealth("cam-1", "up")]

    def open_outbox() -> Outbox:
        return Outbox.open(
            home.folder / "outbox.db", wall_ms=lambda: time.time_ns() // 1_000_000, mono_ns=time.monotonic_ns, boot_id="b"
        )

    def health() -> Health:
        hop = HopHealth("outbox", "good", "0 waiting", "stores well")
        return Health(0, None, tuple(readers), doors=("gate",), hops=(hop,), said_at=datetime.now(UTC))

    uplink = Uplink(
        open_outbox, credentials, Identification("1.0", "m", "b", lambda: ClockQuality.SYNCED), health,
        wall_ms=lambda: time.time_ns() // 1_000_000, mono_ns=time.monotonic_ns, rng=random.Random(1), timing=QUICK,
    )  # fmt: skip
    outbox = open_outbox()
    with home.running("ingest"), home.running("work", log="work-log"):
        delivering = asyncio.create_task(uplink.run())
        try:
            await house.until(lambda heard: heard.last(f"{G}/state") and heard.last(f"{G}/state")["connected"])
            now = datetime.now(UTC)
            more: dict[str, Any] = {"zone_from": "dock", "zone_to": "yard", "door": "gate", "direction": Passage.OUT}
            outbox.append([LocationEvent(EventKind.PASSED, "tag:drill", "drill", now, now, "gate:1", **more)])
            uplink.wake()
            await house.until(lambda heard: heard.last(f"{G}/doors/gate") and heard.last("sightpost/1/assets/D%201/position"))
            readers[0] = ReaderHealth("cam-1", "down", "unplugged")
            uplink.report_health()
            await house.until(lambda heard: (heard.last(f"{G}/readers/cam-1") or {}).get("state") == "down")
            for listener in inside:
                await listener.until(lambda _: True)
        finally:
            delivering.cancel()
            await asyncio.wait({delivering})
            outbox.close()
        channels = held_against_the_document(house, *inside)
        assert channels == {
            "live", "gatewayState", "readerState", "doorState", "discovery", "assetEvents", "assetPosition", "up", "down",
            "registryState",
        }  # fmt: skip
        as_home_assistant_shows_it(house)
        home.python(REVOKE)
        await house.until(lambda heard: not [topic for topic in heard.messages if kept(topic) and heard.last(topic) is not None])
    late = Listener(broker, "house", "home-assistant-again", "homeassistant/#", "sightpost/1/gateways/#")
    await asyncio.sleep(0.3)
    assert late.heard.empty()
    for listener in (house, late, *inside):
        listener.close()


def kept(topic: str) -> bool:
    return topic.startswith(("homeassistant/", G))


def held_against_the_document(*listeners: Listener) -> set[str]:
    """Check each message that anybody heard; return the channels."""
    channels = set()
    for listener in listeners:
        for topic, messages in listener.messages.items():
            channels |= {asyncapi.check(topic, said(message)) for message in messages}
    return channels


def as_home_assistant_shows_it(house: Listener) -> None:
    """Each entity's state topic is told of, and its template makes a state of it that the entity may have."""
    environment = jinja2.sandbox.ImmutableSandboxedEnvironment()
    shown = {}
    for topic in [topic for topic in house.messages if topic.startswith("homeassistant/")]:
        for part in house.last(topic)["components"].values():
            value = environment.from_string(part["value_template"]).render(value_json=house.last(part["state_topic"]))
            assert value in part.get("options", [value])
            shown[part["unique_id"]] = value
    door = "sightpost_hamburg_door_gate"
    assert datetime.fromisoformat(shown.pop(f"{door}_passed"))
    assert shown == {
        "sightpost_hamburg_connection": "ON",
        "sightpost_hamburg_problem": "ON",
        "sightpost_hamburg_backlog": "0",
        "sightpost_hamburg_reader_cam-1_state": "down",
        f"{door}_direction": "out",
    }
