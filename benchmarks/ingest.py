"""How many location events per second the registry takes in, on SQLite and on PostgreSQL, beside what the databases can do bare.

    python -m benchmarks.ingest [--database both] [--events 20000] [--assets 5000] [--pairs 5]

Ours: sealed batches of 200 as they come from the wire, joined to 1,000, through MAC, JSON, both unique keys, cursor, positions
and stays (registry.tracking.intake.take), then the same batches once more. Beside it the yardsticks of ingest_yardsticks.py,
measured in turns, pair by pair; a ratio is the median of the pairs. PostgreSQL is the system's, started for this as it comes, in
a temporary folder (DATABASE_URL names another one). Goals: on SQLite 0.5 of the bare script, on PostgreSQL 0.3 of COPY and 30
times row by row; delivering again is no slower.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from benchmarks import ingest_yardsticks as yardsticks
from tests import postgresql

BATCH, JOINED = 200, 1000
ZONES = [f"zone-{n:02}" for n in range(12)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", choices=["both", "sqlite", "postgresql"], default="both")
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--assets", type=int, default=5_000)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)  # one database, in this process
    arguments = parser.parse_args()
    if arguments.here:
        with tempfile.TemporaryDirectory(prefix="sightpost-bench-") as folder:
            os.environ |= {"SIGHTPOST_REGISTRY_DATA_DIR": folder, "DJANGO_SETTINGS_MODULE": "registry.settings"}
            import django

            django.setup()
            print(json.dumps(run(Path(folder), arguments.events, arguments.assets, arguments.pairs)))
        return
    figures = [_on(database, arguments) for database in ("sqlite", "postgresql") if arguments.database in (database, "both")]
    load = f"load of the last minute {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    print(json.dumps({"machine": load, "figures": figures}, indent=2))


def _on(database: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure in a process of its own: Django knows one database."""
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    command = [sys.executable, "-m", "benchmarks.ingest", "--here"]
    command += [f"--{name}={getattr(arguments, name)}" for name in ("events", "assets", "pairs")]
    server: postgresql.Server | None = None
    if database == "postgresql":
        if "DATABASE_URL" not in os.environ:
            server = postgresql.Server(durable=True)
            server.start()
        environment["DATABASE_URL"] = server.url if server is not None else os.environ["DATABASE_URL"]
    try:
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    finally:
        if server is not None:
            server.stop()
    return dict(json.loads(done.stdout))


def run(folder: Path, events: int, assets: int, pairs: int) -> dict[str, Any]:
    from django.conf import settings
    from django.db import connection, transaction

    from registry import migrating
    from registry.access.actors import system
    from registry.assets.services import NewIdentifier, register_asset
    from registry.tracking.services import project_changed_identifiers

    migrating.run(settings.CONFIGURATION)
    by = system("cli")
    for first in range(0, assets, 200):
        with transaction.atomic():
            for n in range(first, min(assets, first + 200)):
                register_asset(by=by, name=f"Thing {n}", identifiers=[NewIdentifier(f"tag:{n}")])
    while project_changed_identifiers():
        continue
    beside = (
        {"copy": yardsticks.copy, "row_by_row": yardsticks.row_by_row}
        if connection.vendor == "postgresql"
        else {"bare_script": yardsticks.SqliteScript(folder / "bare.sqlite3", assets).run}
    )
    seen: dict[str, list[float]] = {name: [] for name in ("fresh", "again", *beside)}
    for pair in range(pairs):
        batches, epoch = _batches(f"g{pair}", events, assets, datetime.now(UTC) - timedelta(hours=pairs - pair))
        seen["fresh"].append(events / _ours(f"g{pair}", batches, epoch))
        seen["again"].append(events / _ours(f"g{pair}", batches, epoch))
        for name, measure in beside.items():
            seen[name].append(measure(events, JOINED))
    counted = _stored()
    assert counted == events * pairs, f"{counted} stored of {events * pairs}"
    return {
        "database": connection.vendor,
        "events_per_s": {name: round(statistics.median(rates)) for name, rates in seen.items()},
        "lowest_and_highest": {name: [round(min(rates)), round(max(rates))] for name, rates in seen.items()},
        "fresh_to": {name: _ratio(seen["fresh"], seen[name]) for name in beside},
        "again_to_fresh": _ratio(seen["again"], seen["fresh"]),
    }


def _ratio(ours: list[float], theirs: list[float]) -> float:
    return round(statistics.median(a / b for a, b in zip(ours, theirs, strict=True)), 3)


def _batches(gateway: str, events: int, assets: int, start: datetime) -> tuple[list[bytes], str]:
    """Sealed batches of a gateway made known for them, one event a millisecond from `start`. Making them is not measured."""
    import msgspec

    from registry.access.actors import system
    from registry.db import uuid7
    from registry.tracking.gateways import add_gateway
    from registry.tracking.intake import Message, take
    from sync.wire import ClockQuality, EventKind, Hello, LocationEvent, Purpose, Record, encode, pack, seal

    credentials = add_gateway(by=system("cli"), gateway_id=gateway)
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


if __name__ == "__main__":
    main()
