"""What a gateway would have stored while nobody watched: events put into its outbox by the outbox's own code."""

import itertools
import random
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from identity.epc import encode, from_key
from sync.outbox import Outbox
from sync.wire import EventKind, LocationEvent, RecordKind

AT_ONCE = 100
POISON = b'{"kind":"levitated","identity":"tag:poison"}'


def opened(path: Path, outbox_mb: int) -> Outbox:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    return Outbox.open(
        path,
        wall_ms=lambda: time.time_ns() // 1_000_000,
        mono_ns=time.monotonic_ns,
        boot_id="0" * 32,
        quota_bytes=outbox_mb * 1_000_000,
    )


def events(keys: list[str], count: int, rng: random.Random, *, per_s: float, company_digits: int = 7) -> Iterator[LocationEvent]:
    """`count` events that end now, `per_s` of them in a second: things of these keys are moved to and fro."""
    raw = {key: encode(from_key(key, company_digits)).hex().upper() for key in keys}
    began = datetime.now(UTC) - timedelta(seconds=count / per_s)
    for number in range(count):
        key, desk = rng.choice(keys), rng.randrange(2)
        at = began + timedelta(seconds=number / per_s)
        zone = ("bench", "shelf")[desk]
        yield LocationEvent(EventKind.MOVED, key, raw[key], at, at, f"desk:{desk + 1}", zone_to=zone, late=True)


def fill(path: Path, outbox_mb: int, told: Iterable[LocationEvent], *, poison: bool = False) -> int:
    """Store these, `AT_ONCE` in a transaction and each time a record of `poison` behind; return how many records that were.

    Raises OutboxUnavailable."""
    outbox, stored, told = opened(path, outbox_mb), 0, iter(told)
    try:
        while batch := list(itertools.islice(told, AT_ONCE)):
            outbox.append(batch)
            if poison:
                outbox.append_records([(RecordKind.LOCATION, POISON)])
            stored += len(batch) + poison
        return stored
    finally:
        outbox.close()
