"""ZPL as a printer takes it apart: the symbols' contents, the tag's bits, and that no name is ever a command."""

import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from identity import company, epc
from identity.resolve import resolve_barcode, resolve_epc
from registry.labels import code128, zpl
from registry.labels.fonts import fonts
from registry.labels.layout import Label
from registry.labels.marks import Carries, Message, Symbol, draw, message
from registry.labels.stocks import STOCKS, Offset
from registry.problems import Invalid
from tests.labels_printed import Command, commands, field

KEY = company.giai("4012345", 815)
ROLL = STOCKS["roll-57x32"]
PLAIN = ["XA", "CI", "PW", "LL", "LH", "PQ", "XZ"]


def label(
    symbol: Symbol = Symbol.QR, carries: Carries = Carries.LINK, *, name: str = "Pump 7", number: str = "A-000815",
    key: str = KEY, tag: str | None = None,
) -> Label:  # fmt: skip
    what = message(carries, key=key, number=number, domain="https://id.example.com")
    return Label(name, number, draw(symbol, what), "Example Works", tag)


def one(made: Label, **more: object) -> list[Command]:
    [text] = zpl.write([made], ROLL, fonts(), **more)  # type: ignore[arg-type]
    return commands(text)


def behind(found: list[Command], name: str) -> str:
    """The content of the field that follows the command."""
    at = [command.name for command in found].index(name)
    return field(next(command.rest for command in found[at:] if command.name == "FD"))


def first(found: list[Command], name: str) -> str:
    return next(command.rest for command in found if command.name == name)


# ---- symbols -------------------------------------------------------------------------------------------------------------------


def test_a_qr_code_carries_the_link_with_its_correction() -> None:
    found = one(label())
    assert re.fullmatch(r"N,2,([1-9]|10),M", first(found, "BQ"))
    assert behind(found, "BQ") == "MA,https://id.example.com/8004/4012345815"


def test_a_gs1_datamatrix_begins_with_fnc1() -> None:
    found = one(label(Symbol.DATA_MATRIX, Carries.GS1))
    assert re.fullmatch(r"N,\d+,200,(\d+),\1,,_", first(found, "BX"))
    assert behind(found, "BX") == "_18004" + "4012345815"


def test_an_underscore_in_a_datamatrix_is_no_escape() -> None:
    assert behind(one(label(Symbol.DATA_MATRIX, Carries.NUMBER, number="A_1")), "BX") == "A__1"


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (KEY, ">;>880044012345815"),  # all digits, in pairs
        (company.giai("4012345", 81), ">;>8800440123458>61"),
        ("8004:4012345A>B", ">;>88004401234>65A>0B"),
    ],
)
def test_a_gs1_128_begins_with_fnc1(key: str, expected: str) -> None:
    assert behind(one(label(Symbol.CODE_128, Carries.GS1, key=key)), "BC") == expected


@given(st.text("0123456789AZaz>_-/ ", min_size=1, max_size=30), st.booleans())
@settings(max_examples=300, deadline=None)
def test_the_printers_code_128_is_as_wide_as_the_one_we_lay_out(content: str, gs1: bool) -> None:
    content = content.strip() or "0"
    what = Message(content, text=content)
    if gs1:
        reference = content.replace(" ", "") or "0"
        what, content = Message(content, elements=(("8004", reference),)), f"8004{reference}"
    assert code128.modules(content, gs1=gs1) == draw(Symbol.CODE_128, what).columns
    assert code128.invocations(content, gs1=gs1)[:2] in (">:", ">;")
    assert code128.invocations(content, gs1=gs1)[2:4] == ">8" or not gs1


def test_a_letter_that_code_128_has_not_is_a_sentence() -> None:
    with pytest.raises(Invalid, match="letters, digits and signs of ASCII only"):
        code128.invocations("Ä-1")


# ---- the tag -------------------------------------------------------------------------------------------------------------------


@given(st.integers(1, company.most_giais("4012345")), st.integers(1, company.most_grais()))
@settings(max_examples=30, deadline=None)
def test_the_tag_says_the_same_as_the_label(number: int, serial: int) -> None:
    for key in (company.giai("4012345", number), company.grai("4012345", 12, serial)):
        tag = epc.encode(company.to_write(key, ["4012345"])).hex().upper()
        found = one(label(Symbol.DATA_MATRIX, Carries.GS1, key=key, tag=tag))
        assert (first(found, "RS"), first(found, "RF")) == ("8", "W,H")
        written = behind(found, "RF")
        printed = behind(found, "BX").removeprefix("_1")
        assert resolve_epc(bytes.fromhex(written)).key == key == resolve_barcode(printed.encode(), "]d2").key


def test_a_long_epc_says_its_length_and_without_a_tag_nothing_is_written() -> None:
    tag = epc.encode(company.to_write("8004:4012345ABC", ["4012345"])).hex().upper()
    assert first(one(label(tag=tag)), "RF") == "W,H,2,26,A"
    names = {command.name for command in one(label())}
    assert not names & {"RF", "RS", "RL", "RZ"}, "neither tag nor passwords nor locks are touched"


# ---- letters, and who would break in -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["^XA^FDx^FS^XZ", "~JR", "a\\5Eb", "_5E^FX", 'Öl & "Fett"', "100 %", "^~\\>_,"])
def test_a_name_is_never_a_command(name: str) -> None:
    plain = Counter(command.name for command in one(label(name="Pump 7")))
    found = one(label(name=name))
    assert Counter(command.name for command in found) == plain
    assert name in [field(command.rest) for command in found if command.name == "FD"]


@given(st.text(min_size=1, max_size=60))
@settings(max_examples=200, deadline=None)
def test_no_text_whatever_adds_a_command(name: str) -> None:
    [written] = zpl.write([label(name=name.encode("utf-8", "replace").decode())], ROLL, fonts())
    found = [command.name for command in commands(written)]
    assert [one for one in found if one in PLAIN] == PLAIN
    assert set(found) <= {*PLAIN, "FO", "BY", "BQ", "FH", "FD", "FS", "A0", "GF"}
    assert "~" not in written


def test_letters_beyond_western_ones_are_sent_as_a_picture() -> None:
    found = one(label(name="Łódź"))
    [picture] = [command.rest for command in found if command.name == "GF"]
    kind, total, again, row, bits = picture.split(",")
    assert (kind, total) == ("A", again)
    assert len(bits) == 2 * int(total)
    assert int(total) % int(row) == 0
    assert 0 < bin(int(bits, 16)).count("1") < 4 * int(total), "some ink, less than half"


# ---- size ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("dpi", "dots"), [(203, 8), (300, 12), (600, 24)])
@pytest.mark.parametrize("symbol", Symbol)
def test_everything_lies_on_the_label_at_every_resolution(dpi: int, dots: int, symbol: Symbol) -> None:
    for stock in (one for one in STOCKS.values() if one.per_page == 1):
        carries = Carries.LINK if symbol is Symbol.QR else Carries.GS1
        try:
            [text] = zpl.write([label(symbol, carries)], stock, fonts(), dpi=dpi)
        except Invalid:
            assert symbol is Symbol.CODE_128
            assert stock.label[0] < 50
            continue
        found = commands(text)
        width, height = int(first(found, "PW")), int(first(found, "LL"))
        assert (width, height) == (round(stock.label[0] * dots), round(stock.label[1] * dots))
        for command in found:
            if command.name == "FO":
                x, y = map(int, command.rest.split(","))
                assert 0 <= x < width
                assert 0 <= y < height
        module = {Symbol.QR: r"N,2,(\d+)", Symbol.DATA_MATRIX: r"N,(\d+)", Symbol.CODE_128: r"(\d+)"}[symbol]
        name = {Symbol.QR: "BQ", Symbol.DATA_MATRIX: "BX", Symbol.CODE_128: "BY"}[symbol]
        size = re.match(module, first(found, name))
        assert size is not None
        assert 0.25 <= int(size[1]) / dots <= 1.25
        assert int(size[1]) <= zpl.MOST_DOTS


def test_an_offset_moves_every_field() -> None:
    plain, moved = one(label()), one(label(), offset=Offset(1.0, 0.5))
    for before, after in zip(plain, moved, strict=True):
        if before.name == "FO":
            (x, y), (u, v) = (map(int, command.rest.split(",")) for command in (before, after))
            assert abs(u - x - 8) <= 1
            assert abs(v - y - 4) <= 1


def test_a_sheet_and_an_unknown_resolution_are_sentences() -> None:
    with pytest.raises(Invalid, match="is a sheet; a label printer needs a roll or a tape"):
        list(zpl.write([label()], STOCKS["avery-l7160"], fonts()))
    with pytest.raises(Invalid, match="203, 300, 600"):
        list(zpl.write([label()], ROLL, fonts(), dpi=150))
