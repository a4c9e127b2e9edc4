"""Faults 3 and 4: the broker dies with all it knows, and the network between it and the gateway is bad."""

import asyncio
import time

from sync.mqtt import KEEPALIVE_S
from tests.chaos.plant import Plant
from tests.chaos.processes import NotReached

NOTICED_WITHIN_S = 1.5 * KEEPALIVE_S + 5.0  # and to connect anew
RECONNECTS_WITHIN_S = 45.0


async def flap_broker(plant: Plant, times: int) -> str:
    """The broker is killed every one to five seconds; it keeps nothing on disk, so each kill also wipes it."""
    await plant.gateway.start()
    await _delivering_again(plant)
    took = []
    for _ in range(times):
        await asyncio.sleep(plant.rng.uniform(1, 5))
        await plant.broker.kill()
        await plant.broker.start()
        took.append(await _delivering_again(plant))
    return f"again delivering after {max(took):.1f} s at most"


async def partition(plant: Plant, times: int) -> str:
    proxy = plant.network
    await plant.gateway.start()
    await _delivering_again(plant)
    took = []
    for _ in range(times):
        await proxy.partition(for_s=plant.rng.uniform(0.5, 4))
        took.append(await _delivering_again(plant))
        await asyncio.sleep(0.5)
    return f"again delivering after {max(took):.1f} s at most"


async def lossy(plant: Plant, times: int) -> str:
    """A tenth of what is sent has to be sent again; everything behind it waits."""
    plant.network.loss = 0.1
    await plant.gateway.start()
    await plant.read(at_least=30 * times, within_s=30 + 5 * times)
    return f"{plant.network.connections} connections"


async def late(plant: Plant, times: int) -> str:
    """Two seconds there and two back."""
    plant.network.delay_s = 2.0
    await plant.gateway.start()
    await plant.read(at_least=60 * times, within_s=60 + 20 * times)
    await _delivering_again(plant)
    return f"{plant.network.connections} connections"


async def half_open(plant: Plant, times: int) -> str:
    """The other side has gone without a word: the connection looks open."""
    await plant.gateway.start()
    await _delivering_again(plant)
    noticed = []
    for _ in range(times):
        async with plant.network.half_open():
            before, began = plant.network.connections, time.monotonic()
            while plant.network.connections == before:
                if time.monotonic() - began > NOTICED_WITHIN_S:
                    raise NotReached(f"the gateway has not noticed a dead connection within {NOTICED_WITHIN_S} s")
                await asyncio.sleep(0.05)
            noticed.append(time.monotonic() - began)
        await _delivering_again(plant)
    return f"noticed after {max(noticed):.1f} s at most"


async def _delivering_again(plant: Plant) -> float:
    """Wait until something stored from now on is acknowledged; return how long that took."""
    began = time.monotonic()
    now = plant.truth.now
    while plant.truth.now.acked <= now.last:
        if time.monotonic() - began > RECONNECTS_WITHIN_S:
            raise NotReached(f"nothing is delivered {RECONNECTS_WITHIN_S} s after the fault is over")
        await asyncio.sleep(0.02)
    return time.monotonic() - began
