"""`sightpost-registry up`: migrates, then keeps web, ingest, work and broker running. What the systemd unit starts.

It knows no Django: it stays small, and ready is what the web process says at /readyz.
"""

import asyncio
import contextlib
import logging
import os
import random
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from host.children import spawn
from host.notify import notify
from registry.children import Child, NeedsAPerson
from registry.configuration import Configuration

log = logging.getLogger(__name__)

ASK_EVERY_S = 0.25
ANSWER_WITHIN_S = 5.0


async def run(configuration: Configuration, config: Path | None, tell: Callable[[str], None]) -> int:
    """Run until SIGTERM or SIGINT, or until a child needs a person before everything was ready; return the exit status.

    `tell` gets one sentence when the registry is ready."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    if status := await _migrate(config, stop):
        return status
    children = _children(configuration, config)
    ready = asyncio.Event()
    rng = random.Random()  # noqa: S311 - jitter
    keeping = [asyncio.create_task(child.keep(rng, may_give_up=ready), name=child.name) for child in children]
    watching = asyncio.create_task(_watch(configuration, ready, tell))
    stopping = asyncio.create_task(stop.wait())
    status = 0
    try:
        done: set[asyncio.Task[Any]]
        done, _ = await asyncio.wait({stopping, watching, *keeping}, return_when=asyncio.FIRST_COMPLETED)
        if stopping not in done:
            status = _status_of(done)
    finally:
        notify(os.environ.get("NOTIFY_SOCKET"), "STOPPING=1")
        watching.cancel()
        stopping.cancel()
        # The broker last: until then ingest can still acknowledge what it has committed.
        await asyncio.gather(*(child.stop() for child in children if child.name != "broker"))
        await asyncio.gather(*(child.stop() for child in children if child.name == "broker"))
        await asyncio.gather(watching, stopping, *keeping, return_exceptions=True)
    return status


def command(name: str, config: Path | None) -> list[str]:
    """How this program starts one of its own commands."""
    return [sys.executable, "-m", "registry.cli", name, *(["-c", str(config)] if config is not None else [])]


def _children(configuration: Configuration, config: Path | None) -> list[Child]:
    children = [
        Child("serve", command("serve", config), 4.0),
        Child("ingest", command("ingest", config), 4.0),
        Child("work", command("work", config), 6.0),
    ]
    if configuration.broker.run:
        children.insert(0, Child("broker", command("broker", config), 2.0))
    return children


async def _migrate(config: Path | None, stop: asyncio.Event) -> int:
    """Bring the tables up to date before anything opens them; return the exit status."""
    process = await spawn(command("migrate", config))
    migrating, stopping = asyncio.create_task(process.wait()), asyncio.create_task(stop.wait())
    await asyncio.wait({migrating, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not migrating.done():
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
    return await migrating


async def _watch(configuration: Configuration, ready: asyncio.Event, tell: Callable[[str], None]) -> None:
    """Wait until the web process says that all is well, say so, then keep quiet for ever."""
    web = configuration.web
    while not await _answers_ready(web.host, web.port, web.allowed_hosts[0]):  # noqa: ASYNC110 - another process's word
        await asyncio.sleep(ASK_EVERY_S)
    ready.set()
    sentence = f"ready at http://{web.host}:{web.port}/"
    notify(os.environ.get("NOTIFY_SOCKET"), f"READY=1\nSTATUS={sentence}")
    tell(sentence)
    await asyncio.Event().wait()


async def _answers_ready(host: str, port: int, name: str) -> bool:
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(f"GET /readyz HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
                return (await reader.readline()).split()[1:2] == [b"200"]
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
    except (OSError, TimeoutError):
        return False


def _status_of(done: set[asyncio.Task[Any]]) -> int:
    for task in done:
        if isinstance(reason := task.exception(), NeedsAPerson):
            log.error("%s", reason)
            return reason.status
        if reason is not None:
            raise reason
    return 1
