"""`up` as the service manager sees it: ready, restarts, an end in good order, and nobody left behind."""

import json
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from registry.exits import PERSON, SETTINGS
from tests.registry_process import RegistryHome, children_of, registry_home, wait_for

pytestmark = pytest.mark.timeout(180)  # several processes are started one after the other


def get(url: str, **more: Any) -> httpx.Response:
    return httpx.get(url, timeout=30, **more)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[RegistryHome]:
    with registry_home(tmp_path, migrated=True) as home:
        yield home


@pytest.fixture
def before_its_first_start(tmp_path: Path) -> Iterator[RegistryHome]:
    with registry_home(tmp_path) as home:
        yield home


def test_it_is_ready_heals_and_ends_in_good_order(home: RegistryHome) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(home.folder / "notify"))
        manager.settimeout(90)
        home.environment["NOTIFY_SOCKET"] = str(home.folder / "notify")
        with home.running("up") as up:
            assert manager.recv(500).startswith(b"READY=1\nSTATUS=ready at http://127.0.0.1:")
            children = children_of(up.pid)
            assert set(children) == {"broker", "serve", "ingest", "work"}
            assert all("NOTIFY_SOCKET" not in child.environ() for child in children.values())
            web = f"http://127.0.0.1:{home.web_port}"
            assert get(f"{web}/healthz").text == "ok\n"
            wait_for(lambda: get(f"{web}/readyz").json()["checks"]["work"] == "ok")
            well = {"database": "ok", "ingest": "ok", "work": "ok"}
            assert get(f"{web}/readyz").json() == {"ready": True, "checks": well}
            figures = get(f"{web}/metrics").text
            assert 'sightpost_registry_ingest_connected{worker="1"} 1.0' in figures
            assert get(f"{web}/healthz", headers={"Host": "evil.example"}).status_code == 400
            idle = socket.create_connection(("127.0.0.1", home.web_port))  # somebody who never goes away

            for name in ("broker", "ingest", "work"):
                children[name].kill()
            wait_for(lambda: get(f"{web}/readyz").status_code == 503 or children_of(up.pid).keys() >= {"broker", "ingest"})
            wait_for(
                lambda: children_of(up.pid).keys() >= {"broker", "ingest", "work"} and get(f"{web}/readyz").status_code == 200
            )

            family = list(children_of(up.pid).values())
            up.send_signal(signal.SIGTERM)
            assert manager.recv(500) == b"STOPPING=1"
            assert up.wait(30) == 0
            idle.close()
            assert not any(child.is_running() for child in family)
    assert "Traceback" not in home.log()


def test_nobody_is_left_behind_when_it_is_killed(home: RegistryHome) -> None:
    with home.running("up") as up:
        wait_for(lambda: len(children_of(up.pid).keys() & {"broker", "serve", "ingest"}) == 3)
        family = list(children_of(up.pid).values())
        up.kill()
        up.wait()
        psutil.wait_procs(family, timeout=30)
        assert not any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in family)


def test_a_taken_port_ends_it_with_a_sentence(home: RegistryHome) -> None:
    with taken(home.web_port):
        said = home.run("up", status=PERSON)
    assert f"Port {home.web_port} of 127.0.0.1 is taken by another program" in said
    assert "under [web] in registry.toml" in said
    assert "Traceback" not in said


def test_the_brokers_port_taken_and_mosquitto_missing_are_sentences(home: RegistryHome) -> None:
    with taken(home.broker_port):
        [(_, _), (status, said)] = home.batch("migrate", "broker")
    assert status == PERSON
    assert "under [broker] in registry.toml" in said
    home.environment["SIGHTPOST_REGISTRY_BROKER__MOSQUITTO"] = "mosquitto-of-tomorrow"
    [(status, said), (checked, problems)] = home.batch("broker", "check")
    assert (status, checked) == (PERSON, PERSON)
    assert said.startswith("The MQTT broker mosquitto-of-tomorrow is not installed; install it")
    assert problems == said


def test_wrong_settings_are_sentences_before_anything_starts(tmp_path: Path) -> None:
    with registry_home(tmp_path, web='prot = 1\nhost = "0.0.0.0"') as home:
        said = home.run("up", status=SETTINGS)
    assert "registry.toml: web.prot: unknown key; did you mean 'port'?" in said
    assert "registry.toml: web.host: '0.0.0.0' is not a loopback address" in said
    assert len(said.splitlines()) == 2


def test_the_commands_of_a_day(before_its_first_start: RegistryHome) -> None:
    home = before_its_first_start
    (home.folder / "bad.csv").write_text("asset_no,name,kind\n1,,physical\n2,A,spaceship\n")
    (home.folder / "good.csv").write_text("asset_no,name,home_location\n7,Drill,Hamburg/Hall A\n")
    told = dict(
        zip(
            commands := [
                "gateways list",
                "migrate",
                "check",
                "gateways add hamburg",
                "gateways add hamburg --local",
                "gateways add hamburg --local --name again",
                "gateways renew hamburg --local",
                "gateways revoke hamburg",
                "gateways list --json",
                "tokens add erp --write --days 30",
                "tokens list --json",
                "tokens revoke erp",
                "tokens revoke nobody",
                "createadmin",
                f"import {home.folder / 'bad.csv'}",
                f"import {home.folder / 'good.csv'} --create-places --confirm --json",
                f"import {home.folder / 'missing.csv'}",
            ],
            home.batch(*commands),
            strict=True,
        )
    )
    status, said = told["gateways list"]
    assert status == PERSON
    assert "did `sightpost-registry migrate` run?" in said
    assert told["migrate"] == (0, "")
    assert told["check"] == (0, "All is well.\n")
    assert told["gateways add hamburg"][0] == PERSON
    assert "the broker listens on this machine only: open it first" in told["gateways add hamburg"][1]
    assert told["gateways add hamburg --local"] == (0, f"{home.data / 'hamburg.credentials.json'}\n")
    assert told["gateways add hamburg --local --name again"][0] == PERSON
    assert told["gateways renew hamburg --local"][0] == 0
    assert told["gateways revoke hamburg"] == (0, "hamburg is revoked.\n")
    assert "hamburg:" not in (home.data / "broker" / "passwords").read_text()
    assert [g["state"] for g in json.loads(told["gateways list --json"][1])] == ["revoked"]
    assert told["tokens add erp --write --days 30"][1].startswith("spt_")
    [token] = json.loads(told["tokens list --json"][1])
    assert (token["name"], token["scope"], token["last_used"]) == ("erp", "write", None)
    assert told["tokens revoke erp"][0] == 0
    assert told["tokens revoke nobody"] == (PERSON, "there is no token named 'nobody'\n")
    assert told["createadmin"][1].startswith("admin: one-time password ")
    status, said = told[f"import {home.folder / 'bad.csv'}"]
    assert (status, said.splitlines()[-1]) == (PERSON, "0 new, 0 changed, 0 as they are, 2 with errors. Nothing is written.")
    assert json.loads(told[f"import {home.folder / 'good.csv'} --create-places --confirm --json"][1])["written"] == 1
    assert told[f"import {home.folder / 'missing.csv'}"] == (
        PERSON,
        f"{home.folder / 'missing.csv'}: No such file or directory\n",
    )
    assert not any("Traceback" in said for _, said in told.values())
    assert home.data.stat().st_mode & 0o777 == 0o700
    readable = [
        p for p in home.data.rglob("*") if p.is_file() and p.stat().st_mode & 0o077 and not p.name.endswith(("-wal", "-shm"))
    ]
    assert not readable


@contextmanager
def taken(port: int) -> Iterator[None]:
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        yield
