"""What every answer of the status page must pass: who may ask, and the headers that keep a browser from doing more than we mean.

The page has no log-in, so it listens on loopback only. Any web page in a browser on this machine can still send requests there;
the host check keeps a foreign name from being pointed at us (DNS rebinding), the rest keeps our answers to ourselves.
"""

from ipaddress import ip_address

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def is_this_machine(host: str) -> bool:
    """Return whether a Host header (with or without port) names this machine: localhost or a loopback address."""
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    if name.lower().rstrip(".") == "localhost":
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


class Guard:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        headers = Headers(scope=scope)
        refusal = _refusal(headers)
        answer: ASGIApp = self._app if refusal is None else PlainTextResponse(refusal, 403)

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                added = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    added[name] = value
                added.setdefault("Cache-Control", "no-store")
            await send(message)

        await answer(scope, receive, send_guarded)


def _refusal(headers: Headers) -> str | None:
    host = headers.get("host", "")
    if not is_this_machine(host):
        return (
            "This page answers only to the name localhost or a loopback address. "
            "From another machine: ssh -L 8470:127.0.0.1:8470 <gateway>, then open http://127.0.0.1:8470/\n"
        )
    if headers.get("sec-fetch-site") == "cross-site" and headers.get("sec-fetch-mode") != "navigate":
        return "This page does not answer to other web pages.\n"
    return None
