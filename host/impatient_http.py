"""uvicorn's HTTP protocol, which ends a connection that asks for nothing: uvicorn waits for a first request without end, and so a
few strangers that only connect, or say one byte now and then, would hold every place there is."""

import asyncio
from typing import Final

from uvicorn.protocols.http.h11_impl import H11Protocol

REQUEST_WITHIN_S: Final = 10.0  # from connecting to the end of a request's head; up to twice as long after an answer


class ImpatientProtocol(H11Protocol):
    """For `uvicorn.Config(http=...)`. An answer under way may last; a body is the application's to wait for."""

    _looking: asyncio.TimerHandle | None = None
    _before: object = "nothing yet"  # the request that was the latest one when we looked last

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._looking is not None:
            self._looking.cancel()
        super().connection_lost(exc)

    def _look(self) -> None:
        latest = self.cycle
        answering = latest is not None and not latest.response_complete
        if not answering and latest is self._before:
            self.transport.close()  # what is still on its way to a slow reader arrives
            return
        self._before = latest
        self._looking = self.loop.call_later(REQUEST_WITHIN_S, self._look)
