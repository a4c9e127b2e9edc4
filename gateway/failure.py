"""What stands at the address of the status page while the settings are wrong: every problem, with what to do.

Only a service manager makes us stay for that; at a shell the same lines are printed, and we end. The service stays up, so that
the page can be read, until the file changes: then it ends and is started again with the new one.
"""

import asyncio
import html
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from gateway.lifecycle import Systemd
from gateway.problems import Problem
from gateway.settings import StatusSection
from gateway.status.guard import Guard
from gateway.status.server import listen, serve
from gateway.status.words import count

LOOK_EVERY_S = 1.0


async def show(config: Path, problems: Sequence[Problem], where: StatusSection, systemd: Systemd, stop: asyncio.Event) -> None:
    """Serve the page until `stop` is set or the file changes. Raises CannotListen."""
    listener = listen(where.host, where.port)
    sentence = f"Not running: {count(len(problems), 'problem')} in {config.name}"
    systemd.ready(sentence)
    serving = asyncio.create_task(serve(listener, _app(sentence, problems), stop))
    seen = _mark(config)
    while not stop.is_set() and _mark(config) == seen:
        systemd.feed_watchdog()
        await asyncio.wait([serving], timeout=LOOK_EVERY_S)
    systemd.stopping()
    stop.set()
    await serving


def _app(sentence: str, problems: Sequence[Problem]) -> Starlette:
    lines = "".join(
        f'<p><span class="code muted">{html.escape(problem.key)}</span><br>{html.escape(problem.text)}</p>'
        for problem in problems
    )
    page = _PAGE.format(sentence=html.escape(sentence), lines=lines)
    style = (resources.files("look") / "sightpost.css").read_bytes()

    async def whole(request: Request) -> Response:
        return HTMLResponse(page, 503)

    async def css(request: Request) -> Response:
        return Response(style, media_type="text/css")

    async def other(request: Request) -> Response:
        return PlainTextResponse(f"{sentence}\n", 503)

    routes = [Route("/", whole), Route("/static/sightpost.css", css), Route("/{rest:path}", other)]
    return Starlette(routes=routes, middleware=[Middleware(Guard)])


def _mark(config: Path) -> tuple[int, int] | None:
    try:
        found = config.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="5">
<title>{sentence}</title>
<link rel="stylesheet" href="/static/sightpost.css">
</head>
<body>
<main class="page">
<h1 class="sentence failed"><span>{sentence}</span></h1>
{lines}
<p class="muted">Nothing is read until they are mended. Save the file and the gateway starts by itself.
<span class="code">sightpost check</span> says the same at a shell.</p>
</main>
</body>
</html>
"""
