"""Labels as PDF: sheets, and rolls with one label a page. Symbols are vectors, fonts are embedded."""

from collections.abc import Iterable
from io import BytesIO
from itertools import islice
from typing import BinaryIO, Final

from PIL import Image, ImageDraw, ImageOps
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from registry.labels.fonts import Fonts, needs_shaping
from registry.labels.layout import Drawing, Label, Symbol, Text, compose
from registry.labels.stocks import NO_OFFSET, Offset, Stock
from registry.problems import Invalid

MOST_LABELS: Final = 5000  # a print. The writer keeps the pages, compressed, until the end: about 2 kB a label
POINT: Final = 72 / 25.4  # points in a mm
PICTURE_DPI: Final = 600  # of texts that are drawn as pictures
ASCENT_OF_PICTURE, _DESCENT = 1.0, 0.4  # of the font size: how much of a picture stands above and below the baseline


def write(
    labels: Iterable[Label],
    stock: Stock,
    fonts: Fonts,
    out: BinaryIO,
    *,
    start: int = 1,
    offset: Offset = NO_OFFSET,
) -> int:
    """Write the labels, taken one by one, from the `start`-th place of the first sheet on; return how many pages there are.

    Raises Invalid for one that does not fit, and beyond MOST_LABELS."""
    width, height = stock.page
    canvas = Canvas(out, pagesize=(width * POINT, height * POINT), pageCompression=1)
    canvas.setTitle(f"Labels, {stock.title}")
    canvas.setCreator("Sightpost")
    page, count = 0, 0
    for count, (label, place) in enumerate(zip(labels, stock.places(start, offset), strict=False), 1):
        if count > MOST_LABELS:
            raise Invalid(f"assets: one print has {MOST_LABELS} labels at most; choose fewer", field="assets")
        if place.page > page:
            canvas.showPage()
            page = place.page
        _draw(canvas, compose(label, stock, fonts), fonts, place.left, height - place.top)
    if not count:
        raise Invalid("assets: there is nothing to print", field="assets")
    canvas.showPage()
    canvas.save()
    return page + 1


def write_frames(stock: Stock, fonts: Fonts, out: BinaryIO, *, offset: Offset = NO_OFFSET) -> None:
    """Write a page with the frames of all labels, to be printed on plain paper and held against a sheet of labels."""
    width, height = stock.page
    canvas = Canvas(out, pagesize=(width * POINT, height * POINT), pageCompression=1)
    canvas.setTitle(f"Frames of {stock.title}")
    canvas.setLineWidth(0.3)
    for place in islice(stock.places(offset=offset), stock.per_page):
        left, bottom = place.left * POINT, (height - place.top - stock.label[1]) * POINT
        canvas.rect(left, bottom, stock.label[0] * POINT, stock.label[1] * POINT)
    first = next(stock.places(offset=offset))
    said = f"{stock.title}: right {offset.right:g}, down {offset.down:g} mm. Print at 100 %."
    size = min(3.0, 0.9 * (stock.label[0] - 2 * stock.inset) / fonts.width(said))
    text = Text(stock.inset, stock.inset + size, size, said, False, fonts.width(said) * size)
    _letters(canvas, text, fonts, first.left, height - first.top)
    canvas.showPage()
    canvas.save()


def _draw(canvas: Canvas, drawing: Drawing, fonts: Fonts, left: float, top: float) -> None:
    """`top` from the bottom of the page, in mm, as PDF counts."""
    canvas.addLiteral(_modules(drawing.symbol, left, top))
    for text in drawing.texts:
        if needs_shaping(text.text):
            _picture(canvas, text, fonts, left, top)
        else:
            _letters(canvas, text, fonts, left, top)


def _modules(symbol: Symbol, left: float, top: float) -> str:
    """The symbol as one filled path, in units of its modules: all integers, so that neighbours touch."""
    module = symbol.module * POINT
    high = symbol.height / len(symbol.mark.rows) * POINT
    rows = len(symbol.mark.rows)
    x = (left + symbol.left) * POINT
    bottom = (top - symbol.top) * POINT - rows * high
    path = " ".join(f"{column} {rows - row - 1} {count} 1 re" for column, row, count in symbol.mark.runs())
    return f"q 0 g {module:.5f} 0 0 {high:.5f} {x:.4f} {bottom:.4f} cm {path} f Q"


def _letters(canvas: Canvas, text: Text, fonts: Fonts, left: float, top: float) -> None:
    x, y, size = (left + text.left) * POINT, (top - text.baseline) * POINT, text.size * POINT
    for face, part in fonts.runs(text.text, bold=text.bold):
        canvas.setFont(face.name, size)
        canvas.drawString(x, y, part)
        x += face.width(part) * size


def _picture(canvas: Canvas, text: Text, fonts: Fonts, left: float, top: float) -> None:
    """A text that Pillow has to shape, as a picture in grey of 600 dots an inch."""
    grey = picture_of(text, fonts, PICTURE_DPI / 25.4)
    image = Image.merge("LA", (Image.new("L", grey.size), ImageOps.invert(grey)))  # black, and clear where there is no ink
    page_size = (image.width / PICTURE_DPI * 72, image.height / PICTURE_DPI * 72)
    stored = BytesIO()
    image.convert("RGBA").save(stored, "PNG")
    stored.seek(0)
    bottom = (top - text.baseline + ASCENT_OF_PICTURE * text.size) * POINT - page_size[1]
    canvas.drawImage(ImageReader(stored), (left + text.left) * POINT, bottom, *page_size, mask="auto")


def picture_of(text: Text, fonts: Fonts, dots_per_mm: float) -> Image.Image:
    """The text in black on white, as wide as it is, with its baseline ASCENT_OF_PICTURE below the top."""
    size = max(1, round(text.size * dots_per_mm))
    font = fonts.picture_font(text.text, size, bold=text.bold)
    box = (max(1, round(text.width * dots_per_mm) + 1), round(size * (ASCENT_OF_PICTURE + _DESCENT)))
    image = Image.new("L", box, 255)
    ImageDraw.Draw(image).text((0, round(size * ASCENT_OF_PICTURE)), text.text, font=font, fill=0, anchor="ls")
    return image
