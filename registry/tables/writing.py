"""Write a table as CSV or XLSX, piece by piece: what is handed in comes back as bytes to send, and nothing piles up.

What `reading` makes of either is what was written, cell by cell: formulas stay text, zeros stay in front, line ends stay inside.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Final, Protocol

from registry.tables.guard import guarded
from registry.tables.xlsx_writing import XlsxWriter

Cell = str | Decimal | int | date | None


class Writer(Protocol):
    """`rows` and `end` return what is to be sent next; `end` comes once, last."""

    ending: str
    content_type: str

    def rows(self, rows: Iterable[Sequence[Cell]]) -> bytes: ...

    def end(self) -> bytes: ...


class CsvWriter:
    """UTF-8 with the mark that tells spreadsheets so, commas, CRLF."""

    ending = "csv"
    content_type = "text/csv; charset=utf-8"

    def __init__(self) -> None:
        self._text = io.StringIO(newline="")
        self._text.write("\ufeff")
        self._csv = csv.writer(self._text)

    def rows(self, rows: Iterable[Sequence[Cell]]) -> bytes:
        self._csv.writerows([guarded(text_of(cell)) for cell in row] for row in rows)
        return self.end()

    def end(self) -> bytes:
        written = self._text.getvalue()
        self._text.seek(0)
        self._text.truncate()
        return written.encode("utf-8", "replace")


WRITERS: Final[dict[str, type[CsvWriter] | type[XlsxWriter]]] = {"csv": CsvWriter, "xlsx": XlsxWriter}


def text_of(cell: Cell) -> str:
    """A cell as text: days as ISO, numbers with a point, never with an exponent."""
    match cell:
        case None:
            return ""
        case str():
            return cell
        case datetime():
            return cell.isoformat(" ")
        case date():
            return cell.isoformat()
        case Decimal():
            return format(cell, "f")
        case _:
            return str(cell)
