"""Recordings of a running gateway: begun when one is asked for, written once a second, ended in good order.

A recording that cannot be begun or go on is given up and said in the journal; the gateway works as before. Files are written in a
thread of their own and are readable by the gateway's account alone.
"""

import asyncio
import contextlib
import logging
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from drivers.api import Clock
from gateway.clock import quality
from gateway.location.site import Instant
from gateway.recording import request as requests
from gateway.recording.framing import MAGIC, RAW_BLOCK_BYTES, packed
from gateway.recording.header import header
from gateway.recording.recorder import Recorder
from gateway.recording.records import Encoder, Live, Record, State
from gateway.recording.request import FOLDER, UNFINISHED, Request
from gateway.settings import Settings
from gateway.writer import Writer

log = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
SAME_NAME = 9  # files of one request: each start of the gateway begins a new one
KEEP_FREE_BYTES = 500_000_000  # for the outbox and everybody else

Before = tuple[Mapping[str, bytes], Mapping[str, int]]
"""What an engine begins with: saved state by identity, and up to when each reader was live."""


class CannotRecord(Exception):
    """The text says why."""


@dataclass(slots=True)
class Going:
    """The recording under way."""

    request: Request
    path: Path  # its name when it has ended
    file: int
    until_ns: int
    written: int = 0


class Recordings:
    """One for a gateway. All calls on its event loop."""

    def __init__(self, settings: Settings, recorder: Recorder, clock: Clock, software: str) -> None:
        self._settings = settings
        self._folder = settings.gateway.data_dir
        self._recorder = recorder
        self._clock = clock
        self._software = software
        self._writer = Writer("recording")  # so that nothing is written after the last word, or beside it
        self._going: Going | None = None
        self._turn = asyncio.Lock()

    async def begin_with(self, saved: Mapping[str, bytes], live_until: Mapping[str, int], now: Instant) -> None:
        """At the gateway's start, before its engine is made with just these: a recording from here on is complete."""
        if (request := await self._asked()) is not None:

            async def before() -> Before:
                return saved, live_until

            await self._begin(request, before, lambda: now, ())

    async def run(self, before: Callable[[], Awaitable[Before]], live: Callable[[], Iterable[str]]) -> None:
        """Do what is asked for until cancelled. `before` is what an engine that began now would begin with."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            async with self._turn:
                await self._look(before, live)

    @contextlib.asynccontextmanager
    async def renewing(self, settings: Settings) -> AsyncIterator[None]:
        """These settings hold from now on, and an engine of theirs decides once this is over. A recording ends before; if it was
        asked for longer, another one begins after."""
        async with self._turn:
            if self._going is not None:
                await self._end("the settings have changed", withdraw=False)
            self._settings = settings
            self._recorder.renew([section.name for section in settings.readers])
            yield

    async def _look(self, before: Callable[[], Awaitable[Before]], live: Callable[[], Iterable[str]]) -> None:
        request = await self._asked()
        if self._going is None:
            if request is not None:
                await self._begin(request, before, self._now, live)
        elif request != self._going.request:
            await self._end("it was stopped")
        else:
            await self._go_on(self._going)

    async def close(self) -> None:
        """The gateway stops, `run` is over. What is asked for holds for its next start."""
        if self._going is not None:
            await self._end("the gateway stopped", withdraw=False)
        self._writer.close()

    # ---- one recording

    async def _begin(
        self,
        request: Request,
        before: Callable[[], Awaitable[Before]],
        now: Callable[[], Instant],
        live: Iterable[str] | Callable[[], Iterable[str]],
    ) -> None:
        try:
            left_s = (request.until_ms - self._clock.wall_ms()) / 1000
            if left_s <= 0:
                raise CannotRecord("the time for which it was asked is over")
            saved, live_until = await before()
            base = self._now()
            going = await self._writer(self._open, request, base, saved, live_until)
        except (CannotRecord, OSError) as exc:
            log.error("recording %s: not begun: %s", request.name, exc)
            await self._withdraw(request)
            return
        going.until_ns = base.mono_ns + int(min(left_s, request.minutes * 60) * 1e9)
        self._going = going
        at = now()
        self._recorder.begin(base, at, live() if callable(live) else live, quality(at.wall_ms))
        log.info("recording to %s: at most %g minutes and %d MB", going.path, request.minutes, request.megabytes)

    async def _go_on(self, going: Going) -> None:
        if self._recorder.failed:
            await self._end(self._recorder.failed)
        elif going.written >= going.request.megabytes * 1_000_000:
            await self._end(f"it has its {going.request.megabytes} MB")
        elif self._clock.mono_ns() >= going.until_ns:
            await self._end("its time is over")
        else:
            try:
                await self._writer(_write, going, self._recorder.fetch())
            except OSError as exc:
                log.error("recording %s: %s", going.path, exc)
                await self._end("it could not be written")

    async def _end(self, reason: str, *, withdraw: bool = True) -> None:
        going, self._going = self._going, None
        assert going is not None
        last = self._recorder.end(reason)
        try:
            await self._writer(_finish, going, last)
        except OSError as exc:
            log.error("recording %s: %s", going.path, exc)
        log.info("recording %s: %s; %d bytes", going.path, reason, going.written)
        if withdraw:
            await self._withdraw(going.request)

    def _now(self) -> Instant:
        return Instant(self._clock.mono_ns(), self._clock.wall_ms())

    async def _asked(self) -> Request | None:
        try:
            return await self._writer(requests.asked, self._folder)
        except (ValueError, OSError) as exc:
            log.error("recording: %s", exc)
            await self._withdraw(None)
            return None

    async def _withdraw(self, request: Request | None) -> None:
        try:
            await self._writer(requests.withdraw, self._folder, request)
        except OSError as exc:
            log.debug("recording: %s", exc)

    # ---- in a thread

    def _open(self, request: Request, base: Instant, saved: Mapping[str, bytes], live_until: Mapping[str, int]) -> Going:
        """Open the file; header and engine state are in it afterwards. Raises CannotRecord, OSError."""
        folder = self._folder / FOLDER
        folder.mkdir(mode=0o700, exist_ok=True)
        if shutil.disk_usage(folder).free < request.megabytes * 1_000_000 + KEEP_FREE_BYTES:
            raise CannotRecord(f"the disk has no room for {request.megabytes} MB more")
        path = _free_name(folder / request.name)
        going = Going(request, path, os.open(_part(path), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), 0)
        try:
            os.write(going.file, MAGIC + packed(header(self._settings, base, self._software)))
            _write(going, remembered(base, saved, live_until))
        except BaseException:
            os.close(going.file)
            _part(path).unlink()
            raise
        return going


def _free_name(path: Path) -> Path:
    for number in range(1, SAME_NAME + 1):
        free = path if number == 1 else path.with_stem(f"{path.stem}-{number}")
        if not free.exists() and not _part(free).exists():
            return free
    raise CannotRecord(f"there are {SAME_NAME} of that name already")


def _part(path: Path) -> Path:
    return path.with_name(path.name + UNFINISHED)


def remembered(base: Instant, saved: Mapping[str, bytes], live_until: Mapping[str, int]) -> Iterator[bytes]:
    """Yield blocks that tell it."""
    encoder, block = Encoder(base), bytearray()
    told: list[Record] = [Live(name, until_ms) for name, until_ms in live_until.items()]
    told += [State(identity, state) for identity, state in saved.items()]
    for record in told:
        encoder.add(block, record)
        if len(block) >= RAW_BLOCK_BYTES:
            yield bytes(block)
            block = bytearray()
    if block:
        yield bytes(block)


def _write(going: Going, blocks: Iterable[bytes]) -> None:
    for block in blocks:
        data = packed(block)
        while data:
            count = os.write(going.file, data)
            data = data[count:]
            going.written += count


def _finish(going: Going, blocks: Iterable[bytes]) -> None:
    try:
        _write(going, blocks)
        os.fsync(going.file)
    finally:
        os.close(going.file)
        _part(going.path).rename(going.path)
