"""Faults 8 and 10: the clock of the machine jumps, the serial line is pulled, noisy and torn."""

import asyncio
import random
import sys
import time

from drivers.emulated_line import Weather
from tests.chaos.figures import Figure, Figures
from tests.chaos.plant import Plant
from tests.chaos.processes import Daemon

YEAR_S = 365 * 86_400.0
BACK_WITHIN_S = 5.0  # the target
GIVEN_UP_AFTER_S = 30.0


async def clock_jumps(plant: Plant, times: int) -> Figures:
    """The machine starts in 1970, is set right, goes a year ahead, comes back, and is then a year behind."""
    shift = plant.folder / "clock-shift"
    command = [sys.executable, "-m", "tests.chaos.gateway_with_clock", str(plant.folder / "gateway.toml"), str(shift)]
    plant.gateway = Daemon("gateway", plant.gateway.log, command, plant.home.environment)
    for _ in range(times):
        await plant.gateway.stop()
        shift.write_text(str(-time.time() + 60))
        await plant.gateway.start()
        await plant.read(at_least=20)
        for seconds in (0.0, YEAR_S, 0.0, -YEAR_S):
            shift.write_text(str(seconds))
            await plant.read(at_least=30)
    shift.write_text("0")
    await plant.read(at_least=20)
    return ()


async def serial_unplugged(plant: Plant, times: int) -> Figures:
    await plant.gateway.start()
    took = []
    for _ in range(times):
        await plant.read(at_least=20)
        plant.line.unplug()
        await asyncio.sleep(plant.rng.uniform(0.2, 3))
        plant.line.plug()
        began = time.monotonic()
        await plant.read(at_least=1, within_s=GIVEN_UP_AFTER_S)
        took.append(time.monotonic() - began)
    return (Figure("reader back, at most", max(took), below=BACK_WITHIN_S),)


async def serial_noise(plant: Plant, times: int) -> Figures:
    """Garbage before every second burst, a tenth of the bursts lose bytes, the rest comes torn."""
    plant.line.weather = Weather(random.Random(plant.rng.random()), noise=0.5, loss=0.1, tear_bytes=7)
    await plant.gateway.start()
    await plant.read(at_least=50 * times)
    return ()
