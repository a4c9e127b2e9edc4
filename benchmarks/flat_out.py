"""Readings per second through the whole gateway, as fast as one serial line brings them, beside others on the same way.

    python -m benchmarks.flat_out [--reads 60000] [--pairs 5] [--peer PYTHON] [--peer-reads 10000] [--json]

Every read is told: one desk zone, fold 0, duplicate window 0. A reading counts from its frame on the pty to the far side's
confirmation, through a store with synchronous=FULL and mosquitto at QoS 1. In turns:

ours   `sightpost run`: identity, engine, outbox, status page, uplink; confirmed by the acknowledgement of a registry that answers
       at once (acker.py), so that the registry's own pace does not count.
bare   `bare_gateway.py`, 200 rows a message: it knows nothing but rows, and takes the broker's word for them; they count when a
       subscriber has them. Goal (G2): 0.35 of its rate, stretch 0.6.
peer   thingsboard-gateway, serial to its SQLite to MQTT (peer_gateway.py), where --peer names the Python of an environment that
       has it (`python -m venv peer; peer/bin/pip install thingsboard-gateway pyserial`). Goal (G1): 10 times its rate, a tenth of
       its processor time for a reading, and all readings arrive.

Of ours and of the bare one a rate counts only if every read has arrived; the peer's is of what it was given.
"""

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import tty
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from multiprocessing.synchronize import Event
from pathlib import Path

import paho.mqtt.client as paho
import psutil
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks import acker, bare_gateway, peer_gateway
from benchmarks.paced import frame, free_port, wait_for_port
from drivers.emulated_device import TagInField
from drivers.emulated_line import EmulatedPty, attached
from drivers.r2000.emulator import R2000Emulator
from gateway.simulate.processes import BIN
from sync.credentials import Credentials, write_credentials
from tests.mosquitto import Mosquitto

TAGS = 500  # all of them in each round
ROUND_S = 0.0
GATEWAY, KEY = "bench", bytes(range(32))
WITHIN_S = 120.0
BARE_BATCH = 200


@dataclass(frozen=True, slots=True)
class Run:
    said: int
    arrived: int
    per_s: int
    cpu_us: float  # of the gateway's process, for a reading that was said


def ours(folder: Path, reads: int) -> Run:
    broker, page = Mosquitto(folder, gateways=(GATEWAY,)), free_port()
    broker.start()
    login = broker.login(GATEWAY)
    write_credentials(folder / "credentials.json", Credentials(GATEWAY, "127.0.0.1", broker.port, login.password, KEY))
    (folder / "gateway.toml").write_text(_settings(folder, page, reads))
    spawn = multiprocessing.get_context("spawn")
    go = spawn.Event()
    device = spawn.Process(target=_be_the_device, args=(folder / "line", reads, go), daemon=True)
    device.start()
    outbox = folder / "data" / "outbox.db"
    try:
        _until((folder / "line").exists, "there is no line")
        with (
            acker.running(broker, GATEWAY, KEY),
            _started([BIN / "sightpost", "run", "-c", folder / "gateway.toml"], folder) as pid,
        ):
            _until(lambda: _answers(f"http://127.0.0.1:{page}/readyz"), "the gateway does not deliver")
            return _measured(pid, reads, go.set, lambda: _acked(outbox))
    finally:
        device.terminate()
        device.join()
        broker.stop()


def _be_the_device(line: Path, reads: int, go: Event) -> None:
    """A process of its own: a reader that hears nothing until `go`, and then so many tags, as fast as its frames are taken."""
    tags = [TagInField(bytes.fromhex(f"e2801160{number:016x}"), -50) for number in range(TAGS)]
    said = 0

    def field(_antenna: int) -> list[TagInField]:
        nonlocal said
        if said >= reads or not go.is_set():
            return []
        said += TAGS
        return tags

    async def stand_there() -> None:
        async with attached(R2000Emulator(field, ports=1, round_s=ROUND_S, boot_s=0.0), EmulatedPty(line, baudrate=None)):
            await asyncio.Event().wait()

    asyncio.run(stand_there())


def bare(folder: Path, reads: int) -> Run:
    master, slave = os.openpty()
    tty.setraw(slave)
    database = folder / "bare.db"
    try:
        with _open_broker(folder) as port, _counting(port) as arrived:
            words = [sys.executable, "-m", "benchmarks.bare_gateway", "--batch", BARE_BATCH, database, port, os.ttyname(slave)]
            with _started(words, folder) as pid:
                _until(database.with_suffix(".ready").exists, "the bare gateway does not start")
                saying = threading.Thread(target=_say, args=(master, reads))
                run = _measured(pid, reads, saying.start, arrived)
                saying.join()
                return run
    finally:
        os.close(master)
        os.close(slave)


def _say(line: int, reads: int) -> None:
    left = memoryview(b"".join(frame(number % TAGS) for number in range(reads)))
    while left:
        left = left[os.write(line, left[:4000]) :]


def peer(folder: Path, reads: int, python: Path) -> Run:
    with _open_broker(folder) as port:
        said = peer_gateway.measured(folder, port, python, reads)
    return Run(reads, said.arrived, round(reads / said.took_s), round(said.cpu_s / reads * 1e6, 1))


@contextlib.contextmanager
def _open_broker(folder: Path) -> Iterator[int]:
    port = free_port()
    (folder / "mosquitto.conf").write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\nmax_inflight_messages 0\npersistence false\n"
    )
    with _started(["mosquitto", "-c", folder / "mosquitto.conf"], folder):
        wait_for_port(port)
        yield port


@contextlib.contextmanager
def _started(words: Sequence[object], folder: Path) -> Iterator[int]:
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen([str(word) for word in words], cwd=Path(__file__).parents[1], stdout=log, stderr=log)
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait()


def _measured(pid: int, reads: int, go: Callable[[], None], arrived: Callable[[], int]) -> Run:
    process = psutil.Process(pid)
    before, began = process.cpu_times(), time.perf_counter()
    go()
    _until(lambda: arrived() >= reads, f"of {reads} reads not all arrived: no rate counts")
    took_s, after = time.perf_counter() - began, process.cpu_times()
    time.sleep(0.5)
    if (last := arrived()) != reads:
        raise SystemExit(f"{reads} reads were said, and {last} arrived: no rate counts")
    cpu_s = after.user + after.system - before.user - before.system
    return Run(reads, last, round(reads / took_s), round(cpu_s / reads * 1e6, 1))


def _until(done: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not done():
        if time.monotonic() > deadline:
            raise SystemExit(otherwise)
        time.sleep(0.02)


def _acked(outbox: Path) -> int:
    with contextlib.closing(sqlite3.connect(f"file:{outbox}?mode=ro", uri=True, timeout=20)) as db:
        (acked,) = db.execute("SELECT acked FROM cursor").fetchone()
        return int(acked)


@contextlib.contextmanager
def _counting(port: int) -> Iterator[Callable[[], int]]:
    """Hear what the bare gateway tells, and give the number of its rows."""
    rows = [0]

    def count(_client: object, _data: object, message: paho.MQTTMessage) -> None:
        rows[0] += message.payload.count(b'"tag"')

    client = paho.Client(CallbackAPIVersion.VERSION2, "far-side")
    client.on_message = count
    client.connect("127.0.0.1", port)
    client.subscribe(bare_gateway.TOPIC, 1)
    client.loop_start()
    try:
        yield lambda: rows[0]
    finally:
        client.disconnect()
        client.loop_stop()


def _answers(url: str) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=2):
        return True
    return False


def _settings(folder: Path, page: int, reads: int) -> str:
    return f"""
[gateway]
site = "bench"
data_dir = {json.dumps(str(folder / "data"))}
queue_reads = {max(reads, 1000)}
[status]
port = {page}
[registry]
credentials = {json.dumps(str(folder / "credentials.json"))}
[[readers]]
name = "desk"
driver = "r2000"
url = {json.dumps(str(folder / "line"))}
options = {{ antennas = [1] }}
[[zones]]
name = "desk"
kind = "desk"
read_points = ["desk:1"]
rules = {{ fold_s = 0, duplicate_s = 0, lost_min_s = 600, lost_max_s = 600 }}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reads", type=int, default=60_000, help="a multiple of 500")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--peer", type=Path, help="the Python of an environment with thingsboard-gateway")
    parser.add_argument("--peer-reads", type=int, default=10_000)
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args()
    runs: list[dict[str, Run]] = []
    for _ in range(wanted.pairs):
        turn = {"ours": _in_folder(ours, wanted.reads), "bare": _in_folder(bare, wanted.reads)}
        if wanted.peer:
            turn["peer"] = _in_folder(lambda folder, reads: peer(folder, reads, wanted.peer), wanted.peer_reads)
        runs.append(turn)
        if not wanted.json:
            for name, run in turn.items():
                words = "  ".join(f"{figure} {value:,}" for figure, value in asdict(run).items())
                print(f"{name:<6} {words}  (load {os.getloadavg()[0]:.1f})", flush=True)
    found: dict[str, float] = {"of the bare gateway's rate": _ratio(runs, "bare", lambda run: run.per_s)}
    if wanted.peer:
        found["times the peer's rate"] = _ratio(runs, "peer", lambda run: run.per_s)
        found["of the peer's processor time"] = _ratio(runs, "peer", lambda run: run.cpu_us)
        found["of its readings the peer's arrived"] = round(
            statistics.median(t["peer"].arrived / t["peer"].said for t in runs), 3
        )
    if wanted.json:
        print(json.dumps({"found": found, "runs": [{name: asdict(run) for name, run in turn.items()} for turn in runs]}))
    else:
        print("\n".join(f"{value:<8} {what}" for what, value in found.items()))


def _in_folder(work: Callable[[Path, int], Run], reads: int) -> Run:
    with tempfile.TemporaryDirectory(prefix="sightpost-flat-") as folder:
        return work(Path(folder), reads)


def _ratio(runs: list[dict[str, Run]], beside: str, figure: Callable[[Run], float]) -> float:
    return round(statistics.median(figure(turn["ours"]) / figure(turn[beside]) for turn in runs), 3)


if __name__ == "__main__":
    main()
