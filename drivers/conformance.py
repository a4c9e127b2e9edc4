"""What every driver must pass, for its author to run: plain functions that raise AssertionError. Needs no test framework."""

import asyncio
import time
from collections.abc import Callable

from drivers.api import Clock, Read, Signal

SYSTEM_CLOCK = Clock(mono_ns=time.monotonic_ns, wall_ms=lambda: time.time_ns() // 1_000_000)
PATIENCE_S = 10.0


class Recorder:
    """A sink that keeps what it is given."""

    def __init__(self) -> None:
        self.batches: list[list[Read]] = []
        self.signals: list[Signal] = []
        self._changed = asyncio.Event()

    @property
    def all_reads(self) -> list[Read]:
        return [read for batch in self.batches for read in batch]

    def reads(self, batch: list[Read]) -> None:
        self.batches.append(batch)
        self._changed.set()

    def signal(self, signal: Signal) -> None:
        self.signals.append(signal)
        self._changed.set()

    async def until(self, wanted: Callable[["Recorder"], object], what: str, patience_s: float = PATIENCE_S) -> None:
        """Wait until `wanted(self)` is true. Raises AssertionError naming `what` after `patience_s`."""
        deadline = time.monotonic() + patience_s
        while not wanted(self):
            self._changed.clear()
            try:
                async with asyncio.timeout(deadline - time.monotonic()):
                    await self._changed.wait()
            except TimeoutError:
                raise AssertionError(f"{what} did not come within {patience_s:g} s; signals: {self.signals}") from None
