"""What a printer would put on paper: the dark areas of a PDF's pages, and the fields of a ZPL format, for cameras to read."""

import io
import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import zxingcpp
from PIL import Image, ImageDraw
from pypdf import PdfReader
from pypdf.generic import ContentStream

DPI = 600
MM = DPI / 25.4  # dots in a mm


@dataclass(frozen=True)
class Read:
    """One symbol as a camera reads it; `left`, `top` in mm on its page."""

    symbology: str
    payload: bytes
    left: float
    top: float


def pages(pdf: bytes) -> list[Image.Image]:
    """The filled areas of each page, black on white. Symbols are drawn as paths; letters are left out."""
    reader = PdfReader(io.BytesIO(pdf))
    return [_page(reader, page) for page in reader.pages]


def frames(pdf: bytes) -> list[tuple[float, float, float, float]]:
    """The outlined rectangles of the first page as (left, top, width, height) in mm."""
    reader = PdfReader(io.BytesIO(pdf))
    page = reader.pages[0]
    high, found = float(page.mediabox.height), []
    operations = ContentStream(page.get_contents(), reader).operations
    for (operands, operator), (_, after) in pairwise(operations):
        if operator == b"re" and after == b"S":
            x, y, w, h = (float(one) / 72 * 25.4 for one in operands)
            found.append((x, high / 72 * 25.4 - y - h, w, h))
    return found


def texts(pdf: bytes) -> list[str]:
    return [page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages]


def read(image: Image.Image) -> list[Read]:
    """Every symbol on the page, in the order in which people read."""
    found = zxingcpp.read_barcodes(image)
    reads = [
        Read(one.symbology_identifier, one.bytes, one.position.top_left.x / MM, one.position.top_left.y / MM) for one in found
    ]
    return sorted(reads, key=lambda one: (round(one.top / 3), one.left))


def _page(reader: PdfReader, page: Any) -> Image.Image:
    width, height = float(page.mediabox.width), float(page.mediabox.height)
    image = Image.new("L", (round(width / 72 * DPI), round(height / 72 * DPI)), 255)
    draw = ImageDraw.Draw(image)
    matrix: tuple[float, ...] = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)
    kept: list[tuple[float, ...]] = []
    path: list[tuple[tuple[float, ...], list[float]]] = []
    for operands, operator in ContentStream(page.get_contents(), reader).operations:
        numbers = [float(one) for one in operands] if operator in (b"cm", b"re") else []
        match operator:
            case b"q":
                kept.append(matrix)
            case b"Q":
                matrix = kept.pop()
            case b"cm":
                matrix = _times(numbers, matrix)
            case b"re":
                path.append((matrix, numbers))
            case b"f":
                for (a, _, _, d, e, f), (x, y, w, h) in path:
                    corner, other = (a * x + e, d * y + f), (a * (x + w) + e, d * (y + h) + f)
                    left, right = round(corner[0] / 72 * DPI), round(other[0] / 72 * DPI)
                    top, bottom = round((height - other[1]) / 72 * DPI), round((height - corner[1]) / 72 * DPI)
                    draw.rectangle((left, top, right - 1, bottom - 1), fill=0)
                path = []
    return image


def _times(m: list[float], n: tuple[float, ...]) -> tuple[float, ...]:
    a, b, c, d, e, f = m
    g, h, i, j, k, o = n
    return (a * g + b * i, a * h + b * j, c * g + d * i, c * h + d * j, e * g + f * i + k, e * h + f * j + o)


@dataclass(frozen=True)
class Command:
    """One ZPL command: `name` is its two letters (^A0 is "A0"), `rest` what follows up to the next caret."""

    name: str
    rest: str


def commands(zpl: str) -> list[Command]:
    """The commands as a printer takes them apart: at each caret and tilde, whatever was meant."""
    parts = re.split(r"([\^~])", zpl)
    assert parts[0].strip() == "", "text in front of the first command"
    return [Command(rest[:2], rest[2:].rstrip("\n")) for mark, rest in zip(parts[1::2], parts[2::2], strict=True) if mark == "^"]


def field(rest: str) -> str:
    """The content of an ^FD behind ^FH\\: hex made characters."""
    raw = re.sub(rb"\\([0-9A-F]{2})", lambda m: bytes.fromhex(m[1].decode()), rest.encode())
    return raw.decode("utf-8")
