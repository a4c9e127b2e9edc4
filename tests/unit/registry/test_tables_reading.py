"""Tables as people and hostile people hand them in: what can be read is read, what cannot is told with its row."""

import contextlib
import io
import json
import tracemalloc
import zipfile
from datetime import date, datetime
from pathlib import Path

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from registry.tables.reading import Choice, open_table
from registry.tables.table import WHOLE_ROW, Limits, Row, Table, Unreadable
from registry.tables.xlsx_writing import XlsxWriter

SPREADSHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
SMALL = Limits(rows=5, columns=4, cell_chars=20, file_bytes=20_000, unpacked_bytes=100_000, strings_bytes=1_000)


def put(folder: Path, content: bytes | str, name: str = "table.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(path: Path, choice: Choice | None = None, limits: Limits | None = None) -> tuple[Table, list[Row]]:
    with open_table(path, choice, limits) as table:
        return table, list(table.rows)


def cells(path: Path, choice: Choice | None = None) -> list[list[str]]:
    return [row.cells for row in read(path, choice)[1]]


@pytest.mark.parametrize(
    ("encoding", "mark"),
    [("utf-8", b""), ("utf-8", b"\xef\xbb\xbf"), ("utf-16-le", b"\xff\xfe"), ("utf-16-be", b"\xfe\xff"), ("utf-16-le", b"")],
)
def test_an_encoding_is_told_by_its_mark_or_its_bytes(tmp_path: Path, encoding: str, mark: bytes) -> None:
    table, rows = read(put(tmp_path, mark + "name;place\r\nSäge;Łódź\r\n".encode(encoding)))
    assert (table.header, [row.cells for row in rows]) == (["name", "place"], [["Säge", "Łódź"]])
    assert table.encoding == encoding


def test_what_is_not_utf8_is_guessed_and_that_is_said(tmp_path: Path) -> None:
    path = put(tmp_path, "name,price\nSäge,5 €\n".encode("cp1252"))
    table, rows = read(path)
    assert rows[0].cells == ["Säge", "5 €"]
    assert "Byte 13 is not UTF-8" in table.notes[0]
    assert "a guess" in table.notes[0]
    assert read(path, Choice(encoding="mac-roman"))[1][0].cells[0] == "S‰ge"
    undefined = put(tmp_path, b"name,price\nS\x81ge,5\nSaw,6\n")
    _, rows = read(undefined)
    assert [(p.column, p.value, p.reason[:5]) for p in rows[0].problems] == [(0, "S\ufffdge", "bytes")]
    assert rows[1].problems == []
    said = put(tmp_path, b"\xef\xbb\xbfname,price\nS\xe4ge,5\n\xef\xbf\xbd,6\n")  # the second one was lost long ago
    assert [len(row.problems) for row in read(said)[1]] == [1, 0]
    chosen = read(undefined, Choice(encoding="cp1252"))[1]
    assert [len(row.problems) for row in chosen] == [1, 0]


def test_a_wrong_byte_far_inside_decides_the_encoding_of_the_whole_file(tmp_path: Path) -> None:
    table, rows = read(put(tmp_path, b"name\n" + "Säge\n".encode() * 300_000 + b"\xe4\n"), limits=Limits(rows=400_000))
    assert table.encoding == "cp1252"
    assert "Byte 1,800,006" in table.notes[0]
    assert rows[-1].cells == ["ä"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_the_one_the_rows_agree_on(tmp_path: Path, delimiter: str) -> None:
    others = "".join({",", ";", "\t", "|"} - {delimiter})
    text = f'no{delimiter}name {others}{delimiter}cost\n1{delimiter}"Drill{delimiter} cordless"{delimiter}1.5\n'
    assert cells(put(tmp_path, text)) == [["1", f"Drill{delimiter} cordless", "1.5"]]


def test_excels_first_line_says_the_delimiter_and_is_no_row(tmp_path: Path) -> None:
    table, rows = read(put(tmp_path, "sep=|\nname|a,b\nDrill|1,2\n"))
    assert (table.header, table.header_row, rows[0].number, rows[0].cells) == (["name", "a,b"], 2, 3, ["Drill", "1,2"])


def test_rows_have_the_numbers_a_spreadsheet_shows(tmp_path: Path) -> None:
    table, rows = read(put(tmp_path, '\n\nname,notes\nA,"two\nlines"\n\nB,x\n'))
    assert table.header_row == 3
    assert [(row.number, row.cells[0]) for row in rows if any(row.cells)] == [(4, "A"), (6, "B")]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_any_line_end_will_do(tmp_path: Path, end: str) -> None:
    assert cells(put(tmp_path, end.join(["a,b", "1,2", '"x\ny",3']) + end)) == [["1", "2"], ["x\ny", "3"]]


def test_ragged_rows_are_told_and_the_next_ones_read(tmp_path: Path) -> None:
    _, rows = read(put(tmp_path, "a,b,c\n1,2\n1,2,3,4,5\n1,2,3,,\n1,2,3\n"))
    assert [[(p.column, p.value) for p in row.problems] for row in rows] == [[(WHOLE_ROW, "2")], [(WHOLE_ROW, "4 | 5")], [], []]
    assert all(len(row.cells) == 3 for row in rows)
    assert "2 of 3 cells" in rows[0].problems[0].reason
    assert "5 cells, but 3 columns" in rows[1].problems[0].reason


def test_broken_quotes_cost_their_row_and_no_other(tmp_path: Path) -> None:
    _, rows = read(put(tmp_path, 'a,b\n"x"y,1\ngood,2\n'))
    assert [(row.number, bool(row.problems)) for row in rows] == [(2, True), (3, False)]
    assert "line 2: quotes do not match" in rows[0].problems[0].reason
    never_closed = 'a,b\n1,"open\n' + "2,3\n" * 40_000
    _, rows = read(put(tmp_path, never_closed))
    assert "never closed" in rows[0].problems[0].reason
    assert rows[0].problems[0].reason.startswith("lines 2 to ")
    assert rows[-1].cells == ["2", "3"]


def test_nul_bytes_and_huge_cells_are_told_with_their_place(tmp_path: Path) -> None:
    _, rows = read(put(tmp_path, "a,b\nx\0y,1\n" + "z" * 40_000 + ",2\n" + "w" * 10_000_000 + ",3\nlast,4\n"))
    assert [[(p.column, p.reason) for p in row.problems] for row in rows[:2]] == [
        [(0, "a NUL byte is no text")],
        [(0, "40,000 characters; a cell holds 32,767")],
    ]
    assert rows[2].problems
    assert rows[-1].cells == ["last", "4"]


def test_ten_megabytes_in_one_cell_are_not_held(tmp_path: Path) -> None:
    path = put(tmp_path, "a,b\n" + "w" * 30_000_000 + ",3\n1,2\n")
    tracemalloc.start()
    assert [row.cells for row in read(path)[1]][-1] == ["1", "2"]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 12_000_000


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "empty"),
        (b"\n\n\n", "has to name the columns"),
        (b"\xd0\xcf\x11\xe0 old", "old Excel"),
        (b"%PDF-1.7", "PDF"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"  <html><table><tr><td>name</td></tr></table>", "web page"),
        (b"PK\x03\x04 and nothing behind it", "no XLSX"),
        (b"a,b,c,d,e\n", "5 columns"),
        (b"a\n" + b"1\n" * 6, "more than 5 rows"),
        (b"a\n" + b"1" * 30_000, "MiB"),
        (b'"a\n', "cannot be read"),
        ("\ufeffa".encode("utf-32-le"), "UTF-32"),
    ],
)
def test_what_is_no_table_is_refused_with_what_to_do(tmp_path: Path, content: bytes, sentence: str) -> None:
    with pytest.raises(Unreadable, match=sentence):
        read(put(tmp_path, content), limits=SMALL)


def workbook(folder: Path, *rows: list[object], formats: dict[str, str] | None = None) -> Path:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in rows:
        sheet.append(row)
    for cell, form in (formats or {}).items():
        sheet[cell].number_format = form
    path = folder / "table.xlsx"
    book.save(path)
    return path


def test_cells_of_a_sheet_are_text_as_people_see_it(tmp_path: Path) -> None:
    values = ["x", 12, 0.1, 1234.5, True, date(2024, 2, 29), datetime.fromisoformat("2024-02-29T13:05"), 42, " a\nb ", "=1"]
    path = workbook(tmp_path, [f"c{i}" for i in range(10)], values, formats={"H2": "00000"})
    table, rows = read(path)
    assert rows[0].cells[:9] == ["x", "12", "0.1", "1234.5", "TRUE", "2024-02-29", "2024-02-29 13:05:00", "00042", " a\nb "]
    assert rows[0].kinds[:9] == "tnnnbddnt"
    assert [(p.column, p.reason[:24]) for p in rows[0].problems] == [(9, "a formula without a resu")]
    assert table.sheet == "Sheet"


def test_numbers_beyond_fifteen_digits_show_that_they_are_damaged(tmp_path: Path) -> None:
    path = workbook(tmp_path, ["a", "b", "c"], [123456789012, 123456789012345678, 1e-12])
    assert cells(path) == [["123456789012", "1.23456789012346E+17", "1E-12"]]


def test_days_since_1900_and_since_1904(tmp_path: Path) -> None:
    path = workbook(
        tmp_path, ["a", "b", "c", "d"], [1, 59, 61, 45351], formats=dict.fromkeys(["A2", "B2", "C2", "D2"], "dd/mm/yyyy")
    )
    assert cells(path) == [["1900-01-01", "1900-02-28", "1900-03-01", "2024-02-29"]]
    book = openpyxl.Workbook()
    book.epoch = CALENDAR_MAC_1904
    assert book.active is not None
    book.active.append(["a"])
    book.active.append([date(2024, 2, 29)])
    book.save(path)
    assert cells(path) == [["2024-02-29"]]


def test_other_sheets_hidden_rows_and_merged_cells_are_said(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    first = book.active
    assert first is not None
    first.title, first.sheet_state = "Old", "hidden"
    second = book.create_sheet("Tools")
    for row in (["name", "cost"], ["Drill", 5], ["Saw", None]):
        second.append(row)
    second.merge_cells("B2:B3")
    second.row_dimensions[3].hidden = True
    path = tmp_path / "b.xlsx"
    book.save(path)
    table, rows = read(path)
    assert table.sheet == "Tools"
    assert [row.cells for row in rows] == [["Drill", "5"], ["Saw", ""]]
    assert [note.split(";")[0] for note in table.notes] == [
        "Only the sheet “Tools” is read",
        "1 rows are hidden in the sheet",
        "1 groups of cells are merged",
    ]
    with pytest.raises(Unreadable, match="“Old” is empty"):
        read(path, Choice(sheet="Old"))
    with pytest.raises(Unreadable, match="no sheet “None”"):
        read(path, Choice(sheet="None"))


def parts(path: Path, **changed: bytes) -> Path:
    """The workbook with some of its parts replaced."""
    old = zipfile.ZipFile(io.BytesIO(path.read_bytes()))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name in dict.fromkeys([*old.namelist(), "xl/sharedStrings.xml"]):
            short = name.rpartition("/")[2].partition(".")[0]
            if short in changed or name in old.namelist():
                new.writestr(name, changed[short] if short in changed else old.read(name))
    return path


def sheet_of(inside: str) -> bytes:
    return f'<worksheet xmlns="{SPREADSHEET}"><sheetData>{inside}</sheetData></worksheet>'.encode()


HEAD = '<row r="1"><c r="A1" t="inlineStr"><is><t>a</t></is></c></row>'


@pytest.mark.parametrize(
    ("inside", "sentence"),
    [
        (HEAD + '<row r="2"><c r="A2" t="s"><v>99</v></c></row>', "text that is not there"),
        (HEAD + '<row r="2"><c r="A2" t="s"><v>x</v></c></row>', "no XLSX"),
        (HEAD + '<row r="1"><c r="A1"><v>1</v></c></row>', "stands behind"),
        (HEAD + '<row r="2"><c r="B2"><v>1</v></c><c r="A2"><v>1</v></c></row>', "out of order"),
        (HEAD + '<row r="2"><c r="AAAA2"><v>1</v></c></row>', "names no cell"),
        (HEAD + "<row", "damaged inside"),
        ('<row r="1"/>', "is empty"),
    ],
)
def test_a_damaged_sheet_is_refused(tmp_path: Path, inside: str, sentence: str) -> None:
    with pytest.raises(Unreadable, match=sentence):
        read(parts(workbook(tmp_path, ["a"]), sheet1=sheet_of(inside)))


def test_error_values_far_columns_and_odd_numbers_are_told(tmp_path: Path) -> None:
    inside = (
        HEAD + '<row r="2"><c r="A2" t="e"><v>#REF!</v></c></row><row r="3"><c r="A3"><v>NaN</v></c></row>'
        '<row r="7"><c r="XFD7"><v>1</v></c></row><row r="8"><c r="A8" t="str"><f>B1</f><v>shown</v></c></row>'
    )
    table, rows = read(parts(workbook(tmp_path, ["a"]), sheet1=sheet_of(inside)))
    assert [(row.number, row.cells[0], [p.column for p in row.problems]) for row in rows] == [
        (2, "#REF!", [0]),
        (3, "NaN", [0]),
        (7, "", [WHOLE_ROW]),
        (8, "shown", []),
    ]
    assert table.notes == ["1 cells hold formulas; their last results were read."]


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = workbook(tmp_path, ["a"])
    bomb = parts(path, sheet1=sheet_of(HEAD + " " * 300_000_000))
    assert bomb.stat().st_size < 1_000_000
    tracemalloc.start()
    with pytest.raises(Unreadable, match="Unpacked the file is larger"):
        read(bomb, limits=Limits(unpacked_bytes=100_000_000))
    assert tracemalloc.get_traced_memory()[1] < 2_000_000
    tracemalloc.stop()


def test_entities_are_refused(tmp_path: Path) -> None:
    evil = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>' + sheet_of(HEAD)
    with pytest.raises(Unreadable, match="DOCTYPE"):
        read(parts(workbook(tmp_path, ["a"]), sheet1=evil))


def test_too_many_texts_and_too_many_parts_are_refused(tmp_path: Path) -> None:
    strings = f'<sst xmlns="{SPREADSHEET}"><si><t>{"x" * 2_000}</t></si></sst>'.encode()
    with pytest.raises(Unreadable, match="of texts"):
        read(parts(workbook(tmp_path, ["a"]), sharedStrings=strings), limits=Limits(strings_bytes=1_000))
    path = tmp_path / "many.xlsx"
    with zipfile.ZipFile(path, "w") as package:
        for number in range(4_001):
            package.writestr(f"{number}", b"")
    with pytest.raises(Unreadable, match="4,001 parts"):
        read(path)


def test_rich_text_counts_and_how_it_is_spoken_does_not(tmp_path: Path) -> None:
    strings = (
        f'<sst xmlns="{SPREADSHEET}"><si><r><t>Bo</t></r><r><t>hrer</t></r></si>'
        '<si><t>東京</t><rPh sb="0" eb="2"><t>トウキョウ</t></rPh></si><si><t>a_x000D_b_x005F_x0041_</t></si></sst>'
    ).encode()
    inside = "".join(f'<row><c t="s"><v>{number}</v></c></row>' for number in range(3))
    path = parts(workbook(tmp_path, ["a"]), sheet1=sheet_of(inside), sharedStrings=strings)
    table, rows = read(path)
    assert (table.header, [row.cells for row in rows]) == (["Bohrer"], [["東京"], ["a\rb_x0041_"]])


def survives(path: Path) -> None:
    """Read to the end or refused in words; anything else is a bug."""
    with contextlib.suppress(Unreadable), open_table(path, limits=Limits(rows=2_000, unpacked_bytes=5_000_000)) as table:
        width = len(table.header)
        for row in table.rows:
            assert len(row.cells) == width
            assert all(-1 <= problem.column < width for problem in row.problems)
            json.dumps([row.cells, row.problems]).encode()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.one_of(st.binary(max_size=300), st.text(st.sampled_from('a1=,;\t|"\n\r\0é\ufeff'), max_size=120).map(str.encode))
)
def test_no_bytes_break_the_reading_of_csv(tmp_path: Path, content: bytes) -> None:
    survives(put(tmp_path, content))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_damage_breaks_the_reading_of_xlsx(tmp_path: Path, data: st.DataObject) -> None:
    """Bytes of the zip, or of one of its parts, are other ones."""
    writer = XlsxWriter()
    path = put(
        tmp_path, writer.rows([["name", "cost", "on"], ["Drill", 5, date(2024, 2, 29)], ["Saw", None, None]]) + writer.end()
    )
    if data.draw(st.booleans()):
        content = bytearray(path.read_bytes())
        for _ in range(data.draw(st.integers(1, 4))):
            content[data.draw(st.integers(4, len(content) - 1))] = data.draw(st.integers(0, 255))
        path.write_bytes(content)
    else:
        with zipfile.ZipFile(path) as package:
            name = data.draw(st.sampled_from(["xl/workbook.xml", "xl/styles.xml", "xl/worksheets/sheet1.xml", "_rels/.rels"]))
            part = bytearray(package.read(name))
        at = data.draw(st.integers(0, len(part) - 1))
        part[at : at + data.draw(st.integers(0, 5))] = data.draw(st.binary(max_size=5))
        parts(path, **{name.rpartition("/")[2].partition(".")[0]: bytes(part)})
    survives(path)


def test_what_no_database_takes_never_leaves_the_reader(tmp_path: Path) -> None:
    strings = f'<sst xmlns="{SPREADSHEET}"><si><t>a</t></si><si><t>x_x0000_y</t></si><si><t>x_xD800_y</t></si></sst>'.encode()
    inside = "".join(f'<row><c t="s"><v>{number}</v></c></row>' for number in range(3))
    _, rows = read(parts(workbook(tmp_path, ["a"]), sheet1=sheet_of(inside), sharedStrings=strings))
    assert [(row.cells, len(row.problems)) for row in rows] == [(["x\ufffdy"], 1)] * 2
    _, rows = read(put(tmp_path, "a\nx\0y\n"))
    assert [(row.cells, len(row.problems)) for row in rows] == [(["x\ufffdy"], 1)]
