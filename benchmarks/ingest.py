"""How many location events per second the registry takes in, beside a bare script that writes the same rows.

    python benchmarks/ingest.py [--events 50000] [--assets 5000] [--pairs 5]        DATABASE_URL=postgresql://... for PostgreSQL

Ours: sealed batches of 200 as they come from the wire, joined to 1,000, through MAC, JSON, both unique keys, cursor, positions
and stays (registry.tracking.intake.take). Bare: the sqlite3 module, WAL and synchronous=FULL, executemany into tables of the same
columns and indexes, positions by upsert, in transactions of 1,000; no checking, no decoding. On PostgreSQL the bare side is
COPY of the events alone into a logged, keyed table. Measured in pairs, one after the other; the ratio is the median of the pairs.
"""

import argparse
import json
import os
import random
import sqlite3
import statistics
import tempfile
import time
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

BATCH, JOINED = 200, 1000
ZONES = [f"zone-{n:02}" for n in range(12)]


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
_bare_keys: list[str] = []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=50_000)
    parser.add_argument("--assets", type=int, default=5_000)
    parser.add_argument("--pairs", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sightpost-bench-") as folder:
        os.environ["SIGHTPOST_REGISTRY_DATA_DIR"] = folder
        os.environ["DJANGO_SETTINGS_MODULE"] = "registry.settings"
        import django

        django.setup()
        print(json.dumps(run(Path(folder), arguments.events, arguments.assets, arguments.pairs), indent=2))


def run(folder: Path, events: int, assets: int, pairs: int) -> dict[str, Any]:
    from django.conf import settings
    from django.db import connection

    from registry import migrating
    from registry.assets.importing import import_rows
    from registry.tracking.services import project_changed_identifiers

    migrating.run(settings.CONFIGURATION)
    import_rows((n, {"name": f"Thing {n}", "identifiers": f"tag:{n}"}) for n in range(assets))
    while project_changed_identifiers():
        continue
    fresh, again, bare = [], [], []
    for pair in range(pairs):
        batches, epoch = _batches(f"g{pair}", events, assets, datetime.now(UTC) - timedelta(hours=pairs - pair))
        fresh.append(events / _ours(f"g{pair}", batches, epoch))
        again.append(events / _ours(f"g{pair}", batches, epoch))
        if connection.vendor == "postgresql":
            bare.append(events / _bare_copy(events))
        else:
            bare.append(events / _bare_sqlite(folder / "bare.sqlite3", events, assets, pair))
    counted = _stored()
    assert counted == events * pairs, f"{counted} stored of {events * pairs}"
    return {
        "database": connection.vendor,
        "events_per_s": round(statistics.median(fresh)),
        "redelivered_per_s": round(statistics.median(again)),
        "bare_per_s": round(statistics.median(bare)),
        "ratio": round(statistics.median(o / b for o, b in zip(fresh, bare, strict=True)), 3),
        "redelivered_to_fresh": round(statistics.median(a / f for a, f in zip(again, fresh, strict=True)), 2),
    }


def _batches(gateway: str, events: int, assets: int, start: datetime) -> tuple[list[bytes], str]:
    """Sealed batches of a gateway made known for them, one event a millisecond from `start`. Making them is not measured."""
    import msgspec

    from registry.db import uuid7
    from registry.tracking.gateways import add_gateway
    from registry.tracking.intake import Message, take
    from sync.wire import ClockQuality, EventKind, Hello, LocationEvent, Purpose, Record, encode, pack, seal

    credentials = add_gateway(gateway_id=gateway)
    epoch = uuid4().hex
    hello = Hello("n", epoch, 1, events, 0, None, "boot", ClockQuality.SYNCED, "bench", "m")
    take([Message(gateway, "hello", seal(hello, Purpose.HELLO, credentials.mac_key))], Counter(), lambda _: None)
    rng = random.Random(gateway)
    sealed = []
    for first in range(1, events + 1, BATCH):
        records = []
        for seq in range(first, min(first + BATCH, events + 1)):
            at = start + timedelta(milliseconds=seq)
            told = LocationEvent(
                EventKind.MOVED, f"tag:{rng.randrange(assets)}", "3074257BF7194E4000001A85", at, at, "door:1",
                zone_from=rng.choice(ZONES), zone_to=rng.choice(ZONES), confidence=0.9, parameters="1",
            )  # fmt: skip
            records.append(Record(seq, uuid7(), "location", at, seq, "boot", msgspec.Raw(encode(told))))
        sealed.append(seal(pack(records, [], epoch), Purpose.EVENTS, credentials.mac_key))
    return sealed, epoch


def _ours(gateway: str, batches: list[bytes], epoch: str) -> float:
    """Return the seconds it took; the last reply must account for everything."""
    from registry.tracking.intake import Message, Reply, take

    replies: list[Reply] = []
    counts: Counter[str] = Counter()
    started = time.perf_counter()
    for first in range(0, len(batches), JOINED // BATCH):
        take(
            [Message(gateway, "events", payload) for payload in batches[first : first + JOINED // BATCH]], counts, replies.append
        )
    took = time.perf_counter() - started
    assert (replies[-1].epoch, replies[-1].ranges) == (epoch, ()), "not everything is accounted for"
    return took


def _stored() -> int:
    from registry.tracking.models import LocationEvent

    return LocationEvent.objects.count()


def _bare_sqlite(path: Path, events: int, assets: int, pair: int) -> float:
    """The same rows into tables of the same columns and indexes; each pair goes on in the same file, as ours does."""
    rng, start = random.Random(pair), datetime.now(UTC) + timedelta(hours=pair)
    keys = [UUID(int=rng.getrandbits(128)).hex for _ in range(assets)] if pair == 0 else _bare_keys
    _bare_keys[:] = keys
    rows = []
    for seq in range(1, events + 1):
        at = str((start + timedelta(milliseconds=seq)).replace(tzinfo=None))
        asset, event_id = rng.randrange(assets), UUID(int=pair << 100 | seq << 64 | rng.getrandbits(62)).hex
        rows.append((seq + pair * events, at, f"tag:{asset}", keys[asset], rng.choice(ZONES), rng.choice(ZONES), event_id))
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        if pair == 0:
            for statement in _schema():
                db.execute(statement)
        started = time.perf_counter()
        for first in range(0, events, JOINED):
            some = rows[first : first + JOINED]
            db.execute("BEGIN IMMEDIATE")
            db.executemany(BARE_EVENT, [(r[6], r[0], r[2], r[1], r[1], r[1], r[1], r[1], r[4], r[5], r[0]) for r in some])
            newest = {r[3]: r for r in some}
            db.executemany(BARE_POSITION, [(r[3], r[5], r[1], r[1], r[6], r[1]) for r in newest.values()])
            for r in some:
                db.execute("UPDATE tracking_stay SET to_ts = ? WHERE asset_id = ? AND to_ts IS NULL", (r[1], r[3]))
                db.execute(
                    "INSERT INTO tracking_stay (id, asset_id, zone_id, from_ts) VALUES (?, ?, ?, ?)", (r[6], r[3], r[5], r[1])
                )
            db.execute("COMMIT")
        return time.perf_counter() - started


def _schema() -> list[str]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND type IN ('table', 'index') "
            "AND tbl_name IN ('tracking_locationevent', 'tracking_position', 'tracking_stay')"
        )
        return [sql for (sql,) in cursor.fetchall()]


def _bare_copy(events: int) -> float:
    """COPY of the events alone into a logged table with the primary key."""
    from django.db import connection

    start = datetime.now(UTC)
    rows = [(uuid4(), f"tag:{n % 5000}", "zone-01", 1, start + timedelta(milliseconds=n), "g0") for n in range(events)]
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS bare_event")
        cursor.execute(
            "CREATE TABLE bare_event (event_id uuid PRIMARY KEY, asset text NOT NULL, place text NOT NULL,"
            " kind smallint NOT NULL, ts timestamptz NOT NULL, gateway text NOT NULL)"
        )
        started = time.perf_counter()
        for first in range(0, events, JOINED):
            with cursor.copy("COPY bare_event FROM STDIN") as copy:
                for row in rows[first : first + JOINED]:
                    copy.write_row(row)
        took = time.perf_counter() - started
        cursor.execute("DROP TABLE bare_event")
    return took


if __name__ == "__main__":
    main()
