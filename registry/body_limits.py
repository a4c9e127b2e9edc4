"""How large a request may be, held before Django sees it: Django would first write all of it to disk.

What is too large is refused by its Content-Length, or as soon as more has come than may. The rest is read and thrown away, so
that a browser shows our sentence and not a broken connection; a sender who does not end is cut off.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from django.conf import settings
from django.template.loader import render_to_string

from registry.problem_json import CONTENT_TYPE, TITLES

Scope = dict[str, Any]
Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

SLACK: Final = 64 * 1024  # of a form beside its largest part
PICTURE: Final = 8 * 1024 * 1024 + 1  # of the scan page's camera
FILES_AT_ONCE: Final = 20
DRAINED_S: Final = 20.0  # so long we listen to what nobody wants


def limited(application: Application) -> Application:
    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await application(scope, receive, send)
        headers = {name.lower(): value for name, value in scope["headers"]}
        most = most_for(scope["path"], headers)
        if _declared(headers) > most:
            return await _refuse(scope["path"], most, receive, send)
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            return message if taken <= most else {"type": "http.disconnect"}  # as if they had gone: Django lets go of what it has

        await application(scope, counted, send)
        if taken > most:
            await _refuse(scope["path"], most, receive, send)
        return None

    return serve


def most_for(path: str, headers: Mapping[bytes, bytes]) -> int:
    """The bytes that a request to this address may have. Files are for those who say who they are."""
    form = settings.DATA_UPLOAD_MAX_MEMORY_SIZE + SLACK
    if b"authorization" not in headers and settings.SESSION_COOKIE_NAME.encode() not in headers.get(b"cookie", b""):
        return int(form)
    if path.startswith(("/imports/", "/api/v1/imports")):
        from registry.importing.files import FORM_BYTES, LIMITS

        return LIMITS.file_bytes + FORM_BYTES
    if path.startswith("/api/v1/decode"):
        return PICTURE
    if not headers.get(b"content-type", b"").lower().startswith(b"multipart/form-data"):
        return int(form)
    several = FILES_AT_ONCE if path.startswith("/assets/") else 1
    return int(settings.CONFIGURATION.files.max_mb * 1_000_000 * several + form)


def _declared(headers: Mapping[bytes, bytes]) -> int:
    text = headers.get(b"content-length", b"0")
    return int(text) if text.isdigit() and len(text) < 20 else 0


async def _refuse(path: str, most: int, receive: Receive, send: Send) -> None:
    await _drain(receive)
    sentence = f"That is more than this address takes: {_in_words(most)} at most."
    if path.startswith("/api/"):
        problem = {"type": "about:blank", "title": TITLES[413], "status": 413, "detail": sentence}
        kind, body = CONTENT_TYPE, json.dumps(problem).encode()
    else:
        kind, body = "text/html; charset=utf-8", render_to_string("413.html", {"sentence": sentence}).encode()
    headers = {
        "content-type": kind,
        "content-length": str(len(body)),
        "cache-control": "no-store",
        "connection": "close",
        "content-security-policy": "default-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'",
        "x-content-type-options": "nosniff",
    }
    given = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": 413, "headers": given})
    await send({"type": "http.response.body", "body": body})


async def _drain(receive: Receive) -> None:
    """Read on until the sender ends, keeping nothing; not longer than DRAINED_S."""
    end = time.monotonic() + DRAINED_S
    while (left := end - time.monotonic()) > 0:
        try:
            message = await asyncio.wait_for(receive(), left)
        except TimeoutError:
            return
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            return


def _in_words(size: int) -> str:
    return f"{size / 1_000_000:.0f} MB"
