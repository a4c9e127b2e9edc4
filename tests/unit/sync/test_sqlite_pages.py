"""Rows out of pages that SQLite itself has written, and out of any bytes at all."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sync.sqlite_pages import MAX_PAYLOAD, Value, rows_of
from sync.store import PAGE_BYTES

INTS = (0, 1, -1, 127, -129, 40_000, -(2**31), 2**47 - 1, 2**63 - 1, -(2**63))


def found_in(path: Path) -> dict[int, list[Value]]:
    content = path.read_bytes()
    pages = [content[at : at + PAGE_BYTES] for at in range(0, len(content), PAGE_BYTES)]

    def page(number: int) -> bytes:
        return pages[number - 1] if 0 < number <= len(pages) else b""

    return {rowid: row for n, one in enumerate(pages) for rowid, row in rows_of(one, page, first=n == 0) if len(row) == 4}


@pytest.mark.parametrize("length", [0, 1, 400, 2000, 4040, 4041, 4042, 4043, 4044, 4045, 4050, 8100, 8200, 60_000])
def test_what_sqlite_has_written_is_found(tmp_path: Path, length: int) -> None:
    rows = {2**n + n: [None, INTS[n % len(INTS)], "ü" * (n % 70), bytes([n]) * (length + n)] for n in range(60)}
    with closing(sqlite3.connect(tmp_path / "db")) as db:
        db.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, s TEXT, b BLOB)")
        db.executemany("INSERT INTO t VALUES (?, ?, ?, ?)", [(rowid, *row[1:]) for rowid, row in rows.items()])
        db.commit()
    assert found_in(tmp_path / "db") == rows


def cells(count: int, body: bytes) -> bytes:
    return (b"\x0d\0\0" + count.to_bytes(2) + b"\0\0\0" + body).ljust(PAGE_BYTES, b"\0")[:PAGE_BYTES]


@example(cells(3, b"\x00\x0e\x00\x0e\x00\x0e" + b"\xff" * 40))  # lengths without end
@example(cells(1, b"\x00\x0a\x90\x00\x01\x03\x00\x2c\x00"))  # an overflow chain that leads back to itself
@given(st.builds(cells, st.integers(0, 65535), st.binary(max_size=PAGE_BYTES)))
def test_any_bytes_end_without_an_error_and_give_nothing_too_long(page: bytes) -> None:
    for _, columns in rows_of(page, lambda number: page):
        assert sum(len(value) for value in columns if isinstance(value, bytes | str)) <= MAX_PAYLOAD
