"""How fast a table of 100,000 assets is checked and written, in how much memory, and whether ingest notices.

    python benchmarks/importing.py [--rows 100000] [--form csv]            DATABASE_URL=postgresql://... for PostgreSQL

A table of 13 columns is handed in, checked (all new), written, and checked again (nothing to do): the steps of the work process,
10 ms apart, in one process. Beside it another process takes in a sealed batch of 50 events every 100 ms, as the ingest process
would, once without and then all along the import; told are the times of its commits. Memory is what is the process's own
(RssAnon): SQLite maps its file into memory, which counts as resident and is not ours.

Goals: no transaction above 250 ms, ingest's p95 below 250 ms meanwhile, the process below 300 MiB.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

BATCH, EVERY_S, PAUSE_S = 50, 0.1, 0.01
TAGS = 2_000
QUIET_S = 5.0
HEADER = (
    "asset_no", "name", "kind", "status", "category", "serial_no", "identifiers", "home_location", "supplier", "purchase_cost",
    "currency", "acquired_on", "notes",
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--form", choices=["csv", "xlsx"], default="csv")
    parser.add_argument("--ingest", action="store_true", help=argparse.SUPPRESS)  # the process beside it
    arguments = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "registry.settings")
    if arguments.ingest:
        _set_up()
        _take_in()
        return
    with tempfile.TemporaryDirectory(prefix="sightpost-bench-") as folder:
        os.environ["SIGHTPOST_REGISTRY_DATA_DIR"] = folder
        _set_up()
        print(json.dumps(run(arguments.rows, arguments.form), indent=2))


def _set_up() -> None:
    import django

    django.setup()


def run(rows: int, form: str) -> dict[str, Any]:
    from django.conf import settings
    from django.db import connection

    from registry import migrating
    from registry.importing import services
    from registry.importing.applying import Applying
    from registry.importing.checking import Checking
    from registry.importing.models import ImportJob, counts

    migrating.run(settings.CONFIGURATION)
    by = _world()
    beside = subprocess.Popen([sys.executable, __file__, "--ingest"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert beside.stdin is not None
    assert beside.stdout is not None
    beside.stdout.readline()  # it is ready
    time.sleep(QUIET_S)
    beside.stdin.write("next\n")
    beside.stdin.flush()
    result: dict[str, Any] = {"database": connection.vendor, "form": form, "rows": rows}
    for what, expected in (("fresh", ("fresh", rows)), ("again", ("unchanged", rows))):
        started = time.perf_counter()
        job = services.receive(by=by, name=f"bench.{form}", chunks=_table(rows, form))
        result[f"{what}_received_s"] = round(time.perf_counter() - started, 1)
        services.start_check(by=by, job=job, mapping=job.mapping, options={}, queued=False)
        result |= _measured(f"{what}_checked", Checking(job, by), rows)
        job = ImportJob.objects.get(pk=job.pk)
        assert getattr(job, expected[0]) == expected[1], counts(job)
        if what == "fresh":
            services.confirm(by=by, job=job, queued=False)
            result |= _measured("written", Applying(job, by), rows)
            assert ImportJob.objects.get(pk=job.pk).written == rows
    seen: dict[str, Any] = json.loads(beside.communicate()[0])
    return result | seen


def _measured(what: str, work: Any, rows: int) -> dict[str, Any]:
    """Do all steps; the longest transaction is that of the slowest step."""
    slow = _Transactions()
    started = time.perf_counter()
    with slow:
        while not work.step():
            time.sleep(PAUSE_S)
    work.close()
    took = time.perf_counter() - started
    return {
        f"{what}_s": round(took, 1),
        f"{what}_rows_per_s": round(rows / took),
        f"{what}_longest_transaction_ms": round(slow.longest_s * 1000),
        f"{what}_own_memory_mib": _own_memory_mib(),
    }


class _Transactions:
    """How long the outermost transactions of this process take, from their beginning to the end of the commit."""

    longest_s = 0.0

    def __enter__(self) -> None:
        from django.db.transaction import Atomic

        self._enter, self._exit = Atomic.__enter__, Atomic.__exit__
        depth, began = 0, 0.0

        def enter(atomic: Any) -> None:
            nonlocal depth, began
            if depth == 0:
                began = time.perf_counter()
            depth += 1
            self._enter(atomic)

        def leave(atomic: Any, *exc: Any) -> None:
            nonlocal depth
            depth -= 1
            self._exit(atomic, *exc)
            if depth == 0:
                self.longest_s = max(self.longest_s, time.perf_counter() - began)

        Atomic.__enter__, Atomic.__exit__ = enter, leave  # type: ignore[method-assign]

    def __exit__(self, *exc: object) -> None:
        from django.db.transaction import Atomic

        Atomic.__enter__, Atomic.__exit__ = self._enter, self._exit  # type: ignore[method-assign]


def _own_memory_mib() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("RssAnon"))) // 1024


def _world() -> Any:
    from registry.access.actors import system
    from registry.assets.models import Supplier
    from registry.assets.trees import create_category, create_location

    by = system("cli", "bench")
    site = create_location(by=by, name="Hamburg", kind="site")
    for number in range(300):
        create_location(by=by, name=f"Room {number}", code=f"R{number}", parent=site)
    it = create_category(by=by, name="IT")
    for number in range(30):
        create_category(by=by, name=f"Category {number}", parent=it)
    Supplier.objects.bulk_create([Supplier(name=f"Supplier {number}") for number in range(50)])
    return by


def _table(rows: int, form: str) -> Iterator[bytes]:
    from registry.tables.writing import WRITERS

    writer = WRITERS[form]()
    yield writer.rows([HEADER])
    for first in range(0, rows, 1000):
        yield writer.rows(_row(number) for number in range(first, min(rows, first + 1000)))
    yield writer.end()


def _row(number: int) -> tuple[str, ...]:
    return (
        f"B-{number:07}", f"Thing {number}", "physical", "in_use", f"IT / Category {number % 30}", f"SN{number * 7:09}",
        f"tag:bench-{number}; 3034257BF4{number:014X}", f"R{number % 300}", f"Supplier {number % 50}", f"{number % 900}.50",
        "EUR", f"2024-02-{number % 28 + 1:02}", f"note {number}",
    )  # fmt: skip


def _take_in() -> None:
    """Take in batches until the other side closes its end; print the times of the quiet part and of the rest."""
    import select

    from registry.tracking.intake import Message, take

    batches = _batches()
    print("ready", flush=True)
    times: list[list[float]] = [[]]
    counted: Counter[str] = Counter()
    while True:
        ready, _, _ = select.select([sys.stdin], [], [], EVERY_S)
        if ready:
            if not sys.stdin.readline():
                break
            times.append([])
        started = time.perf_counter()
        take([Message("bench", "events", next(batches))], counted, lambda _: None)
        times[-1].append((time.perf_counter() - started) * 1000)
    told: dict[str, int] = {}
    for what, some in zip(("quiet", "meanwhile"), times, strict=True):
        percentiles = statistics.quantiles(some, n=100)
        told |= {f"ingest_{what}_{name}_ms": round(value) for name, value in (("p50", percentiles[49]), ("p95", percentiles[94]))}
        told |= {f"ingest_{what}_longest_ms": round(max(some)), f"ingest_{what}_commits": len(some)}
    print(json.dumps(told))


def _batches() -> Iterator[bytes]:
    import msgspec

    from registry.access.actors import system
    from registry.db import uuid7
    from registry.tracking.gateways import add_gateway
    from registry.tracking.intake import Message, take
    from sync.wire import ClockQuality, EventKind, Hello, LocationEvent, Purpose, Record, encode, pack, seal

    credentials = add_gateway(by=system("cli"), gateway_id="bench")
    epoch = uuid4().hex
    hello = Hello("n", epoch, 1, 1, 0, None, "boot", ClockQuality.SYNCED, "bench", "m")
    take([Message("bench", "hello", seal(hello, Purpose.HELLO, credentials.mac_key))], Counter(), lambda _: None)
    seq, start = 0, datetime.now(UTC) - timedelta(hours=1)
    while True:
        records = []
        for _ in range(BATCH):
            seq += 1
            at = start + timedelta(milliseconds=seq)
            told = LocationEvent(
                EventKind.MOVED, f"tag:bench-{seq % TAGS}", "3074257BF7194E4000001A85", at, at, "door:1",
                zone_from=f"zone-{seq % 7}", zone_to=f"zone-{seq % 5}", confidence=0.9, parameters="1",
            )  # fmt: skip
            records.append(Record(seq, uuid7(), "location", at, seq, "boot", msgspec.Raw(encode(told))))
        yield seal(pack(records, [], epoch), Purpose.EVENTS, credentials.mac_key)


if __name__ == "__main__":
    main()
