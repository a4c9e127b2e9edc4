"""How long a read takes: from its frame on the serial line to the committed row (synchronous=FULL), and to the registry's ack.

    python benchmarks/latency.py [--seconds 20] [--registry] [--json]

The whole gateway runs as in `sightpost run`; its r2000 reader hangs on a pty, with the device in a process of its own at 115200
baud. A desk zone tells every read (confirm 1, fold 0, duplicate window 0), 500 a second. A read is stamped when its bytes arrive,
its commit when `append` has returned, its ack when the uplink has taken it. fsync is measured in the same folder before and
after. With --registry a real `sightpost-registry up` runs beside.

Goals: commit p95 <= commit interval + 2 x fsync p95 + 10 ms, p99 <= 10 ms more; ack p95 <= the first + one round trip + 60 ms.
"""

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from unittest.mock import patch

from drivers.emulated_device import TagInField
from drivers.emulated_line import EmulatedPty, attached
from drivers.r2000.emulator import R2000Emulator
from gateway import app
from gateway.problems import read
from sync.outbox import Acknowledged, Outbox
from sync.wire import Ack, LocationEvent

COMMIT_INTERVAL_MS = 20
TAGS_PER_ROUND = 10
ROUND_S = 0.0155  # with the time their bytes take on the line, 500 reads a second
WARM_UP_S = 2.0
BIN = Path(sys.executable).parent


class TimedOutbox(Outbox):
    """The outbox, with a note of when each seq was read, committed and acknowledged; wall clock, ms."""

    read_ms: list[float] = []  # index = seq - 1
    committed_ms: list[float] = []
    acked: list[tuple[int, float]] = []  # (through, when), rising

    def append(self, events: Sequence[LocationEvent], state: Mapping[str, bytes | None] | None = None) -> int:
        newest = super().append(events, state)
        now_ms = time.time() * 1000
        self.read_ms.extend(_ms(event.decided_at) for event in events)
        self.committed_ms.extend(now_ms for _ in events)
        return newest

    def acknowledge(self, ack: Ack, *, nonce: str | None) -> Acknowledged:
        done = super().acknowledge(ack, nonce=nonce)
        if not self.acked or done.acked > self.acked[-1][0]:
            self.acked.append((done.acked, time.time() * 1000))
        return done


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--registry", action="store_true", help="deliver to a real registry and measure its ack too")
    parser.add_argument("--json", action="store_true")
    words = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sightpost-latency-") as name, patch.object(app, "Outbox", TimedOutbox):
        folder = Path(name)
        with registry(folder) if words.registry else contextlib.nullcontext() as credentials:
            figures = measure(folder, words.seconds, credentials)
    if words.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:<24} {value:>10.2f}" if isinstance(value, float) else f"{name:<24} {value:>10}")


def measure(folder: Path, seconds: float, credentials: Path | None) -> dict[str, object]:
    fsyncs_ms = fsync_times_ms(folder)
    device = multiprocessing.get_context("spawn").Process(target=be_the_device, args=(folder / "line",), daemon=True)
    device.start()
    try:
        began, rtt_ms = asyncio.run(run_gateway(folder, credentials, seconds))
    finally:
        device.terminate()
        device.join()
    return verdict(fsyncs_ms + fsync_times_ms(folder), began, seconds, rtt_ms)


async def run_gateway(folder: Path, credentials: Path | None, seconds: float) -> tuple[int, float | None]:
    """Return the first seq that counts, and the round trip to the registry."""
    config = folder / "gateway.toml"
    config.write_text(settings(folder, credentials or folder / "none.json"))
    reading = read(config)
    assert reading.settings is not None, reading.problems
    stop, ready = asyncio.Event(), asyncio.get_running_loop().create_future()
    task = asyncio.create_task(app.run(reading.settings, stop, ready=ready.set_result))
    running: app.Running = await ready
    try:
        async with asyncio.timeout(30):
            while not TimedOutbox.committed_ms or (credentials and not TimedOutbox.acked):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        await asyncio.sleep(WARM_UP_S)
        began = len(TimedOutbox.committed_ms)
        await asyncio.sleep(seconds)
        broker = next(hop for hop in running.snapshot().hops if hop.name == "broker")
        return began, float(broker.rate.split()[0]) if broker.rate else None
    finally:
        stop.set()
        await task


def verdict(fsyncs_ms: list[float], began: int, seconds: float, rtt_ms: float | None) -> dict[str, object]:
    read_ms, committed_ms = TimedOutbox.read_ms[began:], TimedOutbox.committed_ms[began:]
    commits_ms = [committed - read for read, committed in zip(read_ms, committed_ms, strict=True)]
    fsync_p95 = percentile(fsyncs_ms, 95)
    goal = COMMIT_INTERVAL_MS + 2 * fsync_p95 + 10
    figures: dict[str, object] = {
        "reads_per_s": len(read_ms) / seconds,
        "fsync_p50_ms": percentile(fsyncs_ms, 50),
        "fsync_p95_ms": fsync_p95,
        "commit_p50_ms": percentile(commits_ms, 50),
        "commit_p95_ms": percentile(commits_ms, 95),
        "commit_p99_ms": percentile(commits_ms, 99),
        "commit_goal_p95_ms": goal,
        "commit_goal_p99_ms": goal + 10,
        "commit_ok": percentile(commits_ms, 95) <= goal and percentile(commits_ms, 99) <= goal + 10,
    }
    if TimedOutbox.acked and rtt_ms is not None:
        throughs = [through for through, _ in TimedOutbox.acked]
        acks_ms = []
        for index, read_at in enumerate(read_ms):
            place = bisect_left(throughs, began + index + 1)
            if place < len(throughs):
                acks_ms.append(TimedOutbox.acked[place][1] - read_at)
        figures |= {
            "acked": len(acks_ms),
            "round_trip_ms": rtt_ms,
            "ack_p50_ms": percentile(acks_ms, 50),
            "ack_p95_ms": percentile(acks_ms, 95),
            "ack_p99_ms": percentile(acks_ms, 99),
            "ack_goal_p95_ms": goal + rtt_ms + 60,
            "ack_ok": percentile(acks_ms, 95) <= goal + rtt_ms + 60,
        }
    return figures


def be_the_device(line: Path) -> None:
    """A process of its own: an r2000 with the same ten tags in every round."""
    tags = [TagInField(bytes.fromhex(f"e2801160{number:016x}"), -50) for number in range(TAGS_PER_ROUND)]

    async def stand_there() -> None:
        async with attached(R2000Emulator(lambda antenna: tags, round_s=ROUND_S, boot_s=0.0), EmulatedPty(line)):
            await asyncio.Event().wait()

    asyncio.run(stand_there())


@contextlib.contextmanager
def registry(folder: Path) -> Iterator[Path]:
    """Run a real registry and return the credentials of a gateway it knows."""
    command, config = str(BIN / "sightpost-registry"), str(folder / "registry.toml")
    web, broker = free_port(), free_port()
    Path(config).write_text(f'data_dir = "{folder}/registry"\n[web]\nport = {web}\n[broker]\nport = {broker}\n')
    with (folder / "registry.log").open("w") as log:
        process = subprocess.Popen([command, "up", "-c", config], stdout=log, stderr=log)
    try:
        wait_for(f"http://127.0.0.1:{web}/readyz", process, folder / "registry.log")
        credentials = folder / "credentials.json"
        add = [command, "gateways", "add", "bench", "--local", "--out", str(credentials), "-c", config]
        subprocess.run(add, check=True, stdout=subprocess.DEVNULL)
        yield credentials
    finally:
        process.terminate()
        process.wait()


def wait_for(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + 60
    while True:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=2):
            return
        if process.poll() is not None or time.monotonic() > deadline:
            raise SystemExit(f"the registry does not come up:\n{log.read_text()}")
        time.sleep(0.2)


def settings(folder: Path, credentials: Path) -> str:
    return f"""
[gateway]
site = "bench"
data_dir = "{folder}/data"
commit_interval_ms = {COMMIT_INTERVAL_MS}
[status]
port = 0
[registry]
credentials = "{credentials}"
[[readers]]
name = "desk"
driver = "r2000"
url = "{folder}/line"
[[zones]]
name = "desk"
kind = "desk"
read_points = ["desk:1"]
rules = {{ fold_s = 0, duplicate_s = 0 }}
"""


def fsync_times_ms(folder: Path, count: int = 200) -> list[float]:
    """A page appended and synced, as a commit does."""
    times = []
    with (folder / "fsync").open("wb") as file:
        for _ in range(count):
            file.write(os.urandom(4096))
            file.flush()
            began = time.perf_counter()
            os.fsync(file.fileno())
            times.append((time.perf_counter() - began) * 1000)
            time.sleep(0.005)
    return times


def percentile(values: Sequence[float], percent: int) -> float:
    return statistics.quantiles(values, n=100)[percent - 1] if len(values) > 1 else float("nan")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _ms(moment: datetime) -> float:
    return moment.timestamp() * 1000


if __name__ == "__main__":
    main()
