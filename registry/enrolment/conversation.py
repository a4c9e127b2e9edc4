"""One exchange over HTTP with somebody who may be anybody: a request of bounded size in, one answer out, and the connection ends.

h11 reads and writes the protocol; whoever calls bounds the time.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import h11

from sync.enrolment import MAX_ASK_BYTES

MAX_HEAD_BYTES = 8 * 1024
READ_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes
    kind: str = "application/json"


class NotUnderstood(Exception):
    """What came is no request that we take; the connection is closed without more ado, or with this status."""

    def __init__(self, status: int = 0) -> None:
        super().__init__(f"status {status}" if status else "no HTTP")
        self.status = status


async def converse(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: Callable[[Request], Awaitable[Answer]]
) -> None:
    """Read one request and answer it. Raises OSError when the connection breaks."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD_BYTES)
    try:
        said = await answer(await _request(connection, reader, writer))
    except NotUnderstood as exc:
        if not exc.status:
            return
        said = Answer(exc.status, b"", "text/plain")
    headers = [
        ("content-type", said.kind),
        ("content-length", str(len(said.body))),
        ("cache-control", "no-store"),
        ("connection", "close"),
    ]
    for event in (h11.Response(status_code=said.status, headers=headers), h11.Data(data=said.body), h11.EndOfMessage()):
        writer.write(connection.send(event) or b"")
    await writer.drain()


async def _request(connection: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Request:
    """Raises NotUnderstood, OSError."""
    request: h11.Request | None = None
    body = bytearray()
    while True:
        try:
            event = connection.next_event()
        except h11.RemoteProtocolError as exc:
            raise NotUnderstood(exc.error_status_hint if connection.our_state is h11.IDLE else 0) from None
        if isinstance(event, h11.Request):
            request = event
            if connection.they_are_waiting_for_100_continue:
                writer.write(connection.send(h11.InformationalResponse(status_code=100, headers=[])) or b"")
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > MAX_ASK_BYTES:
                raise NotUnderstood(413)
        elif isinstance(event, h11.EndOfMessage) and request is not None:
            return Request(request.method.decode(), request.target.decode(errors="replace"), bytes(body))
        elif event is h11.NEED_DATA:
            received = await reader.read(READ_BYTES)
            connection.receive_data(received)
        else:  # they have gone
            raise NotUnderstood
