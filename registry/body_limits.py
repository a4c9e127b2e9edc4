"""How large a request may be and how long it may take to come, held before Django sees it: Django would first write all of it to
disk, and wait for it without end.

What is too large is refused by its Content-Length, or as soon as more has come than may. The rest is read and thrown away, so
that a browser shows our sentence and not a broken connection; a sender who does not end is cut off. What comes too slowly is
answered too, and hung up on: of a few strangers each would hold a place for ever.
"""

import asyncio
import json
import math
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

GONE: Final[Message] = {"type": "http.disconnect"}  # as if they had gone: Django lets go of what it has
TOO_SLOW: Final = "That came too slowly: the connection brought less than 4 kB a second."
SLACK: Final = 64 * 1024  # of a form beside its largest part
PICTURE: Final = 8 * 1024 * 1024 + 1  # of the scan page's camera
FILES_AT_ONCE: Final = 20
DRAINED_S: Final = 20.0  # so long we listen to what nobody wants
PATIENCE_S: Final = 20.0  # that we wait for a body in all,
BYTES_A_SECOND: Final = 4_000  # and a second more for so many that have come: a phone at the edge of its network sends more


def limited(application: Application, *, patience_s: float = PATIENCE_S) -> Application:
    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await application(scope, receive, send)
        headers = {name.lower(): value for name, value in scope["headers"]}
        most = most_for(scope["path"], headers)
        if _declared(headers) > most:
            return await _refuse(scope["path"], most, receive, send)
        taken, waited_s, whole = 0, 0.0, False

        async def counted() -> Message:
            nonlocal taken, waited_s, whole
            if whole:  # what is waited for now is that they go
                return await receive()
            began_s = time.monotonic()
            try:
                async with asyncio.timeout(patience_s + taken / BYTES_A_SECOND - waited_s):
                    message = await receive()
            except TimeoutError:
                waited_s = math.inf
                return GONE
            waited_s += time.monotonic() - began_s
            taken += len(message.get("body", b""))
            whole = not message.get("more_body", False)
            return message if taken <= most else GONE

        await application(scope, counted, send)
        if waited_s == math.inf:
            await _answer(scope["path"], 408, TOO_SLOW, send)
        elif taken > most:
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
    await _answer(path, 413, f"That is more than this address takes: {_in_words(most)} at most.", send)


async def _answer(path: str, status: int, sentence: str, send: Send) -> None:
    """Say it, as a page or to a program, and hang up."""
    if path.startswith("/api/"):
        problem = {"type": "about:blank", "title": TITLES[status], "status": status, "detail": sentence}
        kind, body = CONTENT_TYPE, json.dumps(problem).encode()
    else:
        kind, body = "text/html; charset=utf-8", render_to_string(f"{status}.html", {"sentence": sentence}).encode()
    headers = {
        "content-type": kind,
        "content-length": str(len(body)),
        "cache-control": "no-store",
        "connection": "close",
        "content-security-policy": "default-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'",
        "x-content-type-options": "nosniff",
    }
    given = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": given})
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
