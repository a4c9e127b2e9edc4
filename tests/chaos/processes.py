"""A process that is started and killed again and again, and the one kill that no line of our code can stand at."""

import asyncio
import os
import signal
import struct
import time
from pathlib import Path

from gateway.simulate.processes import last_words
from host.children import cleaned, dying_with_us
from host.crash_points import VARIABLE
from tests.chaos.truth import TruthLog

STOPS_WITHIN_S = 20.0
LOOK_EVERY_S = 0.0002
BACKFILLED_AT, ATTEMPTED_AT = 96, 128  # in the -shm file of SQLite: WalCkptInfo.nBackfill and .nBackfillAttempted


class NotReached(Exception):
    """The process did not come to the place where it was to die; the text says which, and its last words."""


class Daemon:
    def __init__(self, name: str, log: Path, command: list[str], environment: dict[str, str]) -> None:
        self.name, self.log = name, log
        self._command = dying_with_us(command)
        self._environment = cleaned(environment)
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def start(self, armed: str | None = None) -> None:
        """`armed`: a crash point and a count, like after_commit:3."""
        with self.log.open("ab") as out:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                env=self._environment | ({VARIABLE: armed} if armed else {}),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    async def died(self, where: str, within_s: float) -> None:
        """Wait until it has killed itself. Raises NotReached."""
        assert self._process is not None
        try:
            status = await asyncio.wait_for(self._process.wait(), within_s)
        except TimeoutError:
            raise NotReached(f"{self.name} did not come to {where} within {within_s:.0f} s:\n{last_words(self.log)}") from None
        if status != -signal.SIGKILL:
            raise NotReached(f"{self.name} ended with {status} before {where}:\n{last_words(self.log)}")

    async def ended(self, within_s: float) -> None:
        """Wait until it has done its work. Raises NotReached."""
        assert self._process is not None
        try:
            status = await asyncio.wait_for(self._process.wait(), within_s)
        except TimeoutError:
            raise NotReached(f"{self.name} did not end within {within_s:.0f} s:\n{last_words(self.log)}") from None
        if status:
            raise NotReached(f"{self.name} ended with {status}:\n{last_words(self.log)}")

    async def kill(self) -> None:
        if self.running and self._process is not None:
            self._process.kill()
            await self._process.wait()

    async def stop(self) -> None:
        """SIGTERM, and SIGKILL to one that does not go."""
        if self.running and self._process is not None:
            self._process.terminate()
            try:
                await asyncio.wait_for(self._process.wait(), STOPS_WITHIN_S)
            except TimeoutError:
                await self.kill()


async def kill_in_checkpoint(daemon: Daemon, database: Path, truth: TruthLog, within_s: float) -> bool:
    """Kill the process while SQLite copies its WAL into `database`; return whether it really was in the middle.

    SQLite does that inside a COMMIT, where nothing of ours runs: the first page that is written shows in the time of the file,
    and afterwards the WAL index says how much was attempted and how much had been done. Raises NotReached."""
    await asyncio.to_thread(_kill_when_written, daemon.pid, database, within_s)
    await daemon.died("mid_checkpoint", 10)
    with truth.paused():  # nobody here has the file open by SQLite, so opening it takes no lock away
        wal_index = database.with_name(f"{database.name}-shm")
        index = wal_index.read_bytes() if wal_index.exists() else bytes(ATTEMPTED_AT + 4)  # what was written was a new file
    done, attempted = struct.unpack_from("=I", index, BACKFILLED_AT)[0], struct.unpack_from("=I", index, ATTEMPTED_AT)[0]
    return bool(attempted > done)


def _kill_when_written(pid: int, database: Path, within_s: float) -> None:
    deadline = time.monotonic() + within_s
    while not database.exists():
        if time.monotonic() > deadline:
            return
        time.sleep(0.01)
    before = database.stat().st_mtime_ns
    while time.monotonic() < deadline:
        if database.stat().st_mtime_ns != before:
            os.kill(pid, signal.SIGKILL)
            return
        time.sleep(LOOK_EVERY_S)
