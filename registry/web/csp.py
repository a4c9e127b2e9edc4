"""What a browser may load on our pages: only what we serve ourselves. No inline script, no inline style, no frame."""

from collections.abc import Awaitable, Callable

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

PAGES = "default-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
# Swagger UI writes style attributes and draws its icons from data: URLs; it still runs no script but the served one.
API_DOCS = f"{PAGES}; style-src 'self' 'unsafe-inline'; img-src 'self' data:"

# Unfold's Alpine evaluates expressions of its templates, and its colours stand in a style element. For administrators alone.
CONSOLE = f"{PAGES}; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'"

CONSOLE_PATH = "/admin/"
API_DOCS_PATH = "/api/v1/docs"
MAP_PATH = "/map/"


def policy_for(path: str) -> str:
    if path == MAP_PATH and (origin := settings.CONFIGURATION.map.tiles_origin) is not None:
        return f"{PAGES}; img-src 'self' {origin}"
    if path.startswith(CONSOLE_PATH):
        return CONSOLE
    return API_DOCS if path == API_DOCS_PATH else PAGES


class ContentSecurityPolicy:
    """Middleware, for the sync and the async chain alike, so that an open stream is not pushed through a thread."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        answer = self.get_response(request)
        return _marked(request, answer) if isinstance(answer, HttpResponseBase) else _marked_later(request, answer)


async def _marked_later(request: HttpRequest, answer: Awaitable[HttpResponseBase]) -> HttpResponseBase:
    return _marked(request, await answer)


def _marked(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    response.headers.setdefault("Content-Security-Policy", policy_for(request.path))
    return response
