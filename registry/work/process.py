"""`sightpost-registry work`: sends what is in the outgoing queue, works off runs, does what is due. READ FIRST.

    outgoing rows -> MQTT (one connection), mail (one thread)
    runs          -> a step of each in turn (one thread)
    due jobs      -> each every so many seconds (one thread)

One such process per registry: a lock in data_dir keeps a second one out. It may be killed at any moment; what it was doing is in
the database and is gone on with after the next start.
"""

import asyncio
import contextlib
import fcntl
import logging
import os
import random
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

from django.db import InterfaceError, OperationalError, connection, connections
from django.utils import timezone

from registry import broker_login
from registry.configuration import Configuration
from registry.exits import CannotGoOn
from registry.texts import for_log
from registry.work import outgoing, runs, to_mail
from registry.work.models import WorkProcess
from registry.work.to_mqtt import ToMqtt

log = logging.getLogger(__name__)

NAME: Final = "work"
HEARTBEAT_S: Final = 2.0
IDLE_S: Final = 0.5  # between looks for a new run or mail
REST_S: Final = 0.01  # after a step: SQLite's lock is not fair, and others want to write too
FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 60.0

Job = tuple[float, Callable[[], object]]
Result = TypeVar("Result")


async def run(configuration: Configuration, *, kinds: Mapping[str, runs.Kind], every: Sequence[Job]) -> None:
    """Work until SIGTERM or SIGINT; the step in hand is finished. `every`: jobs and their seconds. Raises CannotGoOn."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    with _alone(configuration.data_dir):
        await Work(configuration, kinds=kinds, every=every, rng=random.Random()).run(stop)  # noqa: S311 - jitter


class Work:
    """`counts` are totals since the start, by name."""

    def __init__(
        self, configuration: Configuration, *, kinds: Mapping[str, runs.Kind], every: Sequence[Job], rng: random.Random
    ) -> None:
        self.counts: Counter[str] = Counter()
        self._mail = configuration.mail
        self._every: list[Job] = [*every, (60.0, self._trim)]
        self._rng = rng
        self._turns = runs.Turns(kinds)
        self._started_at = timezone.now()
        self._threads = {name: ThreadPoolExecutor(1, thread_name_prefix=name) for name in ("queue", "mail", "runs", "due")}
        self._to_mqtt = ToMqtt(broker_login.of_work(configuration), partial(self._in, "queue"), self.counts, rng)
        self._why_no_mail = ""

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop`. The unexpected propagates: the process ends, its parent starts it again."""
        try:
            uncertain = await self._in("queue", outgoing.settle_uncertain)
            if uncertain:
                self.counts["uncertain_mail"] += uncertain
                log.warning("%d mails were perhaps sent when the last process ended; they wait for somebody's word", uncertain)
            log.info("working")
            async with asyncio.TaskGroup() as tasks:
                beating = tasks.create_task(self._beat(), name="heartbeat")
                doing = [
                    tasks.create_task(self._to_mqtt.run(stop), name="mqtt"),
                    tasks.create_task(self._again(stop, "mail", self._send_mail), name="mail"),
                    tasks.create_task(self._again(stop, "runs", self._work_on_runs), name="runs"),
                    *(tasks.create_task(self._do_every(stop, *job), name="due") for job in self._every),
                ]
                await asyncio.wait(doing, return_when=asyncio.FIRST_EXCEPTION)
                beating.cancel()
        finally:
            await self._in("runs", self._turns.close)
            for name, thread in self._threads.items():
                with contextlib.suppress(OperationalError, InterfaceError):
                    await self._in(name, connections.close_all)
                thread.shutdown()
            if (close_pool := getattr(connections["default"], "close_pool", None)) is not None:
                close_pool()

    async def _again(self, stop: asyncio.Event, thread: str, do: Callable[[], bool]) -> None:
        """Call `do` in its thread again and again; at once while it says that there is more."""
        failures = 0
        while not stop.is_set():
            try:
                more = await self._in(thread, do)
                failures = 0
                pause_s = (REST_S if connection.vendor == "sqlite" else 0.0) if more else IDLE_S
            except (OperationalError, InterfaceError, to_mail.ServerUnavailable) as exc:
                failures += 1
                self._complain(thread, exc, failures)
                await self._in(thread, connections.close_all)
                pause_s = self._rng.uniform(0.1, min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(failures, 10)))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), max(pause_s, 0.0001))

    def _complain(self, thread: str, exc: Exception, failures: int) -> None:
        why = for_log(str(exc)) if isinstance(exc, to_mail.ServerUnavailable) else f"the database cannot be used: {exc}"
        if thread == "mail":
            self._why_no_mail = why
        log.log(logging.WARNING if failures == 1 else logging.DEBUG, "%s: %s; trying again", thread, for_log(why))

    async def _do_every(self, stop: asyncio.Event, seconds: float, job: Callable[[], object]) -> None:
        """Do it at once and then each so many seconds, by the monotonic clock. An error is told of and it is tried at the next
        turn."""
        loop = asyncio.get_running_loop()
        next_at = loop.time()
        while not stop.is_set():
            try:
                await self._in("due", job)
            except Exception as exc:
                self.counts["failed_jobs"] += 1
                known = isinstance(exc, OperationalError | InterfaceError)
                log.error("%s failed: %s", getattr(job, "__name__", job), for_log(str(exc)), exc_info=None if known else exc)
                await self._in("due", connections.close_all)
            next_at = max(next_at + seconds, loop.time())
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), next_at - loop.time() + 0.001)

    def _send_mail(self) -> bool:
        if not self._mail.host:
            return False
        dealt_with = to_mail.send_due(self._mail, self.counts, self._rng, stopping=lambda: False)
        self._why_no_mail = ""
        return dealt_with > 0

    def _work_on_runs(self) -> bool:
        more = self._turns.turn()
        self.counts["run_steps"] = self._turns.steps
        return more

    def _trim(self) -> None:
        if forgotten := outgoing.trim():
            self.counts["dropped_mqtt"] += forgotten
            log.error("%d messages for the broker were forgotten: too many wait", forgotten)

    async def _beat(self) -> None:
        """Say that we live, in a thread of its own kind of work: a long step does not keep it from that."""
        while True:
            why = "; ".join(word for word in (self._to_mqtt.why, self._why_no_mail) if word)
            values: dict[str, Any] = {
                "pid": os.getpid(), "started_at": self._started_at, "heartbeat_at": timezone.now(), "why": for_log(why, 500),
                "counters": dict(self.counts),
            }  # fmt: skip
            try:
                await self._in("queue", partial(WorkProcess.objects.update_or_create, name=NAME, defaults=values))
            except (OperationalError, InterfaceError) as exc:
                log.debug("heartbeat: %s", for_log(str(exc)))
                await self._in("queue", connections.close_all)
            await asyncio.sleep(HEARTBEAT_S)

    async def _in(self, thread: str, call: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._threads[thread], call)


@contextlib.contextmanager
def _alone(data_dir: Path) -> Iterator[None]:
    """Hold the lock that only one work process has; the kernel takes it back whatever becomes of us. Raises CannotGoOn."""
    file = os.open(data_dir / "work.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CannotGoOn(f"Another work process of this registry runs already (it holds {data_dir}/work.lock).") from None
        yield
    finally:
        os.close(file)
