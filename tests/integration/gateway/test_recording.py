"""A running gateway is recorded: what comes again in a replay is what it told, and a recording never outgrows what was asked."""

import asyncio
import json
import os
import random
import sys
import threading
import time
import tomllib
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from drivers.api import Clock
from drivers.emulated_line import EmulatedPty, attached
from drivers.r2000.emulator import R2000Emulator
from gateway.clock import SYSTEM
from gateway.health import ReaderState
from gateway.location.site import Instant
from gateway.problems import check
from gateway.recording import asking, recordings, request
from gateway.recording.framing import packed
from gateway.recording.recorder import Recorder
from gateway.recording.recordings import Recordings
from gateway.recording.replay import Replay
from gateway.recording.request import FOLDER, Request, ask, asked
from gateway.settings import Settings
from gateway.simulate.emulators import Play, belt_camera, door_and_store
from gateway.simulate.radio import Air
from gateway.simulate.stage import Ports, Stage, set_up
from gateway.simulate.world import World, things
from sync.wire import EventKind, LocationEvent
from tests.gateway_plant import settings_of, stored, tags, working


def wanted(name: str = "a.rec", *, minutes: float = 5, megabytes: int = 10) -> Request:
    return Request(name, minutes, megabytes, SYSTEM.wall_ms() + round(minutes * 60_000))


def replayed(path: Path) -> tuple[list[LocationEvent], Replay]:
    with path.open("rb") as file:
        replay = Replay(file)
        return [event for _, events in replay.turns() for event in events], replay


async def test_the_demos_readers_give_in_replay_what_the_live_engine_told(tmp_path: Path) -> None:
    stage = Stage(tmp_path, Ports(0, 1, 1))
    play = Play(World(), things(), Air(1))
    async with belt_camera(play) as camera, door_and_store(play, stage.door_line, stage.store_line):
        set_up(stage, camera, play.things)
        reading = check(tomllib.loads(stage.gateway_toml.read_text()), stage.gateway_toml)
        assert reading.settings is not None, reading.problems
        settings = reading.settings
        stage.gateway_data.mkdir()
        ask(stage.gateway_data, wanted())
        async with working(settings) as gateway:
            await gateway.until(lambda now: all(row.state is ReaderState.UP for row in now.readers))
            play.begin()
            await gateway.until(lambda now: now.doors[0].passed_in + now.doors[0].passed_out > 0, within_s=30)
            await gateway.until(lambda now: all(row.reads_total for row in now.readers), within_s=30)
    live = stored(settings)
    assert {event.kind for event in live} >= {EventKind.PASSED, EventKind.ARRIVED}
    assert {event.read_point.partition(":")[0] for event in live} == {"door-1", "store", "belt-cam"}
    path = stage.gateway_data / FOLDER / "a.rec"
    told, replay = replayed(path)
    assert told == live
    assert replay.told.ended == "the gateway stopped"
    assert replay.told.refused == 0
    assert path.stat().st_mode & 0o077 == 0
    assert asked(stage.gateway_data) is not None, "it holds for the next start"

    # The same in other processes, whatever the order of their sets, and as their user sees it.
    for seed in ("1", "2"):
        process = await asyncio.create_subprocess_exec(
            Path(sys.executable).with_name("sightpost"),
            *("replay", path, "--json"),
            env=os.environ | {"PYTHONHASHSEED": seed},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, summary = await asyncio.wait_for(process.communicate(), 30)
        assert process.returncode == 0
        assert [msgspec.json.decode(line, type=LocationEvent) for line in out.splitlines()] == live
        assert b"It ends there: the gateway stopped." in summary


async def test_a_site_is_recorded_while_it_works_until_ctrl_c(tmp_path: Path) -> None:
    line = EmulatedPty(tmp_path / "dock")
    settings = settings_of(tmp_path, {"dock": line.url})
    field = tags(1, 3)
    said: list[dict[str, object]] = []
    interrupt = threading.Event()

    def wait(seconds: float) -> None:
        if interrupted:
            time.sleep(seconds)
        elif interrupt.wait(seconds / 4):
            interrupted.append(True)
            raise KeyboardInterrupt

    interrupted: list[bool] = []
    async with attached(R2000Emulator(lambda antenna: field(antenna), boot_s=0.0), line), working(settings) as gateway:
        await gateway.until(lambda now: now.outbox.last >= 3)
        recording = asyncio.create_task(asyncio.to_thread(asking.record, settings, 5, 10, said.append, wait))
        await gateway.until(lambda now: any(word["what"] == "recording" for word in said))
        second: list[dict[str, object]] = []
        assert await asyncio.to_thread(asking.record, settings, 5, 10, second.append, wait) == asking.NOT_RECORDED
        field = tags(1, 5)
        await gateway.until(lambda now: now.outbox.last >= 5)
        interrupt.set()
        assert await recording == asking.FINE
    assert said[-1]["what"] == "recorded"
    path = Path(str(said[-1]["file"]))
    told, replay = replayed(path)
    assert replay.told.ended == "it was stopped"
    assert told == stored(settings)[3:], "those that were there before are known and told no second time"
    assert asked(settings.gateway.data_dir) is None
    assert [file.name for file in path.parent.iterdir()] == [path.name]


class Plant:
    """Recordings without a gateway around them."""

    def __init__(self, folder: Path) -> None:
        self.settings = settings_of(folder, {"dock": "tcp://192.0.2.7:4001"})
        self.folder = self.settings.gateway.data_dir
        self.folder.mkdir()
        self.recorder = Recorder(["dock"])
        self.ahead_s = 0.0
        clock = Clock(mono_ns=lambda: SYSTEM.mono_ns() + round(self.ahead_s * 1e9), wall_ms=SYSTEM.wall_ms)
        self.recordings = Recordings(self.settings, self.recorder, clock, "test")

    async def until(self, so: Callable[[], bool]) -> None:
        async def before() -> recordings.Before:
            return {}, {}

        task = asyncio.create_task(self.recordings.run(before, lambda: ["dock"]))
        try:
            async with asyncio.timeout(10):
                while not so():  # noqa: ASYNC110 - it looks at files
                    await asyncio.sleep(0.005)
        finally:
            task.cancel()
            await asyncio.wait([task])

    def files(self) -> list[str]:
        folder = self.folder / FOLDER
        return sorted(file.name for file in folder.iterdir()) if folder.exists() else []

    def ended(self) -> bool:
        return not (self.folder / request.REQUEST).exists() and not self.recorder.on

    def reason(self, name: str = "a.rec") -> str:
        return replayed(self.folder / FOLDER / name)[1].told.ended


@pytest.fixture
def plant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plant:
    monkeypatch.setattr(recordings, "LOOK_EVERY_S", 0.005)
    return Plant(tmp_path)


async def test_it_ends_when_its_time_is_over(plant: Plant) -> None:
    ask(plant.folder, wanted())
    await plant.until(lambda: plant.recorder.on)
    assert plant.files() == ["a.rec.part"]
    plant.ahead_s = 301
    await plant.until(plant.ended)
    assert plant.files() == ["a.rec"]
    assert plant.reason() == "its time is over"


async def test_it_ends_at_its_size(plant: Plant) -> None:
    ask(plant.folder, wanted(megabytes=1))
    await plant.until(lambda: plant.recorder.on)
    tap, noise = plant.recorder.tap("dock"), random.Random(1)
    for _ in range(12):
        tap(noise.randbytes(100_000), SYSTEM.mono_ns(), SYSTEM.wall_ms(), b"\0")
    await plant.until(plant.ended)
    assert plant.reason() == "it has its 1 MB"
    assert (plant.folder / FOLDER / "a.rec").stat().st_size < 1_500_000


async def test_what_was_asked_for_once_holds_for_the_next_start_but_not_for_ever(plant: Plant) -> None:
    ask(plant.folder, wanted())
    await plant.recordings.begin_with({}, {}, Instant(1, 1))
    await plant.recordings.close()
    again = Recordings(plant.settings, plant.recorder, SYSTEM, "test")
    await again.begin_with({"x": b"y"}, {"dock": 5}, Instant(SYSTEM.mono_ns(), SYSTEM.wall_ms()))
    await again.close()
    assert plant.files() == ["a-2.rec", "a.rec"]
    request.withdraw(plant.folder)
    ask(plant.folder, Request("b.rec", 5, 10, SYSTEM.wall_ms() - 1))
    late = Recordings(plant.settings, plant.recorder, SYSTEM, "test")
    await late.begin_with({}, {}, Instant(1, 1))
    assert not plant.recorder.on
    assert asked(plant.folder) is None
    await late.close()


async def test_other_settings_end_a_recording_and_begin_another_one(plant: Plant) -> None:
    ask(plant.folder, wanted())
    await plant.until(lambda: plant.recorder.on)
    tap = plant.recorder.tap("dock")
    other = settings_of(plant.folder.parent, {"hall": "tcp://192.0.2.8:4001", "dock": "tcp://192.0.2.7:4001"})
    async with plant.recordings.renewing(other):
        assert not plant.recorder.on, "nothing is recorded until an engine of theirs decides"
        assert plant.files() == ["a.rec"]
    await plant.until(lambda: plant.recorder.on)
    tap(b"of the second reader now", SYSTEM.mono_ns(), SYSTEM.wall_ms(), b"\0")
    await plant.recordings.close()
    assert plant.files() == ["a-2.rec", "a.rec"]
    assert plant.reason("a.rec") == "the settings have changed"
    assert plant.reason("a-2.rec") == "the gateway stopped"


async def test_what_cannot_be_recorded_is_given_up(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    (plant.folder / FOLDER).mkdir()
    for number in range(1, 10):
        (plant.folder / FOLDER / ("a.rec" if number == 1 else f"a-{number}.rec.part")).touch()
    ask(plant.folder, wanted())
    await plant.until(plant.ended)
    monkeypatch.setattr(recordings, "KEEP_FREE_BYTES", 1 << 62)
    ask(plant.folder, wanted("b.rec"))
    await plant.until(plant.ended)
    (plant.folder / request.REQUEST).write_text(json.dumps({"name": "../../c.rec", "minutes": 1, "megabytes": 1, "until_ms": 1}))
    await plant.until(plant.ended)
    assert [name for name in plant.files() if name.startswith(("b", "c"))] == []


async def test_a_disk_that_fails_ends_it(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    ask(plant.folder, wanted())
    await plant.until(lambda: plant.recorder.on)

    def full(raw: bytes) -> bytes:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(recordings, "packed", full)
    plant.recorder.turn(Instant(SYSTEM.mono_ns(), SYSTEM.wall_ms()), 0)
    await plant.until(plant.ended)
    monkeypatch.setattr(recordings, "packed", packed)
    ask(plant.folder, wanted("b.rec"))
    await plant.until(lambda: plant.recorder.on)
    await plant.recordings.close()
    assert plant.files() == ["a.rec", "b.rec"]


def test_who_may_not_ask_is_told(tmp_path: Path) -> None:
    settings: Settings = settings_of(tmp_path, {"dock": "tcp://192.0.2.7:4001"})
    said: list[dict[str, object]] = []
    assert asking.record(settings, 5, 10, said.append, time.sleep) == asking.NOT_RECORDED  # there is no such folder
    assert "ask as root" in str(said[0]["says"])
