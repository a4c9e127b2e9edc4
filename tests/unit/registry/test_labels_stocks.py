"""Label stocks: every label lies on its page, none over another, where its maker puts it."""

import re
from itertools import combinations, islice
from pathlib import Path

import pytest

from registry.labels import stocks
from registry.labels.stocks import STOCKS, Offset, Stock
from registry.problems import Invalid

# Left and top margin and pitches as the makers' own templates for word processors have them, in mm; what they round is forgiven.
MAKERS = {
    "avery-l7160": (7.2, 15.1, 66.0, 38.1),
    "avery-l7163": (4.7, 15.2, 101.6, 38.1),
    "avery-l7159": (7.2, 12.9, 66.0, 33.9),
    "avery-l7651": (4.7, 10.7, 40.6, 21.2),
    "avery-l4731": (8.5, 13.5, 27.9, 10.0),
    "avery-l4732": (11.0, 13.3, 38.1, 16.9),
    "avery-5160": (4.8, 12.7, 69.8, 25.4),
    "avery-5161": (4.0, 12.7, 106.4, 25.4),
    "avery-5163": (4.0, 12.7, 106.4, 50.8),
    "avery-5167": (7.1, 12.7, 52.4, 12.7),
}
PER_SHEET = {
    "avery-l7160": 21, "avery-l7163": 14, "avery-l7159": 24, "avery-l7157": 33, "avery-l6011": 27, "avery-l4778": 48,
    "avery-l7651": 65, "avery-l4732": 80, "avery-l4731": 189, "avery-5160": 30, "avery-5161": 20, "avery-5163": 10,
    "avery-5167": 80,
}  # fmt: skip


@pytest.mark.parametrize("stock", STOCKS.values(), ids=STOCKS)
def test_labels_lie_on_their_page_and_not_over_each_other(stock: Stock) -> None:
    places = list(islice(stock.places(), stock.per_page))
    for place in places:
        assert place.page == 0
        assert -1e-6 <= place.left <= stock.page[0] - stock.label[0] + 1e-6
        assert -1e-6 <= place.top <= stock.page[1] - stock.label[1] + 1e-6
    for one, other in combinations(places, 2):
        apart = max(abs(one.left - other.left) - stock.label[0], abs(one.top - other.top) - stock.label[1])
        assert apart > -1e-6
    assert [(p.top, p.left) for p in places] == sorted((p.top, p.left) for p in places), "row by row"
    assert 0.5 <= stock.inset < min(stock.label) / 3


@pytest.mark.parametrize(("name", "expected"), MAKERS.items(), ids=MAKERS)
def test_the_grid_is_the_makers(name: str, expected: tuple[float, ...]) -> None:
    stock = STOCKS[name]
    assert (*stock.margin, *stock.pitch) == pytest.approx(expected, abs=0.16)


def test_every_sheet_has_the_labels_its_box_promises() -> None:
    assert {name: stock.per_page for name, stock in STOCKS.items() if stock.per_page > 1} == PER_SHEET
    assert all(stock.kind == ("sheet" if stock.per_page > 1 else stock.kind) for stock in STOCKS.values())


def test_a_used_sheet_is_begun_where_it_has_labels_left_and_goes_on_with_the_next() -> None:
    stock = STOCKS["avery-l7160"]
    first, *others = list(islice(stock.places(start=20), 4))
    assert first == list(islice(stock.places(), 20))[-1]
    assert [place.page for place in (first, *others)] == [0, 0, 1, 1]
    assert others[1][1:] == next(stock.places())[1:]


def test_an_offset_moves_everything_by_the_same() -> None:
    stock = STOCKS["avery-5160"]
    for plain, moved in islice(zip(stock.places(), stock.places(offset=Offset(0.7, -1.2)), strict=True), 40):
        assert moved.page == plain.page
        assert moved[1:] == pytest.approx((plain.left + 0.7, plain.top - 1.2))


@pytest.mark.parametrize(
    ("name", "start", "offset", "said"),
    [
        ("avery-l7160", 0, Offset(), "1 to 21"),
        ("avery-l7160", 22, Offset(), "1 to 21"),
        ("tape-12", 2, Offset(), "one label a page"),
        ("avery-l7160", 1, Offset(11, 0), "at most 10 mm"),
        ("avery-l7160", 1, Offset(0, -11), "at most 10 mm"),
    ],
)
def test_a_start_or_an_offset_off_the_sheet_is_a_sentence(name: str, start: int, offset: Offset, said: str) -> None:
    with pytest.raises(Invalid, match=said):
        STOCKS[name].places(start, offset)


def test_an_unknown_stock_lists_the_known() -> None:
    with pytest.raises(Invalid, match="avery-l7160, avery-l7163"):
        stocks.stock("avery-9999")
    assert stocks.stock(stocks.DEFAULT).per_page == 21


def test_the_documentation_lists_every_stock_with_its_size() -> None:
    said = (Path(__file__).parents[3] / "docs/labels.md").read_text(encoding="utf-8")
    told = re.findall(r"^\| `([a-z0-9-]+)` \| (.+?) \| (\S+ x \S+) \| (\d*) \|$", said, re.MULTILINE)
    known = [
        (stock.name, stock.title, stock.size.removesuffix(" mm"), str(stock.per_page) if stock.per_page > 1 else "")
        for stock in STOCKS.values()
    ]
    assert told == known
