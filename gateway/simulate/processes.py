"""The processes of the demo: commands that end by themselves, and the two that run until they are stopped."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from gateway.simulate.stage import StageError
from host.children import spawn

BIN = Path(sys.executable).parent
STOP_WITHIN_S = 15.0
COMMAND_WITHIN_S = 120.0


async def command(*words: str | Path) -> str:
    """Run a command of ours to its end and return what it printed. Raises StageError with its complaint."""
    process = await asyncio.create_subprocess_exec(
        BIN / words[0],
        *words[1:],
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        printed, complaint = await asyncio.wait_for(process.communicate(), COMMAND_WITHIN_S)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise StageError(f"{' '.join(map(str, words[:2]))} failed: {(complaint or printed).decode().strip()}")
    return printed.decode()


@contextlib.asynccontextmanager
async def running(log: Path, *words: str | Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a process of ours, its words to `log`; stopped by SIGTERM on the way out, killed when it does not go."""
    with log.open("ab") as out:
        process = await spawn([BIN / words[0], *words[1:]], out)
    try:
        yield process
    finally:
        await stop(process)


async def stop(process: asyncio.subprocess.Process) -> None:
    """SIGTERM, then SIGKILL after STOP_WITHIN_S. Does nothing to a process that has ended."""
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_WITHIN_S)
        except TimeoutError:
            process.kill()
    await process.wait()


def last_words(log: Path, lines: int = 6) -> str:
    """Return the end of a log, for an error a person reads."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else "(it said nothing)"
