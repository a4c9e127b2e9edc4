"""`sightpost demo`: the whole of Sightpost at work on emulated devices, and the truth beside what it told.

Broker, registry and gateway are the real processes; only the devices are played. Everything lies in one folder that goes away.
"""

import asyncio
import contextlib
import json
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.simulate import http, verdict
from gateway.simulate.emulators import Play, belt_camera, door_and_store
from gateway.simulate.processes import command, last_words, running, stop
from gateway.simulate.radio import Air
from gateway.simulate.stage import SITE, SITE_PLACE, ZONES, Ports, Stage, StageError, free_ports, set_up
from gateway.simulate.world import Role, World, labels_shown, things

READY_WITHIN_S = 60.0
DELIVERED_WITHIN_S = 15.0
SETTLE_S = 3.5  # the last session at the door closes 2 s after its last read


@dataclass(frozen=True, slots=True)
class Wanted:
    seconds: float | None  # None: until Ctrl-C
    as_json: bool
    ports: Ports
    seed: int = 1


def demo(wanted: Wanted) -> int:
    """Run the demo; return the exit status: 0 when nothing was lost or doubled."""
    folder = Path(tempfile.mkdtemp(prefix="sightpost-demo-"))
    try:
        return asyncio.run(_demo(wanted, folder))
    except StageError as exc:
        print(f"sightpost demo: {exc}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _demo(wanted: Wanted, folder: Path) -> int:
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    stage = Stage(folder, free_ports(wanted.ports))
    play = Play(World(wanted.seconds) if wanted.seconds else World(), things(), Air(wanted.seed))
    async with belt_camera(play) as camera_url, door_and_store(play, stage.door_line, stage.store_line):
        _say("writing settings, making the registry's database")
        set_up(stage, camera_url, play.things)
        password, token = await _prepared(stage)
        async with _registry(stage):
            await _map_zones(stage, token)
            async with _gateway(stage) as gateway:
                _invite(stage, password)
                began_unix_s = time.time()
                play.begin()
                await _watch(stage, wanted, stopping)
                ran_s = play.now_s
                await _settle(stage, hurry=stopping.is_set())
                counters = (await _status(stage))["counters"]
                await stop(gateway)
    settled_s = ran_s - SETTLE_S if stopping.is_set() else ran_s
    result = _result(stage, play, counters, began_unix_s, ran_s, settled_s)
    _report(result, wanted.as_json)
    return 0 if result["lost"] == 0 and result["duplicates"] == 0 else 1


async def _prepared(stage: Stage) -> tuple[str, str]:
    """Make database, administrator, gateway, token and assets; return (one-time password, token)."""
    config = ("-c", stage.registry_toml)
    await command("sightpost-registry", "migrate", *config)
    password = (await command("sightpost-registry", "createadmin", "admin", *config)).splitlines()[0].split()[-1]
    await command("sightpost-registry", "gateways", "add", SITE, "--local", "--out", stage.credentials, *config)
    token = (await command("sightpost-registry", "tokens", "add", "demo", "--write", *config)).strip()
    await command("sightpost-registry", "import", stage.assets_csv, "--create-places", "--confirm", *config)
    return password, token


@contextlib.asynccontextmanager
async def _registry(stage: Stage) -> AsyncIterator[None]:
    log = stage.folder / "registry.log"
    async with running(log, "sightpost-registry", "up", "-c", stage.registry_toml):
        if not await http.answers(f"http://127.0.0.1:{stage.ports.registry}/readyz", READY_WITHIN_S):
            raise StageError(f"the registry is not ready after {READY_WITHIN_S:.0f} s:\n{last_words(log)}")
        yield


@contextlib.asynccontextmanager
async def _gateway(stage: Stage) -> AsyncIterator[asyncio.subprocess.Process]:
    log = stage.folder / "gateway.log"
    async with running(log, "sightpost", "run", "-c", stage.gateway_toml) as process:
        deadline = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < deadline and process.returncode is None:
            with contextlib.suppress(OSError):
                if all(reader["state"] == "up" for reader in (await _status(stage))["readers"]):
                    yield process
                    return
            await asyncio.sleep(0.1)
        raise StageError(f"the gateway's readers are not up after {READY_WITHIN_S:.0f} s:\n{last_words(log)}")


async def _map_zones(stage: Stage, token: str) -> None:
    """Add the places the import did not need, and say which place each zone is."""
    api = f"http://127.0.0.1:{stage.ports.registry}/api/v1"
    places = {place["name"]: place["id"] for place in (await http.get(f"{api}/locations", token))["items"]}
    for zone, (kind, place) in ZONES.items():
        if place not in places:
            body = {"name": place, "kind": "room", "parent": places[SITE_PLACE]}
            places[place] = (await http.post(f"{api}/locations", body, token))["id"]
        await http.post(f"{api}/zones", {"gateway": SITE, "name": zone, "kind": kind, "place": places[place]}, token)


async def _status(stage: Stage) -> dict[str, Any]:
    answer: dict[str, Any] = await http.get(f"http://127.0.0.1:{stage.ports.status}/status.json")
    return answer


async def _watch(stage: Stage, wanted: Wanted, stopping: asyncio.Event) -> None:
    """Let the world go on, with a live line for people, until its time is over or somebody stops it."""
    ends = None if wanted.seconds is None else time.monotonic() + wanted.seconds
    every_s = 1.0 if sys.stderr.isatty() else 5.0  # a log takes a line now and then, a terminal the same line again and again
    while not stopping.is_set() and (ends is None or time.monotonic() < ends):
        wait_s = every_s if ends is None else min(every_s, ends - time.monotonic())
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), max(0.0, wait_s))
        if not wanted.as_json:
            with contextlib.suppress(OSError):
                _live_line(await _status(stage))


async def _settle(stage: Stage, *, hurry: bool) -> None:
    """Let the last sessions close and everything arrive; after Ctrl-C only what is on its way."""
    if not hurry:
        await asyncio.sleep(SETTLE_S)
    deadline = time.monotonic() + DELIVERED_WITHIN_S
    while (await _status(stage))["outbox"]["waiting"]:
        if time.monotonic() > deadline:
            return
        await asyncio.sleep(0.1)


def _result(
    stage: Stage, play: Play, counters: dict[str, int], began_unix_s: float, ran_s: float, settled_s: float
) -> dict[str, Any]:
    """Hold what happened by `settled_s` against what is in the two databases. Everything has stopped by now."""
    outbox, registry = stage.outbox, stage.registry_database
    events = verdict.told(registry)
    by_role = {role: [thing for thing in play.things if thing.role is role] for role in Role}
    doors = verdict.doors(play.world.passages(by_role[Role.CROSSER], settled_s), events, began_unix_s)
    parked = {thing.key for thing in by_role[Role.PARKED]}
    shown = {thing.key for thing in labels_shown(by_role[Role.LABELLED], settled_s)}
    latencies = [event.latency_ms for event in events]
    return {
        "reads": counters["reads"],
        "sightings": counters["sightings"],
        "events": sum(verdict.allocated(outbox).values()),
        "stored": len(events),
        "lost": verdict.lost(outbox, registry),
        "duplicates": verdict.stored_twice(events) + doors.told_twice,
        "doors": {"truth": doors.truth, "told": doors.told, "correct": doors.correct},
        "parked_passed": sum(1 for event in events if event.kind == "passed" and event.key in parked),
        "camera": {"shown": len(shown), "read": len(shown & {e.key for e in events if e.read_point == "belt-cam:1"})},
        "reads_per_s": round(counters["reads"] / ran_s, 1),
        "p50_ms": verdict.percentile(latencies, 0.50),
        "p99_ms": verdict.percentile(latencies, 0.99),
        "seconds": round(ran_s, 1),
    }


def _live_line(status: dict[str, Any]) -> None:
    counters, outbox = status["counters"], status["outbox"]
    line = (
        f"{counters['reads']:>7} reads  {counters['sightings']:>6} sightings  {outbox['last']:>5} events  "
        f"{outbox['acked']:>5} in the registry  {outbox['waiting']:>3} waiting   {status['sentence']}"
    )
    if sys.stderr.isatty():
        width = shutil.get_terminal_size().columns
        print(f"\r{line[: width - 1]:<{width - 1}}", end="", flush=True, file=sys.stderr)
    else:
        _say(line)


def _invite(stage: Stage, password: str) -> None:
    _say(f"gateway   http://127.0.0.1:{stage.ports.status}")
    _say(f"registry  http://127.0.0.1:{stage.ports.registry}   log in as admin, password {password}")
    _say("stop with Ctrl-C")


def _say(text: str) -> None:
    """To standard error: standard output is for the result."""
    print(text, file=sys.stderr)


def _report(result: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps(result))
        return
    doors, camera = result["doors"], result["camera"]
    print(
        f"\n{doors['correct']} of {doors['truth']} passages told right, parked tags told {result['parked_passed']} times, "
        f"{camera['read']} of {camera['shown']} labels read.\n"
        f"{result['reads']} reads became {result['events']} events; {result['stored']} are in the registry, "
        f"{result['lost']} lost, {result['duplicates']} doubled."
    )
