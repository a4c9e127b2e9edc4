"""Which font draws which character, and how wide a text is.

The fonts of a PDF have to be embedded, and those that come with reportlab (Bitstream Vera) know Western European letters only.
So the fonts of this machine help out, character by character: those named in registry.toml, then well-known free ones where
packages put them. A character that none of them has is written as its base letter where it has one (ạ as a), else as "?", and
whoever prints is told before (`missing`). Scripts that are written from right to left or whose letters change with their
neighbours are drawn as a picture by Pillow, which can shape them; `needs_shaping` tells them apart.
"""

import logging
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Final
from zlib import crc32

import reportlab
from PIL import ImageFont
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFError, TTFont

FOLDERS: Final = (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"))
# TrueType outlines only: reportlab cannot embed the others. Regular and bold; one face does for both where a script has but one.
KNOWN: Final = (
    ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf"),
    ("NotoSans-Regular.ttf", "NotoSans-Bold.ttf"),
    ("LiberationSans-Regular.ttf", "LiberationSans-Bold.ttf"),
    ("FreeSans.ttf", "FreeSansBold.ttf"),
    ("NotoSansArabic-Regular.ttf", "NotoSansArabic-Bold.ttf"),
    ("NotoSansHebrew-Regular.ttf", "NotoSansHebrew-Bold.ttf"),
    ("NotoSansDevanagari-Regular.ttf", "NotoSansDevanagari-Bold.ttf"),
    ("NotoSansThai-Regular.ttf", "NotoSansThai-Bold.ttf"),
    ("DroidSansFallbackFull.ttf", None),  # Chinese, Japanese, Korean
    ("wqy-microhei.ttc", None),
    ("wqy-zenhei.ttc", None),
    ("unifont.ttf", None),
)
_BUILT_IN: Final = ("Vera.ttf", "VeraBd.ttf")
MAX_FILES: Final = 20_000  # of fonts looked at below FOLDERS
PACKAGES: Final = "fonts-dejavu-core, and fonts-droid-fallback for Chinese, Japanese and Korean"
_SHAPED: Final = ((0x0590, 0x08FF), (0x0900, 0x0DFF), (0x0E00, 0x109F), (0x1780, 0x17FF), (0xFB1D, 0xFDFF), (0xFE70, 0xFEFF))

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Face:
    """One font file, known to reportlab by `name`."""

    name: str
    path: Path
    widths: dict[int, float]  # character to thousandths of the font size
    default_width: float

    def has(self, char: str) -> bool:
        return ord(char) in self.widths

    def width(self, text: str) -> float:
        """In units of the font size."""
        return sum(self.widths.get(ord(char), self.default_width) for char in text) / 1000


class Fonts:
    """The faces of this machine in the order in which they are asked. The first has everything that is plain."""

    def __init__(self, named: Iterable[Path] = ()) -> None:
        own = [(path, path) for path in named]
        built_in = Path(reportlab.__file__).parent / "fonts"
        pairs = [(built_in / _BUILT_IN[0], built_in / _BUILT_IN[1]), *own, *_installed()]
        self._pairs = [(regular, bold or regular) for regular, bold in pairs]
        self._faces: dict[Path, Face | None] = {}
        self._by_char: dict[tuple[str, bool], Face | None] = {}  # bounded by the characters there are

    def text(self, text: str) -> str:
        """The text as it can be printed here: composed, and with what no face has replaced."""
        text = unicodedata.normalize("NFC", text)
        return "".join(self._printable(char) for char in text)

    def missing(self, text: str) -> set[str]:
        """The characters of `text` that no face has and that have no base letter either: they are printed as "?"."""
        return {char for char in unicodedata.normalize("NFC", text) if self._printable(char) == "?" != char}

    def width(self, text: str, *, bold: bool = False) -> float:
        """How wide the text is, in units of the font size."""
        if needs_shaping(text):
            return float(self.picture_font(text, 100, bold=bold).getlength(text)) / 100
        return sum(face.width(part) for face, part in self.runs(text, bold=bold))

    def runs(self, text: str, *, bold: bool = False) -> Iterator[tuple[Face, str]]:
        """The text in stretches of one face each."""
        for face, chars in groupby(text, key=lambda char: self._face_of(char, bold)):
            yield face or self._first(bold), "".join(chars)

    def picture_font(self, text: str, size: int, *, bold: bool = False) -> ImageFont.FreeTypeFont:
        """The font that draws the whole of `text` as a picture: the first face that has most of it."""
        chars = set(text)
        best = str(max(self._all(bold), key=lambda face: sum(face.has(char) for char in chars)).path)
        font = ImageFont.truetype(best, size)
        try:
            font.getlength(text)
        except RuntimeError:  # a medley of characters that is in no language: then one after the other
            return ImageFont.truetype(best, size, layout_engine=ImageFont.Layout.BASIC)
        return font

    def _printable(self, char: str) -> str:
        if self._face_of(char, False) is not None:
            return char
        plain = "".join(c for c in unicodedata.normalize("NFKD", char) if not unicodedata.combining(c))
        return plain if plain and plain != char and all(self._face_of(c, False) for c in plain) else "?"

    def _face_of(self, char: str, bold: bool) -> Face | None:
        key = (char, bold)
        if key not in self._by_char:
            self._by_char[key] = next((face for face in self._all(bold) if face.has(char)), None)
        return self._by_char[key]

    def _first(self, bold: bool) -> Face:
        return next(self._all(bold))

    def _all(self, bold: bool) -> Iterator[Face]:
        for regular, heavy in self._pairs:
            face = self._load(heavy if bold else regular) or self._load(regular)
            if face is not None:
                yield face

    def _load(self, path: Path) -> Face | None:
        if path not in self._faces:
            self._faces[path] = _face(path)
        return self._faces[path]


def usable(path: Path) -> str | None:
    """Why the file is no font for labels, or None if it is one."""
    try:
        TTFont("label-trial", str(path))
    except (TTFError, OSError) as exc:
        return str(exc)
    return None


def needs_shaping(text: str) -> bool:
    """Is some of it written from right to left, or in letters that change with their neighbours?"""
    return not text.isascii() and any(first <= ord(char) <= last for char in text for first, last in _SHAPED)


@lru_cache(maxsize=4)
def fonts(named: tuple[Path, ...] = ()) -> Fonts:
    """The fonts of this machine; looked for once in a process."""
    return Fonts(named)


def _installed() -> list[tuple[Path, Path | None]]:
    """KNOWN, as far as they are on this machine."""
    wanted = {name for pair in KNOWN for name in pair if name}
    found: dict[str, Path] = {}
    looked = 0
    for folder in FOLDERS:
        for path in folder.rglob("*.tt?"):
            looked += 1
            if path.name in wanted:
                found.setdefault(path.name, path)
            if looked > MAX_FILES:
                break
    return [(found[regular], found.get(bold) if bold else None) for regular, bold in KNOWN if regular in found]


def _face(path: Path) -> Face | None:
    name = f"label-{path.stem}-{crc32(bytes(path)):08x}"
    try:
        font = TTFont(name, str(path))
        pdfmetrics.registerFont(font)
    except (TTFError, OSError) as exc:
        log.warning("the font %s cannot be used on labels: %s", path, exc)
        return None
    face = font.face
    return Face(name, path, dict(face.charWidths), float(face.defaultWidth))
