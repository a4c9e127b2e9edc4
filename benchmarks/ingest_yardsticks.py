"""What the databases can do without us: the yardsticks of ingest.py, in events per second.

SQLite: a bare script of the sqlite3 module, WAL and synchronous=FULL, executemany into tables of our columns and indexes,
positions by upsert, stays closed and opened; no checking, no decoding. PostgreSQL: COPY of narrow rows into one logged table
with a key, and the same rows one by one, each in a transaction that also moves a position.
"""

import os
import random
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

ROWS_ALONE = 1_000  # one by one takes a millisecond each

BARE_EVENT = """
INSERT INTO tracking_locationevent (event_id, seq, kind, identity, raw, event_time, happened_at, decided_at, stored_at,
  recorded_time, time_uncertainty_ms, clock_quality, late, source, deliberate, reads, parameters, gateway_id, epoch_id,
  zone_from_id, zone_to_id, read_point_id, mono_ms, boot_id)
VALUES (?, ?, 'moved', ?, '3074257BF7194E4000001A85', ?, ?, ?, ?,
  ?, 0, 'holdover', 0, 'gateway', 0, 0, '1', 'g0', 1, ?, ?, 'p', ?, 1) ON CONFLICT DO NOTHING"""
BARE_POSITION = """
INSERT INTO tracking_position (asset_id, zone_id, since, last_seen_at, last_event_id, source, state, worked_in_to, tips)
VALUES (?, ?, ?, ?, ?, 'gateway', 'present', ?, '[]')
ON CONFLICT (asset_id) DO UPDATE SET zone_id = excluded.zone_id, since = excluded.since, last_seen_at = excluded.last_seen_at,
  last_event_id = excluded.last_event_id, worked_in_to = excluded.worked_in_to"""
CLOSE_STAY = "UPDATE tracking_stay SET to_ts = ? WHERE asset_id = ? AND to_ts IS NULL"
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


class SqliteScript:
    """Each run goes on in the same file, as ours does."""

    def __init__(self, path: Path, assets: int) -> None:
        self._path = path
        self._rng = random.Random(1)
        self._keys = [UUID(int=self._rng.getrandbits(128)).hex for _ in range(assets)]
        self._zones = [UUID(int=self._rng.getrandbits(128)).hex for _ in range(12)]
        self._runs = 0
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            db.execute("PRAGMA journal_mode=WAL")
            for statement in _our_schema():
                db.execute(statement)

    def run(self, events: int, at_once: int) -> float:
        rows = self._rows(events)
        with closing(sqlite3.connect(self._path, isolation_level=None)) as db:
            db.execute("PRAGMA synchronous=FULL")
            started = time.perf_counter()
            for first in range(0, events, at_once):
                some = rows[first : first + at_once]
                db.execute("BEGIN IMMEDIATE")
                db.executemany(BARE_EVENT, [(r[6], r[0], r[2], r[1], r[1], r[1], r[1], r[1], r[4], r[5], r[0]) for r in some])
                newest = {r[3]: r for r in some}
                db.executemany(BARE_POSITION, [(r[3], r[5], r[1], r[1], r[6], r[1]) for r in newest.values()])
                for r in some:
                    db.execute(CLOSE_STAY, (r[1], r[3]))
                    db.execute(OPEN_STAY, (r[6], r[3], r[5], r[1]))
                db.execute("COMMIT")
            return events / (time.perf_counter() - started)

    def _rows(self, events: int) -> list[tuple[int, str, str, str, str, str, str]]:
        rng, start, before = self._rng, datetime.now(UTC) + timedelta(hours=self._runs), self._runs * events
        self._runs += 1
        rows = []
        for seq in range(before + 1, before + events + 1):
            at = str((start + timedelta(milliseconds=seq)).replace(tzinfo=None))
            asset, event_id = rng.randrange(len(self._keys)), UUID(int=seq << 64 | rng.getrandbits(62)).hex
            rows.append((seq, at, f"tag:{asset}", self._keys[asset], rng.choice(self._zones), rng.choice(self._zones), event_id))
        return rows


def _our_schema() -> list[str]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND type IN ('table', 'index') "
            "AND tbl_name IN ('tracking_locationevent', 'tracking_position', 'tracking_stay')"
        )
        return [sql for (sql,) in cursor.fetchall()]


def copy(events: int, at_once: int) -> float:
    """COPY of the events alone, binary, each batch a transaction."""
    import psycopg

    with psycopg.connect(_url(), autocommit=True) as db, db.cursor() as cursor:
        db.execute(EVENT_TABLE)
        rows = _narrow_rows(events)
        started = time.perf_counter()
        for first in range(0, events, at_once):
            with cursor.copy("COPY bare_event FROM STDIN (FORMAT BINARY)") as into:
                into.set_types(["uuid", "text", "text", "int2", "timestamptz", "text"])
                for row in rows[first : first + at_once]:
                    into.write_row(row)
        return events / (time.perf_counter() - started)


def row_by_row(events: int, _at_once: int) -> float:
    """An event and its position in a transaction of their own, prepared."""
    import psycopg

    with psycopg.connect(_url(), autocommit=True) as db:
        db.execute(EVENT_TABLE)
        rows = _narrow_rows(min(events, ROWS_ALONE))
        started = time.perf_counter()
        for row in rows:
            with db.transaction():
                db.execute(ADD_ALONE, row, prepare=True)
                db.execute(MOVE_ALONE, (row[1], row[2], row[4], row[0]), prepare=True)
        return len(rows) / (time.perf_counter() - started)


def _narrow_rows(events: int) -> list[tuple[UUID, str, str, int, datetime, str]]:
    from registry.db import uuid7s

    rng, start = random.Random(9), datetime.now(UTC)
    return [
        (key, f"{rng.randrange(5_000):024X}", f"dock-{rng.randrange(12):02}", 1, start + timedelta(milliseconds=n), "gw-1")
        for n, key in enumerate(uuid7s(events))
    ]


def _url() -> str:
    return os.environ["DATABASE_URL"]
