"""How many location events per second the registry takes in, on SQLite and on PostgreSQL, beside what the databases can do bare.

    python -m benchmarks.ingest [--database both] [--mix both] [--events 20000] [--assets 5000] [--pairs 5]

Ours: sealed batches of 200 as they come from the wire, taken as the ingest process takes a full queue: 64 at once, a transaction
for each 1,000 records, through MAC, JSON, both unique keys, cursor, positions and stays (registry.tracking.intake.take). Then the
same batches once more. All zones are mapped to places. Two mixes of events:

    moves   every event moves a random asset to a random zone: each writes its row and its position, closes a stay and opens one.
            What goals count on: the bare databases write a row and a position for each event too, but no stays.
    day     what an ordinary day of an asset comes to: it is told as seen every six hours (heartbeat_s, four times), goes through
            a door once (passed) and changes the zone once (moved): 4 in 6, 1 in 6, 1 in 6.

Beside it the yardsticks of ingest_yardsticks.py, measured in turns, pair by pair; a ratio is the median of the pairs. PostgreSQL
is the system's, started for this as it comes, in a temporary folder (DATABASE_URL names another one). Goals: on SQLite 0.5 of the
bare script, on PostgreSQL 0.3 of COPY and 30 times row by row; delivering again is no slower. On a busy machine look at the
processor time of an event, ours and the server's, before its rate.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from benchmarks import ingest_yardsticks as yardsticks
from benchmarks.ingest_yardsticks import Took
from tests import postgresql

BATCH, JOINED = 200, 1000
ZONES = [f"zone-{n:02}" for n in range(12)]
MIXES = {"moves": ["moved"], "day": ["seen", "seen", "seen", "seen", "passed", "moved"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", choices=["both", "sqlite", "postgresql"], default="both")
    parser.add_argument("--mix", choices=["both", *MIXES], default="both")
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
            print(json.dumps(run(Path(folder), arguments.mix, arguments.events, arguments.assets, arguments.pairs)))
        return
    databases = [name for name in ("sqlite", "postgresql") if arguments.database in (name, "both")]
    mixes = [name for name in MIXES if arguments.mix in (name, "both")]
    figures = [_on(database, mix, arguments) for database in databases for mix in mixes]
    load = f"load of the last minute {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    print(json.dumps({"machine": load, "figures": figures}, indent=2))


def _on(database: str, mix: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure in a process of its own: Django knows one database."""
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    command = [sys.executable, "-m", "benchmarks.ingest", "--here", f"--mix={mix}"]
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


def run(folder: Path, mix: str, events: int, assets: int, pairs: int) -> dict[str, Any]:
    from django.db import connection

    from registry.tracking.models import LocationEvent

    _site(assets)
    beside: dict[str, Callable[[int, int], Took]] = (
        {"copy": yardsticks.copy, "row_by_row": yardsticks.row_by_row}
        if connection.vendor == "postgresql"
        else {"bare_script": yardsticks.SqliteScript(folder / "bare.sqlite3", assets, MIXES[mix]).run}
    )
    seen: dict[str, list[Took]] = {name: [] for name in ("fresh", "again", *beside)}
    for pair in range(pairs):
        start = datetime.now(UTC) - timedelta(hours=pairs - pair)
        batches, epoch = _batches(f"g{pair}", events, assets, start, MIXES[mix])
        seen["fresh"].append(_ours(f"g{pair}", batches, epoch, events))
        seen["again"].append(_ours(f"g{pair}", batches, epoch, events))
        for name, measure in beside.items():
            seen[name].append(measure(events, JOINED))
    stored = LocationEvent.objects.count()
    assert stored == events * pairs, f"{stored} stored of {events * pairs}"
    rates = {name: [one.per_s for one in runs] for name, runs in seen.items()}
    return {
        "database": connection.vendor,
        "mix": mix,
        "events_per_s": {name: round(statistics.median(of)) for name, of in rates.items()},
        "lowest_and_highest": {name: [round(min(of)), round(max(of))] for name, of in rates.items()},
        "cpu_us_per_event": {
            name: {"client": _median(one.client_us for one in runs), "server": _median(one.server_us for one in runs)}
            for name, runs in seen.items()
        },
        "fresh_to": {name: _ratio(rates["fresh"], rates[name]) for name in beside},
        "again_to_fresh": _ratio(rates["again"], rates["fresh"]),
    }


def _site(assets: int) -> None:
    """A migrated database with these assets, each with a code, and a place for each zone."""
    from django.conf import settings
    from django.db import transaction

    from registry import migrating
    from registry.access.actors import system
    from registry.assets.models import Location
    from registry.assets.services import NewIdentifier, register_asset
    from registry.tracking.services import project_changed_identifiers

    migrating.run(settings.CONFIGURATION)
    by = system("cli")
    for name in ZONES:
        Location.objects.add_root(instance=Location(name=name, code=name))
    for first in range(0, assets, 200):
        with transaction.atomic():
            for n in range(first, min(assets, first + 200)):
                register_asset(by=by, name=f"Thing {n}", identifiers=[NewIdentifier(f"tag:{n}")])
    while project_changed_identifiers():
        continue


def _median(values: Iterable[float]) -> float:
    return round(statistics.median(values), 1)


def _ratio(ours: list[float], theirs: list[float]) -> float:
    return round(statistics.median(a / b for a, b in zip(ours, theirs, strict=True)), 3)


def _batches(gateway: str, events: int, assets: int, start: datetime, kinds: list[str]) -> tuple[list[bytes], str]:
    """Sealed batches of a gateway made known for them, one event a millisecond from `start`. Making them is not measured."""
    import msgspec

    from registry.access.actors import system
    from registry.assets.models import Location
    from registry.db import uuid7
    from registry.tracking.gateways import add_gateway
    from registry.tracking.intake import Message, take
    from registry.tracking.models import Gateway
    from registry.tracking.services import create_zone
    from sync.wire import ClockQuality, EventKind, Hello, LocationEvent, Passage, Purpose, Record, encode, pack, seal

    by = system("cli")
    credentials = add_gateway(by=by, gateway_id=gateway)
    for name in ZONES:
        create_zone(by=by, gateway=Gateway.objects.get(pk=gateway), name=name, location=Location.objects.get(code=name))
    epoch = uuid4().hex
    hello = Hello("n", epoch, 1, events, 0, None, "boot", ClockQuality.SYNCED, "bench", "m")
    take([Message(gateway, "hello", seal(hello, Purpose.HELLO, credentials.mac_key))], Counter(), lambda _: None)
    rng = random.Random(gateway)
    zone_of = [rng.choice(ZONES) for _ in range(assets)]
    sealed = []
    for first in range(1, events + 1, BATCH):
        records = []
        for seq in range(first, min(first + BATCH, events + 1)):
            at = start + timedelta(milliseconds=seq)
            asset, kind = rng.randrange(assets), EventKind(rng.choice(kinds))
            before = zone_of[asset]
            if kind != EventKind.SEEN:
                zone_of[asset] = rng.choice(ZONES)
            told = LocationEvent(
                kind, f"tag:{asset}", f"3074257BF7194E40{asset:08X}", at, at, f"{zone_of[asset]}:1",
                zone_from=None if kind == EventKind.SEEN else before, zone_to=zone_of[asset], confidence=0.9, parameters="1",
                direction=Passage.IN if kind == EventKind.PASSED else None,
            )  # fmt: skip
            records.append(Record(seq, uuid7(), "location", at, seq, "boot", msgspec.Raw(encode(told))))
        sealed.append(seal(pack(records, [], epoch), Purpose.EVENTS, credentials.mac_key))
    return sealed, epoch


def _ours(gateway: str, batches: list[bytes], epoch: str, events: int) -> Took:
    """The last reply must account for everything."""
    from django.db import connection

    from registry.tracking.ingest import MESSAGES_AT_ONCE
    from registry.tracking.intake import Message, Reply, take

    replies: list[Reply] = []
    counts: Counter[str] = Counter()
    connection.ensure_connection()
    server = connection.connection.info.backend_pid if connection.vendor == "postgresql" else None
    with yardsticks.timed(events, server) as took:
        for first in range(0, len(batches), MESSAGES_AT_ONCE):
            some = batches[first : first + MESSAGES_AT_ONCE]
            take([Message(gateway, "events", payload) for payload in some], counts, replies.append)
    assert (replies[-1].epoch, replies[-1].ranges) == (epoch, ()), "not everything is accounted for"
    return took


if __name__ == "__main__":
    main()
