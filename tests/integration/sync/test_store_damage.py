"""What disks and power cuts do to a store: it opens always, no confirmed record is lost that the disk still has, and the rows of
a damaged one come back. SIGHTPOST_FUZZ multiplies the seeds."""

import os
import random
import shutil
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sync.outbox import Outbox, OutboxDamaged
from sync.outbox_upkeep import TakenIn, take_in
from sync.salvage import salvage
from sync.store import PAGE_BYTES, Store
from sync.store_file import set_aside_stores
from sync.wire import RecordKind

SEEDS = range(int(os.environ.get("SIGHTPOST_FUZZ", "1")))
IN_MAIN, IN_WAL = 700, 300
LAST_COMMIT = 10
ROWS_OF_A_PAGE = 20  # at most, with these bodies
CLOCK: dict[str, Any] = {"wall_ms": lambda: 1_700_000_000_000, "mono_ns": lambda: 0, "boot_id": "b"}


@dataclass(frozen=True)
class Plant:
    """A store as it lies on disk while a gateway runs: its files, and how long the WAL was after each commit."""

    main: bytes
    wal: bytes
    ends: tuple[tuple[int, int], ...]  # (bytes of the WAL, records confirmed by then)

    def put(self, folder: Path, main: bytes | None = None, wal: bytes | None = None) -> Path:
        folder.mkdir()
        path = folder / "outbox.db"
        path.write_bytes(self.main if main is None else main)
        path.with_name("outbox.db-wal").write_bytes(self.wal if wal is None else wal)
        return path


def body(n: int) -> bytes:
    return b'{"n":%d,"x":"%s"}' % (n, b"x" * (6000 if n % 100 == 50 else 150 + n % 90))  # some need an overflow page


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Plant:
    path = tmp_path_factory.mktemp("plant") / "outbox.db"
    outbox = Outbox.open(path, **CLOCK)
    wal = path.with_name("outbox.db-wal")
    for n in range(0, IN_MAIN, 50):
        outbox.append_records([(RecordKind.NOTICE, body(k)) for k in range(n, n + 50)], {f"tag:{n}": b"state"})
    outbox._store.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    ends = [(0, IN_MAIN)]
    for n in range(IN_MAIN, IN_MAIN + IN_WAL, 10):
        outbox.append_records([(RecordKind.NOTICE, body(k)) for k in range(n, n + 10)])
        ends.append((wal.stat().st_size, n + 10))
    found = Plant(path.read_bytes(), wal.read_bytes(), tuple(ends))
    outbox.close()
    return found


def numbers(outbox: Outbox) -> set[int]:
    """Which records can be sent, read as the uplink does. Raises OutboxDamaged."""
    found: set[int] = set()
    seq, last = 0, outbox.newest()[1]
    while seq < last:
        records, gaps = outbox.read_after(seq, 100, 10**6)
        reached = max([r.seq for r in records] + [gap.last for gap in gaps])
        assert sum(gap.last - gap.first + 1 for gap in gaps) + len(records) == reached - seq
        found |= {number(bytes(r.body)) for r in records}
        seq = reached
    return found


def number(found: bytes) -> int:
    """The number in a body; -1 in one that the disk changed."""
    n = found[5 : found.find(b",")]
    return int(n) if n.isdigit() and body(int(n)) == found else -1


def started_and_recovered(path: Path) -> set[int]:
    """Start, use it all; where that finds damage start again, as systemd does; then recover. Return what is there."""
    for _ in range(2):
        with closing(Outbox.open(path, **CLOCK)) as outbox:
            try:
                outbox.append_records([(RecordKind.NOTICE, b'"after"')], {"tag:1": b"s"})
                outbox.saved_state()
                numbers(outbox)
                break
            except OutboxDamaged:
                continue
    else:
        raise AssertionError("a new store is damaged too")
    with closing(Store(path, 10**9, 0, "")) as store:
        for aside in set_aside_stores(path):
            before = aside.read_bytes()
            take_in(store, salvage(aside, path.parent), TakenIn())
            assert aside.read_bytes() == before
    with closing(Outbox.open(path, **CLOCK)) as outbox:
        return numbers(outbox) - {-1}


def test_after_every_commit_and_between_them_whatever_was_confirmed_is_there(plant: Plant, tmp_path: Path) -> None:
    """What a power cut leaves of a WAL that was not synced yet: its beginning; or the whole frames, and then noise."""
    rng = random.Random(1)
    cuts = {end for end, _ in plant.ends} | {rng.randrange(len(plant.wal)) for _ in range(20 * len(SEEDS))}
    for turn, cut in enumerate(sorted(cuts)):
        wal = plant.wal[:cut] + (rng.randbytes(rng.randrange(9000)) if turn % 2 else b"")
        path = plant.put(tmp_path / str(turn), wal=wal)
        with closing(Outbox.open(path, **CLOCK)) as outbox:
            confirmed = max(count for end, count in plant.ends if end <= cut)
            assert (outbox.stat().alarm, outbox.stat().set_aside) == ("", ())  # what was not confirmed yet is no damage
            assert numbers(outbox) == set(range(confirmed)), cut
            assert outbox.append_records([(RecordKind.NOTICE, b"1")]) == confirmed + 1
        shutil.rmtree(path.parent)


@pytest.mark.parametrize(
    ("statement", "lost"),
    [
        ("UPDATE record SET kind = CAST(x'ff' AS TEXT) WHERE position = 40", 1),
        ("UPDATE record SET boot_id = x'00' WHERE position = 40", 1),
        ("UPDATE record SET wall_ms = 9000000000000000000 WHERE position = 40", 1),
        ("UPDATE record SET event_id = x'00' WHERE position = 40", 1),
        ("UPDATE record SET body = 5 WHERE position = 40", 1),
        ("UPDATE engine_state SET state = 7", 0),
        ("UPDATE engine_state SET identity = CAST(x'ff' AS TEXT) WHERE identity = 'tag:50'", 0),
        ("UPDATE cursor SET last = 10", 0),
        ("UPDATE cursor SET acked = 99999", 0),
        ("UPDATE cursor SET acked = 'x'", 0),
        ("UPDATE epoch SET base = 5000", 0),
        ("UPDATE epoch SET epoch = CAST(x'ff' AS TEXT)", 0),
        ("DELETE FROM epoch", 0),
    ],
)
def test_values_that_a_disk_has_changed_stop_nothing_else(plant: Plant, tmp_path: Path, statement: str, lost: int) -> None:
    path = plant.put(tmp_path / "store")
    with closing(Store(path, 10**9, 0, "")) as store:
        store.db.execute(statement)
    assert len(started_and_recovered(path)) == IN_MAIN + IN_WAL - lost


def flipped(rng: random.Random, main: bytes, wal: bytes) -> tuple[bytes, bytes, int]:
    """One bit of the database is the other way."""
    damaged = bytearray(main)
    damaged[rng.randrange(len(main))] ^= 1 << rng.randrange(8)
    return bytes(damaged), wal, ROWS_OF_A_PAGE


def torn(rng: random.Random, main: bytes, wal: bytes) -> tuple[bytes, bytes, int]:
    """A sector of the database is noise."""
    at = rng.randrange(len(main) // 512) * 512
    return main[:at] + rng.randbytes(512) + main[at + 512 :], wal, ROWS_OF_A_PAGE


def beginning_lost(rng: random.Random, main: bytes, wal: bytes) -> tuple[bytes, bytes, int]:
    """The first pages are zeros: header, schema and the upper part of the tree."""
    pages = rng.randrange(1, 4)
    return bytes(pages * PAGE_BYTES) + main[pages * PAGE_BYTES :], wal, pages * ROWS_OF_A_PAGE


def truncated(rng: random.Random, main: bytes, wal: bytes) -> tuple[bytes, bytes, int]:
    """The database ends early."""
    lost = rng.randrange(1, 12)
    return main[: len(main) - lost * PAGE_BYTES], wal, lost * ROWS_OF_A_PAGE


def wal_deleted(rng: random.Random, main: bytes, wal: bytes) -> tuple[bytes, bytes, int]:
    return main, b"", IN_WAL


def wal_flipped(rng: random.Random, main: bytes, wal: bytes) -> tuple[bytes, bytes, int]:
    """One bit of the WAL is the other way: SQLite does not go beyond it. The last commit may pass for one that was cut short."""
    at = rng.randrange(len(wal))
    return main, wal[:at] + bytes([wal[at] ^ 1 << rng.randrange(8)]) + wal[at + 1 :], ROWS_OF_A_PAGE + LAST_COMMIT


Damage = Callable[[random.Random, bytes, bytes], tuple[bytes, bytes, int]]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    "damage", [flipped, torn, beginning_lost, truncated, wal_deleted, wal_flipped], ids=lambda damage: damage.__name__
)
def test_a_damaged_store_opens_and_gives_back_all_but_the_damaged_pages(
    plant: Plant, tmp_path: Path, damage: Damage, seed: int
) -> None:
    rng = random.Random(f"{damage.__name__} {seed}")
    for turn in range(6):
        main, wal, lost = damage(rng, plant.main, plant.wal)
        path = plant.put(tmp_path / str(turn), main, wal)
        assert len(started_and_recovered(path)) >= IN_MAIN + IN_WAL - lost
        shutil.rmtree(path.parent)
