"""The live stream: server-sent events with the parts of the page that changed.

One rendering per tick serves every stream: who wakes first renders, the others take what stands there. So nothing is rendered
while nobody watches, and no task of our own runs. The number of streams is limited: a page left open costs a connection.
"""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncGenerator, Callable

MAX_STREAMS = 20
FULL = f"{MAX_STREAMS} pages are watching this gateway already. Close one, or reload this page to see how things stand now."


class Live:
    """`render` gives the inner HTML of each part by its id."""

    def __init__(
        self,
        render: Callable[[], dict[str, str]],
        stop: asyncio.Event,
        *,
        tick_s: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.watching = 0
        self.refused = 0
        self.rendered = 0
        self._render = render
        self._stop = stop
        self._tick_s = tick_s
        self._clock = clock
        self._tick = -1
        self._parts: dict[str, str] = {}

    def has_room(self) -> bool:
        """Return whether one more stream may open; a refusal is counted."""
        if self.watching < MAX_STREAMS:
            return True
        self.refused += 1
        return False

    async def events(self) -> AsyncGenerator[bytes, None]:
        """Yield one event per tick until the gateway stops: what changed, or an empty one as a sign of life."""
        self.watching += 1
        shown: dict[str, str] = {}
        try:
            yield b"retry: 2000\n\n"
            while not self._stop.is_set():
                parts = self._now()
                changed = {part: html for part, html in parts.items() if shown.get(part) != html}
                yield f"data: {json.dumps(changed)}\n\n".encode()
                shown = parts
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stop.wait(), self._tick_s - self._clock() % self._tick_s)
            yield b"event: bye\ndata: \n\n"
        finally:
            self.watching -= 1

    def _now(self) -> dict[str, str]:
        tick = int(self._clock() / self._tick_s)
        if tick != self._tick:
            self._parts = self._render()
            self._tick = tick
            self.rendered += 1
        return self._parts
