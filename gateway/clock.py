"""The gateway's two clocks, how far the wall clock is to be trusted, and which boot this is.

Timers run on the monotonic clock; the wall clock only stamps. Both are passed on as arguments (`drivers.api.Clock`).
"""

import ctypes
import os
import time
from pathlib import Path

from drivers.api import Clock
from sync.wire import ClockQuality

SYSTEM = Clock(mono_ns=time.monotonic_ns, wall_ms=lambda: time.time_ns() // 1_000_000)

FLOOR_WALL_MS = 1_735_689_600_000  # 2025-01-01: this program did not exist before, so a clock that says so was never set

_STA_UNSYNC = 0x0040
_TIMESYNCD_SAYS = Path("/run/systemd/timesync/synchronized")
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class _Timex(ctypes.Structure):
    """The head of the kernel's `struct timex`; the rest is room for what we do not look at."""

    _fields_ = [
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("_rest", ctypes.c_byte * 256),
    ]


def quality(wall_ms: int, floor_wall_ms: int = FLOOR_WALL_MS) -> ClockQuality:
    """Return SYNCED when something disciplines this clock now, else HOLDOVER, and UNSET before the floor: it cannot be earlier
    than this program, nor, while nobody knows better, than what was stored before."""
    if wall_ms < FLOOR_WALL_MS:
        return ClockQuality.UNSET
    if _disciplined():
        return ClockQuality.SYNCED
    return ClockQuality.UNSET if wall_ms < floor_wall_ms else ClockQuality.HOLDOVER


def boot_id() -> str:
    """Return the kernel's id of this boot: monotonic times compare only within one."""
    return _BOOT_ID.read_text().strip()


def _disciplined() -> bool:
    timex = _Timex()  # modes = 0: only asks
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.adjtimex(ctypes.byref(timex)) >= 0:
        return not timex.status & _STA_UNSYNC
    # A system call filter may forbid even asking; systemd's own time client then still leaves its mark.
    return os.access(_TIMESYNCD_SAYS, os.F_OK)
