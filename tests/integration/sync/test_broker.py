"""What mosquitto makes of the files we write: who gets in, and who may say and hear what."""

import asyncio
import contextlib
import socket
import stat
import subprocess
from pathlib import Path

import pytest

from sync.broker import MEMORY_BYTES, BrokerMisconfigured, BrokerUser, Role, hash_password, reload_users, write_configuration
from sync.mqtt import BrokerUnavailable, Login, connect
from tests.mosquitto import Mosquitto, free_port

ROOT = "sightpost/1"


async def heard(broker: Mosquitto, reader: str, pattern: str, writer: str, topics: list[str]) -> list[str]:
    """Return which of the topics that `writer` publishes on reach `reader`."""
    async with connect(broker.login(reader), "reading") as reading, connect(broker.login(writer), "writing") as writing:
        await reading.subscribe(pattern)
        for topic in topics:
            await writing.publish(topic, b"x")
        arrived: list[str] = []
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.15):
                async for message in reading.messages():
                    arrived.append(message.topic)
    return arrived


async def test_a_gateway_speaks_for_itself_only(broker: Mosquitto) -> None:
    topics = [
        f"{ROOT}/g/gate-1/up/events",
        f"{ROOT}/g/gate-1/up/hello",
        f"{ROOT}/g/gate-2/up/events",
        f"{ROOT}/g/gate-10/up/events",
        f"{ROOT}/g/gate-1/down/ack",
        f"{ROOT}/g/gate-2/down/ack",
        f"{ROOT}/registry/state",
        "anything/else",
    ]
    assert await heard(broker, "registry-ingest", "#", "gate-1", topics) == topics[:2]


async def test_a_gateway_hears_what_is_meant_for_it_only(broker: Mosquitto) -> None:
    topics = [
        f"{ROOT}/g/gate-1/down/ack",
        f"{ROOT}/registry/state",
        f"{ROOT}/g/gate-2/down/ack",
        f"{ROOT}/g/gate-1/up/events",
        f"{ROOT}/live/gate-1/hall-a/arrived",
    ]
    assert await heard(broker, "gate-1", "#", "registry-ingest", topics) == topics[:2]


async def test_a_subscriber_hears_what_happens_and_says_nothing(broker: Mosquitto) -> None:
    live = [f"{ROOT}/live/gate-1/hall-a/arrived"]
    assert (
        await heard(broker, "dashboard", "#", "gate-1", [*live, f"{ROOT}/live/gate-2/a/arrived", f"{ROOT}/g/gate-1/up/events"])
        == live
    )
    assert await heard(broker, "registry-ingest", "#", "dashboard", [*live, f"{ROOT}/g/dashboard/up/events"]) == []


async def test_nobody_gets_in_without_a_password(broker: Mosquitto) -> None:
    for user, password in (("", ""), ("gate-1", ""), ("gate-1", broker.passwords["gate-2"]), ("root", "root")):
        with pytest.raises(BrokerUnavailable, match="refuses"):
            async with connect(Login("127.0.0.1", broker.port, user, password), "x"):
                pass


async def test_a_gateway_that_is_added_can_connect_to_the_running_broker(broker: Mosquitto) -> None:
    broker.add_user("gate-3", Role.GATEWAY)
    for _ in range(100):
        with contextlib.suppress(BrokerUnavailable):
            async with connect(broker.login("gate-3"), "gate-3"):
                break
        await asyncio.sleep(0.02)
    assert await heard(broker, "registry-ingest", "#", "gate-3", [f"{ROOT}/g/gate-3/up/hello"])


async def test_a_packet_beyond_the_limit_ends_the_connection_and_not_the_broker(broker: Mosquitto) -> None:
    async with connect(broker.login("gate-1"), "gate-1") as session:
        with pytest.raises(BrokerUnavailable):
            await session.publish(f"{ROOT}/g/gate-1/up/events", b"x" * 300_000)
    assert await heard(broker, "registry-ingest", "#", "gate-1", [f"{ROOT}/g/gate-1/up/events"])


async def test_whoever_fills_the_broker_loses_its_own_connection(broker: Mosquitto) -> None:
    broker.stop()
    path = broker.directory / "mosquitto.conf"
    path.write_text(path.read_text().replace(f"memory_limit {MEMORY_BYTES}", "memory_limit 33554432"))
    broker.start()
    async with connect(broker.login("registry-ingest"), "i") as ingest, connect(broker.login("gate-2"), "gate-2") as other:
        await ingest.subscribe(f"{ROOT}/g/gate-2/up/+")
        with pytest.raises(BrokerUnavailable):
            await fill(broker)
        await other.publish(f"{ROOT}/g/gate-2/up/events", b"x" * 65_536)
        assert (await anext(ingest.messages())).topic == f"{ROOT}/g/gate-2/up/events"


async def fill(broker: Mosquitto) -> None:
    async with connect(broker.login("gate-1"), "gate-1") as session:
        for n in range(1_000):
            await session.publish(f"{ROOT}/live/gate-1/{n}/seen", b"x" * 200_000, retain=True)


async def test_the_broker_remembers_nothing_over_a_restart(broker: Mosquitto) -> None:
    async with connect(broker.login("gate-1"), "gate-1") as session:
        await session.publish(f"{ROOT}/g/gate-1/up/state", b"x", retain=True)
    broker.stop()
    broker.start()
    assert await heard(broker, "registry-ingest", "#", "gate-1", []) == []
    assert {file.name for file in broker.directory.iterdir()} == {"mosquitto.conf", "passwords", "acl", "log", "mosquitto.pid"}


def test_it_listens_on_loopback_only(broker: Mosquitto) -> None:
    listening = Path("/proc/net/tcp").read_text() + Path("/proc/net/tcp6").read_text()
    ours = [
        line.split()[1] for line in listening.splitlines() if line.split()[1].endswith(f":{broker.port:04X}") and " 0A " in line
    ]
    assert ours == [f"0100007F:{broker.port:04X}"]


def test_the_files_are_for_their_owner_alone_and_replaced_whole(tmp_path: Path) -> None:
    directory = tmp_path / "with a space" / "broker"
    for count in (1, 2):
        users = [BrokerUser(f"g{n}", Role.GATEWAY, hash_password("x")) for n in range(count)]
        assert write_configuration(directory, users, 8490) == directory / "mosquitto.conf"
        assert (directory / "passwords").read_text().count("\n") == count
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert {(file.name, stat.S_IMODE(file.stat().st_mode)) for file in directory.iterdir()} == {
        ("mosquitto.conf", 0o600),
        ("passwords", 0o600),
        ("acl", 0o600),
    }


def test_an_unsafe_configuration_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(BrokerMisconfigured):
        write_configuration(tmp_path / "broker", [], bind="0.0.0.0")
    assert not (tmp_path / "broker").exists()


def test_a_broker_in_a_folder_with_a_space_starts(tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path / "a b" / "broker")
    broker.start()
    broker.stop()


def test_reloading_touches_no_process_that_is_not_the_broker(tmp_path: Path) -> None:
    assert not reload_users(tmp_path)
    with subprocess.Popen(["sleep", "60"]) as other:
        (tmp_path / "mosquitto.pid").write_text(f"{other.pid}\n")
        assert not reload_users(tmp_path)
        assert other.poll() is None
        other.kill()


def test_the_hash_is_what_mosquitto_itself_would_accept(tmp_path: Path) -> None:
    """By its own tool: a password it adds stands beside ours in one file."""
    write_configuration(tmp_path, [BrokerUser("ours", Role.GATEWAY, hash_password("x"))])
    subprocess.run(["mosquitto_passwd", "-b", str(tmp_path / "passwords"), "theirs", "y"], check=True, capture_output=True)
    ours, theirs = (line.split(":", 1)[1].split("$") for line in (tmp_path / "passwords").read_text().splitlines())
    assert ours[1] == theirs[1] == "7"
    assert [len(part) for part in ours[3:]] == [len(part) for part in theirs[3:]]


def test_a_taken_port_ends_the_broker_with_a_reason(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", free_port()))
        taken.listen()
        broker = Mosquitto(tmp_path)
        broker.port = taken.getsockname()[1]
        broker.add_user("again", Role.GATEWAY)
        ended = subprocess.run(
            ["/usr/sbin/mosquitto", "-c", str(tmp_path / "mosquitto.conf")], capture_output=True, timeout=10, check=False
        )
    assert ended.returncode != 0
    assert b"Address already in use" in ended.stderr
