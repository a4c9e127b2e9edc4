"""Child processes of `up`: they die with us, get nothing that is ours alone, and are started again when they end."""

import asyncio
import logging
import random
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from host.children import in_words, spawn
from registry.exits import NEEDS_A_PERSON

log = logging.getLogger(__name__)

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 5.0  # gateways wait meanwhile, and a start costs a second of work
HEALTHY_AFTER_S = 30.0  # a run this long clears the failure count


class NeedsAPerson(Exception):
    """A child ended because a person has to do something first; it has said what. `status` is its exit status."""

    def __init__(self, name: str, status: int) -> None:
        super().__init__(f"{name} cannot go on (exit status {status})")
        self.status = status


@dataclass(slots=True)
class Child:
    """One process that is to run all the time. `stop_within_s`: so long it has after SIGTERM."""

    name: str
    command: Sequence[str]
    stop_within_s: float
    process: asyncio.subprocess.Process | None = None
    starts: int = 0
    stopping: bool = False
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    async def keep(self, rng: random.Random, *, may_give_up: "asyncio.Event") -> None:
        """Run it again and again until `stop`. While `may_give_up` is not set, a child that needs a person ends us all.

        Raises NeedsAPerson."""
        failures = 0
        while not self.stopping:
            started = time.monotonic()
            self.process = await spawn(self.command)
            self.starts += 1
            if self.stopping:  # asked while it was being started
                _signal(self.process, signal.SIGTERM)
            status = await self.process.wait()
            self.process = None
            if self.stopping:
                return
            if status in NEEDS_A_PERSON and not may_give_up.is_set():
                raise NeedsAPerson(self.name, status)
            failures = 0 if time.monotonic() - started >= HEALTHY_AFTER_S else failures + 1
            pause_s = rng.uniform(0, min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(failures, 16)))
            log.warning("%s ended with %s; starting it again in %.1f s", self.name, in_words(status), pause_s)
            try:
                await asyncio.wait_for(self._wake.wait(), pause_s)
            except TimeoutError:
                continue

    async def stop(self) -> None:
        """SIGTERM, then SIGKILL after `stop_within_s`. Returns when the process is gone."""
        self.stopping = True
        self._wake.set()
        if (process := self.process) is None:
            return
        _signal(process, signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), self.stop_within_s)
        except TimeoutError:
            log.warning("%s did not stop within %.0f s: killed", self.name, self.stop_within_s)
            _signal(process, signal.SIGKILL)
            await process.wait()


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except ProcessLookupError:
        return
