"""The fault matrix: every fault, how often it is done in the quick and in the long form, and how."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from tests.chaos import certificates, clones, crowd, devices, kills, network, soak, stores, torn
from tests.chaos.figures import Figures
from tests.chaos.plant import Plant
from tests.chaos.verdict import Verdict

Done = tuple[Verdict, Figures]
"""The row, and what else was measured."""


@dataclass(frozen=True, slots=True)
class Fault:
    name: str
    do: Callable[[Plant, str, int], Awaitable[Done]]
    quick: int
    long: int
    through_proxy: bool = False


def _on_the_way(step: Callable[[Plant, int], Awaitable[Figures]]) -> Callable[[Plant, str, int], Awaitable[Done]]:
    """What happens to a running plant, judged when it has come to rest."""

    async def do(plant: Plant, name: str, times: int) -> Done:
        measured = await step(plant, times)
        return await plant.verdict(name, times), measured

    return do


async def _die(plant: Plant, times: int, *, gateway: bool, point: str) -> Figures:
    await plant.gateway.start()
    await plant.read(at_least=10)
    await (kills.kill_gateway if gateway else kills.kill_ingest)(plant, [point] * times)
    return ()


async def _torn(plant: Plant, name: str, times: int) -> Done:
    return await torn.wal_prefixes(plant, name, times), ()


async def _soak(plant: Plant, name: str, seconds: int) -> Done:
    measured = await soak.soak(plant, seconds)
    return await plant.verdict(name, 1), measured


async def _crowd(plant: Plant, name: str, gateways: int) -> Done:
    return await crowd.reconnect_at_once(plant, name, gateways)


FAULTS = (
    *(
        Fault(f"1 kill -9 gateway {point}", _on_the_way(partial(_die, gateway=True, point=point)), 2, 200)
        for point in kills.GATEWAY_POINTS
    ),
    *(
        Fault(f"2 kill -9 ingest {point}", _on_the_way(partial(_die, gateway=False, point=point)), 2, 200)
        for point in kills.INGEST_POINTS
    ),
    Fault("3 broker killed and wiped every 1 to 5 s", _on_the_way(network.flap_broker), 3, 100),
    Fault("4 partition", _on_the_way(network.partition), 3, 100, through_proxy=True),
    Fault("4 one in ten sent again", _on_the_way(network.lossy), 3, 100, through_proxy=True),
    Fault("4 two seconds late", _on_the_way(network.late), 1, 20, through_proxy=True),
    Fault("4 half-open connection", _on_the_way(network.half_open), 1, 20, through_proxy=True),
    Fault("5 registry away for 14 days", _on_the_way(stores.registry_away), 2, 40),
    Fault("6 outbox full", _on_the_way(stores.quota_reached), 1, 3),
    Fault("6 disk takes nothing", _on_the_way(stores.disk_refuses), 1, 50),
    Fault("7 torn WAL, every prefix", _torn, 1, 20),
    Fault("8 clock 1970, a year ahead, back", _on_the_way(devices.clock_jumps), 1, 20),
    Fault("9 image rolled back", _on_the_way(stores.image_rolled_back), 1, 50),
    Fault("9 same identity on two machines", clones.two_machines, 1, 20),
    Fault("10 serial line unplugged", _on_the_way(devices.serial_unplugged), 2, 100),
    Fault("10 noise, lost and torn bytes", _on_the_way(devices.serial_noise), 2, 100),
    Fault("11 one record in a hundred is poison", _on_the_way(stores.poison), 1, 20),
    Fault("12 certificate renewed in time", _on_the_way(certificates.renewed), 1, 20),
    Fault("12 certificate ended", _on_the_way(certificates.ended), 1, 10),
    Fault("12 gateway revoked", _on_the_way(certificates.revoked), 1, 20),
    Fault("12 authority replaced", _on_the_way(certificates.authority_replaced), 1, 10),
    Fault("13 registry restored from a backup", _on_the_way(stores.registry_from_backup), 2, 50),
    Fault("14 gateways reconnect at once", _crowd, 20, 200),
    Fault("17 soak", _soak, 20, 1800),
)
