"""A label as SVG: what the page shows before it is printed. The same drawing as the PDF's, black on white in either theme."""

from xml.sax.saxutils import escape, quoteattr

from registry.labels.layout import Drawing


def preview(drawing: Drawing, *, title: str) -> str:
    """Return an <svg> element, in mm, without inline styles (the pages' policy forbids them)."""
    size = f'width="{drawing.width:g}mm" height="{drawing.height:g}mm" viewBox="0 0 {drawing.width:g} {drawing.height:g}"'
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
