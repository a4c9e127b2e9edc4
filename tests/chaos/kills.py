"""Faults 1 and 2: gateway and ingest are killed where it matters most, again and again, and start again by themselves."""

from collections.abc import Sequence
from pathlib import Path

from tests.chaos.plant import Plant
from tests.chaos.processes import Daemon, NotReached, kill_in_checkpoint

# Each point with how often it is passed at most before the kill: a place that is passed often can be met at many moments.
GATEWAY_POINTS = {
    "after_read": 20,
    "after_commit": 20,
    "after_publish": 15,
    "after_puback": 15,
    "after_ack": 8,
    "mid_delete": 6,
    "mid_checkpoint": 1,
}
INGEST_POINTS = {
    "after_read": 8,
    "after_registry_commit": 8,
    "before_ack": 8,
    "after_publish": 8,
    "after_ack": 8,
    "mid_checkpoint": 1,
}
REACHED_WITHIN_S = 90.0  # also where the machine has other work
MANY_TAGS, FEW_TAGS = 12, 4  # a checkpoint comes after a thousand pages: sooner when more is told


async def kill_at(plant: Plant, daemon: Daemon, database: Path, points: Sequence[str]) -> None:
    """Start the process and let it die at each of these points, in this order; it is not running afterwards.

    Raises NotReached: at a point where nobody comes by, nothing is proved."""
    passed_at_most = GATEWAY_POINTS if daemon is plant.gateway else INGEST_POINTS
    for point in points:
        await daemon.stop()
        if point != "mid_checkpoint":
            plant.feed.tags_per_round = FEW_TAGS
            await daemon.start(f"{point}:{plant.rng.randint(1, passed_at_most[point])}")
            await daemon.died(point, REACHED_WITHIN_S)
            continue
        plant.feed.tags_per_round = MANY_TAGS
        for _ in range(5):  # one look in a few comes too late: the checkpoint is over, or had hardly begun
            await daemon.start()
            await plant.read(at_least=1)  # to make a new database is also to write to it
            if await kill_in_checkpoint(daemon, database, plant.truth, REACHED_WITHIN_S):
                break
        else:
            raise NotReached(f"{daemon.name} could not be killed in the middle of a checkpoint")


async def kill_gateway(plant: Plant, points: Sequence[str]) -> None:
    await kill_at(plant, plant.gateway, plant.outbox, points)


async def kill_ingest(plant: Plant, points: Sequence[str]) -> None:
    await kill_at(plant, plant.ingest, plant.registry_database, points)
