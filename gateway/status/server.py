"""The status page as an application, and serving it inside the daemon's loop. READ FIRST.

listener = listen(host, port)                       # CannotListen: a sentence for people
app = build_app(snapshot, stop)
await serve(listener, app, stop)                    # until `stop` is set; open streams end with it
"""

import asyncio
import contextlib
import errno
import hashlib
import json
import logging
import socket
from collections.abc import Callable, Iterator
from dataclasses import asdict, fields
from importlib import resources
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from gateway.health import DoorView, Snapshot
from gateway.status.door_page import Asked, DoorPage
from gateway.status.guard import Guard
from gateway.status.metrics import Metrics, not_ready
from gateway.status.page import Page
from gateway.status.stream import FULL, Live
from gateway.status.words import printable
from host.impatient_http import ImpatientProtocol

MAX_CONNECTIONS = 64
MAX_NAME = 40  # of a door
GRACE_S = 2  # an answer under way when the gateway stops gets this long

_MEDIA = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_LOOK = ("sightpost.css", "theme.js", "times.js", "copy.js", "mark.svg")
_OURS = ("status.css", "live.js")


class CannotListen(Exception):
    """The address of the status page is not to be had. The text says why and what to do."""


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 takes any free one. Raises CannotListen.

    We bind it ourselves, because uvicorn ends the process when a port is taken.
    """
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
        listener.setblocking(False)
    except OSError as exc:
        listener.close()
        raise CannotListen(_why_not(host, port, exc)) from exc
    return listener


async def serve(listener: socket.socket, app: ASGIApp, stop: asyncio.Event) -> None:
    """Answer until `stop` is set, then end open streams and return within `GRACE_S`; closes the listener."""
    config = uvicorn.Config(
        app,
        http=ImpatientProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level=logging.ERROR,  # not a line for every peer that speaks no HTTP
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_graceful_shutdown=GRACE_S,
    )
    try:
        await _Server(config, stop).serve(sockets=[listener])
    finally:
        listener.close()


async def serve_status(host: str, port: int, app: ASGIApp, stop: asyncio.Event) -> None:
    """`listen` and `serve` in one. Raises CannotListen."""
    await serve(listen(host, port), app, stop)


def build_app(
    snapshot: Callable[[], Snapshot],
    stop: asyncio.Event,
    *,
    door: Callable[[str], DoorView | None] = lambda name: None,
    stuck: Callable[[], str | None] = lambda: None,
    tick_s: float = 1.0,
) -> ASGIApp:
    """Return the application.

    `snapshot` is called once per request, and once per `tick_s` seconds while somebody watches the page. `door` is asked for
    the door of a name; None: there is none. `stuck` says which part of the gateway makes no progress, in words, or None: that is
    what /healthz answers.
    """
    files = {name: (resources.files("look") / name).read_bytes() for name in _LOOK}
    files |= {name: (resources.files("gateway.status") / name).read_bytes() for name in _OURS}
    addresses = {name: f"/static/{name}?v={hashlib.sha256(body).hexdigest()[:12]}" for name, body in files.items()}
    page, door_page = Page(addresses), DoorPage(addresses)
    live = Live(lambda: page.parts(snapshot()), stop, tick_s=tick_s)
    metrics = Metrics(snapshot, live)

    async def whole(request: Request) -> Response:
        return HTMLResponse(page.whole(snapshot()))

    async def stream(request: Request) -> Response:
        if request.method == "HEAD":
            return Response(media_type="text/event-stream")
        if not live.has_room():
            return PlainTextResponse(FULL, 503, {"Retry-After": "30"})
        return StreamingResponse(live.events(), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})

    async def status(request: Request) -> Response:
        return Response(json.dumps(asdict(snapshot())), media_type="application/json")  # ASCII: a barcode need not be text

    def named(request: Request) -> DoorView | None:
        name = request.path_params["name"]
        return door(name) if len(name) <= MAX_NAME else None

    async def of_door(request: Request) -> Response:
        view = named(request)
        return _no_door(request) if view is None else HTMLResponse(door_page.whole(view, Asked.of(request.query_params)))

    async def of_door_as_json(request: Request) -> Response:
        view = named(request)
        return _no_door(request) if view is None else Response(json.dumps(view, default=_members), media_type="application/json")

    def _no_door(request: Request) -> Response:
        names = ", ".join(row.name for row in snapshot().doors[:20]) or "none"
        asked = printable(request.path_params["name"], 40)
        return PlainTextResponse(
            f"There is no door called {asked} in the settings of this gateway. Its doors: {names}. Its page is at /\n", 404
        )

    async def numbers(request: Request) -> Response:
        body, media_type = metrics.exposed(request.headers.get("accept", ""))
        return Response(body, headers={"Content-Type": media_type})

    async def healthz(request: Request) -> Response:
        why = stuck()
        return PlainTextResponse("alive\n" if why is None else f"{why}\n", 200 if why is None else 503)

    async def readyz(request: Request) -> Response:
        why = not_ready(snapshot())
        return PlainTextResponse("delivering\n" if why is None else f"{why}\n", 200 if why is None else 503)

    async def static(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in files:
            return PlainTextResponse("There is no such file.\n", 404)
        headers = {"Cache-Control": "private, max-age=31536000, immutable"}  # the address changes with the content
        return Response(files[name], media_type=_MEDIA[Path(name).suffix], headers=headers)

    async def nowhere(request: Request, exc: Exception) -> Response:
        return PlainTextResponse("There is nothing here. The page of this gateway is at /\n", 404)

    routes = [
        Route("/", whole),
        Route("/stream", stream),
        Route("/status.json", status),
        Route("/doors/{name}.json", of_door_as_json),
        Route("/doors/{name}", of_door),
        Route("/metrics", numbers),
        Route("/healthz", healthz),
        Route("/readyz", readyz),
        Route("/static/{name}", static),
    ]
    return Starlette(routes=routes, middleware=[Middleware(Guard)], exception_handlers={404: nowhere})


def _members(record: Any) -> dict[str, Any]:
    """For json: a record without copying it."""
    return {member.name: getattr(record, member.name) for member in fields(record)}


def _why_not(host: str, port: int, exc: OSError) -> str:
    change = "change host or port under [status] in gateway.toml"
    if exc.errno == errno.EADDRINUSE:
        return f"port {port} of {host} is taken by another program, perhaps a second gateway; stop that one or {change}"
    if exc.errno == errno.EADDRNOTAVAIL:
        return f"{host} is no address of this machine; {change}"
    if exc.errno in (errno.EACCES, errno.EPERM):
        return f"port {port} is only for the system's own programs; {change} to one above 1023"
    return f"cannot listen on {host} port {port}: {exc.strerror or exc}; {change}"


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers and its ten wake-ups a second: the daemon owns both."""

    def __init__(self, config: uvicorn.Config, stop: asyncio.Event) -> None:
        super().__init__(config)
        self._stop = stop

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def main_loop(self) -> None:
        await self._stop.wait()
