"""CSV as people and programs write it: any of four delimiters, several encodings, broken quotes, cut and overlong rows.

What cannot be read is told with its row, and the rows behind it are read on.
"""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from registry.tables.encodings import LOST, LOST_HANDLER, Encoding, encoding_of
from registry.tables.fitting import fitted
from registry.tables.guard import unguarded
from registry.tables.table import NOT_TEXT, WHOLE_ROW, CellProblem, Limits, Row, Table, Unreadable, shown

DELIMITERS: Final = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_LINE_CHARS: Final = 1_000_000  # one longer is no line of a table
_SNIFFED_LINES: Final = 20


def open_csv(path: Path, *, limits: Limits, encoding: str | None = None, delimiter: str | None = None) -> Table:
    """Raises Unreadable, OSError. The file is open until its rows are read or closed."""
    how = encoding_of(path, encoding)
    notes = [how.note] if how.note else []
    head = _first_lines(path, how)
    separator = delimiter or _said(head) or _delimiter(head)
    if separator not in DELIMITERS:
        raise Unreadable(f"{shown(separator, 5)!r} is no delimiter; it is comma, semicolon, tab or bar.")
    rows = _numbered(path, how, separator, limits)
    header: list[str] = []
    header_row = 0
    try:
        for row in rows:
            if any(cell.strip() for cell in row.cells) or row.problems:
                header, header_row = row.cells, row.number
                break
        else:
            raise Unreadable("The file is empty: its first line has to name the columns.")
        if row.problems:
            raise Unreadable(f"Row {row.number}, which has to name the columns, cannot be read: {row.problems[0].reason}.")
        if len(header) > limits.columns:
            raise Unreadable(f"The file has {len(header)} columns; {limits.columns} are the most that are read.")
    except BaseException:
        rows.close()  # type: ignore[attr-defined]
        raise
    return Table(
        "csv",
        header,
        header_row,
        fitted(rows, len(header), cut_is_fine=False),
        encoding=how.name,
        delimiter=separator,
        notes=notes,
    )


def _first_lines(path: Path, how: Encoding) -> list[str]:
    with path.open("rb") as file:
        file.seek(how.skip)
        text = file.read(256 * 1024).decode(how.name, "replace")
    return text.splitlines(keepends=True)[:_SNIFFED_LINES]


def _said(head: list[str]) -> str | None:
    """Excel's own first line `sep=;`."""
    first = head[0].strip("\r\n") if head else ""
    return first[4:5] if len(first) == 5 and first.lower().startswith("sep=") and first[4] in DELIMITERS else None


def _delimiter(head: list[str]) -> str:
    """The one that cuts the header into most cells that the lines below agree with."""
    return max(DELIMITERS, key=lambda delimiter: _agreement(head, delimiter))


def _agreement(head: list[str], delimiter: str) -> tuple[int, int]:
    try:
        counts = [len(cells) for cells in csv.reader(head, delimiter=delimiter) if cells]
    except csv.Error:
        return (0, 0)
    if not counts or counts[0] < 2:
        return (0, 0)
    return (sum(1 for count in counts if count == counts[0]), counts[0])


def _numbered(path: Path, how: Encoding, delimiter: str, limits: Limits) -> Iterator[Row]:
    """Every record of the file with its number; a spreadsheet counts blank ones too."""
    with path.open("rb") as raw:
        raw.seek(how.skip)
        with io.TextIOWrapper(raw, encoding=how.name, errors=LOST_HANDLER, newline="") as text:
            yield from _records(text, delimiter, limits)


def _records(text: IO[str], delimiter: str, limits: Limits) -> Iterator[Row]:
    lines = _Lines(text)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    number = 0
    while True:
        number += 1
        before = lines.count
        lines.overlong = False
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as exc:
            yield Row(
                number, [], problems=[CellProblem(WHOLE_ROW, shown(lines.last), _broken(str(exc), before + 1, lines.count))]
            )
            continue
        if number == 1 and len(cells) <= 2 and "".join(cells).lower() in ("sep=", f"sep={delimiter}") and _said([lines.last]):
            continue
        if number > limits.rows + 1:
            raise Unreadable(f"The file has more than {limits.rows:,} rows; split it.")
        row = Row(number, [unguarded(cell) for cell in cells])
        if lines.overlong:
            reason = f"line {lines.count} is longer than {_LINE_CHARS:,} characters, its end was not read"
            row.problems.append(CellProblem(WHOLE_ROW, shown(cells[0] if cells else ""), reason))
        _look(row, limits)
        yield row


def _look(row: Row, limits: Limits) -> None:
    for place, cell in enumerate(row.cells):
        if NOT_TEXT.search(cell):
            reason = "bytes that are no character in this encoding" if LOST in cell else "a NUL byte is no text"
            cell = row.cells[place] = NOT_TEXT.sub("\N{REPLACEMENT CHARACTER}", cell)
            row.problems.append(CellProblem(place, shown(cell), reason))
        if len(cell) > limits.cell_chars:
            row.problems.append(CellProblem(place, shown(cell), f"{len(cell):,} characters; a cell holds {limits.cell_chars:,}"))
            row.cells[place] = cell[: limits.cell_chars]


def _broken(reason: str, first: int, last: int) -> str:
    lines = f"line {first}" if first >= last else f"lines {first} to {last}"
    if "field larger" in reason or "unexpected end" in reason:
        return f"{lines}: a quote is opened and never closed, or a cell is far too long"
    return f"{lines}: quotes do not match; inside quotes a quote is written twice"


class _Lines:
    """The lines of a file for csv.reader, none longer than can be held."""

    def __init__(self, text: IO[str]) -> None:
        self._text = text
        self.count = 0
        self.last = ""
        self.overlong = False

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._text.readline(_LINE_CHARS)
        if not line:
            raise StopIteration
        self.count += 1
        if len(line) == _LINE_CHARS and line[-1] not in "\r\n":
            self.overlong = True
            while (more := self._text.readline(_LINE_CHARS)) and more[-1] not in "\r\n":
                pass
        self.last = line
        return line
