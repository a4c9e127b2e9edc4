"""`sightpost-registry serve`: the pages and the REST API, in one process; and, while a code is out, the socket for enrolment."""

import asyncio
import errno
import signal
import socket
import sys

import uvicorn

from host.impatient_http import ImpatientProtocol
from registry.configuration import Configuration
from registry.exits import CannotGoOn

STOP_WITHIN_S = 2  # open streams get this long to end


def run(configuration: Configuration) -> None:
    """Serve until SIGTERM or SIGINT. Raises CannotGoOn when the address is not to be had."""
    web = configuration.web
    listening = bind(web.host, web.port)
    config = uvicorn.Config(
        "registry.asgi:application",
        http=ImpatientProtocol,
        ws="none",
        loop="asyncio",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=web.https,
        timeout_graceful_shutdown=STOP_WITHIN_S,
        limit_concurrency=1000,
    )
    for number in (signal.SIGTERM, signal.SIGINT):  # before uvicorn listens to them, and once more when it is done: our end
        signal.signal(number, _end)
    with listening:
        asyncio.run(_serve(Server(config), listening, configuration))


async def _serve(server: uvicorn.Server, listening: socket.socket, configuration: Configuration) -> None:
    from registry.enrolment.listener import Listener  # needs Django's apps, which the process has by now

    enrolling = asyncio.create_task(Listener(configuration).run(), name="enrolment")
    enrolling.add_done_callback(lambda _: setattr(server, "should_exit", True))  # a bug of its ends us, and `up` starts us again
    try:
        await server.serve(sockets=[listening])
    finally:
        enrolling.cancel()
        await asyncio.wait([enrolling])
    if not enrolling.cancelled() and (bug := enrolling.exception()) is not None:
        raise bug


class Server(uvicorn.Server):
    """Ends the live pages' streams itself: they would last, and stopping would have to wait for its deadline and cut them off."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        from registry.tracking.pages import pulse  # needs Django's apps, which the process has by now

        pulse.end()
        await super().shutdown(sockets)


def _end(number: int, frame: object) -> None:
    sys.exit(0)


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket. Raises CannotGoOn with the remedy."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as exc:
        listening.close()
        raise CannotGoOn(_in_words(exc, host, port)) from None
    listening.listen(512)
    return listening


def _in_words(exc: OSError, host: str, port: int) -> str:
    remedy = "set another one as port under [web] in registry.toml"
    if exc.errno == errno.EADDRINUSE:
        return f"Port {port} of {host} is taken by another program; end that (`ss -ltnp 'sport = :{port}'` names it) or {remedy}."
    if exc.errno == errno.EACCES:
        return f"Port {port} is reserved for the system; {remedy}, 1024 or above."
    return f"Cannot listen at {host}:{port}: {exc.strerror}; check host and port under [web] in registry.toml."
