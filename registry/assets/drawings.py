"""Pictures that are no attachment: floor plans and signatures. Kept like every file (files.py), under their hash."""

from io import BytesIO
from typing import BinaryIO, Final

from django.db.models import ProtectedError

from registry.assets import files
from registry.assets.media_types import media_type_of
from registry.assets.models import StoredFile
from registry.problems import Invalid

KINDS: Final = ("image/png", "image/jpeg")  # no SVG: it can carry scripts


def keep(file: BinaryIO | bytes, *, field: str, most: int) -> StoredFile:
    """Write a PNG or JPEG of at most so many bytes, and its row in the caller's transaction. What a camera wrote beside the
    pixels is left out. Raises Invalid."""
    opened = BytesIO(file) if isinstance(file, bytes) else file
    size = opened.seek(0, 2)
    if not 0 < size <= most:
        raise Invalid(f"{field}: {size / 1_000_000:.1f} MB, {most / 1_000_000:.1f} at most", field=field)
    media_type = media_type_of(opened, "picture")
    if media_type not in KINDS:
        raise Invalid(f"{field}: is no PNG or JPEG", field=field)
    stored = files.store(opened, media_type, redraw=True)
    StoredFile.objects.bulk_create([stored], ignore_conflicts=True)  # somebody may have had the same bytes before us
    return stored


def forget(stored: StoredFile) -> None:
    """Drop the row if nothing has the picture any more; files.sweep() takes the bytes then."""
    if not stored.attachments.exists() and not stored.floor_plans.exists():
        try:
            stored.delete()
        except ProtectedError:  # a signature of the same pixels
            return
