"""Fault 9, second half: the card is copied, and both machines deliver under one name."""

import asyncio
import random
import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from gateway.simulate.processes import BIN
from sync.credentials import read_credentials
from sync.identification import Identification
from sync.outbox import Outbox
from sync.uplink import Uplink
from sync.uplink_status import UplinkState
from sync.wire import ClockQuality, Health
from tests.chaos.figures import Figure, Figures
from tests.chaos.filling import events, fill, opened
from tests.chaos.plant import COMPANY_PREFIX, GATEWAY, Plant
from tests.chaos.processes import Daemon, NotReached
from tests.chaos.truth import TruthLog
from tests.chaos.verdict import Verdict, judge

EVENTS_OF_A_COPY = 40
NOTICED_WITHIN_S = 30.0
NOTHING_TAKEN_FOR_S = 2.0
_HELD = "SELECT machine FROM tracking_gateway WHERE held_at IS NOT NULL"
_STORED = "SELECT count(*) FROM tracking_locationevent"


async def two_machines(plant: Plant, name: str, times: int) -> tuple[Verdict, Figures]:
    """Nothing is taken of either until somebody says which one it is. What only the other has read comes in from its card."""
    noticed, cards = [], []
    for number in range(times):
        card = plant.folder / f"card-{number}" / "outbox.db"
        await _copied(plant, card, number)
        cards.append(card)
        copy = _uplink(plant, card, f"2:c0b1{number:04x}")
        running = asyncio.create_task(copy.run())
        try:
            noticed.append(await _held(plant))
            await _nothing_taken(plant, copy)
            await _trusted(plant, copy)
        finally:
            running.cancel()
            await asyncio.wait([running])
        await _imported(plant, card)
    if not await plant.come_to_rest():
        raise NotReached(f"{plant.truth.now.waiting} records still wait after the copies are gone")
    await plant.gateway.stop()
    truths = [plant.truth, *(TruthLog(card, card.with_name("truth.log")) for card in cards)]
    for truth in truths:
        await asyncio.to_thread(truth.look)
    verdict = await asyncio.to_thread(judge, name, times, truths, [plant.outbox, *cards], plant.registry_database)
    return verdict, (Figure("detected", len(noticed), f"of {times}"), Figure("after at most", max(noticed)))


async def _copied(plant: Plant, card: Path, number: int) -> None:
    """Both go on from here, each with records of its own under the same numbers."""
    plant.feed.tags_per_round = 3
    if not plant.gateway.running:
        await plant.gateway.start()
    await plant.read(at_least=50)
    await plant.gateway.stop()
    with plant.truth.paused():
        shutil.copytree(plant.outbox.parent, card.parent)
    told = events([f"8004:{COMPANY_PREFIX}{6000 + number}"], EVENTS_OF_A_COPY, random.Random(plant.rng.random()), per_s=10.0)
    await asyncio.to_thread(fill, card, plant.outbox_mb, told)
    before = plant.truth.now.acked
    await plant.gateway.start()
    await plant.read(at_least=20)
    await _until(lambda: plant.truth.now.acked > before, "the gateway does not deliver")  # the registry knows it on this machine


def _uplink(plant: Plant, card: Path, machine: str) -> Uplink:
    def outbox() -> Outbox:
        return opened(card, plant.outbox_mb)

    return Uplink(
        outbox,
        read_credentials(plant.folder / "credentials.json"),
        Identification("chaos", machine, "0" * 32, lambda: ClockQuality.SYNCED),
        lambda: Health(0, None, software="chaos"),
        wall_ms=lambda: time.time_ns() // 1_000_000,
        mono_ns=time.monotonic_ns,
        rng=random.Random(plant.rng.random()),
    )


async def _held(plant: Plant) -> float:
    """Return after how many seconds the registry has noticed."""
    began = time.monotonic()
    while not await asyncio.to_thread(_asked, plant, _HELD):
        if time.monotonic() - began > NOTICED_WITHIN_S:
            raise NotReached(f"two machines under one name were not noticed within {NOTICED_WITHIN_S} s")
        await asyncio.sleep(0.02)
    return time.monotonic() - began


async def _nothing_taken(plant: Plant, copy: Uplink) -> None:
    before = await asyncio.to_thread(_asked, plant, _STORED)
    await asyncio.sleep(NOTHING_TAKEN_FOR_S)
    if await asyncio.to_thread(_asked, plant, _STORED) != before:
        raise NotReached("something was taken of a gateway that is held")
    await _until(lambda: copy.status.state is UplinkState.HELD, "the copy does not say that it is held")


async def _trusted(plant: Plant, copy: Uplink) -> None:
    """An administrator says that it is the machine that it was before; the other one is refused by word and hears so."""
    ((machine,),) = await asyncio.to_thread(_asked, plant, _HELD)
    acked = plant.truth.now.acked
    await asyncio.to_thread(plant.home.run, "gateways", "trust", GATEWAY, "--machine", machine)
    await _until(lambda: plant.truth.now.acked > acked, "the machine that is trusted does not go on")
    await _until(lambda: "another machine is gateway" in copy.status.why, "the copy does not say that it is refused")


async def _imported(plant: Plant, card: Path) -> None:
    command = [str(BIN / "sightpost"), "outbox", "import", str(card), "-c", str(plant.folder / "gateway.toml")]
    importing = Daemon("outbox import", plant.folder / "import.log", command, plant.home.environment)
    await importing.start()
    await importing.ended(within_s=30.0)


async def _until(holds: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + NOTICED_WITHIN_S
    while not holds():
        if time.monotonic() > deadline:
            raise NotReached(otherwise)
        await asyncio.sleep(0.05)


def _asked(plant: Plant, sql: str) -> list[tuple[str]]:
    with closing(sqlite3.connect(f"file:{plant.registry_database}?mode=ro", uri=True, timeout=20)) as db:
        return db.execute(sql).fetchall()
