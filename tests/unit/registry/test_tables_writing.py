"""What is written as CSV or XLSX is read back cell by cell, whatever is in the cells; and no spreadsheet runs any of it."""

import tempfile
from datetime import date
from decimal import Decimal
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.tables.guard import guarded, unguarded
from registry.tables.reading import open_table
from registry.tables.writing import WRITERS, Cell

NASTY = [
    "=1+1", "'=1+1", "''@SUM(A1)", "+49 40", "-5", "@x", "\tx", "\rx", "\nx", "＝1", "'s-Hertogenbosch", "007", "1.23E+11",  # noqa: RUF001
    'say "x"', "a,b;c\td|e", "two\r\nlines", "two\nlines", "a\rb", "emoji 🔧🏽", "عربى", "<b>&amp;</b>", "_x000D_",
    "_x005F_x000D_", " blank ", "\u2028", "\x0b\x1f", "\N{REPLACEMENT CHARACTER}", "\ufeff", "2024-01-02", "TRUE",
    "#N/A", '"', "'", "sep=;",
]  # fmt: skip
texts = st.one_of(st.sampled_from(NASTY), st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30))


def written(ending: str, rows: list[list[Cell]]) -> bytes:
    writer = WRITERS[ending]()
    return b"".join([*(writer.rows([row]) for row in rows), writer.end()])


def read_back(content: bytes) -> tuple[list[str], list[list[str]]]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t"
        path.write_bytes(content)
        with open_table(path) as table:
            rows = list(table.rows)
            assert not any(row.problems for row in rows)
            return table.header, [row.cells for row in rows]


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.tuples(st.just("key"), texts, texts, texts), min_size=1, max_size=5))
def test_every_cell_comes_back_as_it_was(ending: str, rows: list[tuple[str, ...]]) -> None:
    header = ["no", "a", "b", "c"]
    assert read_back(written(ending, [list[Cell](header), *(list[Cell](row) for row in rows)])) == (
        header,
        [list(r) for r in rows],
    )


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_days_and_numbers_come_back_as_what_they_say(ending: str) -> None:
    row: list[Cell] = [
        date(2024, 2, 29),
        date(1850, 1, 1),
        Decimal("1234.5600"),
        Decimal("0.0001"),
        Decimal("12345678901234567"),
        7,
        None,
    ]
    cells = read_back(written(ending, [list[Cell]("abcdefg"), row]))[1][0]
    assert cells[:2] == ["2024-02-29", "1850-01-01"]
    assert [Decimal(cell) for cell in cells[2:6]] == row[2:6]
    assert cells[6] == ""


@given(texts)
def test_the_guard_goes_on_and_off_exactly(text: str) -> None:
    assert unguarded(guarded(text)) == text
    assert guarded(text)[:1] not in tuple("=+-@\t\r\n")


def test_a_guarded_file_says_so_to_a_spreadsheet() -> None:
    assert (
        written("csv", [["name"], ["=cmd|' /C calc'!A0"], ["plain"]]) == b"\xef\xbb\xbfname\r\n'=cmd|' /C calc'!A0\r\nplain\r\n"
    )


def test_a_spreadsheet_library_sees_text_numbers_and_days(tmp_path: Path) -> None:
    path = tmp_path / "t.xlsx"
    path.write_bytes(written("xlsx", [["no", "f", "cost", "day"], ["007", "=1+1", Decimal("12.50"), date(2024, 2, 29)]]))
    sheet = openpyxl.load_workbook(path).active
    assert sheet is not None
    no, formula, cost, day = next(sheet.iter_rows(min_row=2))
    assert [(c.value, c.data_type, c.number_format) for c in (no, formula)] == [("007", "s", "@"), ("=1+1", "s", "@")]
    assert (cost.value, cost.data_type) == (12.5, "n")
    assert (day.data_type, str(day.value)) == ("d", "2024-02-29 00:00:00")
    assert sheet["A1"].font.b


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_the_same_rows_make_the_same_bytes_and_leave_in_pieces(ending: str) -> None:
    rows: list[list[Cell]] = [[f"{n}", f"{hash(str(n))}"] for n in range(20_000)]
    assert written(ending, rows) == written(ending, rows)
    writer = WRITERS[ending]()
    pieces = [writer.rows(rows[start : start + 200]) for start in range(0, 20_000, 200)]
    assert max(map(len, pieces)) < 100_000
    assert sum(map(bool, pieces)) > 3
