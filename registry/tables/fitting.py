"""Every row with as many cells as the header has; where that was not so, it is told."""

from collections.abc import Iterator

from registry.tables.table import WHOLE_ROW, CellProblem, Row, shown


def fitted(rows: Iterator[Row], columns: int, *, cut_is_fine: bool) -> Iterator[Row]:
    """`cut_is_fine`: the file leaves empty cells at the end away (XLSX), so a short row tells nothing."""
    for row in rows:
        found = len(row.cells)
        if found < columns:
            if not cut_is_fine and not row.problems and any(row.cells):
                reason = f"the row ends after {found} of {columns} cells; a delimiter or a quote is missing"
                row.problems.append(CellProblem(WHOLE_ROW, shown(row.cells[-1]), reason))
            row.cells += [""] * (columns - found)
        elif found > columns:
            rest = row.cells[columns:]
            if any(cell.strip() for cell in rest):
                reason = f"{found} cells, but {columns} columns: {_hint(cut_is_fine)}"
                row.problems.append(CellProblem(WHOLE_ROW, shown(" | ".join(rest)), reason))
            del row.cells[columns:]
            row.problems = [p for p in row.problems if p.column < columns]
        yield row


def _hint(sheet: bool) -> str:
    return "give every column a name" if sheet else "put quotes around a value that holds the delimiter"
