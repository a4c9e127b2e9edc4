"""A report as CSV, XLSX or PDF. Every file says in its first lines what it is, for whom, when, and what was asked for."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from django.conf import settings
from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4, landscape
from reportlab.pdfgen.canvas import Canvas

from registry.labels.fonts import Fonts
from registry.reports.answer import Answer, Cell, Column
from registry.tables.writing import WRITERS

FORMS: Final = ("csv", "xlsx", "pdf")
PDF_TYPE: Final = "application/pdf"
_MARGIN, _ROW, _SIZE = 40.0, 15.0, 8.5
_INK, _GREY, _LINE, _BAR = (HexColor(colour) for colour in ("#1d2530", "#66707c", "#c9d0d8", "#3b6ea8"))
_WIDEST: Final = 44  # characters of a column that count for its width


@dataclass(frozen=True, slots=True)
class Head:
    """What stands above the table."""

    title: str
    lines: Sequence[str]


@dataclass(frozen=True, slots=True)
class Written:
    name: str
    content_type: str
    content: bytes


def write(form: str, key: str, head: Head, answer: Answer, now: datetime) -> Written:
    """`form` is one of FORMS."""
    name = f"{key}-{now:%Y-%m-%d}.{form}"
    if form == "pdf":
        return Written(name, PDF_TYPE, _pdf(head, answer))
    writer = WRITERS[form]()
    parts = [writer.rows([[column.title for column in answer.columns]]), writer.rows(answer.rows)]
    if answer.totals:
        parts.append(writer.rows([answer.totals]))
    said: list[Cell] = [head.title, *head.lines, answer.sentence, *answer.notes]
    notes: list[list[Cell]] = [[], *([line] for line in said)]
    parts += [writer.rows(notes), writer.end()]
    return Written(name, writer.content_type, b"".join(parts))


def shown(cell: Cell, column: Column) -> str:
    """As people read it."""
    match cell:
        case None:
            return ""
        case Decimal():
            return f"{cell:,.2f}" if column.kind == "money" and cell == round(cell, 2) else f"{cell:,}"
        case date():
            return cell.isoformat()
        case int():
            return f"{cell} %" if column.kind == "percent" else f"{cell:,}"
    return cell


class _Page:
    """A sheet that is written from the top to the bottom."""

    def __init__(self, out: io.BytesIO, head: Head) -> None:
        self.width, self.height = landscape(A4)
        self._canvas = Canvas(out, pagesize=(self.width, self.height), pageCompression=1)
        self._canvas.setTitle(head.title)
        self._canvas.setCreator("Sightpost")
        self._fonts = Fonts(settings.CONFIGURATION.labels.fonts)
        self._number = 1
        self.y = self.height - _MARGIN

    def text(
        self, x: float, text: str, size: float = _SIZE, *, bold: bool = False, colour: Any = _INK, right: bool = False
    ) -> None:
        """One line at the present height; `right`: it ends at x."""
        text = self._fonts.text(text)
        if right:
            x -= self.width_of(text, size, bold=bold)
        self._canvas.setFillColor(colour)
        for face, part in self._fonts.runs(text, bold=bold):
            self._canvas.setFont(face.name, size)
            self._canvas.drawString(x, self.y, part)
            x += face.width(part) * size

    def width_of(self, text: str, size: float = _SIZE, *, bold: bool = False) -> float:
        return sum(face.width(part) for face, part in self._fonts.runs(self._fonts.text(text), bold=bold)) * size

    def cut(self, text: str, width: float) -> str:
        """As much of the text as fits."""
        if self.width_of(text) <= width:
            return text
        while text and self.width_of(text + "…") > width:
            text = text[:-1]
        return text + "…"

    def line(self) -> None:
        self._canvas.setStrokeColor(_LINE)
        self._canvas.line(_MARGIN, self.y - 4, self.width - _MARGIN, self.y - 4)

    def bar(self, x: float, width: float) -> None:
        self._canvas.setFillColor(_BAR)
        self._canvas.rect(x, self.y - 1, max(width, 1), 8, stroke=0, fill=1)

    def down(self, by: float = _ROW) -> bool:
        """Go down; return whether a new sheet began."""
        self.y -= by
        if self.y > _MARGIN + _ROW:
            return False
        self.end_sheet()
        self._number += 1
        self.y = self.height - _MARGIN
        return True

    def end_sheet(self) -> None:
        self.y = _MARGIN - 12
        self.text(self.width - _MARGIN, f"Page {self._number}", 7.5, colour=_GREY, right=True)
        self._canvas.showPage()

    def save(self) -> None:
        self.end_sheet()
        self._canvas.save()


def _pdf(head: Head, answer: Answer) -> bytes:
    out = io.BytesIO()
    page = _Page(out, head)
    page.text(_MARGIN, head.title, 16, bold=True)
    for line in head.lines:
        page.down(14)
        page.text(_MARGIN, line, 8, colour=_GREY)
    page.down(20)
    page.text(_MARGIN, answer.sentence, 10.5, bold=True)
    page.down(22)
    _bars(page, answer)
    _table(page, answer)
    for note in answer.notes:
        page.down(16)
        page.text(_MARGIN, note, 8, colour=_GREY)
    page.save()
    return out.getvalue()


def _bars(page: _Page, answer: Answer) -> None:
    most = max((bar.value for bar in answer.bars), default=0)
    for bar in answer.bars:
        page.text(_MARGIN, page.cut(bar.label, 190))
        width = (page.width - 2 * _MARGIN - 290) * bar.value / most
        page.bar(_MARGIN + 200, width)
        page.text(_MARGIN + 206 + width, bar.shown, colour=_GREY)
        page.down(13)
    if answer.bars:
        page.down(10)


def _table(page: _Page, answer: Answer) -> None:
    texts = [[shown(cell, column) for cell, column in zip(row, answer.columns, strict=True)] for row in answer.rows]
    lengths = [
        min(_WIDEST, max(len(column.title), *(len(row[at]) for row in texts[:500]), 4) if texts else len(column.title)) + 2
        for at, column in enumerate(answer.columns)
    ]
    unit = (page.width - 2 * _MARGIN) / sum(lengths)
    edges = [_MARGIN + unit * sum(lengths[:at]) for at in range(len(lengths) + 1)]
    _row(page, answer.columns, edges, [column.title for column in answer.columns], bold=True)
    for row in texts:
        _row(page, answer.columns, edges, row)
    if answer.totals:
        _row(page, answer.columns, edges, [shown(c, k) for c, k in zip(answer.totals, answer.columns, strict=True)], bold=True)
    if answer.left_out:
        page.text(_MARGIN, f"… and {answer.left_out:,} more.", colour=_GREY)
        page.down()


def _row(page: _Page, columns: Sequence[Column], edges: Sequence[float], texts: Sequence[str], *, bold: bool = False) -> None:
    for at, (column, text) in enumerate(zip(columns, texts, strict=True)):
        width = edges[at + 1] - edges[at] - 8
        fitting = page.cut(text, width * 0.95 if bold else width)
        page.text(edges[at + 1] - 8 if column.is_number else edges[at], fitting, bold=bold, right=column.is_number)
    page.line()
    page.down()
