"""From reads to confirmed rows: many events per commit, nothing taken while a commit fails, nothing left behind when it ends."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import pytest

from drivers.api import Kind, Read
from gateway import pipeline as pipeline_module
from gateway.clock import SYSTEM
from gateway.intake import Intake, Link
from gateway.location.engine import Engine
from gateway.location.site import Instant, Site, Zone, ZoneKind, ZoneRules
from gateway.pipeline import Pipeline
from gateway.writer import Writer
from sync.outbox import Outbox, OutboxUnavailable
from sync.wire import Ack, EventKind, LocationEvent

DESK = Zone("desk", ZoneKind.DESK, ZoneRules.for_kind("desk", fold_s=0, duplicate_s=0), ("desk-1:1",))


class Rows:
    """A store that keeps what was appended, and fails as long as it is told to."""

    def __init__(self) -> None:
        self.events: list[LocationEvent] = []
        self.states: list[dict[str, bytes | None]] = []
        self.commits: list[int] = []
        self.live: list[tuple[list[str], int]] = []
        self.failing = False
        self.tries = 0

    def append(self, events: list[LocationEvent], state: Mapping[str, bytes | None]) -> int:
        self.tries += 1
        if self.failing:
            raise OutboxUnavailable("no room is left", full=True)
        self.events += events
        self.states.append(dict(state))
        self.commits.append(len(events))
        return len(self.events)

    def reader_live(self, readers: Iterable[str], until_ms: int) -> None:
        if self.failing:
            raise OutboxUnavailable("no room is left", full=True)
        self.live.append((list(readers), until_ms))


def reads(first: int, count: int) -> list[Read]:
    now_ns, wall_ms = SYSTEM.mono_ns(), SYSTEM.wall_ms()
    return [
        Read("desk-1", 1, bytes.fromhex(f"e2{n:022x}"), Kind.UHF, now_ns, wall_ms, rssi_dbm=-50)
        for n in range(first, first + count)
    ]


class Plant:
    """A pipeline with everything around it."""

    def __init__(self, writer: Writer, limit_reads: int = 10_000, interval_s: float = 0.02) -> None:
        self.rows = Rows()
        self.intake = Intake(limit_reads)
        self.told: list[LocationEvent] = []
        now = Instant(SYSTEM.mono_ns(), SYSTEM.wall_ms())
        self.engine = Engine(Site.of([DESK]), now=now)
        self.intake.put_link(Link("desk-1", up=True, now=now))
        self.pipeline = Pipeline(
            self.intake, self.engine, self.rows, writer, SYSTEM, commit_interval_s=interval_s, committed=self.told.extend
        )

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not condition():  # noqa: ASYNC110 - what is waited for has no event of its own
                await asyncio.sleep(0.005)


@pytest.fixture
def writer() -> Iterator[Writer]:
    writer = Writer()
    yield writer
    writer.close()


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline_module, "RETRY_S", 0.02)


async def test_reads_become_rows_with_the_state_that_goes_with_them(writer: Writer) -> None:
    plant = Plant(writer)
    running = asyncio.create_task(plant.pipeline.run())
    plant.intake.put(reads(1, 3))
    await plant.until(lambda: len(plant.rows.events) >= 3)
    plant.pipeline.finish()
    await running
    assert [event.kind for event in plant.rows.events] == [EventKind.ARRIVED] * 3
    assert set(plant.rows.states[0]) == {event.identity for event in plant.rows.events}
    assert plant.told == plant.rows.events
    assert plant.pipeline.status.last_seq == 3
    assert [(seq, event.identity) for seq, event in plant.pipeline.recent] == [
        (n, event.identity) for n, event in enumerate(plant.rows.events, 1)
    ]


async def test_a_burst_shares_commits_and_a_lone_event_does_not_wait(writer: Writer) -> None:
    plant = Plant(writer, interval_s=0.2)
    running = asyncio.create_task(plant.pipeline.run())
    began = asyncio.get_running_loop().time()
    plant.intake.put(reads(1, 1))
    await plant.until(lambda: len(plant.rows.events) == 1)
    assert asyncio.get_running_loop().time() - began < 0.15
    for n in range(20):
        plant.intake.put(reads(100 + 10 * n, 10))
        await asyncio.sleep(0.005)
    await plant.until(lambda: len(plant.rows.events) == 201)
    plant.pipeline.finish()
    await running
    assert len(plant.rows.commits) <= 4


async def test_while_a_commit_fails_the_batch_is_kept_and_nothing_is_taken(writer: Writer) -> None:
    plant = Plant(writer, limit_reads=100)
    plant.rows.failing = True
    running = asyncio.create_task(plant.pipeline.run())
    plant.intake.put(reads(1, 5))
    await plant.until(lambda: plant.rows.tries >= 3)
    status = plant.pipeline.status
    assert (status.trouble, status.held_events) == ("no room is left", 5)
    accepted = sum(plant.intake.put(reads(1000 + 10 * n, 10)) for n in range(20))
    assert accepted == 10
    assert plant.intake.refused == 100
    tries = plant.rows.tries
    await plant.until(lambda: plant.rows.tries >= tries + 2)
    assert plant.intake.waiting == 100
    plant.rows.failing = False
    await plant.until(lambda: status.events == 105)  # known here a moment after it is stored
    assert (len(plant.rows.events), plant.rows.commits[0]) == (105, 5)
    assert (status.trouble, status.held_events) == ("", 0)
    plant.pipeline.finish()
    await running


async def test_it_makes_progress_when_idle_and_while_it_retries(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline_module, "IDLE_S", 0.02)
    plant = Plant(writer)
    running = asyncio.create_task(plant.pipeline.run())
    await plant.until(lambda: plant.pipeline.progress > 3)
    plant.rows.failing = True
    plant.intake.put(reads(1, 1))
    before = plant.pipeline.progress
    await plant.until(lambda: plant.pipeline.progress > before + 3)
    plant.rows.failing = False
    plant.pipeline.finish()
    await running
    assert len(plant.rows.events) == 1


async def test_finishing_takes_and_commits_what_still_waits(writer: Writer) -> None:
    plant = Plant(writer)
    for n in range(50):
        plant.intake.put(reads(1 + 100 * n, 100))
    plant.pipeline.finish()
    await plant.pipeline.run()
    assert len(plant.rows.events) == 5000


async def test_who_is_live_is_written_and_a_failure_of_that_stops_nothing(writer: Writer) -> None:
    plant = Plant(writer)
    await plant.pipeline.write_live(["desk-1"])
    plant.rows.failing = True
    await plant.pipeline.write_live(["desk-1"])
    ((readers, until_ms),) = plant.rows.live
    assert readers == ["desk-1"]
    assert abs(until_ms - SYSTEM.wall_ms()) < 10_000


async def test_a_bug_in_the_store_is_not_retried(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    plant = Plant(writer)

    def broken(events: list[LocationEvent], state: Mapping[str, bytes | None]) -> int:
        raise ZeroDivisionError

    monkeypatch.setattr(plant.rows, "append", broken)
    plant.intake.put(reads(1, 1))
    with pytest.raises(ZeroDivisionError):
        await plant.pipeline.run()


async def test_after_a_restart_the_engine_goes_on_where_it_was(writer: Writer, tmp_path: Path) -> None:
    """With the real outbox: what one run has told, the next does not tell again."""

    def opened() -> Outbox:
        return Outbox.open(tmp_path / "outbox.db", wall_ms=SYSTEM.wall_ms, mono_ns=SYSTEM.mono_ns, boot_id="b")

    hall = Site.of([Zone("hall", ZoneKind.STORAGE, ZoneRules.for_kind("storage", confirm_sightings=1), ("desk-1:1",))])
    for restart in range(2):
        outbox = await writer(opened)
        now = Instant(SYSTEM.mono_ns(), SYSTEM.wall_ms())
        engine = Engine(hall, await writer(outbox.saved_state), await writer(outbox.live_until), now)
        assert engine.in_view == 3 * restart
        intake = Intake(1000)
        intake.put_link(Link("desk-1", up=True, now=now))
        intake.put(reads(1, 3))
        pipeline = Pipeline(intake, engine, outbox, writer, SYSTEM, commit_interval_s=0.02, committed=lambda events: None)
        pipeline.finish()
        await pipeline.run()
        await pipeline.write_live(["desk-1"])
        assert (await writer(outbox.stat)).last == 3
        assert list(await writer(outbox.live_until)) == ["desk-1"]
        await writer(outbox.close)


async def test_with_no_room_left_events_are_held_until_there_is(writer: Writer, tmp_path: Path) -> None:
    """With the real outbox and a small quota; room comes by deleting what had been delivered."""

    def opened() -> Outbox:
        clock, path = SYSTEM, tmp_path / "o.db"
        return Outbox.open(path, wall_ms=clock.wall_ms, mono_ns=clock.mono_ns, boot_id="b", quota_bytes=256 * 1024)

    outbox = await writer(opened)
    plant = Plant(writer)
    said: list[str] = []
    plant.pipeline = Pipeline(
        plant.intake, plant.engine, outbox, writer, SYSTEM, commit_interval_s=0.001, committed=plant.told.extend, full=said.append
    )
    running = asyncio.create_task(plant.pipeline.run())
    first = 1
    while not plant.pipeline.status.trouble:
        plant.intake.put(reads(first, 20))
        first += 20
        await asyncio.sleep(0.002)
    stored = plant.pipeline.status.last_seq
    assert 100 < stored < first - 1
    confirmed = await writer(lambda: outbox.read_after(stored - 1, 1, 10_000)[0][0])
    ack = Ack(epoch=outbox.epoch, through=stored, through_id=confirmed.event_id, credit=1, server_time=confirmed.stored_at)
    await writer(lambda: outbox.acknowledge(ack, nonce=None))
    await plant.until(lambda: plant.pipeline.status.events == first - 1)
    assert plant.intake.refused == 0
    assert "it is full" in said[0]
    assert said[-1] == ""
    plant.pipeline.finish()
    await running
    await writer(outbox.close)
