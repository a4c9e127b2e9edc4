"""Child processes of `up`: they die with us, get nothing that is ours alone, and are started again when they end."""

import asyncio
import logging
import os
import random
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from registry.exits import NEEDS_A_PERSON

log = logging.getLogger(__name__)

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 5.0  # gateways wait meanwhile, and a start costs a second of work
HEALTHY_AFTER_S = 30.0  # a run this long clears the failure count
_LAUNCHER = Path(__file__).with_name("die_with_parent.py")
_OURS = {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "CREDENTIALS_DIRECTORY", "LISTEN_FDS", "LISTEN_PID"}


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


async def spawn(command: Sequence[str]) -> asyncio.subprocess.Process:
    """Start a command in a group of its own (a Ctrl-C at the terminal reaches us alone, and we stop things in order)."""
    return await asyncio.create_subprocess_exec(
        sys.executable, "-S", "-E", str(_LAUNCHER), str(os.getpid()), *command,
        env=cleaned(os.environ), stdin=asyncio.subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip


def cleaned(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what a child may see: not our notify socket, watchdog, sockets or credentials."""
    return {name: value for name, value in environment.items() if name not in _OURS}


def in_words(status: int) -> str:
    return f"status {status}" if status >= 0 else signal.Signals(-status).name


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except ProcessLookupError:
        return
