"""Handing out kept bytes, for views that have checked who asks: never as something that a browser would run.

Read as a whole: under ASGI a file that is streamed from a synchronous view arrives cut short or all at once anyway."""

from django.http import HttpResponse
from django.utils.http import content_disposition_header

from registry.assets import files
from registry.assets.media_types import PICTURES
from registry.assets.models import Attachment, StoredFile

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "private, max-age=3600",
}


def whole(kept: files.Kept) -> HttpResponse:
    """The file under its name. Pictures are shown, everything else is saved."""
    stored = kept.file
    shown = stored.media_type in PICTURES
    media_type = f"{stored.media_type}; charset=utf-8" if stored.media_type.startswith("text/") else stored.media_type
    named = content_disposition_header(not shown, files.download_name(kept)) or "inline"
    headers = HEADERS | {"Content-Disposition": named}
    return HttpResponse(files.path_of(stored.sha256).read_bytes(), content_type=media_type, headers=headers)


def small(attachment: Attachment) -> HttpResponse:
    """The small picture of one. Its bytes never change."""
    headers = HEADERS | {"Cache-Control": "private, max-age=86400, immutable"}
    return HttpResponse(files.small_path_of(attachment.file_id).read_bytes(), content_type="image/webp", headers=headers)


def picture(stored: StoredFile) -> HttpResponse:
    """The bytes of a drawing, for a view that has checked who asks. They never change: their address may be kept."""
    headers = {"Cache-Control": "private, max-age=86400, immutable", "X-Content-Type-Options": "nosniff"}
    return HttpResponse(files.path_of(stored.sha256).read_bytes(), content_type=stored.media_type, headers=headers)
