"""What a table is, whatever file it came from: numbered rows of cells as text, and what is wrong with single cells."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

WHOLE_ROW: Final = -1  # as the column of a problem
TEXT, NUMBER, DATE, TRUTH = "t", "n", "d", "b"  # what a spreadsheet says of a cell


@dataclass(frozen=True, slots=True)
class Limits:
    """More than this is refused, with a sentence; none of it is ever held in memory at once but one row."""

    rows: int = 200_000
    columns: int = 200
    cell_chars: int = 32_767  # what a spreadsheet holds
    file_bytes: int = 64 * 1024 * 1024
    unpacked_bytes: int = 512 * 1024 * 1024  # of an XLSX, all parts together
    strings_bytes: int = 96 * 1024 * 1024  # of an XLSX's table of texts, the one part that is kept in memory


class CellProblem(NamedTuple):
    """Something that cannot be read as it was meant. `column` counts from 0, WHOLE_ROW for all of it."""

    column: int
    value: str
    reason: str


@dataclass(slots=True)
class Row:
    """`number` is what a spreadsheet shows at its left. `kinds` has one letter per cell where the file says what a cell is
    (XLSX), and is empty where all is text (CSV)."""

    number: int
    cells: list[str]
    kinds: str = ""
    problems: list[CellProblem] = field(default_factory=list)

    def kind(self, column: int) -> str:
        return self.kinds[column] if column < len(self.kinds) else TEXT


@dataclass(slots=True)
class Table:
    """An open file. `rows` are those below the header, once; it raises Unreadable where the file ends being a table.

    `notes` are sentences about how the file was understood (an encoding that was guessed, sheets that are left alone); some come
    while rows are read.
    """

    form: str  # csv or xlsx
    header: list[str]
    header_row: int
    rows: Iterator[Row]
    encoding: str = ""
    delimiter: str = ""
    sheet: str = ""
    sheets: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class Unreadable(Exception):
    """The file is no table that can be read, or larger than is taken. The text is a sentence with what to do."""


NOT_TEXT: Final = re.compile("[\0\ud800-\udfff]")  # what no database takes: NUL, and halves of surrogate pairs


def shown(value: str, most: int = 80) -> str:
    """A cell for a message: cut, what cannot be printed replaced."""
    cut = value if len(value) <= most else value[: most - 1] + "…"
    return cut if cut.isprintable() else "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in cut)
