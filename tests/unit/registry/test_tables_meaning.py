"""Days, numbers, codes and headers: what one cell means is often decided by its column; where nothing does, it is asked."""

from datetime import date
from decimal import Decimal

import pytest

from registry.tables import headers
from registry.tables.amounts import AmountFacts, NotANumber, read_amount
from registry.tables.damage import CodeFacts, code_damage, error_value
from registry.tables.days import DayFacts, NotADay, read_day


def days(*column: str) -> DayFacts:
    facts = DayFacts()
    for row, text in enumerate(column, start=2):
        facts.see(text, row)
    return facts


@pytest.mark.parametrize(
    "text",
    ["2024-03-04", "2024/3/4", "2024-03-04T00:00:00Z", "2024-03-04 00:00:00", "4.3.2024", "04.03.2024", "4 March 2024",
     "4. Mär 2024", "Mar 4, 2024", "04-Mar-2024", " 2024-03-04 "],
)  # fmt: skip
def test_days_that_can_only_mean_one(text: str) -> None:
    assert read_day(text, days()) == date(2024, 3, 4)


def test_an_ambiguous_day_is_decided_by_its_column_or_by_a_person() -> None:
    with pytest.raises(NotADay, match="may be 2024-03-04 or 2024-04-03"):
        read_day("4/3/2024", days("4/3/2024", "5/5/2024", "2024-12-31", "31.12.2024"))
    assert read_day("4/3/2024", days("4/3/2024", "25/3/2024")) == date(2024, 3, 4)
    assert read_day("4/3/2024", days("4/3/2024", "3/25/2024")) == date(2024, 4, 3)
    assert read_day("4-3-2024", days(), "mdy") == date(2024, 4, 3)
    assert read_day("4/3/2024", days(), "dmy") == date(2024, 3, 4)
    assert read_day("5/5/2024", days()) == date(2024, 5, 5)


def test_a_column_with_days_both_ways_decides_nothing() -> None:
    mixed = days("1/2/2024", "25/3/2024", "3/25/2024")
    with pytest.raises(NotADay, match="row 3 as day/month, row 4 as month/day"):
        read_day("1/2/2024", mixed)
    assert read_day("25/3/2024", mixed) == date(2024, 3, 25)
    with pytest.raises(NotADay, match="no such day"):
        read_day("25/3/2024", mixed, "mdy")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("45351", "day number"), ("3/4/24", "four digits"), ("2024-02-30", "no such day"), ("2024-01-01 13:00", "time of day"),
        ("4 Foo 2024", "Foo is no month"), ("soon", "is no day"), ("2024-13-01", "no such day"), ("0000-01-01", "no such day"),
        ("٤/٣/٢٠٢٤", "is no day"), ("4/3-2024", "is no day"),
    ],
)  # fmt: skip
def test_what_is_no_day_says_why(text: str, reason: str) -> None:
    with pytest.raises(NotADay, match=reason):
        read_day(text, days())


def amounts(*column: str) -> AmountFacts:
    facts = AmountFacts()
    for row, text in enumerate(column, start=2):
        facts.see(text, row)
    return facts


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1234", "1234"), ("1,234.50", "1234.50"), ("1.234,50", "1234.50"), ("1234,5", "1234.5"), ("0,125", "0.125"),
        ("1234.567", "1234.567"), ("1.234.567", "1234567"), ("1,234,567", "1234567"), ("1 234,50", "1234.50"),
        ("1\u202f234,50", "1234.50"), ("1'234.50", "1234.50"), ("-5", "-5"), (".5", "0.5"), ("12.50", "12.50"),
        ("−3,1", "-3.1"), ("1 234", "1234"),  # noqa: RUF001
    ],
)  # fmt: skip
def test_numbers_that_can_only_mean_one(text: str, value: str) -> None:
    assert read_amount(text, amounts()) == Decimal(value)


def test_an_ambiguous_number_is_decided_by_its_column_by_the_file_or_by_a_person() -> None:
    with pytest.raises(NotANumber, match=r"may be 1\.234 or 1234"):
        read_amount("1.234", amounts("1.234", "2.500", "7"))
    assert read_amount("1.234", amounts("1.234", "2,50")) == 1234
    assert read_amount("1.234", amounts("1.234", "2.5")) == Decimal("1.234")
    assert read_amount("1,234", amounts(), ".") == 1234
    assert read_amount("1.234", amounts(), typed=True) == Decimal("1.234")
    with pytest.raises(NotANumber, match=r"point \(row 3\) and behind a comma \(row 2\)"):
        read_amount("1.234", amounts("2,5", "2.5"))
    with pytest.raises(NotANumber, match="behind a comma, the file is said to use a point"):
        read_amount("2,5", amounts(), ".")


@pytest.mark.parametrize(
    "text",
    ["", "12 EUR", "€5", "1.2.3", "12,34,5", "1.23E+05", "--5", "1,23.4,5", "٣", "1e5", "five", "NaN", "Infinity", "1_000"],
)
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(NotANumber):
        read_amount(text, amounts())


def codes(*column: str) -> CodeFacts:
    facts = CodeFacts()
    for text in column:
        facts.see(text)
    return facts


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1.23E+11", "shortened"), ("1,23E+11", "shortened"), ("3.00833E+23", "shortened"), ("07-Mar", "a day"),
        ("7. Mrz", "a day"), ("Mar-07", "a day"), ("12345.0", "decimals"), ("123456789012345000", "15 digits"),
    ],
)  # fmt: skip
def test_damaged_codes_are_seen_without_their_column(text: str, reason: str) -> None:
    assert reason in (code_damage(text, codes()) or "")


@pytest.mark.parametrize(
    "text", ["1E10", "12E34", "MAR-07", "A-000001", "106141412345678908", "00123", "5", "", "2.0", "E280116020", "Mark-07"]
)
def test_codes_that_only_look_odd_are_left_in_peace(text: str) -> None:
    assert code_damage(text, codes()) is None


def test_lost_zeros_show_against_the_other_codes_of_the_column() -> None:
    assert "so 000123 may be meant" in (code_damage("123", codes("000124", "000125", "123", "200000")) or "")
    assert code_damage("123", codes("124", "125", "123")) is None
    assert code_damage("123", codes("0124", "00125", "123")) is None
    assert code_damage("123", codes("0124", "12345", "123")) is None
    gtins = codes("4006381333931", "5901234123457", "12345678905")
    assert "so 0012345678905 may be meant" in (code_damage("12345678905", gtins) or "")
    assert code_damage("12345678906", gtins) is None
    assert code_damage("12345678905", codes("4006381333931", "1", "2", "3", "4")) is None


def test_a_day_where_a_code_is_meant() -> None:
    assert "a day" in (code_damage("2024-03-01", codes(), "d") or "")
    assert code_damage("2024-03-01", codes()) is None


def test_what_a_spreadsheet_shows_instead_of_a_value() -> None:
    assert "error" in (error_value("#REF!") or "")
    assert "too narrow" in (error_value("########") or "")
    assert error_value("##") is None
    assert error_value("#1") is None


FIELDS = {
    "asset_no": ["asset number", "inventory number", "Inventarnummer"],
    "name": ["description", "Bezeichnung"],
    "serial": ["serial number", "serial no", "s/n"],
    "identifiers": ["identifier", "barcode", "epc"],
}


def test_headers_are_understood_as_people_write_them() -> None:
    given = ["Asset No.", " NAME", "Serial No.", "Barcode 1", "Barcode 2", "S/N", "Colour", "", "name"]
    found = headers.guess(given, FIELDS, frozenset(["identifiers"]))
    assert found == {0: "asset_no", 1: "name", 2: "serial", 3: "identifiers", 4: "identifiers"}


def test_a_misspelt_header_is_guessed_and_the_better_one_wins() -> None:
    assert headers.guess(["Inventar-Nummer", "Descripton"], FIELDS) == {0: "asset_no", 1: "name"}
    assert headers.guess(["Descripton", "Description"], FIELDS) == {1: "name"}
    assert headers.guess(["Nam"], FIELDS) == {}


def test_empty_and_repeated_headers_are_problems() -> None:
    found = headers.problems(["Name", "", "name ", "NAME.", "  ", "x" * 130])
    assert [(p.column, p.reason.split(",")[0].split(":")[0]) for p in found] == [
        (1, "this column has no name"),
        (2, "stands twice"),
        (3, "stands twice"),
        (4, "this column has no name"),
        (5, "longer than 120 characters; is this the header?"),
    ]
