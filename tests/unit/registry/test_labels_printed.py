"""Labels on paper: what a camera reads from the printed page means the asset, and what people read is whole or openly cut."""

import io
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from identity import company, keys
from identity.resolve import resolve_barcode
from registry.labels import pdf, svg
from registry.labels.fonts import Fonts, fonts, needs_shaping
from registry.labels.layout import LEAST_MODULE_MM, Drawing, Label, compose
from registry.labels.marks import MEANINGFUL, QUIET, Carries, Message, Symbol, draw, message
from registry.labels.stocks import STOCKS, Offset, Stock
from registry.problems import Invalid
from tests import labels_printed

KEY = company.giai("4012345", 815)
RUSSIAN = "Насос 7"  # noqa: RUF001
DOMAIN = "https://id.example.com"
KINDS = [(symbol, carries) for symbol, ways in MEANINGFUL.items() for carries in ways]
IDS = [f"{symbol}-{carries}" for symbol, carries in KINDS]
AIM = {
    (Symbol.QR, False): "]Q1", (Symbol.DATA_MATRIX, False): "]d1", (Symbol.CODE_128, False): "]C0",
    (Symbol.DATA_MATRIX, True): "]d2", (Symbol.CODE_128, True): "]C1",
}  # fmt: skip


def label(
    symbol: Symbol, carries: Carries, *, name: str = "Pump 7", number: str = "A-000815", key: str = KEY, firm: str = ""
) -> Label:
    return Label(name, number, draw(symbol, message(carries, key=key, number=number, domain=DOMAIN)), firm)


def printed(labels: Sequence[Label], stock: Stock, **more: object) -> bytes:
    out = io.BytesIO()
    pdf.write(labels, stock, fonts(), out, **more)  # type: ignore[arg-type]
    return out.getvalue()


# ---- the symbols ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("symbol", "carries"), KINDS, ids=IDS)
def test_a_printed_symbol_reads_as_what_it_says(symbol: Symbol, carries: Carries) -> None:
    [page] = labels_printed.pages(printed([label(symbol, carries)], STOCKS["roll-57x32"]))
    [read] = labels_printed.read(page)
    assert read.symbology == AIM[symbol, carries is Carries.GS1]
    expected = "tag:A-000815" if carries is Carries.NUMBER else KEY
    assert resolve_barcode(read.payload, read.symbology).key == expected


def test_a_link_leads_to_the_companys_own_address() -> None:
    [page] = labels_printed.pages(printed([label(Symbol.QR, Carries.LINK)], STOCKS["roll-57x32"]))
    assert labels_printed.read(page)[0].payload == b"https://id.example.com/8004/4012345815"


@pytest.mark.parametrize("stock", STOCKS.values(), ids=STOCKS)
def test_every_stock_takes_a_datamatrix_and_a_qr_code_that_cameras_read(stock: Stock) -> None:
    alone = replace(stock, page=stock.label, columns=1, rows=1, margin=(0.0, 0.0))  # a small page is read fast
    labels = [label(Symbol.DATA_MATRIX, Carries.GS1), label(Symbol.QR, Carries.LINK)]
    reads = [read for image in labels_printed.pages(printed(labels, alone)) for read in labels_printed.read(image)]
    assert {resolve_barcode(read.payload, read.symbology).key for read in reads} == {KEY}
    assert {read.symbology for read in reads} == {"]d2", "]Q1"}


@given(st.integers(1, company.most_giais("4012345")), st.integers(0, 99999), st.integers(1, company.most_grais()))
@settings(max_examples=8, deadline=None)
def test_any_key_of_ours_survives_printing_and_reading(number: int, asset_type: int, serial: int) -> None:
    wanted = [company.giai("4012345", number), company.grai("4012345", asset_type, serial)]
    labels = [label(symbol, Carries.GS1, key=key) for key in wanted for symbol in (Symbol.DATA_MATRIX, Symbol.CODE_128)]
    reads = [read for page in labels_printed.pages(printed(labels, STOCKS["roll-100x50"])) for read in labels_printed.read(page)]
    assert [resolve_barcode(read.payload, read.symbology).key for read in reads] == [key for key in wanted for _ in range(2)]


@given(st.text(sorted(keys.GS1_CHARACTERS), min_size=1, max_size=30))
@settings(max_examples=100, deadline=None)
def test_any_giai_can_be_drawn_also_with_brackets_in_it(value: str) -> None:
    mark = draw(Symbol.DATA_MATRIX, message(Carries.GS1, key=f"8004:{value}", number="A-1", domain=None))
    image = Image.new("L", (mark.columns + 4, len(mark.rows) + 4), 255)
    for x, y, count in mark.runs():
        for dark in range(count):
            image.putpixel((x + dark + 2, y + 2), 0)
    [read] = labels_printed.read(image.resize((image.width * 4, image.height * 4), Image.Resampling.NEAREST))
    assert resolve_barcode(read.payload, read.symbology).key == f"8004:{value}"


def test_what_a_symbol_cannot_say_is_a_sentence() -> None:
    with pytest.raises(Invalid, match="Code 128 cannot say '漢字': Invalid character in input"):
        draw(Symbol.CODE_128, Message("漢字", text="漢字"))
    with pytest.raises(Invalid, match="A-1 has no GS1 key"):
        message(Carries.GS1, key=None, number="A-1", domain=None)
    with pytest.raises(Invalid, match=r"digital_link in registry\.toml"):
        message(Carries.LINK, key=KEY, number="A-1", domain=None)


# ---- the layout ----------------------------------------------------------------------------------------------------------------


def drawings() -> "list[tuple[Stock, Label, Drawing]]":
    found = []
    for stock in STOCKS.values():
        for symbol, carries in KINDS:
            one = label(symbol, carries, name="Hydraulic pump 7, stainless steel", firm="Example Works Ltd")
            try:
                found.append((stock, one, compose(one, stock, fonts())))
            except Invalid:
                assert symbol is Symbol.CODE_128, "a two-dimensional symbol fits every stock"
                assert stock.label[0] < 37 or stock.label[1] < 13
    return found


def test_nothing_lies_over_the_symbol_or_beyond_the_edge_and_bars_are_wide_enough() -> None:
    seen = drawings()
    assert len(seen) > 0.9 * len(STOCKS) * len(KINDS)
    for stock, one, drawing in seen:
        symbol = drawing.symbol
        quiet = QUIET[one.mark.symbol] * symbol.module
        right, bottom = symbol.left + one.mark.columns * symbol.module, symbol.top + symbol.height
        where = f"{stock.name} {one.mark.symbol}"
        assert symbol.module >= LEAST_MODULE_MM - 1e-6, where
        assert symbol.left >= quiet - 0.05, where
        assert right + quiet <= stock.label[0] + 0.05, where
        assert symbol.top >= stock.inset - 0.05, where
        assert bottom <= stock.label[1] - stock.inset + 0.05, where
        for text in drawing.texts:
            assert text.left >= stock.inset - 1e-6, where
            assert text.left + text.width <= stock.label[0] - stock.inset + 0.01, where
            assert text.baseline <= stock.label[1] - stock.inset, where
            beside = text.left >= right + quiet - 0.1
            below = text.baseline - 0.8 * text.size >= bottom
            assert beside or below, where


def test_the_number_is_whole_on_every_label() -> None:
    for _, one, drawing in drawings():
        assert one.number in [text.text for text in drawing.texts]


def test_a_name_is_whole_where_it_can_be_and_openly_cut_where_not() -> None:
    whole = compose(label(Symbol.QR, Carries.LINK, name="Hydraulic pump 7"), STOCKS["avery-l7160"], fonts())
    assert "Hydraulic pump 7" in " ".join(text.text for text in whole.texts)
    cut = compose(label(Symbol.QR, Carries.LINK, name="Hydraulic pump of the second line " * 5), STOCKS["roll-38x19"], fonts())
    names = [text.text for text in cut.texts if text.bold]
    assert names
    assert names[-1].endswith("…")


def test_what_does_not_fit_says_what_would() -> None:
    with pytest.raises(Invalid) as caught:
        compose(label(Symbol.CODE_128, Carries.GS1), STOCKS["avery-l4731"], fonts())
    assert caught.value.field == "stock"
    assert "Code 128 with '(8004)4012345815' needs at least" in caught.value.text
    assert "Avery L4731 has 25.4 x 10 mm" in caught.value.text
    assert "DataMatrix" in caught.value.text


# ---- the pages -----------------------------------------------------------------------------------------------------------------


def test_labels_go_where_the_sheet_has_them_from_the_start_on_and_by_the_offset() -> None:
    stock = STOCKS["avery-l7160"]
    labels = [label(Symbol.DATA_MATRIX, Carries.NUMBER, number=f"A-{n}") for n in range(1, 24)]
    images = labels_printed.pages(printed(labels, stock, start=20, offset=Offset(1.0, -1.0)))
    reads = [labels_printed.read(image) for image in images]
    assert [[read.payload.decode() for read in page] for page in reads] == [
        ["A-1", "A-2"], [f"A-{n}" for n in range(3, 24)],
    ]  # fmt: skip
    symbol = compose(labels[0], stock, fonts()).symbol
    for page, start in ((0, 19), (1, 0)):
        first = reads[page][0]
        row, column = divmod(start, 3)
        assert first.left == pytest.approx(stock.margin[0] + column * stock.pitch[0] + symbol.left + 1.0, abs=0.3)
        assert first.top == pytest.approx(stock.margin[1] + row * stock.pitch[1] + symbol.top - 1.0, abs=0.3)


def test_a_print_has_a_limit_and_is_not_empty() -> None:
    one = label(Symbol.DATA_MATRIX, Carries.NUMBER)
    with pytest.raises(Invalid, match="5000 labels at most"):
        printed([one] * 5001, STOCKS["avery-l4731"])
    with pytest.raises(Invalid, match="nothing to print"):
        printed([], STOCKS["avery-l4731"])


# ---- letters -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Pumpe für Öl, 5 € ½", "Łódź, część", RUSSIAN, "Αντλία", "x" * 200, "<b>&amp;</b>", "\u200b?"])
def test_a_name_comes_out_as_it_was_written_or_marks_what_is_lost(name: str) -> None:
    made = printed([label(Symbol.DATA_MATRIX, Carries.NUMBER, name=name)], STOCKS["avery-5163"])
    lost = fonts().missing(name)
    expected = "".join("?" if char in lost else char for char in fonts().text(name))
    found = "".join(labels_printed.texts(made)[0].split()).replace("…", "")
    assert "".join(expected.split())[:20] in found


def test_letters_that_only_fonts_of_the_machine_have_are_told_when_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("registry.labels.fonts.FOLDERS", (Path("/nonexistent"),))
    bare = Fonts()
    assert bare.text("Pumpe für Öl") == "Pumpe für Öl"
    assert bare.text("čerpadlo ạ 漢") == "čerpadlo a ?"  # the bundled face has č, ạ has a base letter, 漢 has nothing
    assert bare.missing("ạ 漢 Ж ?") == {"漢", "Ж"}


def test_a_font_file_that_is_none_is_passed_over(tmp_path: Path) -> None:
    broken = tmp_path / "broken.ttf"
    broken.write_bytes(b"no font")
    assert Fonts([broken]).width("Pump") == pytest.approx(Fonts().width("Pump"))


@pytest.mark.parametrize("name", ["مضخة", "משאבה 7"])
def test_scripts_that_need_shaping_are_drawn_as_a_picture(name: str) -> None:
    assert needs_shaping(name)
    assert not needs_shaping(f"Łódź {RUSSIAN} 漢字")
    made = printed([label(Symbol.DATA_MATRIX, Carries.NUMBER, name=name)], STOCKS["avery-5163"])
    assert b"/Subtype /Image" in made
    assert b"/Subtype /Image" not in printed([label(Symbol.DATA_MATRIX, Carries.NUMBER)], STOCKS["avery-5163"])


def test_a_preview_says_the_same_and_takes_no_markup_from_a_name() -> None:
    one = label(Symbol.QR, Carries.LINK, name='<script>alert("1")</script>')
    shown = svg.preview(compose(one, STOCKS["avery-5163"], fonts()), title='Label of "A-1" <b>')
    assert "<script" not in shown
    assert "&lt;script&gt;" in shown
    assert "style=" not in shown
    assert 'viewBox="0 0 101.6 50.8"' in shown


@pytest.mark.parametrize("stock", STOCKS.values(), ids=STOCKS)
def test_frames_lie_where_the_labels_do(stock: Stock) -> None:
    out = io.BytesIO()
    pdf.write_frames(stock, fonts(), out, offset=Offset(0.5, 0.5))
    frames = labels_printed.frames(out.getvalue())
    places = [(place.left, place.top, *stock.label) for place in islice(stock.places(offset=Offset(0.5, 0.5)), stock.per_page)]
    assert len(frames) == len(places)
    for frame, place in zip(frames, places, strict=True):
        assert frame == pytest.approx(place, abs=0.05)
