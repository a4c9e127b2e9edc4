"""The daemon among other processes: what it tells systemd, how it is asked to stop."""

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from host.notify import notify

log = logging.getLogger(__name__)

Alive = Callable[[], Awaitable[bool]]
"""Asks one part of the program whether it made progress since the last question."""


@dataclass(frozen=True, slots=True)
class Systemd:
    """The notify socket of the service manager; without one every call does nothing. `watchdog_s` is None when nobody watches."""

    address: str | None
    watchdog_s: float | None

    @classmethod
    def of(cls, environment: Mapping[str, str], pid: int) -> "Systemd":
        """Read NOTIFY_SOCKET and WATCHDOG_USEC (which counts only for the process that WATCHDOG_PID names)."""
        usec, for_pid = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", str(pid))
        watched = usec.isdigit() and int(usec) > 0 and for_pid == str(pid)
        return cls(environment.get("NOTIFY_SOCKET") or None, int(usec) / 1e6 if watched else None)

    def ready(self, status: str) -> None:
        self._tell(f"READY=1\nSTATUS={_line(status)}")

    def status(self, status: str) -> None:
        self._tell(f"STATUS={_line(status)}")

    def stopping(self) -> None:
        self._tell("STOPPING=1\nSTATUS=stopping")

    def feed_watchdog(self) -> None:
        self._tell("WATCHDOG=1")

    def _tell(self, message: str) -> None:
        notify(self.address, message)


class Watch:
    """Feeds the watchdog while every part makes progress.

    A part that stands still is named in the journal and in `stuck`, and systemd, not fed, restarts us.
    """

    def __init__(
        self, systemd: Systemd, parts: Mapping[str, Alive], *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self.stuck: str | None = None  # for people
        self._systemd = systemd
        self._parts = parts
        self._sleep = sleep
        self._every_s = (systemd.watchdog_s or 30.0) / 3

    async def run(self, sentence: Callable[[], str]) -> None:
        """Watch until cancelled; `sentence` is what systemd shows while all is well."""
        while True:
            await self._sleep(self._every_s)
            still = [name for name, alive in self._parts.items() if not await self._answers(alive)]
            self.stuck = f"no progress for {self._every_s:.0f} s: {', '.join(still)}" if still else None
            if self.stuck:
                log.error(self.stuck)
                self._systemd.status(self.stuck)
            else:
                self._systemd.feed_watchdog()
                self._systemd.status(sentence())

    async def _answers(self, alive: Alive) -> bool:
        try:
            return await asyncio.wait_for(alive(), self._every_s / 2)
        except TimeoutError:
            return False


def advanced(counter: Callable[[], int]) -> Alive:
    """Return a part that lives as long as `counter` has moved since the last question."""
    last = -1

    async def alive() -> bool:
        nonlocal last
        before, last = last, counter()
        return last != before

    return alive


def stop_on_signals(stop: asyncio.Event) -> None:
    """Let SIGTERM and SIGINT set `stop`. A second one of them ends the process at once, for people who are in a hurry."""
    loop = asyncio.get_running_loop()

    def asked(number: signal.Signals) -> None:
        log.info("%s: stopping", number.name)
        stop.set()
        for again in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(again)
            signal.signal(again, signal.SIG_DFL)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked, number)


def _line(text: str) -> str:
    return text.replace("\n", " ")
