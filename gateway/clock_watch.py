"""Notices that the wall clock was not right, and tells the registry how wrong once it is: a `clock_fix` record.

The monotonic clock counts on through every setting of the other one, and each record carries both. So it is enough to say what
the right time was at one moment; the registry sets the times of the whole boot right by that.
"""

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

import msgspec

from drivers.api import Clock
from host import private_files
from sync.wire import ClockFix, ClockQuality, RecordKind, encode

log = logging.getLogger(__name__)

STEP_MS = 1_000  # a clock that was set by less was right enough
MAX_FILE_BYTES = 10_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Store(Protocol):
    def append_records(self, records: list[tuple[RecordKind, bytes]]) -> int: ...


class _Noted(msgspec.Struct, frozen=True):
    """Since this boot's clock was first seen not to be synchronised: how far it was ahead of the monotonic one then, and whether
    it was set in between."""

    boot_id: str
    ahead_ms: int
    stepped: bool = False


class ClockWatch:
    """One for a gateway. What it noted outlives the process, in a file; without that it is known only until the process ends."""

    def __init__(self, path: Path, boot_id: str, clock: Clock) -> None:
        self._path = path
        self._boot_id = boot_id
        self._clock = clock
        self._noted = _read(path, boot_id)

    def look(self, store: Store, quality: ClockQuality) -> bool:
        """To be called about once a second, in the thread that writes to the store. Return whether a record was stored.

        Raises OutboxUnavailable; then the next call tries again."""
        mono_ms, wall_ms = self._clock.mono_ns() // 1_000_000, self._clock.wall_ms()
        ahead_ms, noted = wall_ms - mono_ms, self._noted
        if quality is not ClockQuality.SYNCED:
            if noted is None:
                self._note(_Noted(self._boot_id, ahead_ms))
            elif not noted.stepped and abs(ahead_ms - noted.ahead_ms) >= STEP_MS:
                self._note(msgspec.structs.replace(noted, stepped=True))
            return False
        if noted is None:
            return False
        off_ms = ahead_ms - noted.ahead_ms
        wrong = noted.stepped or abs(off_ms) >= STEP_MS
        if wrong:
            fix = ClockFix(self._boot_id, mono_ms, _EPOCH + timedelta(milliseconds=wall_ms), off_ms)
            store.append_records([(RecordKind.CLOCK_FIX, encode(fix))])
            log.info("the clock is right now; it was set by %.0f s since it was not: the registry is told", off_ms / 1000)
        self._note(None)
        return wrong

    def _note(self, noted: _Noted | None) -> None:
        self._noted = noted
        try:
            if noted is None:
                self._path.unlink(missing_ok=True)
            else:
                private_files.write(self._path, encode(noted))
        except OSError as exc:
            log.debug("%s: %s", self._path, exc)  # a disk that is full is told where events are stored


def _read(path: Path, boot_id: str) -> _Noted | None:
    try:
        with path.open("rb") as file:
            noted = msgspec.json.decode(file.read(MAX_FILE_BYTES), type=_Noted)
    except (OSError, msgspec.DecodeError, ValueError):
        return None
    return noted if noted.boot_id == boot_id else None
