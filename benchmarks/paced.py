"""What the gateway costs at the pace of four full serial readers, beside the least a gateway can be.

    python -m benchmarks.paced [--seconds 60] [--pairs 5] [--json]

Ours is `sightpost run` with four R2000 readers on ptys at 115200 baud, whose lines are full (up to 548 reads/s each); tags stay
for forty reads, which become two events (arrived, departed): one read in twenty tells something. A real registry acknowledges.
The bare gateway (`bare_gateway.py`) gets 2,000 frames/s and tells every read to mosquitto: once on one line in pieces of a
millisecond, which is how the goal's yardstick is fed, and once on four lines in pieces of 16 ms, as adapters hand on and as
ours is fed. All run in turns; processor time is that of the one process over the same stretch of time, per second of it.

Goal: ours <= 0.7 of the bare gateway in small pieces, and no read lost: all that the readers said was taken in, none was refused.
"""

import argparse
import asyncio
import contextlib
import json
import os
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import tty
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import psutil

from drivers.checksums import negated_sum8
from drivers.emulated_device import TagInField
from drivers.emulated_line import EmulatedPty, attached
from drivers.r2000.emulator import R2000Emulator
from gateway.simulate import http
from gateway.simulate.processes import command, running, stop
from gateway.simulate.stage import SITE, Ports, Stage, free_ports, set_up_desk

GOAL = 0.7
READERS, BARE_HZ = 4, 2_000
IN_FIELD = 100  # tags of one reader at a time
VISIT_READS = 40
GENERATIONS = 4  # a tag comes again after so many visits, its own counted: it has departed by then
SETTLE_S = 25.0  # until tags depart as fast as others arrive


@dataclass(frozen=True, slots=True)
class Feed:
    """How the bare gateway gets its frames: on so many lines, each with a piece every so often."""

    lines: int
    slot_s: float


SMALL_PIECES, AS_ADAPTERS = Feed(1, 0.001), Feed(READERS, 0.016)


@dataclass(frozen=True, slots=True)
class Run:
    reads_per_s: float
    events_per_s: float
    cpu_percent: float  # of one core
    lost: int


class Door:
    """What one reader hears: a hundred tags, each for forty rounds, then another in its place."""

    def __init__(self, reader: int) -> None:
        self.said = 0
        self.over = False
        self._reader = reader
        self._round = 0

    def field(self, _antenna: int) -> list[TagInField]:
        if self.over:
            return []
        self._round += 1
        self.said += IN_FIELD
        return [TagInField(self._code(place), -50) for place in range(IN_FIELD)]

    def _code(self, place: int) -> bytes:
        visit = (self._round + place * VISIT_READS // IN_FIELD) // VISIT_READS % GENERATIONS
        return bytes.fromhex("e2801160") + bytes((self._reader, place, visit)) + bytes(5)


async def ours(folder: Path, seconds: float) -> Run:
    stage = Stage(folder, free_ports(Ports(0, 0, 0)))
    set_up_desk(stage)
    lines = [folder / f"line-{number}" for number in range(READERS)]
    stage.gateway_toml.write_text(settings(stage, lines))
    await command("sightpost-registry", "migrate", "-c", stage.registry_toml)
    await command("sightpost-registry", "gateways", "add", SITE, "--local", "--out", stage.credentials, "-c", stage.registry_toml)
    doors = [Door(number) for number in range(READERS)]
    status = f"http://127.0.0.1:{stage.ports.status}/status.json"
    async with contextlib.AsyncExitStack() as stack:
        registry = running(folder / "registry.log", "sightpost-registry", "up", "-c", stage.registry_toml)
        await stack.enter_async_context(registry)
        await http.answers(f"http://127.0.0.1:{stage.ports.registry}/readyz", 60)
        for door, line in zip(doors, lines, strict=True):
            device = R2000Emulator(door.field, ports=1, round_s=0.005, boot_s=0.1)
            await stack.enter_async_context(attached(device, EmulatedPty(line)))
        gateway = await stack.enter_async_context(running(folder / "gateway.log", "sightpost", "run", "-c", stage.gateway_toml))
        await http.answers(f"http://127.0.0.1:{stage.ports.status}/readyz", 30)
        await asyncio.sleep(SETTLE_S)
        before = await http.get(status)
        cpu_s, took_s = await used_s(gateway.pid, seconds)
        after = await http.get(status)
        for door in doors:
            door.over = True
        said = sum(door.said for door in doors)
        for _ in range(20):  # what is on the lines arrives
            await asyncio.sleep(0.5)
            last = await http.get(status)
            if sum(_total(last)) >= said:
                break
        await stop(gateway)
    return Run(
        reads_per_s=round(sum(_total(after)) / took_s - sum(_total(before)) / took_s, 1),
        events_per_s=round((after["outbox"]["last"] - before["outbox"]["last"]) / took_s, 1),
        cpu_percent=round(cpu_s / took_s * 100, 2),
        lost=said - sum(_total(last)) + last["counters"]["reads_refused"],
    )


def _total(status: dict[str, object]) -> list[int]:
    return [row["reads_total"] for row in status["readers"]]  # type: ignore[attr-defined]


async def bare(folder: Path, seconds: float, feed: Feed) -> Run:
    port, database = free_port(), folder / "bare.db"
    (folder / "mosquitto.conf").write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\npersistence false\n"
    )
    ends = [os.openpty() for _ in range(feed.lines)]
    for end in (end for pair in ends for end in pair):
        tty.setraw(end)
    lines = [os.ttyname(slave) for _, slave in ends]
    broker = subprocess.Popen(  # noqa: ASYNC220 - nothing else waits yet
        ["mosquitto", "-c", folder / "mosquitto.conf"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_for_port(port)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "benchmarks.bare_gateway", database, str(port), *lines, cwd=Path(__file__).parents[1]
        )
        try:
            while not database.with_suffix(".ready").exists():  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            saying = asyncio.create_task(say([master for master, _ in ends], seconds + 3.0, feed.slot_s))  # noqa: RUF006 - awaited below
            await asyncio.sleep(1.0)
            cpu_s, took_s = await used_s(process.pid, seconds)
            said = await saying
            await asyncio.sleep(1.0)
        finally:
            process.kill()
            await process.wait()
    finally:
        broker.terminate()
        broker.wait()
        for end in (end for pair in ends for end in pair):
            os.close(end)
    with contextlib.closing(sqlite3.connect(database)) as db:
        (told,) = db.execute("SELECT seq FROM sqlite_sequence").fetchone()
    return Run(round(said / (seconds + 3.0), 1), round(told / (seconds + 3.0), 1), round(cpu_s / took_s * 100, 2), said - told)


async def say(lines: list[int], seconds: float, slot_s: float) -> int:
    """Write BARE_HZ frames a second, shared by the lines, each a piece every `slot_s`; return how many."""
    frames, said = [frame(number) for number in range(1000)], [0] * len(lines)
    loop = asyncio.get_running_loop()
    began = loop.time()
    while (past_s := loop.time() - began) < seconds:
        for number, line in enumerate(lines):
            slots = int((past_s - number * slot_s / len(lines)) / slot_s)  # adapters do not tick together
            due = int(slots * slot_s * BARE_HZ / len(lines))
            if due > said[number]:
                os.write(line, b"".join(frames[at % len(frames)] for at in range(said[number], due)))
                said[number] = due
        await asyncio.sleep(slot_s / len(lines) / 2)
    return sum(said)


def frame(number: int) -> bytes:
    body = bytes((0xA0, 19, 1, 0x89, 4 << 2, 0x30, 0)) + bytes.fromhex("e2801160") + number.to_bytes(8) + bytes((79,))
    return body + bytes((negated_sum8(body),))


async def used_s(pid: int, seconds: float) -> tuple[float, float]:
    """Return the processor time that a process uses in so many seconds, and how many they were."""
    process = psutil.Process(pid)
    before, began = process.cpu_times(), time.monotonic()
    await asyncio.sleep(seconds)
    after, ended = process.cpu_times(), time.monotonic()
    return after.user + after.system - before.user - before.system, ended - began


def wait_for_port(port: int) -> None:
    deadline = time.monotonic() + 10
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        if time.monotonic() > deadline:
            raise SystemExit("mosquitto does not come up")
        time.sleep(0.05)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def settings(stage: Stage, lines: list[Path]) -> str:
    text = f"""[gateway]
site = "{SITE}"
data_dir = {json.dumps(str(stage.gateway_data))}

[status]
port = {stage.ports.status}

[registry]
credentials = {json.dumps(str(stage.credentials))}
"""
    for number, line in enumerate(lines):
        text += f"""
[[readers]]
name = "reader-{number}"
driver = "r2000"
url = {json.dumps(str(line))}
options = {{ antennas = [1] }}

[[zones]]
name = "desk-{number}"
kind = "desk"
read_points = ["reader-{number}:1"]
"""
    return text


async def one(work: Callable[[Path, float], Awaitable[Run]], seconds: float) -> Run:
    with tempfile.TemporaryDirectory(prefix="sightpost-paced-") as folder:
        return await work(Path(folder), seconds)


WAYS: dict[str, Callable[[Path, float], Awaitable[Run]]] = {
    "small pieces": partial(bare, feed=SMALL_PIECES),
    "as adapters": partial(bare, feed=AS_ADAPTERS),
    "ours": ours,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args()
    runs: list[dict[str, Run]] = []
    for _ in range(wanted.pairs):
        runs.append({name: asyncio.run(one(work, wanted.seconds)) for name, work in WAYS.items()})
        if not wanted.json:
            for name, run in runs[-1].items():
                words = "  ".join(f"{figure} {value:,}" for figure, value in asdict(run).items())
                print(f"{name:<12} {words}  (load {os.getloadavg()[0]:.1f})", flush=True)
    ratio = {
        name: round(statistics.median(run["ours"].cpu_percent / run[name].cpu_percent for run in runs), 2)
        for name in WAYS
        if name != "ours"
    }
    lost = sum(run["ours"].lost for run in runs)
    if wanted.json:
        told = [{name: asdict(run) for name, run in turn.items()} for turn in runs]
        print(json.dumps({"ratio": ratio, "goal": GOAL, "lost": lost, "runs": told}))
    else:
        print(f"ours takes {ratio['small pieces']} of the bare gateway's processor time, goal <= {GOAL};", end=" ")
        print(f"{ratio['as adapters']} where its lines are as ours; {lost} reads lost, goal 0")


if __name__ == "__main__":
    main()
