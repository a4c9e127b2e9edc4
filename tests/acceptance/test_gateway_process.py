"""The gateway as a process: what systemd and a person at a shell see of it."""

import asyncio
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from drivers.emulated_device import TagInField
from drivers.emulated_line import EmulatedPty, attached
from drivers.r2000.emulator import R2000Emulator
from gateway.problems import read
from tests.gateway_plant import epc, free_port, stored

SIGHTPOST = str(Path(sys.executable).with_name("sightpost"))
NOT_NEEDED = {"typer", "rich", "biip", "cryptography", "cv2", "numpy", "zxingcpp", "pyzbar", "django", "httpx"}


def write_settings(folder: Path, reader_url: str, more: str = "") -> tuple[Path, str]:
    """Return the file and the address of the status page."""
    port = free_port()
    path = folder / "gateway.toml"
    path.write_text(
        f'[gateway]\nsite = "test"\ndata_dir = "data"\n[status]\nport = {port}\n{more}\n'
        f'[[readers]]\nname = "dock"\ndriver = "r2000"\nurl = {json.dumps(reader_url)}\n'
        '[[zones]]\nname = "hall"\nkind = "desk"\nread_points = ["dock:1"]\n'
    )
    return path, f"http://127.0.0.1:{port}"


def asked(address: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{address}/status.json", timeout=5) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


async def up(address: str, process: subprocess.Popen[str], last: int = 0) -> dict[str, Any]:
    """Return the status once the gateway answers and has stored so many rows."""
    deadline = time.monotonic() + 20
    while True:
        assert process.poll() is None, process.stderr.read() if process.stderr else ""
        with contextlib.suppress(OSError):
            now = await asyncio.to_thread(asked, address)
            if now["outbox"]["last"] >= last:
                return now
        assert time.monotonic() < deadline, "it does not come up"
        await asyncio.sleep(0.05)


@contextlib.contextmanager
def gateway(config: Path, *python: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [*((sys.executable, *python) if python else ()), SIGHTPOST, "run", "-c", str(config)],
        stderr=subprocess.PIPE, text=True, env={**os.environ, **environment},
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.kill()


@contextlib.asynccontextmanager
async def new_tags_for_ever(path: Path, per_round: int = 2) -> AsyncIterator[EmulatedPty]:
    """A reader before which new tags turn up in every round."""
    seen = 0

    def field(antenna: int) -> list[TagInField]:
        nonlocal seen
        seen += per_round
        return [TagInField(epc(number), -50) for number in range(seen, seen + per_round)]

    line = EmulatedPty(path)
    async with attached(R2000Emulator(field, boot_s=0.0), line):
        yield line


async def test_sigterm_with_an_open_stream_ends_in_order_and_soon(tmp_path: Path) -> None:
    async with new_tags_for_ever(tmp_path / "dock") as line:
        config, address = write_settings(tmp_path, line.url)
        with gateway(config) as process:
            await up(address, process, last=10)
            with await asyncio.to_thread(urllib.request.urlopen, f"{address}/stream", timeout=10) as stream:
                assert await asyncio.to_thread(stream.readline)
                before = (await asyncio.to_thread(asked, address))["outbox"]["last"]
                began = time.monotonic()
                process.terminate()
                assert await asyncio.to_thread(process.wait, 10) == 0
                assert time.monotonic() - began < 5
            assert process.stderr is not None
            assert "stopped" in process.stderr.read()
    settings = read(config).settings
    assert settings is not None
    assert len(stored(settings)) >= before


async def test_systemd_hears_when_it_is_ready_alive_and_stopping(tmp_path: Path) -> None:
    config, _ = write_settings(tmp_path, str(tmp_path / "nothing-here"))
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address)
        manager.settimeout(20)
        with gateway(config, NOTIFY_SOCKET=address, WATCHDOG_USEC="1500000") as process:
            assert (await asyncio.to_thread(manager.recv, 500)).startswith(b"READY=1\nSTATUS=")
            assert await asyncio.to_thread(manager.recv, 500) == b"WATCHDOG=1"
            assert b"The reader is down (dock)" in await asyncio.to_thread(manager.recv, 500)
            process.send_signal(signal.SIGINT)
            while b"STOPPING=1" not in await asyncio.to_thread(manager.recv, 500):
                pass
            assert await asyncio.to_thread(process.wait, 10) == 0


async def test_what_it_called_stored_survives_kill_9(tmp_path: Path) -> None:
    """Three times in a run. What the status page had called stored is there with its number and its id, and nothing twice."""
    async with new_tags_for_ever(tmp_path / "dock") as line:
        config, address = write_settings(tmp_path, line.url)
        settings = read(config).settings
        assert settings is not None
        confirmed = 0
        known: list[str] = []
        for kill in range(3):
            with gateway(config) as process:
                confirmed = (await up(address, process, last=confirmed + 30 + 7 * kill))["outbox"]["last"]
                process.kill()
                await asyncio.to_thread(process.wait, 10)
            events = [event.identity for event in stored(settings)]  # checks that the numbers have no hole
            assert len(events) >= confirmed
            assert events[: len(known)] == known
            known = events
    assert len(known) == len(set(known)), "a tag arrived twice"


async def test_the_daemon_carries_no_library_it_does_not_need(tmp_path: Path) -> None:
    async with new_tags_for_ever(tmp_path / "dock") as line:
        config, address = write_settings(tmp_path, line.url)
        with gateway(config, "-X", "importtime") as process:
            said: list[str] = []
            reading = asyncio.create_task(asyncio.to_thread(lambda: said.extend(process.stderr or ())))
            await up(address, process, last=10)
            process.terminate()
            await reading
    imported = {match[1].partition(".")[0] for line in said if (match := re.match(r"import time:.*\|\s+(\S+)$", line))}
    assert {"asyncio", "gateway", "paho"} <= imported
    assert imported & NOT_NEEDED == set()


def test_broken_settings_name_every_problem_and_exit_with_2(tmp_path: Path) -> None:
    broken = Path(__file__).parents[1] / "data/gateway/broken.toml"
    expected = broken.with_suffix(".txt").read_text()
    run = subprocess.run([SIGHTPOST, "run", "-c", str(broken)], capture_output=True, text=True, timeout=30, check=False)
    assert run.returncode == 2
    assert run.stderr.endswith(expected)
    check = subprocess.run([SIGHTPOST, "check", "-c", str(broken)], capture_output=True, text=True, timeout=30, check=False)
    assert check.returncode == 2
    assert check.stdout.startswith(expected)


async def test_under_systemd_the_problems_stand_on_the_page_until_the_file_changes(tmp_path: Path) -> None:
    config, address = write_settings(tmp_path, "/dev/ttyUSB0", more="<script> = 1\n".replace("<script>", '"<script>"'))
    notify = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(notify)
        manager.settimeout(20)
        with gateway(config, NOTIFY_SOCKET=notify) as process:
            assert await asyncio.to_thread(manager.recv, 500) == b"READY=1\nSTATUS=Not running: 2 problems in gateway.toml"
            with pytest.raises(urllib.error.HTTPError) as answer:
                await asyncio.to_thread(urllib.request.urlopen, address, timeout=5)
            with answer.value:
                assert answer.value.code == 503
                page = answer.value.read().decode()
            assert "/dev/ttyUSB0 may be another device after a reboot; use its /dev/serial/by-id/ name" in page
            assert "&lt;script&gt;" in page
            config.write_text(config.read_text().replace("/dev/ttyUSB0", "/dev/x"))
            assert await asyncio.to_thread(process.wait, 10) == 2


def test_a_taken_port_is_a_sentence_and_exit_code_2(tmp_path: Path) -> None:
    config, address = write_settings(tmp_path, "/dev/x")
    with socket.create_server(("127.0.0.1", int(address.rpartition(":")[2]))):
        run = subprocess.run([SIGHTPOST, "run", "-c", str(config)], capture_output=True, text=True, timeout=30, check=False)
    assert run.returncode == 2
    assert "is taken by another program" in run.stderr
    assert "Traceback" not in run.stderr


def test_a_data_folder_that_cannot_be_made_is_a_sentence_and_exit_code_1(tmp_path: Path) -> None:
    config, _ = write_settings(tmp_path, "/dev/x")
    config.write_text(config.read_text().replace('"data"', '"/proc/nowhere"'))
    run = subprocess.run([SIGHTPOST, "run", "-c", str(config)], capture_output=True, text=True, timeout=30, check=False)
    assert run.returncode == 1
    assert "the outbox /proc/nowhere/outbox.db cannot be opened" in run.stderr
    assert "Traceback" not in run.stderr


def sightpost(*words: str, code: int = 0) -> str:
    run = subprocess.run([SIGHTPOST, *words], capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == code, run.stdout + run.stderr
    assert "Traceback" not in run.stderr
    return run.stdout


@pytest.mark.parametrize("command", ["run", "check", "readers", "status", "tail", "outbox"])
def test_every_command_explains_itself(command: str) -> None:
    assert f"sightpost {command}" in sightpost(command, "--help")


def test_check_says_that_all_is_good_also_to_programs(tmp_path: Path) -> None:
    config, _ = write_settings(tmp_path, "/dev/x")
    assert sightpost("check", "-c", str(config)) == "Good: 1 reader, 1 zone, 0 doors.\n"
    assert json.loads(sightpost("check", "-c", str(config), "--json")) == {"ok": True, "problems": [], "warnings": []}


def test_check_names_what_the_drivers_refuse(tmp_path: Path) -> None:
    config, _ = write_settings(tmp_path, "/dev/x")
    config.write_text(config.read_text().replace('url = "/dev/x"', 'url = "/dev/x"\noptions = { powr_dbm = 30, antennas = [0] }'))
    said = json.loads(sightpost("check", "-c", str(config), "--json", code=2))
    assert [problem["key"] for problem in said["problems"]] == [
        "readers.dock.options.powr_dbm",
        "readers.dock.options.antennas[0]",
    ]
    assert "did you mean 'power_dbm'" in said["problems"][0]["text"]


def test_check_asks_the_drivers_also_when_other_things_are_wrong(tmp_path: Path) -> None:
    config, _ = write_settings(tmp_path, "/dev/x")
    broken = config.read_text().replace('driver = "r2000"', 'driver = "r2001"') + "\n[statuss]\n"
    config.write_text(broken + '\n[[readers]]\nname = "odd"\ndriver = 7\nurl = "/dev/y"\n')
    said = json.loads(sightpost("check", "-c", str(config), "--json", code=2))
    told = {problem["key"]: problem["text"] for problem in said["problems"]}
    assert {"statuss", "readers.odd.driver", "readers.dock"} <= set(told)
    assert told["readers.dock"] == "driver 'r2001' is not known; did you mean r2000?"


def test_readers_lists_drivers(tmp_path: Path) -> None:
    assert json.loads(sightpost("readers", "--json"))["drivers"] == ["camera", "m100", "r2000"]


async def test_one_reader_can_be_tried_by_itself(tmp_path: Path) -> None:
    async with new_tags_for_ever(tmp_path / "dock") as line:
        config, _ = write_settings(tmp_path, line.url)
        words = ("readers", "test", "dock", "-c", str(config), "--seconds", "1", "--json")
        said = [json.loads(row) for row in (await asyncio.to_thread(sightpost, *words)).splitlines()]
    assert {"connected", "read", "reads"} <= {row["what"] for row in said}
    assert "no such device" in sightpost("readers", "test", "dock", "-c", str(config), code=1)
    assert "No reader is called 'dok'" in sightpost("readers", "test", "dok", "-c", str(config), code=2)


async def test_status_tail_and_outbox_speak_of_the_running_gateway(tmp_path: Path) -> None:
    async with new_tags_for_ever(tmp_path / "dock") as line:
        config, address = write_settings(tmp_path, line.url)
        assert "No gateway answers" in await asyncio.to_thread(lambda: sightpost("status", "-c", str(config), code=1))
        assert "There is no outbox yet" in await asyncio.to_thread(lambda: sightpost("outbox", "stat", "-c", str(config), code=1))
        with gateway(config) as process:
            await up(address, process, last=10)
            assert psutil.Process(process.pid).memory_info().rss <= 55 * 2**20
            said = await asyncio.to_thread(lambda: sightpost("status", "-c", str(config), code=1))
            assert said.startswith("Not delivering, no registry credentials: ")
            rows = (await asyncio.to_thread(sightpost, "tail", "-c", str(config), "--json")).splitlines()
            assert json.loads(rows[-1])["read_point"] == "dock:1"
            stat = json.loads(await asyncio.to_thread(sightpost, "outbox", "stat", "-c", str(config), "--json"))
            assert stat["last"] >= 10
            process.terminate()
            assert await asyncio.to_thread(process.wait, 10) == 0
