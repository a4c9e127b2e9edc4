"""Weather is retried with full jitter, a wrong setting parks one reader, a bug passes through."""

import asyncio
import random
from collections.abc import Iterator

import pytest

from drivers.api import Action, Read, ReaderMisconfigured, ReaderUnavailable, Signal, Sink
from gateway.supervisor import LOCAL, NETWORK, Backoff, backoff_for, keep_running, supervise


class Stop(Exception):
    """Ends an endless loop under test."""


class Script:
    """A reader whose sessions end as told, one after the other."""

    name = "dock-1"

    def __init__(self, *ends: Exception) -> None:
        self._ends: Iterator[Exception] = iter(ends)

    async def run(self, sink: Sink) -> None:
        raise next(self._ends)

    async def act(self, action: Action) -> None:
        raise NotImplementedError


class Journal:
    """Writes down what a sink and the supervisor's condition are told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def reads(self, batch: list[Read]) -> None:
        self.lines.append(f"{len(batch)} reads")

    def signal(self, signal: Signal) -> None:
        self.lines.append(str(signal))

    def trying(self) -> None:
        self.lines.append("trying")

    def down(self, why: str, next_try_s: float) -> None:
        self.lines.append(f"down: {why}")

    def misconfigured(self, why: str) -> None:
        self.lines.append(f"misconfigured: {why}")


async def delays_of(runs_s: list[float], backoff: Backoff) -> list[float]:
    """Return the ceilings of the delays after runs that took so long each."""
    now = 0.0
    left = iter(runs_s)
    delays: list[float] = []

    class Longest(random.Random):
        def uniform(self, a: float, b: float) -> float:
            return b

    async def run() -> None:
        nonlocal now
        try:
            now += next(left)
        except StopIteration:
            raise Stop from None
        raise ReaderUnavailable("gone")

    async def sleep(seconds: float) -> None:
        delays.append(seconds)

    with pytest.raises(Stop):
        await keep_running(
            "dock-1", run, backoff, rng=Longest(), down=lambda why, next_try_s: None, sleep=sleep, clock=lambda: now
        )
    return delays


async def test_delays_double_up_to_the_ceiling_and_start_again_after_a_healthy_run() -> None:
    backoff = Backoff(first_s=0.5, ceiling_s=3.0, healthy_after_s=30.0)
    assert await delays_of([1, 1, 1, 1, 40, 1], backoff) == [1.0, 2.0, 3.0, 3.0, 0.5, 1.0]


def test_jitter_is_full() -> None:
    rng = random.Random(7)
    delays = [NETWORK.delay_s(20, rng) for _ in range(1000)]
    assert min(delays) < 1.0
    assert max(delays) > 59.0
    assert max(delays) <= 60.0


@pytest.mark.parametrize("url", ["/dev/serial/by-id/usb-1", "serial:///dev/ttyS0?baud=57600", "pty:///tmp/line"])
def test_a_device_of_this_machine_is_looked_for_often(url: str) -> None:
    assert backoff_for(url) is LOCAL
    assert LOCAL.ceiling_s <= 3.0


@pytest.mark.parametrize("url", ["tcp://192.0.2.7:4001", "rtsp://192.0.2.9/stream1"])
def test_a_device_on_the_network_is_left_in_peace(url: str) -> None:
    assert backoff_for(url) is NETWORK


async def test_the_reason_is_told_and_a_wrong_setting_parks_the_reader() -> None:
    reader = Script(
        ReaderUnavailable("/dev/x is not there"), OSError(5, "Input/output error"), ReaderMisconfigured("no region XX")
    )
    journal = Journal()
    await supervise(reader, journal, Backoff(first_s=0.001, ceiling_s=0.002), rng=random.Random(1))
    assert journal.lines == [
        "trying", "down: /dev/x is not there",
        "trying", "down: OSError: [Errno 5] Input/output error",
        "trying", "misconfigured: no region XX",
    ]  # fmt: skip


async def test_a_bug_is_not_retried() -> None:
    with pytest.raises(ZeroDivisionError):
        await supervise(Script(ZeroDivisionError()), Journal(), LOCAL, rng=random.Random(1))


async def test_cancelling_ends_it() -> None:
    class Silent(Script):
        async def run(self, sink: Sink) -> None:
            await asyncio.Event().wait()

    task = asyncio.create_task(supervise(Silent(), Journal(), LOCAL, rng=random.Random(1)))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
