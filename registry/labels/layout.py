"""What stands where on a label: its symbol as large as is useful, and beside or below it the texts, name first. Pure.

All lengths in mm from the label's top left corner. The symbol's modules are whole dots of the printer, so that no bar is wider
than its neighbour; its quiet zone may reach into the label's unprinted edge, which is white too. A name to be read whole is worth
a smaller symbol, as long as that stays comfortable to scan. What does not fit is left out in this order: the company, the end of
the name, the name, the code in letters. The asset's number and the symbol are never cut.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

from registry.labels.fonts import Fonts
from registry.labels.marks import Mark
from registry.labels.stocks import Stock
from registry.problems import Invalid

LEAST_MODULE_MM: Final = 0.25  # below it phones and office printers fail
GOOD_MODULE_MM, GOOD_BAR_MM = 0.45, 0.3  # from an arm's length with a phone
MOST_MODULE_MM, MOST_BAR_MM = 1.0, 0.5  # larger ones read no better
LEAST_BARS_MM, MOST_BARS_MM = 5.0, 15.0  # height of a Code 128
OFFICE_DOT_MM: Final = 25.4 / 600
GAP_MM: Final = 1.6  # between symbol and texts, at least
LEAST_TEXT_MM, GOOD_TEXT_MM, MOST_TEXT_MM = 1.75, 2.3, 4.2  # font sizes: 5, 6.5 and 12 pt
LINE: Final = 1.18  # from baseline to baseline, of the font size
ASCENT: Final = 0.86  # of the first line above its baseline: capitals with an accent
ELLIPSIS: Final = "…"


@dataclass(frozen=True, slots=True)
class Label:
    """What one label says. `epc` is what its tag gets, in hex; `company` may be empty."""

    name: str
    number: str
    mark: Mark
    company: str = ""
    epc: str | None = None


@dataclass(frozen=True, slots=True)
class Text:
    left: float
    baseline: float
    size: float
    text: str
    bold: bool
    width: float


@dataclass(frozen=True, slots=True)
class Symbol:
    """The mark's first module is at (left, top); a Code 128's bars are `height` high."""

    mark: Mark
    left: float
    top: float
    module: float
    height: float


@dataclass(frozen=True, slots=True)
class Drawing:
    width: float
    height: float
    symbol: Symbol
    texts: tuple[Text, ...]


class Box(NamedTuple):
    left: float
    top: float
    width: float
    height: float


Arranged = Iterator[tuple[Symbol, Box, bool]]  # the symbol, the place for the texts, and whether they stand in its middle


class _Line(NamedTuple):
    text: str
    bold: bool
    scale: float  # of the size of the name
    most: int = 1  # lines it may take
    whole: bool = True  # is to be read whole: never cut


def compose(label: Label, stock: Stock, fonts: Fonts, *, dot_mm: float = OFFICE_DOT_MM, most_dots: int = 1000) -> Drawing:
    """Lay the label out for a printer with these dots, a module of at most so many of them. Raises Invalid when symbol and number
    do not fit this stock."""
    width, height = stock.label
    inner = Box(stock.inset, stock.inset, width - 2 * stock.inset, height - 2 * stock.inset)
    wide = inner.width >= 1.5 * inner.height
    arrangements = (_bars,) if label.mark.linear else (_beside, _below) if wide else (_below, _beside)
    good = GOOD_BAR_MM if label.mark.linear else GOOD_MODULE_MM
    most = min(MOST_BAR_MM if label.mark.linear else MOST_MODULE_MM, most_dots * dot_mm)
    modules = _modules(dot_mm, most)
    everything, whole, cut, least = _wishes(label)
    for wishes, smallest, module in (
        (everything, GOOD_TEXT_MM, good),
        (whole, GOOD_TEXT_MM, good),
        (whole, LEAST_TEXT_MM, good),
        (cut, GOOD_TEXT_MM, good),
        (whole, LEAST_TEXT_MM, LEAST_MODULE_MM),
        (cut + least, LEAST_TEXT_MM, LEAST_MODULE_MM),
    ):
        for arrange in arrangements:
            for symbol, box, centred in arrange(label.mark, inner, stock, modules, dot_mm):
                if symbol.module < module - 1e-6:
                    break
                texts = _fit(wishes, box, fonts, centred=centred, smallest=smallest)
                if texts is not None:
                    return Drawing(width, height, symbol, texts)
    raise Invalid(_too_small(label.mark, stock, dot_mm), field="stock")


# ---- where the symbol goes: every arrangement yields the best first -----------------------------------------------------------


def _beside(mark: Mark, inner: Box, stock: Stock, modules: list[float], dot_mm: float) -> Arranged:
    """Symbol at the left, texts at the right of it."""
    for module in modules:
        edge = max(0.0, mark.quiet * module - stock.inset)
        wide, high = mark.columns * module, len(mark.rows) * module
        taken = edge + wide + max(GAP_MM, mark.quiet * module)
        if high + 2 * edge > inner.height + 1e-6 or taken > 0.62 * inner.width:
            continue
        top = inner.top + (inner.height - high) / 2
        box = Box(inner.left + taken, inner.top, inner.width - taken, inner.height)
        yield _symbol(mark, inner.left + edge, top, module, dot_mm), box, False


def _below(mark: Mark, inner: Box, stock: Stock, modules: list[float], dot_mm: float) -> Arranged:
    """Symbol at the top, texts below it."""
    for module in modules:
        edge = max(0.0, mark.quiet * module - stock.inset)
        wide, high = mark.columns * module, len(mark.rows) * module
        taken = edge + high + max(GAP_MM / 2, mark.quiet * module)
        if wide + 2 * edge > inner.width + 1e-6 or taken > 0.72 * inner.height:
            continue
        left = inner.left + (inner.width - wide) / 2
        box = Box(inner.left, inner.top + taken, inner.width, inner.height - taken)
        yield _symbol(mark, left, inner.top + edge, module, dot_mm), box, True


def _bars(mark: Mark, inner: Box, stock: Stock, modules: list[float], dot_mm: float) -> Arranged:
    """Bars at the top, over the whole width, texts below them."""
    for module in modules:
        wide = mark.columns * module
        if wide > inner.width + 1e-6 or wide + 2 * mark.quiet * module > stock.label[0] + 1e-6:
            continue
        left = inner.left + (inner.width - wide) / 2
        for share in (0.5, 0.6, 0.7):
            high = min(MOST_BARS_MM, share * inner.height)
            if high >= LEAST_BARS_MM:
                taken = high + GAP_MM / 2
                box = Box(inner.left, inner.top + taken, inner.width, inner.height - taken)
                yield _symbol(mark, left, inner.top, module, dot_mm, high), box, True


def _modules(dot_mm: float, most: float) -> list[float]:
    """Sizes of a module in whole dots, the largest first."""
    return [dots * dot_mm for dots in range(int(most / dot_mm + 1e-6), 0, -1) if dots * dot_mm >= LEAST_MODULE_MM - 1e-6]


def _symbol(mark: Mark, left: float, top: float, module: float, dot_mm: float, height: float = 0.0) -> Symbol:
    """On whole dots."""
    return Symbol(mark, round(left / dot_mm) * dot_mm, round(top / dot_mm) * dot_mm, module, height or len(mark.rows) * module)


def _too_small(mark: Mark, stock: Stock, dot_mm: float) -> str:
    module = _modules(dot_mm, MOST_MODULE_MM)[-1]
    wide = (mark.columns + 2 * mark.quiet) * module
    high = LEAST_BARS_MM if mark.linear else (len(mark.rows) + 2 * mark.quiet) * module
    smaller = "a DataMatrix, which is the smallest symbol, or " if mark.symbol != "datamatrix" else ""
    return (
        f"stock: {mark.symbol.words} with {mark.message.printed!r} needs at least {wide:.1f} x {high:.1f} mm with its white "
        f"border, and room for the number beside or below it; {stock.title} has {stock.size}. Take {smaller}a larger label"
    )


# ---- the texts -----------------------------------------------------------------------------------------------------------------


def _wishes(label: Label) -> tuple[list[list[_Line]], ...]:
    """What to write, from the most to the least: everything, without the company, with some of the name, without it."""
    printed = label.mark.message.printed
    number = _Line(label.number, False, 0.9)
    code = [] if printed == label.number else [_Line(printed, False, 0.72)]
    company = [_Line(label.company, False, 0.7)] if label.company else []
    name, cut = _Line(label.name, True, 1.0, 2), _Line(label.name, True, 1.0, 2, whole=False)
    two_lines = number._replace(most=2)
    return (
        [[*company, name, number, *code]],
        [[name, number, *code]],
        [[cut, number, *code], [cut._replace(most=1), number, *code]],
        [[number, *code], [number, *(line._replace(most=2) for line in code)], [number], [two_lines]],
    )


def _fit(wishes: Sequence[Sequence[_Line]], box: Box, fonts: Fonts, *, centred: bool, smallest: float) -> tuple[Text, ...] | None:
    """The first wish that fits, as large as it does. What is cut anyway is not written large."""
    for lines in wishes:
        is_cut = any(line.bold and not line.whole for line in lines)
        size = GOOD_TEXT_MM if is_cut else MOST_TEXT_MM
        while size >= smallest - 1e-6:
            texts = _set(lines, box, fonts, size, centred=centred)
            if texts is not None:
                return texts
            size = max(size * 0.93, smallest) if size > smallest else 0.0
    return None


def _set(lines: Sequence[_Line], box: Box, fonts: Fonts, size: float, *, centred: bool) -> tuple[Text, ...] | None:
    """Set the lines at this size, or None if they do not fit."""
    written: list[tuple[str, bool, float]] = []
    for line in lines:
        own = max(size * line.scale, LEAST_TEXT_MM * 0.8)
        parts = _broken(line, box.width / own, fonts)
        if parts is None:
            return None
        written += [(part, line.bold, own) for part in parts]
    needed = sum(LINE * own for _, _, own in written)
    if not written or needed > box.height + 1e-6:
        return None
    texts = []
    top = box.top if centred else box.top + (box.height - needed) / 2
    for part, bold, own in written:
        wide = _unit_width(fonts, part, bold) * own
        left = box.left + ((box.width - wide) / 2 if centred else 0.0)
        texts.append(Text(left, top + ASCENT * own, own, part, bold, wide))
        top += LINE * own
    return tuple(texts)


def _broken(line: _Line, wide: float, fonts: Fonts) -> list[str] | None:
    """The text in as many lines as it may take, none wider than `wide` (in font sizes), or None. A name breaks between its
    words, a code anywhere."""
    rest = fonts.text(line.text)
    parts: list[str] = []
    while rest and len(parts) < line.most:
        if _unit_width(fonts, rest, line.bold) <= wide:
            return [*parts, rest]
        last = len(parts) + 1 == line.most
        if last and line.whole:
            return None
        end = _longest(rest, wide - (_unit_width(fonts, ELLIPSIS, line.bold) if last else 0), line.bold, fonts)
        if end < 1:
            return None
        if last:
            return [*parts, rest[:end].rstrip() + ELLIPSIS]
        at = rest.rfind(" ", 0, end + 1)
        if at > 0:
            end = at
        elif line.bold:
            return None
        parts.append(rest[:end].rstrip())
        rest = rest[end:].lstrip()
    return parts or None


def _longest(text: str, wide: float, bold: bool, fonts: Fonts) -> int:
    """How many characters of `text` fit."""
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if _unit_width(fonts, text[:middle], bold) <= wide:
            low = middle
        else:
            high = middle - 1
    return low


@lru_cache(maxsize=4096)  # the same words are tried at many sizes
def _unit_width(fonts: Fonts, text: str, bold: bool) -> float:
    return fonts.width(text, bold=bold)
