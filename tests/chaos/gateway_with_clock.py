"""`sightpost run` on a machine whose wall clock somebody moves: python -m tests.chaos.gateway_with_clock SETTINGS FILE

FILE holds the seconds by which the clock is wrong, and is looked at again and again.
"""

import asyncio
import sys
import time
from pathlib import Path

from drivers.api import Clock
from gateway import app
from gateway.lifecycle import stop_on_signals
from gateway.problems import read

LOOK_EVERY_NS = 20_000_000


class MovedClock:
    def __init__(self, file: Path) -> None:
        self._file = file
        self._shift_ms, self._looked_ns = 0, -LOOK_EVERY_NS

    def wall_ms(self) -> int:
        now_ns = time.monotonic_ns()
        if now_ns - self._looked_ns >= LOOK_EVERY_NS and (text := self._file.read_text()):
            self._shift_ms, self._looked_ns = int(float(text) * 1000), now_ns
        return time.time_ns() // 1_000_000 + self._shift_ms


async def main(config: Path, shift: Path) -> None:
    settings = read(config).settings
    assert settings is not None
    stop = asyncio.Event()
    stop_on_signals(stop)
    await app.run(settings, stop, clock=Clock(time.monotonic_ns, MovedClock(shift).wall_ms))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2])))
