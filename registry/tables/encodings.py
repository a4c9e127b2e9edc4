"""Which encoding a text file has: said by its mark, proved by its bytes, or guessed and then said so."""

import codecs
from pathlib import Path
from typing import Final, NamedTuple

from registry.tables.table import Unreadable

KNOWN: Final = {
    "utf-8": "UTF-8", "utf-16": "UTF-16", "utf-16-le": "UTF-16", "utf-16-be": "UTF-16", "cp1252": "Windows-1252 (Western Europe)",
    "cp1250": "Windows-1250 (Central Europe)", "cp850": "DOS 850", "mac-roman": "Mac Roman",
}  # fmt: skip
LOST: Final = "\udcff"  # stands where bytes are no character; no text that can be decoded holds it
LOST_HANDLER: Final = "sightpost-lost"
_CHUNK: Final = 1 << 20
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, ""),  # stands before UTF-16's, which it begins with
    (codecs.BOM_UTF32_BE, ""),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def _mark_lost(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return LOST, error.end


codecs.register_error(LOST_HANDLER, _mark_lost)


class Encoding(NamedTuple):
    """`skip` bytes of mark stand in front. `note` says what was guessed."""

    name: str
    skip: int = 0
    note: str = ""


def encoding_of(path: Path, chosen: str | None = None) -> Encoding:
    """Return how to read the file. `chosen` is what a person said it is. Raises Unreadable, OSError."""
    if chosen is not None and chosen not in KNOWN:
        raise Unreadable(f"{chosen[:20]!r} is no encoding this reads; it reads {', '.join(sorted(KNOWN))}.")
    with path.open("rb") as file:
        head = file.read(4096)
    for mark, name in _MARKS:
        if head.startswith(mark):
            if not name:
                raise Unreadable("The file is UTF-32, which no spreadsheet writes; save it as CSV UTF-8.")
            return Encoding(name, len(mark))
    if chosen is not None:
        return Encoding({"utf-16": "utf-16-le"}.get(chosen, chosen))
    if (wide := _without_mark(head)) is not None:
        return Encoding(wide, note="The file has no mark; every second byte is zero, so it was read as UTF-16.")
    wrong = _first_byte_not_utf8(path)
    if wrong is None:
        return Encoding("utf-8")
    return Encoding(
        "cp1252",
        note=f"Byte {wrong:,} is not UTF-8, so the file was read as Windows-1252: a guess. Look at letters like ä and at €; "
        "if they are wrong, choose another encoding or save the file as CSV UTF-8.",
    )


def _without_mark(head: bytes) -> str | None:
    """UTF-16 of mostly Western text: zeros stand at every second place, nearly never at the others."""
    even, odd = head[0::2], head[1::2]
    if len(odd) < 4:
        return None
    if odd.count(0) > len(odd) * 0.4 and even.count(0) < len(even) * 0.05:
        return "utf-16-le"
    if even.count(0) > len(even) * 0.4 and odd.count(0) < len(odd) * 0.05:
        return "utf-16-be"
    return None


def _first_byte_not_utf8(path: Path) -> int | None:
    decoder = codecs.getincrementaldecoder("utf-8")()
    done = 0
    with path.open("rb") as file:
        while True:
            chunk = file.read(_CHUNK)
            held = len(decoder.getstate()[0])
            try:
                decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as exc:
                return done - held + exc.start + 1
            if not chunk:
                return None
            done += len(chunk)
