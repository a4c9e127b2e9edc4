"""A backlog over the whole way while the reader goes on: the part `backlog` of delivery.py."""

import asyncio
import os
import random
import sqlite3
import statistics
import tempfile
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from tests import databases, postgresql
from tests.chaos.filling import events, fill
from tests.chaos.plant import TAGS, Plant, Template

QUOTA_MB = 4_000
LIVE_GOAL_S = 5.0
SAMPLE_S = 1.0
PER_S = 5.0  # of the days before
SETTLED_WITHIN_S = 60.0
_LIVE = """
SELECT e.event_time, e.recorded_time FROM tracking_locationevent e WHERE e.seq > {backlog} ORDER BY e.seq"""


def measured(database: str, backlog: int) -> dict[str, Any]:
    """Deliver a backlog of so many events; a PostgreSQL is started for it, unless DATABASE_URL names one."""
    given = os.environ.pop("DATABASE_URL", None)
    server = postgresql.Server(durable=True) if database == "postgresql" and given is None else None
    try:
        if server is not None:
            server.start()
        if database == "postgresql":
            os.environ["DATABASE_URL"] = given or (server.url if server is not None else "")
        databases.begin()
        try:
            with tempfile.TemporaryDirectory(prefix="sightpost-bench-") as folder, Template.made(Path(folder)) as template:
                return asyncio.run(_run(template, backlog))
        finally:
            databases.end()
    finally:
        os.environ.pop("DATABASE_URL", None)
        if given is not None:
            os.environ["DATABASE_URL"] = given
        if server is not None:
            server.stop()


async def _run(template: Template, backlog: int) -> dict[str, Any]:
    async with Plant.running(template, random.Random(1), outbox_mb=QUOTA_MB, follow=False) as plant:
        await plant.ingest.stop()
        await asyncio.to_thread(fill, plant.outbox, QUOTA_MB, events(TAGS, backlog, plant.rng, per_s=PER_S))
        stored_bytes = plant.outbox.stat().st_size / backlog
        await plant.ingest.start()
        await plant.gateway.start()
        ends = {daemon.name: psutil.Process(daemon.pid) for daemon in (plant.gateway, plant.ingest)}
        memory: dict[str, list[float]] = {name: [] for name in ends}
        before = (await asyncio.to_thread(_standing, plant.outbox))[1]
        while (await asyncio.to_thread(_standing, plant.outbox))[1] == before:  # noqa: ASYNC110 - in another process
            await asyncio.sleep(0.01)
        began, live_from = time.monotonic(), datetime.now(UTC)
        while (now := await asyncio.to_thread(_standing, plant.outbox))[1] < backlog:
            await asyncio.sleep(SAMPLE_S)
            for name, process in ends.items():
                memory[name].append(process.memory_info().rss / 2**20)
        took_s = time.monotonic() - began
        written = {name: process.io_counters().write_bytes for name, process in ends.items()}
        plant.feed.tags_per_round = 0
        delivered = await _settled(plant)
        waited = await asyncio.to_thread(_live, plant, backlog, live_from)
    if not waited:
        raise SystemExit("the backlog was delivered before anything new was read: take a larger one")
    quarter = max(1, len(memory["gateway"]) // 4)
    return {
        "backlog": backlog,
        "delivered": delivered,
        "took_s": round(took_s, 1),
        "per_s": round(now[1] / took_s),
        "live_events": len(waited),
        "live_p99_s": round(sorted(waited)[int(0.99 * (len(waited) - 1))], 2),
        "live_worst_s": round(max(waited), 2),
        "live_goal_s": LIVE_GOAL_S,
        "memory_mib": {
            name: [round(statistics.mean(of[:quarter])), round(statistics.mean(of[-quarter:]))] for name, of in memory.items()
        },
        "outbox_bytes_per_event": round(stored_bytes),
        "written_bytes_per_event": {name: round(total / now[1]) for name, total in written.items()},
    }


def _standing(outbox: Path) -> tuple[int, int]:
    """Return the newest number and up to where the registry has everything. There is one epoch."""
    with closing(sqlite3.connect(f"file:{outbox}?mode=ro", uri=True, timeout=20)) as db:
        last, acked = db.execute("SELECT last, acked FROM cursor").fetchone()
        return int(last), int(acked)


async def _settled(plant: Plant) -> int:
    """Wait until nothing waits; return how many records the registry has, which must be all. Else no rate counts."""
    deadline = time.monotonic() + SETTLED_WITHIN_S
    while True:
        last, acked = await asyncio.to_thread(_standing, plant.outbox)
        if last == acked:
            ((stored,),) = plant.home.query("SELECT count(*) FROM tracking_locationevent")
            if stored == last:
                return last
        if time.monotonic() > deadline:
            raise SystemExit(f"{last - acked} records were not delivered: no rate counts")
        await asyncio.sleep(0.2)


def _live(plant: Plant, backlog: int, since: datetime) -> list[float]:
    """Return for each event that was read once the backlog was on its way the seconds until the registry had it.

    What was read before the registry answered is the end of the backlog, and comes with it."""
    rows = [(_moment(told), _moment(recorded)) for told, recorded in plant.home.query(_LIVE.format(backlog=backlog))]
    return [(recorded - told).total_seconds() for told, recorded in rows if told > since]


def _moment(value: datetime | str) -> datetime:
    """PostgreSQL's are aware, SQLite's are texts in UTC."""
    return value if isinstance(value, datetime) else datetime.fromisoformat(value).replace(tzinfo=UTC)
