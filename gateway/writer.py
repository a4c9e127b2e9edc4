"""The one thread that writes to the outbox: SQLite blocks, and a connection belongs to the thread that opened it.

Recordings have another one of the kind.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Writer:
    """Calls run one after the other in the order they came."""

    def __init__(self, name: str = "outbox-writer") -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)

    async def __call__(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what `work` returns, run in the thread. Cancelling stops waiting for it, not the work."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: work(*args, **kwargs))

    async def alive(self) -> bool:
        """Return once the thread has answered: what the watchdog asks."""
        return await self(lambda: True)

    def close(self) -> None:
        """Wait for the work begun; take no more."""
        self._thread.shutdown(wait=True)
