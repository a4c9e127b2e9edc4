"""Keeps readers running: weather is retried with full jitter, a wrong setting parks that one reader, a bug ends the process."""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from drivers.api import Reader, ReaderMisconfigured, ReaderUnavailable, Sink

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Backoff:
    first_s: float = 0.5
    ceiling_s: float = 60.0
    healthy_after_s: float = 30.0  # a run this long clears the failure count

    def delay_s(self, failures: int, rng: random.Random) -> float:
        """Full jitter, so fifty readers do not come back in the same second."""
        return rng.uniform(0, min(self.ceiling_s, self.first_s * 2 ** min(failures, 16)))


NETWORK = Backoff()
LOCAL = Backoff(ceiling_s=2.0)  # looking for a device file costs nothing: whoever plugs it in should see it work at once


def backoff_for(url: str) -> Backoff:
    """Return the short one for devices of this machine, the long one for what is reached over a network."""
    return LOCAL if url.startswith(("/", "serial:", "pty:", "file:", "stdin:")) else NETWORK


class Condition(Protocol):
    """Where the supervisor says how a reader is."""

    def trying(self) -> None: ...

    def down(self, why: str, next_try_s: float) -> None: ...

    def misconfigured(self, why: str) -> None: ...


class ReaderSink(Sink, Condition, Protocol):
    """What a supervised reader feeds: its reads and signals, and from here how it is."""


async def keep_running(
    name: str,
    run: Callable[[], Awaitable[None]],
    backoff: Backoff,
    *,
    rng: random.Random,
    down: Callable[[str, float], None],
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Run until cancelled; tell `down` why a run ended and in how many seconds the next begins.

    The unexpected propagates: the task group ends the process, systemd restarts it, the traceback is in the journal.
    """
    failures = 0
    while True:
        started = clock()
        try:
            await run()
            why = "ended without error"
        except ReaderUnavailable as exc:
            why = str(exc)
        except OSError as exc:
            why = f"{type(exc).__name__}: {exc}"
        failures = 0 if clock() - started >= backoff.healthy_after_s else failures + 1
        delay_s = backoff.delay_s(failures, rng)
        level = logging.WARNING if failures <= 1 else logging.DEBUG  # say it once, then hush
        log.log(level, "%s: %s; retrying in %.1f s", name, why, delay_s)
        down(why, delay_s)
        await sleep(delay_s)


async def supervise(reader: Reader, sink: ReaderSink, backoff: Backoff, *, rng: random.Random) -> None:
    """Run one reader until cancelled, or until a person has to change a setting: then it is parked and the others go on."""

    async def once() -> None:
        sink.trying()
        await reader.run(sink)

    try:
        await keep_running(f"reader {reader.name}", once, backoff, rng=rng, down=sink.down)
    except ReaderMisconfigured as exc:
        log.error("reader %s: %s; it stays off until its settings change", reader.name, exc)
        sink.misconfigured(str(exc))
