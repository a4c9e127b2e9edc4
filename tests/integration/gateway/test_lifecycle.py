"""What systemd hears, and that children neither outlive us nor see what is ours."""

import asyncio
import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from gateway.child import keep_child
from gateway.lifecycle import Systemd, Watch, advanced, stop_on_signals
from host.children import cleaned


def wait_for(condition: Callable[[], bool], within_s: float = 10.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


@contextlib.contextmanager
def notify_socket(address: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0" + address[1:] if address.startswith("@") else address)
        manager.settimeout(5)
        yield manager


@pytest.mark.parametrize("kind", ["path", "abstract"])
def test_systemd_hears_ready_status_and_stopping(kind: str, tmp_path: Path) -> None:
    address = str(tmp_path / "notify") if kind == "path" else f"@sightpost-test-{os.getpid()}"
    with notify_socket(address) as manager:
        systemd = Systemd.of({"NOTIFY_SOCKET": address}, pid=1)
        systemd.ready("two\nlines")
        systemd.stopping()
        assert manager.recv(200) == b"READY=1\nSTATUS=two lines"
        assert manager.recv(200) == b"STOPPING=1\nSTATUS=stopping"


def test_without_systemd_nothing_happens_and_a_lost_socket_is_no_reason_to_stop(tmp_path: Path) -> None:
    Systemd.of({}, pid=1).ready("fine")
    Systemd.of({"NOTIFY_SOCKET": str(tmp_path / "gone")}, pid=1).feed_watchdog()


@pytest.mark.parametrize(
    ("environment", "watchdog_s"),
    [
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "7"}, 30.0),
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "8"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_is_for_the_process_it_names(environment: dict[str, str], watchdog_s: float | None) -> None:
    assert Systemd.of(environment, pid=7).watchdog_s == watchdog_s


async def test_the_watchdog_is_fed_only_while_every_part_makes_progress(tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    counts = {"loop": 0, "writer": 0}
    rounds = 0

    async def sleep(seconds: float) -> None:
        nonlocal rounds
        assert seconds == pytest.approx(10.0)
        rounds += 1
        counts["loop"] += 1
        counts["writer"] += rounds <= 2  # stands still from the third round on
        if rounds == 4:
            raise asyncio.CancelledError

    parts = {"loop": advanced(lambda: counts["loop"]), "writer": advanced(lambda: counts["writer"])}
    with notify_socket(address) as manager:
        systemd = Systemd(address, watchdog_s=30.0)
        watch = Watch(systemd, parts, sleep=sleep)
        with pytest.raises(asyncio.CancelledError):
            await watch.run(lambda: "Working.")
        heard = [manager.recv(200) for _ in range(5)]
    assert heard == [b"WATCHDOG=1", b"STATUS=Working."] * 2 + [b"STATUS=no progress for 10 s: writer"]
    assert watch.stuck == "no progress for 10 s: writer"


async def test_a_part_that_does_not_answer_is_stuck(tmp_path: Path) -> None:
    async def never() -> bool:
        await asyncio.Event().wait()
        return True

    address = str(tmp_path / "notify")
    with notify_socket(address) as manager:
        watching = asyncio.create_task(Watch(Systemd(address, watchdog_s=0.06), {"writer": never}).run(str))
        assert await asyncio.to_thread(manager.recv, 200) == b"STATUS=no progress for 0 s: writer"
        watching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await watching


async def test_sigterm_asks_to_stop() -> None:
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    stop = asyncio.Event()
    try:
        stop_on_signals(stop)
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(stop.wait(), 5)
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def test_a_child_sees_nothing_that_is_ours() -> None:
    ours = {"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "1", "WATCHDOG_PID": "1", "CREDENTIALS_DIRECTORY": "/c", "PATH": "/bin"}
    assert cleaned(ours) == {"PATH": "/bin"}


async def test_a_child_that_ends_is_started_again_and_stopped_when_we_stop(tmp_path: Path) -> None:
    starts = tmp_path / "starts"
    script = f"echo $$ >> {starts}; [ $(wc -l < {starts}) -lt 3 ] || exec sleep 60"

    async def at_once(seconds: float) -> None:
        await asyncio.sleep(0)

    task = asyncio.create_task(keep_child("child", ["/bin/sh", "-c", script], rng=random.Random(1), sleep=at_once))
    await asyncio.to_thread(wait_for, lambda: starts.exists() and len(starts.read_text().split()) == 3)
    last = int(starts.read_text().split()[-1])
    assert psutil.pid_exists(last)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not psutil.pid_exists(last)


def test_a_child_dies_when_its_parent_is_killed(tmp_path: Path) -> None:
    code = (
        "import asyncio, random\n"
        "from gateway.child import keep_child\n"
        f"asyncio.run(keep_child('c', ['/bin/sh', '-c', 'echo $$ > {tmp_path}/pid; exec sleep 60'], rng=random.Random(1)))\n"
    )
    with subprocess.Popen([sys.executable, "-c", code]) as parent:
        wait_for(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().strip() != "")
        child = psutil.Process(int((tmp_path / "pid").read_text()))
        parent.kill()
        parent.wait()
        child.wait(5)
        assert not child.is_running()
