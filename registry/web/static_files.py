"""Stylesheets, scripts and icons, from where they lie. WhiteNoise does the work: types, caching, 304."""

from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from whitenoise.middleware import WhiteNoiseMiddleware


class StaticFiles(WhiteNoiseMiddleware):  # type: ignore[misc]  # whitenoise is not typed
    """Sends a file whole: the largest has 1.5 MB, and under ASGI a file sent piece by piece costs a thread hop per piece. And it
    is at home in the async chain, so that no request takes a thread just to pass by here."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]) -> None:
        super().__init__(get_response)
        self._asynchronous = iscoroutinefunction(get_response)
        if self._asynchronous:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        found = self.files.get(request.path_info)
        if found is None:
            return self.get_response(request)
        answer = self.serve(found, request)
        return _ready(answer) if self._asynchronous else answer

    @staticmethod
    def serve(static_file: Any, request: HttpRequest) -> HttpResponse:
        found = static_file.get_response(request.method, request.META)
        content = b""
        if found.file is not None:
            with found.file as file:
                content = file.read()
        response = HttpResponse(content, status=int(found.status))
        del response["Content-Type"]
        for name, value in found.headers:
            response[name] = value
        return response


async def _ready(answer: HttpResponse) -> HttpResponse:
    return answer
