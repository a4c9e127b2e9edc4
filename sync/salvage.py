"""Brings back the records of a store that SQLite cannot read as a whole. It works on a copy; the store itself is only read.

First what SELECT gives, by ranges of positions, halved around what is damaged. If that was not all, or SQLite's own check finds
the store unsound, also what lies in its pages and in those of its WAL. Pages that are no longer in use may hold records that had
left the outbox long ago: sent again, the registry knows them by their event_id.
"""

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, BinaryIO

from sync.outbox_files import copied, room_for_copies
from sync.sqlite_pages import rows_of
from sync.store import PAGE_BYTES
from sync.store_file import wal_of
from sync.stored import Stored, fault
from sync.wal_tail import FRAME_HEADER_BYTES, HEADER_BYTES

AT_ONCE = 500
MAX_FAILURES = 20_000  # of SELECTs on one store, about a second; the pages do the rest
MAX_POSITION = 2**62

_COLUMNS = "position, event_id, kind, wall_ms, mono_ms, boot_id, body"
_SELECT = f"SELECT {_COLUMNS} FROM record WHERE position > ? AND position <= ? ORDER BY position LIMIT ?"  # noqa: S608
_SPOOL = f"CREATE TABLE record ({_COLUMNS}, PRIMARY KEY (position)) WITHOUT ROWID"
_KEEP = f"INSERT OR IGNORE INTO record ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)"  # noqa: S608


def salvage(path: Path, folder: Path) -> Iterator[Stored]:
    """Yield every record that can still be read, in the order of the store. Copies go into `folder`, and away. Raises OSError."""
    with room_for_copies(folder) as beside:
        copy = copied(path, beside)
        spool = sqlite3.connect(beside / "found.db", isolation_level=None)
        with closing(spool):
            spool.execute("PRAGMA journal_mode = OFF")
            spool.execute(_SPOOL)
            spool.execute("BEGIN")
            if not _select(copy, spool):
                wal = wal_of(path)
                with path.open("rb") as db, wal.open("rb") if wal.exists() else contextlib.nullcontext() as log:
                    _keep(spool, _of_pages(db, log))
            spool.execute("COMMIT")
            for row in spool.execute("SELECT * FROM record ORDER BY position"):
                yield Stored(*row[1:])


def _select(copy: Path, spool: sqlite3.Connection) -> bool:
    """Keep what SELECT gives; return whether that is all there is."""
    try:
        with closing(sqlite3.connect(copy, isolation_level=None)) as db:
            top = db.execute("SELECT max(position) FROM record").fetchone()[0] or 0
            read = _select_ranges(db, spool, top)
            return read and bool(db.execute("PRAGMA quick_check(1)").fetchone() == ("ok",))
    except sqlite3.DatabaseError:
        return False


def _select_ranges(db: sqlite3.Connection, spool: sqlite3.Connection, top: int) -> bool:
    todo = [(0, top)]  # positions above the first, up to the second
    failures = 0
    while todo:
        after, until = todo.pop()
        try:
            found = db.execute(_SELECT, (after, until, AT_ONCE)).fetchall()
        except sqlite3.DatabaseError:
            failures += 1
            middle = (after + until) // 2
            if middle > after and failures <= MAX_FAILURES:
                todo += [(middle, until), (after, middle)]
            continue
        _keep(spool, found)
        if len(found) == AT_ONCE:
            todo.append((found[-1][0], until))
    return failures == 0


def _keep(spool: sqlite3.Connection, rows: Iterable[tuple[Any, ...]]) -> None:
    spool.executemany(_KEEP, (row for row in rows if not fault(*row[1:])))


def _of_pages(db: BinaryIO, wal: BinaryIO | None) -> Iterator[tuple[Any, ...]]:
    """Yield (position, columns of Stored) of whatever looks like a record, from the WAL first: its pages are the newer ones."""
    logged: dict[int, int] = {}  # page number -> offset of its newest copy in the WAL
    for offset, number in _frames(wal) if wal else ():
        logged[number] = offset

    def page(number: int) -> bytes:
        if number in logged and wal:
            return _at(wal, logged[number])
        return _at(db, (number - 1) * PAGE_BYTES) if number else b""

    for offset, number in _frames(wal) if wal else ():
        assert wal is not None
        yield from _records(rows_of(_at(wal, offset), page, first=number == 1))
    number = 1
    while content := _at(db, (number - 1) * PAGE_BYTES):
        yield from _records(rows_of(content, page, first=number == 1))
        number += 1


def _frames(wal: BinaryIO) -> Iterator[tuple[int, int]]:
    """Yield (offset, page number) of the pages in a WAL, whether they were committed or not."""
    offset = HEADER_BYTES
    while len(header := _at(wal, offset, FRAME_HEADER_BYTES)) == FRAME_HEADER_BYTES:
        yield offset + FRAME_HEADER_BYTES, int.from_bytes(header[:4])
        offset += FRAME_HEADER_BYTES + PAGE_BYTES


def _at(file: BinaryIO, offset: int, count: int = PAGE_BYTES) -> bytes:
    file.seek(offset)
    return file.read(count)


def _records(rows: Iterable[tuple[int, list[Any]]]) -> Iterator[tuple[Any, ...]]:
    for position, columns in rows:
        if len(columns) == 7 and columns[0] is None and 0 < position < MAX_POSITION:
            yield (position, *columns[1:])
