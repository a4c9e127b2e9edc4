"""Rows on disk between reading a file and working on it: one JSON line each, so that work goes on at any row without reading the
file again, which for an XLSX takes minutes."""

import json
from collections.abc import Generator
from pathlib import Path
from typing import BinaryIO

from registry.tables.table import CellProblem, Row


def write_row(file: BinaryIO, row: Row) -> None:
    line: list[object] = [row.number, row.cells]
    if row.kinds.strip("t") or row.problems:
        line += [row.kinds, row.problems]
    file.write(json.dumps(line, ensure_ascii=True, separators=(",", ":")).encode() + b"\n")


def read_rows(path: Path, start: int = 0) -> Generator[tuple[int, Row], None, None]:
    """Each row with where the next one begins; `start` is such a place. Raises OSError."""
    with path.open("rb") as file:
        file.seek(start)
        while line := file.readline():
            start += len(line)
            number, cells, *more = json.loads(line)
            kinds, problems = more if more else ("", [])
            yield start, Row(number, cells, kinds, [CellProblem(*problem) for problem in problems])
