"""One child process, kept running."""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Sequence

from gateway.supervisor import Backoff, keep_running
from host.children import in_words, spawn

log = logging.getLogger(__name__)

STOP_WITHIN_S = 3.0
BACKOFF = Backoff(first_s=0.5, ceiling_s=30.0)


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
        raise OSError(f"ended with {in_words(status)} after {time.monotonic() - started:.0f} s")

    await keep_running(name, once, BACKOFF, rng=rng, down=lambda why, next_try_s: None, sleep=sleep)


async def _run(command: Sequence[str]) -> int:
    child = await spawn(command)
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
