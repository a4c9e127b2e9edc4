"""Handing out kept bytes, for views that have checked who asks: never as something that a browser would run."""

from django.http import FileResponse

from registry.assets import files
from registry.assets.media_types import PICTURES
from registry.assets.models import Attachment

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "private, max-age=3600",
}


def whole(attachment: Attachment) -> FileResponse:
    """The file under its name. Pictures are shown, everything else is saved."""
    stored = attachment.file
    shown = stored.media_type in PICTURES
    media_type = f"{stored.media_type}; charset=utf-8" if stored.media_type.startswith("text/") else stored.media_type
    path = files.path_of(stored.sha256)
    return FileResponse(
        path.open("rb"),
        as_attachment=not shown,
        filename=files.download_name(attachment),
        content_type=media_type,
        headers=HEADERS,
    )


def small(attachment: Attachment) -> FileResponse:
    """The small picture of one. Its bytes never change."""
    headers = HEADERS | {"Cache-Control": "private, max-age=86400, immutable"}
    return FileResponse(files.small_path_of(attachment.file_id).open("rb"), content_type="image/webp", headers=headers)
