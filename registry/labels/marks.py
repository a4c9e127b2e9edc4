"""The symbols of a label, as modules to draw: QR, DataMatrix and Code 128, with GS1 content or plain text. Pure.

zxing-cpp writes them, the same library that the gateways' cameras read with. GS1 content begins with FNC1, which is what makes a
reader say ]d2 or ]C1: the same digits without it are only text (identity/README.md).
"""

import enum
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import zxingcpp

from identity import digital_link, gs1
from registry.problems import Invalid


class Symbol(enum.StrEnum):
    QR = "qr"
    DATA_MATRIX = "datamatrix"
    CODE_128 = "code128"

    @property
    def words(self) -> str:
        return {"qr": "QR code", "datamatrix": "DataMatrix", "code128": "Code 128"}[self.value]


class Carries(enum.StrEnum):
    """What the symbol says. A link and GS1 need a GS1 key, the number is the asset's own as plain text."""

    LINK = "link"
    GS1 = "gs1"
    NUMBER = "number"


MEANINGFUL: Final = {  # a web address in bars is longer than any label, GS1 in a QR code has few readers
    Symbol.QR: (Carries.LINK, Carries.NUMBER),
    Symbol.DATA_MATRIX: (Carries.GS1, Carries.LINK, Carries.NUMBER),
    Symbol.CODE_128: (Carries.GS1, Carries.NUMBER),
}
QUIET: Final = {Symbol.QR: 4, Symbol.DATA_MATRIX: 1, Symbol.CODE_128: 10}  # modules that stay white on each side
QR_CORRECTION: Final = "M"  # 15 % of the symbol may be lost; the same letter goes to label printers
_FORMATS: Final = {
    Symbol.QR: zxingcpp.BarcodeFormat.QRCode,
    Symbol.DATA_MATRIX: zxingcpp.BarcodeFormat.DataMatrix,
    Symbol.CODE_128: zxingcpp.BarcodeFormat.Code128,
}


@dataclass(frozen=True, slots=True)
class Message:
    """What one symbol says. `elements` of GS1 content, else `text`; `printed` is the same for people, to stand beside it."""

    printed: str
    text: str = ""
    elements: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Mark:
    """A symbol as rows of modules, True is dark. Code 128 has one row, as high as there is room."""

    symbol: Symbol
    message: Message
    rows: tuple[tuple[bool, ...], ...]

    @property
    def columns(self) -> int:
        return len(self.rows[0])

    @property
    def quiet(self) -> int:
        return QUIET[self.symbol]

    @property
    def linear(self) -> bool:
        return self.symbol is Symbol.CODE_128

    def runs(self) -> list[tuple[int, int, int]]:
        """The dark modules as (column, row, how many to the right): each stretch of a row once."""
        found = []
        for y, row in enumerate(self.rows):
            start = None
            for x, dark in enumerate((*row, False)):
                if dark and start is None:
                    start = x
                elif not dark and start is not None:
                    found.append((start, y, x - start))
                    start = None
        return found


def message(carries: Carries, *, key: str | None, number: str, domain: str | None) -> Message:
    """What a symbol says of an asset with this GS1 key and number. `domain` is where the company's Digital Links lead. Raises
    Invalid when something is missing."""
    if carries is Carries.NUMBER:
        return Message(printed=number, text=number)
    if key is None:
        raise Invalid(f"{number} has no GS1 key", field="carries")
    printed = gs1.printed(key)
    if carries is Carries.GS1:
        return Message(printed=printed, elements=gs1.elements(key))
    if domain is None:
        raise Invalid(
            "carries: a web link needs the address it leads to; name it as digital_link in registry.toml, [company]",
            field="carries",
        )
    path = digital_link.address(key).removeprefix(digital_link.CANONICAL_HOST)
    return Message(printed=printed, text=domain + path)


@lru_cache(maxsize=256)  # a preview and its print draw the same ones
def draw(symbol: Symbol, what: Message) -> Mark:
    """Return the symbol; a DataMatrix is square, because not every reader knows the oblong sizes. Raises Invalid for what this
    kind of symbol cannot say."""
    try:
        if what.elements:
            content = "".join(f"[{ai}]{value}" for ai, value in what.elements)
            made = zxingcpp.create_barcode(content, _FORMATS[symbol], gs1=True, force_square=True)
        elif symbol is Symbol.QR:
            made = zxingcpp.create_barcode(what.text, _FORMATS[symbol], ec_level=QR_CORRECTION)
        else:
            made = zxingcpp.create_barcode(what.text, _FORMATS[symbol], force_square=True)
    except ValueError as exc:
        raise Invalid(f"symbol: {symbol.words} cannot say {what.printed!r}: {_reason(exc)}", field="symbol") from None
    # one byte a module, 0 is dark, rows from the top
    image: Any = made.to_image(scale=1, add_quiet_zones=False)
    pixels: Any = memoryview(image).tolist()
    rows = tuple(tuple(value == 0 for value in row) for row in pixels)
    return Mark(symbol, what, rows[:1] if symbol is Symbol.CODE_128 else rows)


def _reason(exc: ValueError) -> str:
    """The writer's own words without their number: "Error 204: Invalid character in input (retval: 6)"."""
    text = str(exc).partition(" (retval")[0]
    return text.partition(": ")[2] or text
