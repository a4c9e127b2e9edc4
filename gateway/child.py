"""One child process, kept running: it dies with us and inherits none of what is ours alone."""

import asyncio
import logging
import os
import random
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

from gateway.supervisor import Backoff, keep_running

log = logging.getLogger(__name__)

STOP_WITHIN_S = 3.0
BACKOFF = Backoff(first_s=0.5, ceiling_s=30.0)
_LAUNCHER = Path(__file__).with_name("die_with_parent.py")
_OURS = {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "CREDENTIALS_DIRECTORY", "STATE_DIRECTORY", "LISTEN_FDS", "LISTEN_PID"}


def cleaned(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what a child may see: not our notify socket, watchdog, sockets or credentials."""
    return {name: value for name, value in environment.items() if name not in _OURS}


async def keep_child(
    name: str,
    command: Sequence[str],
    *,
    rng: random.Random,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Run `command` until cancelled, again whenever it ends. Once cancelled it gets SIGTERM, and SIGKILL after STOP_WITHIN_S."""

    async def once() -> None:
        started = time.monotonic()
        status = await _run(command)
        raise OSError(f"ended with {_in_words(status)} after {time.monotonic() - started:.0f} s")

    await keep_running(name, once, BACKOFF, rng=rng, down=lambda why, next_try_s: None, sleep=sleep)


async def _run(command: Sequence[str]) -> int:
    # A group of its own: a Ctrl-C at the terminal reaches us alone, and we stop things in order.
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-S", "-E", str(_LAUNCHER), str(os.getpid()), *command,
        env=cleaned(os.environ), stdin=asyncio.subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        return await child.wait()
    finally:
        if child.returncode is None:
            await _stop(child)


async def _stop(child: asyncio.subprocess.Process) -> None:
    child.terminate()
    try:
        await asyncio.wait_for(child.wait(), STOP_WITHIN_S)
    except TimeoutError:
        log.warning("child %d did not stop within %.0f s: killed", child.pid, STOP_WITHIN_S)
        child.kill()
        await child.wait()


def _in_words(status: int) -> str:
    return f"status {status}" if status >= 0 else signal.Signals(-status).name
