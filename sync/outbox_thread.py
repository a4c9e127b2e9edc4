"""The uplink's connection to the outbox, in a thread of its own: its calls block, and would hold up everything else."""

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from sync.outbox import Outbox

_P = ParamSpec("_P")
_T = TypeVar("_T")


class OutboxThread:
    """Enter it, then `opened()`, and call through it whatever needs the outbox."""

    outbox: Outbox  # while opened; for calls in the thread

    def __init__(self, open_outbox: Callable[[], Outbox]) -> None:
        self._open_outbox = open_outbox

    def __enter__(self) -> "OutboxThread":
        self._worker = ThreadPoolExecutor(1, "uplink")
        return self

    def __exit__(self, *exc: object) -> None:
        self._worker.shutdown()

    async def __call__(self, call: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Run it in the thread."""
        bound = functools.partial(call, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._worker, bound)

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Raises OutboxUnavailable, OutboxDamaged."""
        with contextlib.ExitStack() as opened:  # filled in the thread: cancelled while it opens, it is closed all the same

            def open_it() -> None:
                self.outbox = self._open_outbox()
                opened.callback(self.outbox.close)

            try:
                await self(open_it)
                yield
            finally:
                await self(opened.close)
