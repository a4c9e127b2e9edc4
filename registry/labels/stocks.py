"""Label stocks: sheets for office printers, rolls and tapes for label printers. Geometry in millimetres from the top left.

Sizes and gaps are the makers' own; a sheet's grid stands in the middle of its page.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final, NamedTuple

from registry.problems import Invalid

A4: Final = (210.0, 297.0)
LETTER: Final = (215.9, 279.4)
INCH: Final = 25.4
MAX_OFFSET_MM: Final = 10.0


class Offset(NamedTuple):
    """How far everything moves, to make up for a printer that pulls its paper askew: right and down, in mm."""

    right: float = 0.0
    down: float = 0.0


NO_OFFSET: Final = Offset()


class Place(NamedTuple):
    """Where one label goes: its page, counted from 0, and its top left corner."""

    page: int
    left: float
    top: float


@dataclass(frozen=True, slots=True)
class Stock:
    """`inset` is the strip along a label's edge that stays white: cut tolerance on sheets, the printer's own border on tapes."""

    name: str  # as addresses and sessions say it: "avery-l7160"
    title: str
    kind: str  # sheet, roll or tape: a roll and a tape have one label a page
    page: tuple[float, float]
    label: tuple[float, float]
    columns: int = 1
    rows: int = 1
    margin: tuple[float, float] = (0.0, 0.0)  # left and top, of the first label
    pitch: tuple[float, float] = (0.0, 0.0)  # from one label's corner to the next one's
    inset: float = 1.5

    @property
    def per_page(self) -> int:
        return self.columns * self.rows

    @property
    def size(self) -> str:
        """`63.5 x 38.1 mm`."""
        return f"{self.label[0]:g} x {self.label[1]:g} mm"

    def places(self, start: int = 1, offset: Offset = NO_OFFSET) -> Iterator[Place]:
        """Yield places without end, row by row, from the `start`-th label of the first page on. Raises Invalid."""
        if not 1 <= start <= self.per_page:
            many = f"a sheet has labels 1 to {self.per_page}" if self.per_page > 1 else "this stock has one label a page"
            raise Invalid(f"start: {many}", field="start")
        if max(abs(offset.right), abs(offset.down)) > MAX_OFFSET_MM:
            raise Invalid(f"offset: at most {MAX_OFFSET_MM:g} mm either way", field="offset")
        return islice(self._all_places(offset), start - 1, None)

    def _all_places(self, offset: Offset) -> Iterator[Place]:
        page = 0
        while True:
            for index in range(self.per_page):
                row, column = divmod(index, self.columns)
                left = self.margin[0] + column * self.pitch[0] + offset.right
                yield Place(page, left, self.margin[1] + row * self.pitch[1] + offset.down)
            page += 1


def sheet(
    name: str,
    title: str,
    page: tuple[float, float],
    label: tuple[float, float],
    grid: tuple[int, int],
    gap: tuple[float, float] = (0.0, 0.0),
    inset: float = 1.5,
) -> Stock:
    """A sheet whose grid of (columns, rows) with these gaps stands in the middle of the page."""
    pitch = (label[0] + gap[0], label[1] + gap[1])
    left, top = ((page[i] - grid[i] * label[i] - (grid[i] - 1) * gap[i]) / 2 for i in (0, 1))
    return Stock(name, title, "sheet", page, label, *grid, (left, top), pitch, inset)


def _roll(name: str, title: str, label: tuple[float, float], kind: str = "roll", inset: float = 1.5) -> Stock:
    return Stock(name, title, kind, label, label, inset=inset)


_ALL: Final = (
    sheet("avery-l7160", "Avery L7160", A4, (63.5, 38.1), (3, 7), (2.54, 0)),
    sheet("avery-l7163", "Avery L7163", A4, (99.1, 38.1), (2, 7), (2.5, 0)),
    sheet("avery-l7159", "Avery L7159", A4, (63.5, 33.9), (3, 8), (2.54, 0)),
    sheet("avery-l7157", "Avery L7157", A4, (64.0, 24.3), (3, 11), (2.5, 0)),
    sheet("avery-l6011", "Avery L6011 metallic", A4, (63.5, 29.6), (3, 9), (2.54, 0)),
    sheet("avery-l4778", "Avery L4778 weatherproof", A4, (45.7, 21.2), (4, 12), (2.54, 0)),
    sheet("avery-l7651", "Avery L7651", A4, (38.1, 21.2), (5, 13), (2.5, 0)),
    sheet("avery-l4732", "Avery L4732", A4, (35.6, 16.9), (5, 16), (2.5, 0), inset=1.0),
    sheet("avery-l4731", "Avery L4731", A4, (25.4, 10.0), (7, 27), (2.5, 0), inset=0.8),
    sheet("avery-5160", "Avery 5160, 8160", LETTER, (2.625 * INCH, INCH), (3, 10), (0.125 * INCH, 0)),
    sheet("avery-5161", "Avery 5161, 8161", LETTER, (4 * INCH, INCH), (2, 10), (0.1875 * INCH, 0)),
    sheet("avery-5163", "Avery 5163, 8163", LETTER, (4 * INCH, 2 * INCH), (2, 5), (0.1875 * INCH, 0)),
    sheet("avery-5167", "Avery 5167, 8167", LETTER, (1.75 * INCH, 0.5 * INCH), (4, 20), (0.3125 * INCH, 0), inset=1.0),
    _roll("dymo-11354", "Dymo 11354", (57.0, 32.0), inset=2.0),
    _roll("dymo-11352", "Dymo 11352", (54.0, 25.0), inset=2.0),
    _roll("roll-100x50", "Label printer 100 x 50", (100.0, 50.0), inset=2.0),
    _roll("roll-57x32", "Label printer 57 x 32", (57.0, 32.0)),
    _roll("roll-50x25", "Label printer 50 x 25", (50.0, 25.0)),
    _roll("roll-38x19", "Label printer 38 x 19", (38.0, 19.0), inset=1.0),
    _roll("tape-24", "Tape 24 mm", (60.0, 24.0), "tape", inset=3.0),
    _roll("tape-18", "Tape 18 mm", (50.0, 18.0), "tape", inset=2.0),
    _roll("tape-12", "Tape 12 mm", (45.0, 12.0), "tape", inset=1.5),
)
STOCKS: Final = {stock.name: stock for stock in _ALL}
DEFAULT: Final = "avery-l7160"


def stock(name: str) -> Stock:
    """Raises Invalid."""
    found = STOCKS.get(name)
    if found is None:
        raise Invalid(f"stock: {name[:40]!r} is not one of {', '.join(STOCKS)}", field="stock")
    return found
