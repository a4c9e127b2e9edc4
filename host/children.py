"""Starting a process that dies with us and inherits none of what is ours alone."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

_LAUNCHER = Path(__file__).with_name("die_with_parent.py")
_OURS = {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "CREDENTIALS_DIRECTORY", "STATE_DIRECTORY", "LISTEN_FDS", "LISTEN_PID"}


def cleaned(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what a child may see: not our notify socket, watchdog, sockets, credentials or state."""
    return {name: value for name, value in environment.items() if name not in _OURS}


def dying_with_us(command: Sequence[str | Path]) -> list[str]:
    """Return the command line that runs `command` and ends it when this process dies, however that happens."""
    return [sys.executable, "-S", "-E", str(_LAUNCHER), str(os.getpid()), *map(str, command)]


async def spawn(command: Sequence[str | Path], output: BinaryIO | None = None) -> asyncio.subprocess.Process:
    """Start `command` in a group of its own: a Ctrl-C at the terminal reaches us alone, and we stop things in order.

    What it prints goes to `output`, by default where ours goes."""
    return await asyncio.create_subprocess_exec(
        *dying_with_us(command),
        env=cleaned(os.environ),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,
    )


def in_words(status: int) -> str:
    """Return an exit status as people say it: a number, or the signal that ended the process."""
    return f"status {status}" if status >= 0 else signal.Signals(-status).name
