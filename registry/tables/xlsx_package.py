"""The inside of an XLSX: a zip of XML parts, opened with suspicion. A part is parsed as it is unpacked and never stands in memory
as a whole; the table of texts is kept in one block of bytes."""

import errno
import re
import xml.parsers.expat as expat
import zipfile
import zlib
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from registry.tables.table import Limits, Unreadable

MAX_PARTS: Final = 4_000
_CHUNK: Final = 64 * 1024
_SMALL_PART: Final = 16 * 1024 * 1024  # workbook, relations, styles
_ESCAPED: Final = re.compile(r"_x([0-9A-Fa-f]{4})_")
_DATE_FORMATS: Final = frozenset([*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)])
_NOT_DATE_LETTERS: Final = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?!h|hh|m|mm|s|ss)[^\]]*\]', re.IGNORECASE)

Start = Callable[[str, dict[str, str]], None]
End = Callable[[str], None]
Text = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Sheet:
    name: str
    part: str
    hidden: bool


@dataclass(slots=True)
class Book:
    sheets: list[Sheet] = field(default_factory=list)
    since_1904: bool = False
    formats: list[str] = field(default_factory=list)  # by style of a cell: "date", zeros to fill up to, or ""


class Strings:
    """The texts that cells refer to by number."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._ends = array("Q", [0])

    def add(self, text: str) -> None:
        self._bytes += text.encode("utf-8", "surrogatepass")
        self._ends.append(len(self._bytes))

    def __len__(self) -> int:
        return len(self._ends) - 1

    @property
    def size(self) -> int:
        return len(self._bytes)

    def __getitem__(self, index: int) -> str:
        if not 0 <= index < len(self):
            raise Unreadable("The file is damaged: a cell refers to a text that is not there.")
        return self._bytes[self._ends[index] : self._ends[index + 1]].decode("utf-8", "surrogatepass")


@contextmanager
def opened(path: Path, limits: Limits) -> Iterator[zipfile.ZipFile]:
    """The zip, once it is known that unpacking it stays within the limits. Raises Unreadable, OSError."""
    with broken_in_words(), zipfile.ZipFile(path) as package:
        parts = package.infolist()
        if len(parts) > MAX_PARTS:
            raise Unreadable(f"The file holds {len(parts):,} parts; that is no spreadsheet.")
        if sum(part.file_size for part in parts) > limits.unpacked_bytes:
            raise Unreadable(f"Unpacked the file is larger than {limits.unpacked_bytes // 1024 // 1024} MiB; save it as CSV.")
        if any(part.flag_bits & 1 for part in parts):
            raise Unreadable("The file is protected by a password; save it without one.")
        names = set(package.namelist())
        if "mimetype" in names or "content.xml" in names:
            raise Unreadable("This is an OpenDocument file; save it as XLSX or CSV.")
        if "xl/workbook.bin" in names:
            raise Unreadable("This is a binary workbook (XLSB); save it as XLSX or CSV.")
        yield package


@contextmanager
def broken_in_words() -> Iterator[None]:
    try:
        yield
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        NotImplementedError,
        RuntimeError,
        LookupError,
        ValueError,
        OverflowError,
    ) as exc:
        raise Unreadable(f"The file is no XLSX that can be read ({_reason(exc)}); open it and save it again.") from exc
    except OSError as exc:
        if exc.errno != errno.EINVAL:  # of a place in the file that cannot be
            raise
        raise Unreadable("The file is no XLSX that can be read (its parts lie nowhere); open it and save it again.") from exc
    except expat.ExpatError as exc:
        raise Unreadable(f"The file is damaged inside ({expat.errors.messages[exc.code]}); open it and save it again.") from exc


def parse(package: zipfile.ZipFile, part: str, *, start: Start, end: End, text: Text | None = None) -> Iterator[None]:
    """Walk through one part; the caller gets control after each chunk. Names come without their namespace."""
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    local: dict[str, str] = {}

    def begun(name: str, attributes: dict[str, str]) -> None:
        short = local.get(name)
        if short is None:
            short = local[name] = name.rpartition(" ")[2]
        start(short, attributes)

    def ended(name: str) -> None:
        end(local[name])

    parser.StartElementHandler, parser.EndElementHandler = begun, ended
    if text is not None:
        parser.CharacterDataHandler = text
    parser.StartDoctypeDeclHandler = _no_doctype
    with package.open(part) as file:
        while chunk := file.read(_CHUNK):
            parser.Parse(chunk, False)
            yield
        parser.Parse(b"", True)
    yield


def read_book(package: zipfile.ZipFile) -> Book:
    """Sheets and formats of cells. Raises Unreadable."""
    book = Book()
    workbook = _target(_relations(package, "_rels/.rels"), "/officeDocument", "") or "xl/workbook.xml"
    folder = workbook.rpartition("/")[0]
    relations = _relations(package, f"{folder}/_rels/{workbook.rpartition('/')[2]}.rels")

    def start(name: str, given: dict[str, str]) -> None:
        if name == "workbookPr":
            book.since_1904 = given.get("date1904") in ("1", "true")
        elif name == "sheet":
            identity = next((value for key, value in given.items() if key.endswith(" id")), "")
            kind, target = relations.get(identity, ("", ""))
            if kind.endswith("/worksheet"):
                book.sheets.append(
                    Sheet(given.get("name", "")[:100], _part(folder, target), given.get("state", "visible") != "visible")
                )

    _small(package, workbook, start)
    if not book.sheets:
        raise Unreadable("The workbook has no sheet with cells.")
    if (styles := _target(relations, "/styles", folder)) is not None:
        _read_formats(package, styles, book)
    return book


def read_strings(package: zipfile.ZipFile, limits: Limits) -> Strings:
    """Raises Unreadable."""
    strings = Strings()
    part = next((name for name in package.namelist() if name.lower() == "xl/sharedstrings.xml"), None)
    if part is None:
        return strings
    pieces: list[str] = []
    inside: list[str] = []  # open elements of which text counts or does not

    def start(name: str, given: dict[str, str]) -> None:
        if name == "si":
            pieces.clear()
        elif name in ("t", "rPh"):
            inside.append(name)

    def end(name: str) -> None:
        if name == "si":
            strings.add(unescaped("".join(pieces)))
        elif name in ("t", "rPh"):
            inside.pop()

    def text(piece: str) -> None:
        if inside == ["t"]:  # inside rPh stands how a word is spoken
            pieces.append(piece)

    for _ in parse(package, part, start=start, end=end, text=text):
        if strings.size > limits.strings_bytes:
            raise Unreadable(f"The file holds more than {limits.strings_bytes // 1024 // 1024} MiB of texts; save it as CSV.")
    return strings


def unescaped(text: str) -> str:
    """What XML cannot hold stands as _x000D_."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text) if "_x" in text else text


def _read_formats(package: zipfile.ZipFile, part: str, book: Book) -> None:
    own: dict[str, str] = {}
    inside: list[str] = []

    def start(name: str, given: dict[str, str]) -> None:
        if name == "numFmt":
            own[given.get("numFmtId", "")] = given.get("formatCode", "")
        elif name == "cellXfs":
            inside.append(name)
        elif name == "xf" and inside:
            book.formats.append(_format(given.get("numFmtId", "0"), own))

    def end(name: str) -> None:
        if name == "cellXfs":
            inside.clear()

    if part in package.namelist():
        for _ in parse(package, part, start=start, end=end):
            pass


def _format(identity: str, own: dict[str, str]) -> str:
    code = own.get(identity)
    if code is None:
        return "date" if identity.isdecimal() and int(identity) in _DATE_FORMATS else ""
    if len(code) > 1 and set(code) == {"0"}:
        return code
    letters = _NOT_DATE_LETTERS.sub("", code.split(";")[0]).lower()
    return "date" if any(letter in letters for letter in "dmyhs") and "general" not in letters else ""


def _relations(package: zipfile.ZipFile, part: str) -> dict[str, tuple[str, str]]:
    """Id to (type, target)."""
    found: dict[str, tuple[str, str]] = {}

    def start(name: str, given: dict[str, str]) -> None:
        if name == "Relationship":
            found[given.get("Id", "")] = (given.get("Type", ""), given.get("Target", ""))

    if part in package.namelist():
        _small(package, part, start)
    return found


def _target(relations: dict[str, tuple[str, str]], kind: str, folder: str) -> str | None:
    return next((_part(folder, target) for found, target in relations.values() if found.endswith(kind)), None)


def _part(folder: str, target: str) -> str:
    """A relation's target as the name of a part: absolute, or from the folder of who refers to it."""
    steps: list[str] = [] if target.startswith("/") else [step for step in folder.split("/") if step]
    for step in target.split("/"):
        if step == "..":
            steps = steps[:-1]
        elif step not in ("", "."):
            steps.append(step)
    return "/".join(steps)


def _small(package: zipfile.ZipFile, part: str, start: Start) -> None:
    if package.getinfo(part).file_size > _SMALL_PART:
        raise Unreadable(f"The part {part} of the file is far too large.")
    for _ in parse(package, part, start=start, end=lambda name: None):
        pass


def _no_doctype(*_: object) -> None:
    raise Unreadable("The file holds a DOCTYPE, which no spreadsheet writes; it is not read.")


def _reason(exc: Exception) -> str:
    return f"{str(exc)[:80] or type(exc).__name__}"
