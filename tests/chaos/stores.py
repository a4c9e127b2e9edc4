"""Faults 5, 6, 9, 11 and 13: the registry is away for long, disks are full, images and backups come back from the past."""

import asyncio
import os
import resource
import shutil
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import psutil

from tests.chaos.figures import Figure, Figures, p99
from tests.chaos.filling import events, fill
from tests.chaos.plant import TAGS, Plant
from tests.chaos.processes import NotReached
from tests.chaos.truth import wait_until_still

PER_S, DAYS = 5.0, 14
LIVE_LAG_S = 5.0  # the target
_LIVE = "SELECT event_time, recorded_time FROM tracking_locationevent WHERE seq > ?"


async def registry_away(plant: Plant, times: int) -> Figures:
    """A backlog from the days before comes in while the desks go on telling."""
    await plant.ingest.stop()
    told = events(TAGS, 5_000 * times, plant.rng, per_s=5_000 * times / (DAYS * 86_400))
    stored = await asyncio.to_thread(fill, plant.outbox, plant.outbox_mb, told)
    await plant.gateway.start()
    await plant.read(at_least=50)
    await plant.ingest.start()
    await _delivered(plant, 1)
    first, since = plant.truth.now.acked, datetime.now(UTC)
    took = await _delivered(plant, stored)
    await _delivered(plant, plant.truth.now.last)
    waited = await asyncio.to_thread(_waited, plant.registry_database, stored, since)
    lag = Figure("live lag while draining, p99", p99(waited), below=LIVE_LAG_S)
    return Figure("drained", (stored - first) / took, "events/s"), lag


def _waited(registry: Path, backlog: int, since: datetime) -> list[float]:
    """Return for each event that was read since the backlog is on its way the seconds until the registry had it."""
    with closing(sqlite3.connect(f"file:{registry}?mode=ro", uri=True, timeout=20)) as db:
        moments = [
            tuple(datetime.fromisoformat(text).replace(tzinfo=UTC) for text in row) for row in db.execute(_LIVE, (backlog,))
        ]
    waited = [(recorded - told).total_seconds() for told, recorded in moments if told > since]
    if not waited:
        raise NotReached("the backlog was delivered before anything new was read")
    return waited


async def quota_reached(plant: Plant, times: int) -> Figures:
    """Nobody takes anything, and the outbox is full, `times` times over."""
    await plant.ingest.stop()
    for _ in range(times):
        told = events(TAGS, plant.outbox_mb * 3_400, plant.rng, per_s=10.0)  # more than it holds
        await asyncio.to_thread(fill, plant.outbox, plant.outbox_mb, told)
    await plant.gateway.start()
    await plant.ingest.start()
    plant.feed.tags_per_round = 0
    if not await asyncio.to_thread(wait_until_still, plant.truth, 90):
        raise NotReached("a full outbox is not delivered")
    with closing(sqlite3.connect(f"file:{plant.registry_database}?mode=ro", uri=True, timeout=20)) as db:
        (declared,) = db.execute("SELECT sum(last - first + 1) FROM tracking_gap").fetchone()
    return (Figure("declared as gaps", declared, f"of {plant.truth.now.last:,}"),)


async def disk_refuses(plant: Plant, times: int) -> Figures:
    """For a while the gateway cannot write a byte to any file; then it can again."""
    await plant.gateway.start()
    for _ in range(times):
        await plant.read(at_least=20)
        process = psutil.Process(plant.gateway.pid)
        process.rlimit(psutil.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        await asyncio.sleep(1)
        still = plant.truth.now.last
        await asyncio.sleep(1)
        if plant.truth.now.last != still:
            raise NotReached("the gateway goes on storing where it cannot write")
        process.rlimit(psutil.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    await plant.read(at_least=20)
    return ()


async def image_rolled_back(plant: Plant, times: int) -> Figures:
    """The outbox is yesterday's: a card written back from an image. Everything of since was delivered and must stay."""
    for _ in range(times):
        await plant.gateway.start()
        await plant.read(at_least=50)
        await plant.gateway.stop()
        image = plant.folder / "image"
        with plant.truth.paused():
            shutil.copytree(plant.outbox.parent, image, dirs_exist_ok=False)
        plant.feed.tags_per_round = 3
        await plant.gateway.start()
        await plant.read(at_least=50)
        plant.feed.tags_per_round = 0
        await asyncio.to_thread(wait_until_still, plant.truth, 30)
        await plant.gateway.stop()
        before = await asyncio.to_thread(epochs, plant.outbox)
        with plant.truth.paused():
            shutil.rmtree(plant.outbox.parent)
            image.rename(plant.outbox.parent)
        plant.truth.rewind()
        plant.feed.tags_per_round = 3
        await plant.gateway.start()
        await plant.read(at_least=50)
        await asyncio.to_thread(wait_until_new_epoch, plant, before)
    return (Figure("detected", times, f"of {times}"),)


async def _delivered(plant: Plant, through: int) -> float:
    """Wait until the registry has the first `through` records; return how long that took."""
    began = time.monotonic()
    while plant.truth.now.acked < through:
        if time.monotonic() - began > 60 + through / 100:
            raise NotReached(f"{through - plant.truth.now.acked} records are not delivered")
        await asyncio.sleep(0.05)
    return time.monotonic() - began


def epochs(outbox: Path) -> int:
    with closing(sqlite3.connect(f"file:{outbox}?mode=ro", uri=True, timeout=20)) as db:
        return int(db.execute("SELECT count(*) FROM epoch").fetchone()[0])


def wait_until_new_epoch(plant: Plant, before: int, within_s: float = 30.0) -> None:
    deadline = time.monotonic() + within_s
    while epochs(plant.outbox) <= before:
        if time.monotonic() > deadline:
            raise NotReached("an outbox that was rolled back was not detected")
        time.sleep(0.05)


async def poison(plant: Plant, times: int) -> Figures:
    """One record in a hundred is nonsense: it goes into quarantine, and the others go on."""
    told = events(TAGS, 1_000 * times, plant.rng, per_s=10.0)
    stored = await asyncio.to_thread(fill, plant.outbox, plant.outbox_mb, told, poison=True)
    await plant.gateway.start()
    await _delivered(plant, stored)
    with closing(sqlite3.connect(f"file:{plant.registry_database}?mode=ro", uri=True, timeout=20)) as db:
        (held,) = db.execute("SELECT count(*) FROM tracking_quarantine").fetchone()
    if held != 10 * times:
        raise NotReached(f"{held} records are in quarantine, {10 * times} were poison")
    return (Figure("in quarantine", held, f"of {10 * times} poisoned"),)


async def registry_from_backup(plant: Plant, times: int) -> Figures:
    """The registry's database is restored from a backup: the gateway sends again what it lacks."""
    await plant.gateway.start()
    for _ in range(times):
        await plant.read(at_least=50)
        await asyncio.to_thread(_back_up, plant.registry_database, plant.folder / "backup")
        await plant.read(at_least=100)
        await plant.ingest.stop()
        for ending in ("-wal", "-shm"):
            plant.registry_database.with_name(plant.registry_database.name + ending).unlink(missing_ok=True)
        os.replace(plant.folder / "backup", plant.registry_database)
        await plant.ingest.start()
    await plant.read(at_least=20)
    return ()


def _back_up(database: Path, to: Path) -> None:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=20)) as db, closing(sqlite3.connect(to)) as copy:
        db.backup(copy)
