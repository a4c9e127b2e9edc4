"""Full serial lines are read in turns: one wake-up for all of them, instead of one for each piece that an adapter hands on.

A gateway with four full lines is woken 280 times a second, for nine frames each, which is half of what reading costs it. So while
several lines are full they are not waited for, but read together every TURN_S. A line alone, or one that has room, is heard at
once: there the wait would be felt, by who waits for an event and by a reader that waits for its next command.
"""

import asyncio
from typing import Protocol

import serial
from serial_asyncio_fast import SerialTransport

TURN_S = 0.03  # 345 bytes at 115,200 baud, 2,770 at 921,600; the system keeps 4,096 for us
MANY_LINES = 3
FULL_BYTES = 8_000  # of one line in a second; 115,200 baud are 11,520
FREE_BYTES = 6_000
AT_ONCE_BYTES = 4_096

_full: set["Turns"] = set()  # of this process's lines


class Line(Protocol):
    def data_received(self, data: bytes) -> None: ...


class Turns:
    """How one line is read: told of each piece, it takes over while the line is one of several full ones. Like a transport it can
    be paused by who is too slow for it."""

    def __init__(self, line: Line, transport: SerialTransport, loop: asyncio.AbstractEventLoop) -> None:
        self._line = line
        self._transport = transport
        self._loop = loop
        self._second = int(loop.time())
        self._bytes = 0
        self._taking = False
        self._paused = False

    @property
    def longest_s(self) -> float:
        """For how long bytes may lie there before they are read."""
        return TURN_S if self._taking else 0.0

    def pause_reading(self) -> None:
        self._paused = True
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        self._paused = False
        if not self._taking and not self._transport.is_closing():
            self._transport.resume_reading()

    def piece(self, size: int) -> None:
        """So many bytes came, by themselves or in a turn."""
        self._count(size)
        if not self._taking and self in _full and len(_full) >= MANY_LINES:
            self._taking = True
            self._transport.pause_reading()
            self._wait()

    def end(self) -> None:
        """The line is gone."""
        _full.discard(self)

    def _count(self, size: int) -> None:
        second = int(self._loop.time())
        if second != self._second:
            rate = self._bytes / (second - self._second)
            if rate >= FULL_BYTES:
                _full.add(self)
            elif rate < FREE_BYTES:
                _full.discard(self)
            self._second, self._bytes = second, 0
        self._bytes += size

    def _wait(self) -> None:
        """Until the next full TURN_S of the loop's clock: so the lines share their turns."""
        self._loop.call_at((self._loop.time() // TURN_S + 1) * TURN_S, self._turn)

    def _turn(self) -> None:
        if self._transport.is_closing():
            return
        try:
            data = b"" if self._paused or (port := self._transport.serial) is None else port.read(AT_ONCE_BYTES)
        except (serial.SerialException, OSError):
            self._leave()  # the transport meets the same error and says so
            return
        if data:
            self._line.data_received(data)
        else:
            self._count(0)
        if self in _full and len(_full) >= MANY_LINES:
            self._wait()
        else:
            self._leave()

    def _leave(self) -> None:
        self._taking = False
        if not self._paused:
            self._transport.resume_reading()
