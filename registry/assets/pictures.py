"""Pictures: how large one is, a copy without where it was taken, a small one to look at. Hostile ones are refused unread."""

import warnings
from io import BytesIO
from typing import BinaryIO, Final, NamedTuple

from PIL import Image, ImageOps, UnidentifiedImageError

from registry.assets.media_types import PICTURES
from registry.problems import Invalid

MOST_PIXELS: Final = 50_000_000  # some cameras' largest; ten times that would be 2 GB in memory
THUMBNAIL: Final = 640  # pixels, the longer side
LARGEST_SIDE: Final = 4_096  # of a photo that is kept
_DAMAGED = "file: the picture is damaged, or not what its beginning says"


class Picture(NamedTuple):
    data: bytes
    width: int
    height: int


def size_of(file: BinaryIO, media_type: str) -> tuple[int, int]:
    """Width and height in pixels, from the head of the picture. Raises Invalid."""
    with _opened(file, media_type) as picture:
        size: tuple[int, int] = picture.size
    file.seek(0)
    return size


def without_place(file: BinaryIO, media_type: str) -> Picture:
    """The picture drawn anew, upright, LARGEST_SIDE at most, with nothing of what the camera wrote beside it (where, when, by
    whom). Raises Invalid."""
    return _drawn(file, media_type, LARGEST_SIDE, PICTURES[media_type], quality=90)


def thumbnail(file: BinaryIO, media_type: str) -> Picture:
    """A WebP of THUMBNAIL pixels at most. Raises Invalid."""
    return _drawn(file, media_type, THUMBNAIL, "WEBP", quality=80)


def _drawn(file: BinaryIO, media_type: str, side: int, form: str, *, quality: int) -> Picture:
    with _opened(file, media_type) as picture:
        try:
            picture.draft("RGB", (side, side))  # lets the JPEG decoder leave out what is not needed
            upright = ImageOps.exif_transpose(picture)
            upright.thumbnail((side, side))
            plain = upright.convert("RGBA" if upright.has_transparency_data and form != "JPEG" else "RGB")
            clean = Image.new(plain.mode, plain.size)
            clean.paste(plain)  # pixels alone: no profile, comment or position comes along
            out = BytesIO()
            clean.save(out, form, quality=quality)
        except (OSError, SyntaxError, ValueError, EOFError, MemoryError, ArithmeticError):
            raise Invalid(_DAMAGED, field="file") from None
    return Picture(out.getvalue(), *clean.size)


def _opened(file: BinaryIO, media_type: str) -> Image.Image:
    file.seek(0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the size is judged below, before a pixel is read
            picture = Image.open(file, formats=[PICTURES[media_type]])
    except Image.DecompressionBombError:
        raise Invalid(_too_many(), field="file") from None
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError):
        raise Invalid(_DAMAGED, field="file") from None
    if picture.width * picture.height > MOST_PIXELS:
        picture.close()
        raise Invalid(_too_many(), field="file")
    return picture


def _too_many() -> str:
    return f"file: more than {MOST_PIXELS // 1_000_000} million pixels; make the picture smaller"
