"""Labels as ZPL II, for Zebra printers and those that understand them, and the EPC for the tag inside.

The printer draws symbols and letters itself; where they stand is the same layout as the PDF's, in the printer's dots. Every field
is written with ^FH, and everything but plain letters and digits as the hex of its UTF-8: so no name, whatever stands in it, is a
command. A text beyond Western European letters, which the printer's own font may not have, is sent as a picture (^GFA).

Source: Zebra, ZPL II programming guide, ^BC, ^BQ, ^BX, ^FH, ^GF, ^RF, ^RS; Zebra support, "Creating GS1 Barcodes with Zebra
Printers for Data Matrix and Code 128 using ZPL".
"""

from collections.abc import Iterable, Iterator
from typing import Final

from registry.labels.code128 import invocations
from registry.labels.fonts import Fonts, needs_shaping
from registry.labels.layout import Label, Symbol, Text, compose
from registry.labels.marks import QR_CORRECTION
from registry.labels.marks import Symbol as Kind
from registry.labels.pdf import ASCENT_OF_PICTURE, picture_of
from registry.labels.stocks import NO_OFFSET, Offset, Stock
from registry.problems import Invalid

DPIS: Final = {203: 8, 300: 12, 600: 24}  # dots in a mm, as the printers have them
CONTENT_TYPE: Final = "application/vnd.zpl"
SHORT_EPC_CHARS: Final = 24  # hex digits of 96 bits, what every chip holds
MOST_DOTS: Final = 10  # of a module: what ^BQ and ^BY take on every printer
_PLAIN: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 .-/:")
_ASCENT: Final = 0.75  # of the printer's font 0: capitals above the baseline
_NARROW: Final = 0.9  # font 0 is narrower than ours; a little room in case it is not


def write(labels: Iterable[Label], stock: Stock, fonts: Fonts, *, dpi: int = 203, offset: Offset = NO_OFFSET) -> Iterator[str]:
    """Yield one format (^XA to ^XZ) for each label. Raises Invalid for a stock that is no roll or tape, and for a label that does
    not fit."""
    if dpi not in DPIS:
        raise Invalid(f"dpi: {dpi} is not one of {', '.join(map(str, DPIS))}", field="dpi")
    if stock.per_page != 1:
        raise Invalid(f"stock: {stock.title} is a sheet; a label printer needs a roll or a tape", field="stock")
    next(stock.places(1, offset))  # its limits
    for label in labels:
        yield "\n".join(_format(label, stock, fonts, DPIS[dpi], offset)) + "\n"


def _format(label: Label, stock: Stock, fonts: Fonts, dots: int, offset: Offset) -> Iterator[str]:
    """The commands of one label. ^RS and ^RF leave access passwords and locks alone."""
    drawing = compose(label, stock, fonts, dot_mm=1 / dots, most_dots=MOST_DOTS)
    yield "^XA"
    yield "^CI28"
    yield f"^PW{round(stock.label[0] * dots)}^LL{round(stock.label[1] * dots)}^LH0,0"
    if label.epc is not None:
        yield "^RS8"
        yield f"^RFW,H{_bank(label.epc)}^FD{label.epc}^FS"
    yield _symbol(drawing.symbol, dots, offset)
    for text in drawing.texts:
        yield _text(text, fonts, dots, offset)
    yield "^PQ1"
    yield "^XZ"


def _bank(epc: str) -> str:
    """96 bits go to the EPC bank as every printer does it; more need their length in the tag's PC word, which A adjusts."""
    return "" if len(epc) == SHORT_EPC_CHARS else f",2,{len(epc) // 2},A"


def _symbol(symbol: Symbol, dots: int, offset: Offset) -> str:
    mark, message = symbol.mark, symbol.mark.message
    at = _at(symbol.left, symbol.top, dots, offset)
    module = round(symbol.module * dots)
    content = "".join(ai + value for ai, value in message.elements) or message.text
    match mark.symbol:
        case Kind.QR:  # ^BY's height shifts a QR code down, so it is 0
            return f"{at}^BY2,2,0^BQN,2,{module},{QR_CORRECTION}{_field(f'{QR_CORRECTION}A,{content}')}"
        case Kind.DATA_MATRIX:
            escaped = content.replace("_", "__")
            begins = "_1" if message.elements else ""
            return f"{at}^BXN,{module},200,{mark.columns},{len(mark.rows)},,_{_field(begins + escaped)}"
        case Kind.CODE_128:
            height = round(symbol.height * dots)
            bars = invocations(content, gs1=bool(message.elements))
            return f"{at}^BY{module}^BCN,{height},N,N,N,N{_field(bars)}"


def _text(text: Text, fonts: Fonts, dots: int, offset: Offset) -> str:
    if needs_shaping(text.text) or not _western(text.text):
        return _picture(text, fonts, dots, offset)
    high = max(8, round(text.size * dots))
    written = text.text.replace("…", "...")
    return (
        f"{_at(text.left, text.baseline - _ASCENT * text.size, dots, offset)}^A0N,{high},{round(high * _NARROW)}{_field(written)}"
    )


def _western(text: str) -> bool:
    return all(ord(char) < 0x100 or char == "…" for char in text)


def _picture(text: Text, fonts: Fonts, dots: int, offset: Offset) -> str:
    """The text as bits, rows padded to whole bytes; 1 is black."""
    image = picture_of(text, fonts, dots).point(lambda grey: 255 if grey < 128 else 0, "1")
    row_bytes = (image.width + 7) // 8
    bits = image.tobytes().hex().upper()
    total = row_bytes * image.height
    at = _at(text.left, text.baseline - ASCENT_OF_PICTURE * text.size, dots, offset)
    return f"{at}^GFA,{total},{total},{row_bytes},{bits}^FS"


def _at(left: float, top: float, dots: int, offset: Offset) -> str:
    return f"^FO{max(0, round((left + offset.right) * dots))},{max(0, round((top + offset.down) * dots))}"


def _field(content: str) -> str:
    """The content of one field. ^FH makes of \\5E a caret that is only printed."""
    written = "".join(
        char if char in _PLAIN else "".join(f"\\{byte:02X}" for byte in char.encode("utf-8", "replace")) for char in content
    )
    return f"^FH\\^FD{written}^FS"
