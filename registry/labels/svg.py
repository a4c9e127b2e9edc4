"""A label as SVG: what the page shows before it is printed. The same drawing as the PDF's, black on white in either theme."""

from itertools import islice
from xml.sax.saxutils import escape, quoteattr

from registry.labels.layout import Drawing
from registry.labels.stocks import Stock

SHOWN_MM = 110  # how wide a small label is shown


def preview(drawing: Drawing, *, title: str) -> str:
    """Return an <svg> element without inline styles (the pages' policy forbids them), up to twice as large as the label."""
    scale = max(1.0, min(2.0, SHOWN_MM / drawing.width))
    size = f'width="{drawing.width * scale:.1f}mm" height="{drawing.height * scale:.1f}mm"'
    size += f' viewBox="0 0 {drawing.width:g} {drawing.height:g}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="label-preview" role="img" aria-label={quoteattr(title)} {size}>',
        f'<rect width="{drawing.width:g}" height="{drawing.height:g}" rx="1" fill="#fff"/>',
    ]
    symbol = drawing.symbol
    high = symbol.height / len(symbol.mark.rows) / symbol.module  # of a module, in modules
    path = "".join(f"M{x} {y * high:g}h{count}v{high:g}h-{count}z" for x, y, count in symbol.mark.runs())
    parts.append(
        f'<path transform="translate({symbol.left:.3f} {symbol.top:.3f}) scale({symbol.module:.5f})" fill="#000" '
        f'shape-rendering="crispEdges" d="{path}"/>'
    )
    for text in drawing.texts:
        weight = ' font-weight="bold"' if text.bold else ""
        parts.append(
            f'<text x="{text.left:.2f}" y="{text.baseline:.2f}" font-size="{text.size:.2f}" textLength="{text.width:.2f}" '
            f'lengthAdjust="spacingAndGlyphs" font-family="Verdana, DejaVu Sans, sans-serif" fill="#000"{weight}>'
            f"{escape(text.text)}</text>"
        )
    return "".join([*parts, "</svg>"])


def sheet(stock: Stock, *, start: int, count: int) -> str:
    """Return the first sheet as an <svg> element: which labels are gone, which are printed, which stay."""
    width, height = stock.page
    wide, high = stock.label
    parts = []
    for number, place in enumerate(islice(stock.places(), stock.per_page), 1):
        state = "gone" if number < start else "printed" if number < start + count else "left"
        parts.append(
            f'<rect class="{state}" x="{place.left:.1f}" y="{place.top:.1f}" width="{wide:.1f}" height="{high:.1f}" rx="1.5"/>'
        )
    last = min(stock.per_page, start + count - 1)
    said = f"Labels {start} to {last} of the {stock.per_page} on the first sheet" if count > 1 else f"Label {start} of the sheet"
    box = f'viewBox="-1 -1 {width + 2:g} {height + 2:g}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="label-sheet" role="img" aria-label="{said}" {box}>'
        f'<rect width="{width:g}" height="{height:g}"/>{"".join(parts)}</svg>'
    )
