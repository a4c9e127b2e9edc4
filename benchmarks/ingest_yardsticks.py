"""What the databases can do without us: the yardsticks of ingest.py.

SQLite: a bare script of the sqlite3 module, WAL and synchronous=FULL, executemany into tables of our columns and indexes,
positions by upsert, stays closed and opened where the mix says so; no checking, no decoding; it remembers since when each stay is
open.

PostgreSQL, as it comes: COPY of six columns (uuid key ascending in time, asset, place, kind, time, gateway) into one logged table
with that key, 1,000 rows a transaction; and the same rows one by one, each in a transaction of its own that adds the row and
moves a position, prepared. Rows are Python objects that the driver turns into bytes within the measured time; asyncpg's
copy_records_to_table into the same table takes the server as long and its client longer.
"""

import os
import random
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

ROWS_ALONE = 1_000  # one by one takes a millisecond each

BARE_EVENT = """
INSERT INTO tracking_locationevent (event_id, seq, kind, identity, raw, event_time, happened_at, decided_at, stored_at,
  recorded_time, time_uncertainty_ms, clock_quality, late, source, deliberate, reads, parameters, gateway_id, epoch_id,
  zone_from_id, zone_to_id, read_point_id, mono_ms, boot_id)
VALUES (?, ?, ?, ?, '3074257BF7194E4000001A85', ?, ?, ?, ?,
  ?, 0, 'holdover', 0, 'gateway', 0, 0, '1', 'g0', 1, ?, ?, 'p', ?, 1) ON CONFLICT DO NOTHING"""
BARE_POSITION = """
INSERT INTO tracking_position (asset_id, zone_id, since, last_seen_at, last_event_id, source, state, worked_in_to, tips)
VALUES (?, ?, ?, ?, ?, 'gateway', 'present', ?, '[]')
ON CONFLICT (asset_id) DO UPDATE SET zone_id = excluded.zone_id, since = excluded.since, last_seen_at = excluded.last_seen_at,
  last_event_id = excluded.last_event_id, worked_in_to = excluded.worked_in_to"""
SEE = """
UPDATE tracking_position SET last_seen_at = ?, last_event_id = ?, worked_in_to = ? WHERE asset_id = ?"""
CLOSE_STAY = "UPDATE tracking_stay SET to_ts = ? WHERE asset_id = ? AND from_ts = ? AND to_ts IS NULL"
OPEN_STAY = "INSERT INTO tracking_stay (id, asset_id, zone_id, from_ts) VALUES (?, ?, ?, ?)"

EVENT_TABLE = """
DROP TABLE IF EXISTS bare_event, bare_position;
CREATE TABLE bare_event (event_id uuid PRIMARY KEY, asset text NOT NULL, place text NOT NULL, kind smallint NOT NULL,
  ts timestamptz NOT NULL, gateway text NOT NULL);
CREATE TABLE bare_position (asset text PRIMARY KEY, place text NOT NULL, ts timestamptz NOT NULL, event_id uuid NOT NULL)
  WITH (fillfactor=70)"""
ADD_ALONE = "INSERT INTO bare_event VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING"
MOVE_ALONE = """
INSERT INTO bare_position VALUES (%s, %s, %s, %s)
ON CONFLICT (asset) DO UPDATE SET place = excluded.place, ts = excluded.ts, event_id = excluded.event_id
WHERE bare_position.ts < excluded.ts"""


@dataclass
class Took:
    """Events per second, and the processor time of an event in microseconds: of this process, and of the server's for us."""

    per_s: float = 0.0
    client_us: float = 0.0
    server_us: float = 0.0


@contextmanager
def timed(events: int, server: int | None = None) -> Iterator[Took]:
    """Measure what stands inside; `server` is the id of the PostgreSQL process that serves it, on this machine."""
    took = Took()
    started, client, serving = time.perf_counter(), time.process_time(), _ran_s(server)
    yield took
    took.per_s = events / (time.perf_counter() - started)
    took.client_us = (time.process_time() - client) / events * 1e6
    took.server_us = (_ran_s(server) - serving) / events * 1e6


def _ran_s(process: int | None) -> float:
    path = Path(f"/proc/{process}/schedstat")
    return int(path.read_text().split()[0]) / 1e9 if process is not None and path.exists() else 0.0


class SqliteScript:
    """Each run goes on in the same file, as ours does."""

    def __init__(self, path: Path, assets: int, kinds: list[str]) -> None:
        self._path = path
        self._kinds = kinds
        self._rng = random.Random(1)
        self._keys = [UUID(int=self._rng.getrandbits(128)).hex for _ in range(assets)]
        self._zones = [UUID(int=self._rng.getrandbits(128)).hex for _ in range(12)]
        self._open: dict[str, str] = {}
        self._runs = 0
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            db.execute("PRAGMA journal_mode=WAL")
            for statement in _our_schema():
                db.execute(statement)

    def run(self, events: int, at_once: int) -> Took:
        rows = self._rows(events)
        with closing(sqlite3.connect(self._path, isolation_level=None)) as db:
            db.execute("PRAGMA synchronous=FULL")
            with timed(events) as took:
                for first in range(0, events, at_once):
                    self._write(db, rows[first : first + at_once])
        return took

    def _write(self, db: sqlite3.Connection, some: list["_Row"]) -> None:
        db.execute("BEGIN IMMEDIATE")
        db.executemany(BARE_EVENT, [(r[6], r[0], r[7], r[2], *[r[1]] * 5, r[4], r[5], r[0]) for r in some])
        moved = [r for r in some if r[7] != "seen" or r[3] not in self._open]
        db.executemany(BARE_POSITION, [(r[3], r[5], r[1], r[1], r[6], r[1]) for r in {r[3]: r for r in moved}.values()])
        for r in moved:
            if r[3] in self._open:
                db.execute(CLOSE_STAY, (r[1], r[3], self._open[r[3]]))
            db.execute(OPEN_STAY, (r[6], r[3], r[5], r[1]))
            self._open[r[3]] = r[1]
        seen = {r[3]: r for r in some if r[7] == "seen"}
        db.executemany(SEE, [(r[1], r[6], r[1], r[3]) for r in seen.values()])
        db.execute("COMMIT")

    def _rows(self, events: int) -> list["_Row"]:
        rng, start, before = self._rng, datetime.now(UTC) + timedelta(hours=self._runs), self._runs * events
        self._runs += 1
        rows = []
        for seq in range(before + 1, before + events + 1):
            at = str((start + timedelta(milliseconds=seq)).replace(tzinfo=None))
            asset, event_id = rng.randrange(len(self._keys)), UUID(int=seq << 64 | rng.getrandbits(62)).hex
            zones = rng.choice(self._zones), rng.choice(self._zones)
            rows.append((seq, at, f"tag:{asset}", self._keys[asset], *zones, event_id, rng.choice(self._kinds)))
        return rows


_Row = tuple[int, str, str, str, str, str, str, str]
"""Number, time, identity, asset, zone before, zone, id, kind."""


def _our_schema() -> list[str]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND type IN ('table', 'index') "
            "AND tbl_name IN ('tracking_locationevent', 'tracking_position', 'tracking_stay')"
        )
        return [sql for (sql,) in cursor.fetchall()]


def copy(events: int, at_once: int) -> Took:
    """COPY of the events alone, binary, each batch a transaction."""
    import psycopg

    with psycopg.connect(_url(), autocommit=True) as db, db.cursor() as cursor:
        db.execute(EVENT_TABLE)
        rows = _narrow_rows(events)
        with timed(events, db.info.backend_pid) as took:
            for first in range(0, events, at_once):
                with cursor.copy("COPY bare_event FROM STDIN (FORMAT BINARY)") as into:
                    into.set_types(["uuid", "text", "text", "int2", "timestamptz", "text"])
                    for row in rows[first : first + at_once]:
                        into.write_row(row)
    return took


def row_by_row(events: int, _at_once: int) -> Took:
    """An event and its position in a transaction of their own, prepared."""
    import psycopg

    with psycopg.connect(_url(), autocommit=True) as db:
        db.execute(EVENT_TABLE)
        rows = _narrow_rows(min(events, ROWS_ALONE))
        with timed(len(rows), db.info.backend_pid) as took:
            for row in rows:
                with db.transaction():
                    db.execute(ADD_ALONE, row, prepare=True)
                    db.execute(MOVE_ALONE, (row[1], row[2], row[4], row[0]), prepare=True)
    return took


def _narrow_rows(events: int) -> list[tuple[UUID, str, str, int, datetime, str]]:
    from registry.db import uuid7s

    rng, start = random.Random(9), datetime.now(UTC)
    return [
        (key, f"{rng.randrange(5_000):024X}", f"dock-{rng.randrange(12):02}", 1, start + timedelta(milliseconds=n), "gw-1")
        for n, key in enumerate(uuid7s(events))
    ]


def _url() -> str:
    return os.environ["DATABASE_URL"]
