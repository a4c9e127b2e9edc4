"""Open a table, whatever file it is: told by what is in it, never by its name."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from registry.tables.csv_reading import open_csv
from registry.tables.table import Limits, Table, Unreadable
from registry.tables.xlsx_reading import open_xlsx

_NOT_TABLES: Final = (
    (b"\xd0\xcf\x11\xe0", "This is an old Excel file (XLS), or one with a password; save it as XLSX or CSV, without a password."),
    (b"%PDF", "This is a PDF; export the table as XLSX or CSV."),
    (b"\x1f\x8b", "This is a gzip archive; unpack it first."),
    (b"SQLite format 3", "This is a database; export the table as CSV."),
    (b"\x89PNG", "This is a picture; a table is XLSX or CSV."),
    (b"\xff\xd8\xff", "This is a picture; a table is XLSX or CSV."),
)
_MARKUP: Final = (b"<html", b"<!doctype", b"<table", b"<?xml")


@dataclass(frozen=True, slots=True)
class Choice:
    """What a person said about the file; None: find out."""

    encoding: str | None = None
    delimiter: str | None = None
    sheet: str | None = None


@contextmanager
def open_table(path: Path, choice: Choice | None = None, limits: Limits | None = None) -> Iterator[Table]:
    """The table with its header read and its rows to come. Raises Unreadable, OSError."""
    limits, choice = limits or Limits(), choice or Choice()
    size = path.stat().st_size
    if size > limits.file_bytes:
        raise Unreadable(
            f"The file has {size // 1024 // 1024:,} MiB; {limits.file_bytes // 1024 // 1024} are the most. Split it."
        )
    with path.open("rb") as file:
        head = file.read(512)
    if not head:
        raise Unreadable("The file is empty.")
    for mark, sentence in _NOT_TABLES:
        if head.startswith(mark):
            raise Unreadable(sentence)
    if head.lstrip().lower().startswith(_MARKUP):
        raise Unreadable("This is a web page or XML, whatever its name says; save it as XLSX or CSV.")
    if head.startswith(b"PK\x03\x04"):
        table = open_xlsx(path, limits=limits, sheet=choice.sheet)
    else:
        table = open_csv(path, limits=limits, encoding=choice.encoding, delimiter=choice.delimiter)
    rows = table.rows
    try:
        yield table
    finally:
        rows.close()  # type: ignore[attr-defined]  # a generator: it has the file open
