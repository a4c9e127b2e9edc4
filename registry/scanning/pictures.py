"""The codes in a photo, for browsers that cannot read them themselves. Bounded in bytes, in pixels and in how many at a time."""

import io
import threading
from dataclasses import dataclass
from typing import Final

import zxingcpp
from PIL import Image, ImageOps

from identity import gs1
from registry.problems import Invalid

MAX_BYTES: Final = 8 * 1024 * 1024
MAX_PIXELS: Final = 40_000_000  # a phone's camera at its finest
MAX_CODES: Final = 50
FORMATS: Final = ("JPEG", "PNG", "WEBP")
_SIDES: Final = (1600, 4000)  # pixels: most codes are found in the small picture, in a tenth of the time
_LANES: Final = threading.BoundedSemaphore(2)  # each takes a core for up to a second
_WAIT_S: Final = 10.0


class Busy(Exception):
    """Too many pictures at once; a second later there is room."""


@dataclass(frozen=True, slots=True)
class Seen:
    """`text` is what to scan: for GS1 symbols with the AIM identifier in front, as a scanner can send it."""

    text: str
    symbology: str
    format: str


def decode(picture: bytes) -> list[Seen]:
    """Return the codes in a JPEG, PNG or WebP, each once. Raises Invalid, Busy."""
    if len(picture) > MAX_BYTES:
        raise Invalid(f"picture: larger than {MAX_BYTES // 1024 // 1024} MB; send a smaller one")
    if not _LANES.acquire(timeout=_WAIT_S):
        raise Busy
    try:
        return _seen(_opened(picture))
    finally:
        _LANES.release()


def _opened(picture: bytes) -> Image.Image:
    """Grey and upright, with a longer side of at most _SIDES[-1] pixels."""
    try:
        with Image.open(io.BytesIO(picture), formats=FORMATS) as found:
            if found.width * found.height > MAX_PIXELS:
                raise Invalid(f"picture: more than {MAX_PIXELS // 1_000_000} million pixels; send a smaller one")
            found.draft("L", (_SIDES[-1], _SIDES[-1]))
            upright = ImageOps.exif_transpose(found)
            flat = Image.new("L", upright.size, 255)  # what is see-through counts as paper
            shown = upright.convert("RGBA") if upright.mode in ("P", "PA", "LA", "RGBA") else None
            flat.paste((shown or upright).convert("L"), mask=shown.getchannel("A") if shown else None)
    except Invalid:
        raise
    except Image.DecompressionBombError:
        raise Invalid(f"picture: more than {MAX_PIXELS // 1_000_000} million pixels; send a smaller one") from None
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombWarning):
        raise Invalid("picture: this is no JPEG, PNG or WebP, or it is damaged; take the photo again") from None
    flat.thumbnail((_SIDES[-1], _SIDES[-1]))
    return flat


def _seen(grey: Image.Image) -> list[Seen]:
    for side in _SIDES:
        small = grey.copy()
        small.thumbnail((side, side))
        found = dict.fromkeys(_read(small))
        if found or max(grey.size) <= side:
            return list(found)[:MAX_CODES]
    return []


def _read(grey: Image.Image) -> list[Seen]:
    codes = zxingcpp.read_barcodes(grey, text_mode=zxingcpp.TextMode.Plain)
    return [
        Seen(
            (one.symbology_identifier if one.symbology_identifier in gs1.SYMBOLOGIES else "") + one.text,
            one.symbology_identifier,
            str(one.format),
        )
        for one in codes
        if one.valid and one.text.strip() and "\0" not in one.text
    ]
