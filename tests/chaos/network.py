"""Faults 3 and 4: the broker dies with all it knows, and the network between it and the gateway is bad."""

import asyncio
import time

from sync.mqtt import KEEPALIVE_S
from tests.chaos.figures import Figure, Figures, p99
from tests.chaos.plant import Plant
from tests.chaos.processes import NotReached

NOTICED_WITHIN_S = 1.5 * KEEPALIVE_S
RECONNECTED_WITHIN_S = 10.0
GIVEN_UP_AFTER_S = NOTICED_WITHIN_S + RECONNECTED_WITHIN_S
RECONNECTS_WITHIN_S = 45.0


async def flap_broker(plant: Plant, times: int) -> Figures:
    """The broker is killed every one to five seconds; it keeps nothing on disk, so each kill also wipes it."""
    await plant.gateway.start()
    await delivering_again(plant)
    took = []
    for _ in range(times):
        await asyncio.sleep(plant.rng.uniform(1, 5))
        await plant.broker.kill()
        await plant.broker.start()
        took.append(await delivering_again(plant))
    return (_back(took),)


async def partition(plant: Plant, times: int) -> Figures:
    proxy = plant.network
    await plant.gateway.start()
    await delivering_again(plant)
    took = []
    for _ in range(times):
        await proxy.partition(for_s=plant.rng.uniform(0.5, 4))
        took.append(await delivering_again(plant))
        await asyncio.sleep(0.5)
    return (_back(took),)


async def lossy(plant: Plant, times: int) -> Figures:
    """A tenth of what is sent has to be sent again; everything behind it waits."""
    plant.network.loss = 0.1
    await plant.gateway.start()
    await plant.read(at_least=30 * times, within_s=30 + 5 * times)
    return (_lasted(plant),)


async def late(plant: Plant, times: int) -> Figures:
    """Two seconds there and two back."""
    plant.network.delay_s = 2.0
    await plant.gateway.start()
    await plant.read(at_least=60 * times, within_s=60 + 20 * times)
    await delivering_again(plant)
    return (_lasted(plant),)


async def half_open(plant: Plant, times: int) -> Figures:
    """The other side has gone without a word: the connection looks open."""
    await plant.gateway.start()
    await delivering_again(plant)
    noticed = []
    for _ in range(times):
        async with plant.network.half_open():
            before, began = plant.network.connections, time.monotonic()
            while plant.network.connections == before:
                if time.monotonic() - began > GIVEN_UP_AFTER_S:
                    raise NotReached(f"the gateway has not noticed a dead connection within {GIVEN_UP_AFTER_S} s")
                await asyncio.sleep(0.05)
            noticed.append(time.monotonic() - began)
        await delivering_again(plant)
    return (Figure("noticed and connected anew, at most", max(noticed), below=NOTICED_WITHIN_S),)


def _back(took: list[float]) -> Figure:
    return Figure("delivering again, p99", p99(took), below=RECONNECTED_WITHIN_S)


def _lasted(plant: Plant) -> Figure:
    """A network that is only bad cuts nobody off."""
    return Figure("connections", plant.network.connections, "in all")


async def delivering_again(plant: Plant) -> float:
    """Wait until something stored from now on is acknowledged; return how long that took."""
    began = time.monotonic()
    now = plant.truth.now
    while plant.truth.now.acked <= now.last:
        if time.monotonic() - began > RECONNECTS_WITHIN_S:
            raise NotReached(f"nothing is delivered {RECONNECTS_WITHIN_S} s after the fault is over")
        await asyncio.sleep(0.02)
    return time.monotonic() - began
