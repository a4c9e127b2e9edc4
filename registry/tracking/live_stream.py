"""Tells open pages that something has changed. One look at the database per process, however many pages are open.

The stream carries version numbers only: a page then asks for what it shows, as its own user. So nobody is told of what they may
not see, and a browser that was asleep catches up with one question.
"""

import asyncio
import contextlib
import contextvars
import json
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from django.db import DatabaseError, connections

log = logging.getLogger(__name__)

Versions = Mapping[str, str]

LOOK_EVERY_S = 0.5
AFTER_ERROR_S = 5.0
COMMENT_EVERY_S = 15.0
END_AFTER_S = 900.0  # the browser connects again, and with that shows again who it is
MAX_STREAMS = 300


class TooManyStreams(Exception):
    """This process holds as many open streams as it may. Trying again later may help."""


class Pulse:
    """`versions` is asked in a thread of its own; what differs from the last answer goes to every subscriber's queue of one.

    A browser too slow to read gets the newest state instead of all of them. Without subscribers nothing runs.
    """

    def __init__(self, versions: Callable[[], Versions]) -> None:
        self._versions = versions
        self._queues: set[asyncio.Queue[Versions | None]] = set()  # bounded by MAX_STREAMS; None ends a listener
        self._looking: asyncio.Task[None] | None = None
        self._now: Versions | None = None

    def room(self) -> bool:
        return len(self._queues) < MAX_STREAMS

    async def listen(self) -> AsyncIterator[Versions | None]:
        """Yield the versions now and at each change, None when COMMENT_EVERY_S have passed without one."""
        if not self.room():
            raise TooManyStreams
        queue: asyncio.Queue[Versions | None] = asyncio.Queue(maxsize=1)
        self._queues.add(queue)
        try:
            if self._looking is None or self._looking.done():
                self._now = None
                # A context of its own: the first page's request must not own the thread that serves all pages.
                self._looking = asyncio.create_task(self._look(), name="live-pulse", context=contextvars.Context())
            elif self._now is not None:
                queue.put_nowait(self._now)
            while True:
                try:
                    versions = await asyncio.wait_for(queue.get(), COMMENT_EVERY_S)
                    if versions is None:
                        return
                    yield versions
                except TimeoutError:
                    if self._looking is None or self._looking.done():
                        return  # a bug ended it and stands in the log; the browser connects again
                    yield None
        finally:
            self._queues.discard(queue)
            if not self._queues and (looking := self._looking) is not None:
                self._looking = None  # first: a page that opens while we wait below starts its own
                looking.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await looking

    def end(self) -> None:
        """End every stream that is open now: the process is about to stop. To be called in the event loop."""
        self._give(None)

    def _give(self, versions: Versions | None) -> None:
        for queue in self._queues:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(versions)

    async def _look(self) -> None:
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="live-pulse") as thread:
            try:
                while True:
                    try:
                        seen = await loop.run_in_executor(thread, self._versions)
                    except DatabaseError as exc:
                        log.warning("live page: the database does not answer, asking again in %.0f s: %s", AFTER_ERROR_S, exc)
                        thread.submit(connections.close_all)
                        await asyncio.sleep(AFTER_ERROR_S)
                        continue
                    if seen != self._now:
                        self._now = seen
                        self._give(seen)
                    await asyncio.sleep(LOOK_EVERY_S)
            finally:
                thread.submit(connections.close_all)


async def as_events(pulse: Pulse, *, end_after_s: float = END_AFTER_S) -> AsyncIterator[bytes]:
    """The stream's bytes: server-sent events named `changed`, comments in between."""
    loop = asyncio.get_running_loop()
    ends = loop.time() + end_after_s
    yield b"retry: 2000\n\n"
    listening = pulse.listen()
    try:
        async for versions in listening:
            if versions is None:
                yield b": still here\n\n"
            else:
                yield b"event: changed\ndata: " + json.dumps(dict(versions)).encode() + b"\n\n"
            if loop.time() >= ends:
                return
    finally:
        await listening.aclose()  # type: ignore[attr-defined]  # an async generator, closed here and not when it is collected
