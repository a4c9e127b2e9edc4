"""One sheet of an XLSX as rows of text, as people see it: dates as ISO, results of formulas, zeros put in front by a format."""

import math
import zipfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final

from registry.tables.fitting import fitted
from registry.tables.table import (
    DATE,
    NOT_TEXT,
    NUMBER,
    TEXT,
    TRUTH,
    WHOLE_ROW,
    CellProblem,
    Limits,
    Row,
    Table,
    Unreadable,
    shown,
)
from registry.tables.xlsx_package import Book, Sheet, Strings, broken_in_words, opened, parse, read_book, read_strings, unescaped

EXACT: Final = 10**15  # beyond it a spreadsheet's number has lost digits
_LAST_DAY: Final = 2_958_465  # 9999-12-31
_KINDS: Final = {"b": TRUTH, "d": DATE}


def open_xlsx(path: Path, *, limits: Limits, sheet: str | None = None) -> Table:
    """Raises Unreadable, OSError. The file is open until its rows are read or closed."""
    with opened(path, limits) as package:
        book = read_book(package)
    chosen = _chosen(book, sheet)
    table = Table("xlsx", [], 0, iter(()), sheet=chosen.name, sheets=[one.name for one in book.sheets])
    if sheet is None and len(book.sheets) > 1:
        others = ", ".join(shown(one.name, 40) for one in book.sheets if one is not chosen)
        table.notes.append(f"Only the sheet “{shown(chosen.name, 40)}” is read; there is also: {others}.")
    rows = _rows(path, book, chosen, limits, table.notes)
    for row in rows:
        if row.problems:
            raise Unreadable(f"Row {row.number}, which has to name the columns, cannot be read: {row.problems[0].reason}.")
        while row.cells and not row.cells[-1].strip():
            row.cells.pop()
        table.header, table.header_row = row.cells, row.number
        break
    else:
        raise Unreadable(f"The sheet “{shown(chosen.name, 40)}” is empty: its first row has to name the columns.")
    table.rows = fitted(rows, len(table.header), cut_is_fine=True)
    return table


def _chosen(book: Book, name: str | None) -> Sheet:
    if name is None:
        return next((sheet for sheet in book.sheets if not sheet.hidden), book.sheets[0])
    for sheet in book.sheets:
        if sheet.name == name:
            return sheet
    raise Unreadable(f"There is no sheet “{shown(name, 40)}”; there is {', '.join(shown(s.name, 40) for s in book.sheets)}.")


def _rows(path: Path, book: Book, sheet: Sheet, limits: Limits, notes: list[str]) -> Iterator[Row]:
    """Every row that has something in it."""
    with opened(path, limits) as package:
        reader = _SheetReader(book, read_strings(package, limits), limits)
        seen = 0
        for _ in _walked(package, sheet, reader):
            for row in reader.done:
                seen += 1
                if seen > limits.rows + 1:
                    raise Unreadable(f"The sheet has more than {limits.rows:,} rows; split it.")
                yield row
            reader.done.clear()
        notes += reader.notes()


def _walked(package: zipfile.ZipFile, sheet: Sheet, reader: "_SheetReader") -> Iterator[None]:
    with broken_in_words():
        yield from parse(package, sheet.part, start=reader.start, end=reader.end, text=reader.text)


class _SheetReader:
    """What the XML of a sheet says, put together to rows; `done` holds those that are complete."""

    def __init__(self, book: Book, strings: Strings, limits: Limits) -> None:
        self.done: list[Row] = []
        self._book, self._strings, self._limits = book, strings, limits
        self._columns: dict[str, int] = {}
        self._row = Row(0, [])
        self._kinds: list[str] = []
        self._number = 0
        self._cell: dict[str, str] = {}
        self._at = -1
        self._value: list[str] | None = None
        self._chars = 0
        self._taking = False
        self._formula = False
        self._spoken = False
        self._formulas = self._hidden = self._merged = 0

    def notes(self) -> Iterator[str]:
        if self._formulas:
            yield f"{self._formulas:,} cells hold formulas; their last results were read."
        if self._hidden:
            yield f"{self._hidden:,} rows are hidden in the sheet; they were read too."
        if self._merged:
            yield f"{self._merged:,} groups of cells are merged; only the first cell of each has a value."

    def start(self, name: str, given: dict[str, str]) -> None:
        if name == "c":
            self._cell, self._value, self._chars, self._formula = given, None, 0, False
            self._at = self._column(given["r"]) if "r" in given else self._at + 1
        elif name == "v" or (name == "t" and not self._spoken):
            self._taking = True
            if self._value is None:
                self._value = []
        elif name == "f":
            self._formula = True
        elif name == "rPh":
            self._spoken = True
        elif name == "row":
            number = int(given["r"]) if "r" in given else self._number + 1
            if number <= self._number:
                raise Unreadable(f"The file is damaged: row {number} stands behind row {self._number}.")
            self._number, self._at = number, -1
            self._row, self._kinds = Row(number, []), []
            self._hidden += given.get("hidden") in ("1", "true")
        elif name == "mergeCell":
            self._merged += 1

    def text(self, piece: str) -> None:
        if self._taking and self._value is not None and self._chars <= self._limits.cell_chars:
            self._value.append(piece)
            self._chars += len(piece)

    def end(self, name: str) -> None:
        if name in ("v", "t"):
            self._taking = False
        elif name == "c":
            self._put()
        elif name == "rPh":
            self._spoken = False
        elif name == "row" and (any(self._row.cells) or self._row.problems):
            self._row.kinds = "".join(self._kinds)
            self.done.append(self._row)

    def _column(self, reference: str) -> int:
        letters = reference.rstrip("0123456789")
        found = self._columns.get(letters)
        if found is None:
            if not (letters.isascii() and letters.isalpha() and len(letters) <= 3):
                raise Unreadable(f"The file is damaged: {shown(reference, 20)} names no cell.")
            found = 0
            for letter in letters.upper():
                found = found * 26 + ord(letter) - 64
            found = self._columns[letters] = found - 1
        return found

    def _put(self) -> None:
        if self._value is None and not self._formula:
            return
        raw = "".join(self._value or ())
        text, kind, problem = self._understood(raw)
        if not text and problem is None:
            return
        row = self._row
        if self._at >= self._limits.columns:
            row.problems.append(
                CellProblem(WHOLE_ROW, shown(text), f"stands beyond column {self._limits.columns}, the last one read")
            )
            return
        if self._at < len(row.cells):
            raise Unreadable(f"The file is damaged: cells of row {row.number} stand out of order.")
        missing = self._at - len(row.cells)
        row.cells += [""] * missing
        self._kinds += [TEXT] * missing
        if len(text) > self._limits.cell_chars:
            problem = f"more than {self._limits.cell_chars:,} characters"
            text = text[: self._limits.cell_chars]
        if NOT_TEXT.search(text):
            problem = "holds what is no text, a NUL or half a character"
            text = NOT_TEXT.sub("\N{REPLACEMENT CHARACTER}", text)
        if problem is not None:
            row.problems.append(CellProblem(self._at, shown(text), problem))
        row.cells.append(text)
        self._kinds.append(kind)

    def _understood(self, raw: str) -> tuple[str, str, str | None]:
        """Text, kind, and what is wrong."""
        form = self._cell.get("t", "n")
        if self._formula:
            self._formulas += 1
            if not raw and form != "str":
                return "", TEXT, "a formula without a result; open the file in a spreadsheet and save it"
        if form == "s":
            return (self._strings[int(raw)] if raw else ""), TEXT, None
        if form in ("str", "inlineStr"):
            return unescaped(raw), TEXT, None
        if form == "e":
            return raw, TEXT, "the spreadsheet itself shows an error here"
        if form == "b":
            return ("TRUE" if raw == "1" else "FALSE"), TRUTH, None
        if form == "d":
            return raw.removesuffix("T00:00:00"), DATE, None
        return self._of_number(raw) if raw.strip() else ("", TEXT, None)

    def _of_number(self, raw: str) -> tuple[str, str, str | None]:
        try:
            value = float(raw)
        except ValueError:
            return raw, TEXT, "no number, though the file says so"
        if not math.isfinite(value):
            return raw, TEXT, "no number, though the file says so"
        style = self._cell.get("s", "0")
        place = int(style) if style.isdecimal() else 0
        form = self._book.formats[place] if place < len(self._book.formats) else ""
        if form == "date":
            return _day(value, since_1904=self._book.since_1904) or (number_text(value), NUMBER, "no day that a calendar has")
        text = number_text(value)
        return (text.zfill(len(form)) if form and text.isdecimal() else text), NUMBER, None


def number_text(value: float) -> str:
    """The number in plain digits; with an exponent where it has more than the 15 digits that a spreadsheet keeps."""
    if abs(value) >= EXACT or 0 < abs(value) < 1e-9:
        return f"{value:.15G}"
    if value == int(value):
        return str(int(value))
    return format(Decimal(f"{value:.15g}"), "f")


def _day(serial: float, *, since_1904: bool) -> tuple[str, str, None] | None:
    if since_1904:
        serial += 1462
    if not 0 <= serial < _LAST_DAY + 1:
        return None
    start = datetime(1899, 12, 31) if serial < 60 else datetime(1899, 12, 30)  # noqa: DTZ001 - days of a calendar have no zone
    moment = start + timedelta(seconds=round(serial * 86_400))
    if serial < 1:
        return moment.time().isoformat(), TEXT, None
    midnight = moment.hour == moment.minute == moment.second == 0
    return (moment.date().isoformat() if midnight else moment.isoformat(" ")), DATE, None
