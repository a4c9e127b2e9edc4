"""Lines to devices, by URL. A link is opened, used and always released, whatever happens in between.

`/dev/...`, `serial:///dev/...?baud=57600`   a serial port, locked against a second user
`pty:///path`                                a pseudo-terminal of an emulator, without the lock
`tcp://host:port`                            a serial server, or a reader with a network port
`stdin:`                                     standard input, for what writes its reads into a pipe
"""

import asyncio
import contextlib
import errno
import getpass
import grp
import os
import socket
import stat
import sys
import termios
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import serial
from serial_asyncio_fast import SerialTransport

from drivers.api import ReaderMisconfigured, ReaderUnavailable
from drivers.link import Link, until_done

CONNECT_TIMEOUT_S = 5.0
SERIAL_SILENCE_S = 0.05
"""After this long without a byte a serial line is silent: a USB adapter holds bytes back for 16 ms."""
TCP_SILENCE_S = 0.5
"""A network may hold half a frame back for a retransmission."""


@contextlib.asynccontextmanager
async def open_link(url: str, *, baudrate: int = 115_200) -> AsyncIterator[Link]:
    """Open the line behind `url`; leaving the block releases it.

    Raises ReaderUnavailable when the device cannot be reached, ReaderMisconfigured when the URL means nothing.
    """
    opener = _opener(url, baudrate)
    link = Link(url, TCP_SILENCE_S if url.startswith("tcp:") else SERIAL_SILENCE_S)
    try:
        await opener(link)
        yield link
    finally:
        await link.release()


def check_url(url: str) -> None:
    """Raise ReaderMisconfigured when `open_link` could never open `url`. Touches no device."""
    _opener(url, 115_200)


# ---- opening, one function per kind of line


def _opener(url: str, baudrate: int) -> Callable[[Link], Awaitable[None]]:
    parts = urlsplit(url)
    if url.startswith("/"):
        return partial(_open_serial, path=url, baudrate=baudrate, exclusive=True)
    if parts.scheme == "serial" and parts.path.startswith("/"):
        wanted = parse_qs(parts.query).get("baud", [str(baudrate)])[-1]
        if not wanted.isdecimal() or not 50 <= int(wanted) <= 4_000_000:
            raise ReaderMisconfigured(f"{url}: baud={wanted} is no speed of a serial line; write for example ?baud=115200")
        return partial(_open_serial, path=parts.path, baudrate=int(wanted), exclusive=True)
    if parts.scheme == "pty" and parts.path.startswith("/"):
        return partial(_open_serial, path=parts.path, baudrate=baudrate, exclusive=False)
    if parts.scheme == "tcp":
        with contextlib.suppress(ValueError):
            if parts.hostname and parts.port:
                return partial(_open_tcp, host=parts.hostname, port=parts.port)
        raise ReaderMisconfigured(f"{url}: host and port are needed, for example tcp://192.0.2.7:4001")
    if url in ("stdin:", "stdin://"):
        return _open_stdin
    raise ReaderMisconfigured(
        f"{url} is no line: use /dev/..., serial:///dev/...?baud=115200, tcp://host:port, pty:///path or stdin:"
    )


async def _open_serial(link: Link, *, path: str, baudrate: int, exclusive: bool) -> None:
    # In a thread: setting up a USB adapter that no longer answers takes seconds.
    open_port = partial(serial.Serial, path, baudrate, timeout=0, write_timeout=0, exclusive=exclusive or None)
    opening = asyncio.get_running_loop().run_in_executor(None, open_port)
    try:
        port = await asyncio.shield(opening)
    except asyncio.CancelledError:
        opening.add_done_callback(_close_unclaimed)
        await until_done(opening)
        raise
    except (OSError, termios.error) as exc:
        raise ReaderUnavailable(_why_not_opened(path, exc)) from None
    except ValueError:
        raise ReaderMisconfigured(f"{path} cannot run at {baudrate} baud; use a speed that it knows") from None
    try:
        link.connection_made(SerialTransport(asyncio.get_running_loop(), link, port))
    except (OSError, termios.error) as exc:  # unplugged since
        port.close()
        raise ReaderUnavailable(_why_not_opened(path, exc)) from None


def _close_unclaimed(opening: "asyncio.Future[serial.Serial]") -> None:
    with contextlib.suppress(OSError):
        opening.result().close()


def _why_not_opened(path: str, exc: OSError | termios.error) -> str:
    """Say what failed and what to do, from what the system says."""
    number = exc.errno if isinstance(exc, OSError) else exc.args[0]  # termios.error is no OSError
    match number:
        case errno.ENOENT | errno.ENXIO | errno.ENODEV:
            return f"{path}: no such device; plug it in, or correct the name (`ls -l /dev/serial/by-id/` lists what is there)"
        case errno.EACCES | errno.EPERM:
            return f"{path}: {_whose(path)}"
        case errno.EAGAIN | errno.EBUSY:
            return f"{path}: another program uses it; end that program (`fuser -v {path}` names it)"
        case None | errno.ENOTTY | errno.EISDIR:
            return f"{path}: this is no serial port; correct the url"
        case _:
            return f"{path}: cannot be opened ({os.strerror(number)}); unplug it and plug it in again"


def _whose(path: str) -> str:
    user = getpass.getuser()
    try:
        status = Path(path).stat()
        group = grp.getgrgid(status.st_gid).gr_name
    except (OSError, KeyError):
        return f"user {user} may not open it"
    if not status.st_mode & stat.S_IWGRP:
        return f"user {user} may not open it, nor may its group {group}; install the udev rules that come with Sightpost"
    return f"user {user} may not open it; add the user to the group {group} (`sudo usermod -aG {group} {user}`) and start again"


async def _open_tcp(link: Link, *, host: str, port: int) -> None:
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            transport, _ = await loop.create_connection(lambda: link, host, port)
    except TimeoutError:
        raise ReaderUnavailable(
            f"{link.url} does not answer within {CONNECT_TIMEOUT_S:g} s; check power, cable and address"
        ) from None
    except ConnectionRefusedError:
        raise ReaderUnavailable(
            f"{link.url} refused the connection; check the port, and that no other program holds the device's only connection"
        ) from None
    except socket.gaierror:
        raise ReaderUnavailable(f"{link.url}: the name {host} is not known; check it, or use the address") from None
    except OSError as exc:
        raise ReaderUnavailable(f"{link.url} cannot be reached ({exc.strerror or exc}); check network and address") from None
    line: socket.socket = transport.get_extra_info("socket")
    # A reader whose power was cut says no goodbye: the system asks after 5 s of silence, and gives up 6 s later.
    line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("TCP_KEEPIDLE", 5), ("TCP_KEEPINTVL", 2), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, option):
            line.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)


async def _open_stdin(link: Link) -> None:
    # A descriptor of our own: closing the link must not close the process's standard input, nor leave it non-blocking.
    stdin = sys.stdin.fileno()
    blocking = os.get_blocking(stdin)
    pipe = os.fdopen(os.dup(stdin), "rb", buffering=0)
    try:
        await asyncio.get_running_loop().connect_read_pipe(lambda: link, pipe)
    except (ValueError, OSError):
        pipe.close()
        raise ReaderMisconfigured("stdin: standard input is no pipe; pipe the bytes in: `cat FILE | ...`") from None
    except BaseException:
        pipe.close()
        raise
    link.when_released(lambda: os.set_blocking(stdin, blocking))
