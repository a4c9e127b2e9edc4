"""Fault 14: many gateways find the broker again in the same second."""

import asyncio
import random
import time
from contextlib import AsyncExitStack
from pathlib import Path

from sync.credentials import read_credentials
from sync.identification import Identification
from sync.outbox import Outbox
from sync.uplink import Uplink
from sync.wire import ClockQuality, Health
from tests.chaos.figures import Figure, Figures
from tests.chaos.filling import events, fill, opened
from tests.chaos.plant import COMPANY_PREFIX, Plant
from tests.chaos.processes import NotReached
from tests.chaos.truth import TruthLog
from tests.chaos.verdict import Verdict, judge

EVENTS_EACH = 40
STEADY_WITHIN_S = 120.0


async def reconnect_at_once(plant: Plant, name: str, gateways: int) -> tuple[Verdict, Figures]:
    """Each has stored something meanwhile; the broker comes back, and nothing waits any more after so many seconds."""
    names = [f"crowd-{number}" for number in range(gateways)]
    await asyncio.to_thread(_introduce, plant, names)
    await plant.broker.kill()
    await plant.broker.start()
    outboxes = {who: plant.folder / who / "outbox.db" for who in names}
    truths = []
    async with AsyncExitStack() as running:
        group = await running.enter_async_context(asyncio.TaskGroup())
        tasks = []
        for number, (who, path) in enumerate(outboxes.items()):
            rng = random.Random(plant.rng.random())
            told = list(events([f"8004:{COMPANY_PREFIX}{5000 + number}"], 2 * EVENTS_EACH, rng, per_s=10.0))
            fill(path, plant.outbox_mb, iter(told[:EVENTS_EACH]))
            tasks.append(group.create_task(_uplink(plant, who, path, rng).run()))
            truths.append(TruthLog(path, path.with_name("truth.log")))
            await asyncio.sleep(0)
        await _all_delivered(truths)
        await plant.broker.kill()
        for number, path in enumerate(outboxes.values()):
            fill(path, plant.outbox_mb, events([f"8004:{COMPANY_PREFIX}{5000 + number}"], EVENTS_EACH, plant.rng, per_s=10.0))
        await plant.broker.start()
        took = await _all_delivered(truths)
        for task in tasks:
            task.cancel()
    verdict = await asyncio.to_thread(judge, name, gateways, truths, list(outboxes.values()), plant.registry_database)
    return verdict, (Figure("steady again", took),)


def _introduce(plant: Plant, names: list[str]) -> None:
    commands = []
    for name in names:
        (plant.folder / name).mkdir(mode=0o700)
        commands.append(f"gateways add {name} --local --out {plant.folder / name / 'credentials.json'}")
    for status, said in plant.home.batch(*commands):
        assert status == 0, said


def _uplink(plant: Plant, name: str, path: Path, rng: random.Random) -> Uplink:
    def outbox() -> Outbox:
        return opened(path, plant.outbox_mb)

    return Uplink(
        outbox,
        read_credentials(path.with_name("credentials.json")),
        Identification("chaos", f"machine-{name}", "0" * 32, lambda: ClockQuality.SYNCED),
        lambda: Health(0, None, software="chaos"),
        wall_ms=lambda: time.time_ns() // 1_000_000,
        mono_ns=time.monotonic_ns,
        rng=rng,
    )


async def _all_delivered(truths: list[TruthLog]) -> float:
    began = time.monotonic()
    while waiting := sum(truth.look().waiting for truth in truths):
        if time.monotonic() - began > STEADY_WITHIN_S:
            raise NotReached(f"{waiting} events of {len(truths)} gateways still wait after {STEADY_WITHIN_S} s")
        await asyncio.sleep(0.2)
    return time.monotonic() - began
