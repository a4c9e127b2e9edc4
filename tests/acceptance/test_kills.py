"""Gateway, ingest and broker are killed at random moments while every read is told: nothing confirmed is lost, nothing doubled.

Confirmed is what another connection could read from the outbox: a truth log beside, synced line by line, holds it. The verdict
is the difference of sets between that log and the registry's rows. SIGHTPOST_KILLS sets how often each of the three dies.
"""

import asyncio
import os
import random
import sqlite3
import threading
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from drivers.emulated_device import TagInField
from drivers.emulated_line import EmulatedPty, attached
from drivers.r2000.emulator import R2000Emulator
from gateway.simulate import http, verdict
from gateway.simulate.processes import command, last_words, running, stop
from gateway.simulate.stage import SITE, Ports, Stage, free_ports, set_up_desk
from tests.acceptance.site_under_test import victim

KILLS = int(os.environ.get("SIGHTPOST_KILLS", "3"))
SEED = int(os.environ.get("SIGHTPOST_SEED", "7"))
TAGS = [bytes.fromhex("3474257bf4") + index.to_bytes(7) for index in range(1, 31)]


class TruthLog(threading.Thread):
    """Follows the outbox file from outside; what it has written down was committed."""

    def __init__(self, outbox: Path, log: Path) -> None:
        super().__init__(name="truth-log")
        self._outbox, self._log = outbox, log
        self._ending = threading.Event()

    def run(self) -> None:
        position = 0
        with self._log.open("w") as out:
            while True:
                ending = self._ending.is_set()
                if self._outbox.exists():
                    with closing(sqlite3.connect(self._outbox, timeout=10)) as db:
                        try:
                            rows = db.execute(
                                "SELECT position, hex(event_id) FROM record WHERE position > ?", (position,)
                            ).fetchall()
                        except sqlite3.OperationalError:
                            rows = []  # the tables are being made
                    position = rows[-1][0] if rows else position
                    out.writelines(event_id + "\n" for _, event_id in rows)
                    out.flush()
                    os.fsync(out.fileno())
                if ending:
                    return
                time.sleep(0.02)

    def end(self) -> list[str]:
        self._ending.set()
        self.join()
        return self._log.read_text().split()


async def delivered(status: str, within_s: float) -> bool:
    """Wait until nothing waits for the registry any more."""
    deadline = time.monotonic() + within_s
    while (await http.get(status))["outbox"]["waiting"]:
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.2)
    return True


@pytest.mark.timeout(120 + 20 * KILLS)
async def test_kills_lose_no_confirmed_event_and_double_none(tmp_path: Path) -> None:
    rng = random.Random(SEED)
    stage = Stage(tmp_path, free_ports(Ports(0, 0, 0)))
    set_up_desk(stage)
    await command("sightpost-registry", "migrate", "-c", stage.registry_toml)
    await command("sightpost-registry", "gateways", "add", SITE, "--local", "--out", stage.credentials, "-c", stage.registry_toml)

    quiet = asyncio.Event()

    def tags(_antenna: int) -> list[TagInField]:
        return [] if quiet.is_set() else [TagInField(epc, -50) for epc in rng.sample(TAGS, 8)]

    status = f"http://127.0.0.1:{stage.ports.status}/status.json"
    truth = TruthLog(stage.outbox, tmp_path / "truth.log")
    truth.start()
    try:
        async with (
            attached(R2000Emulator(tags, ports=1, round_s=0.04, boot_s=0.1), EmulatedPty(stage.door_line)),
            running(tmp_path / "registry.log", "sightpost-registry", "up", "-c", stage.registry_toml) as up,
        ):
            assert await http.answers(f"http://127.0.0.1:{stage.ports.registry}/readyz", 60), last_words(
                tmp_path / "registry.log"
            )
            order = ["gateway", "ingest", "mosquitto"] * KILLS
            rng.shuffle(order)
            gateway_log = tmp_path / "gateway.log"
            while True:
                async with running(gateway_log, "sightpost", "run", "-c", stage.gateway_toml) as gateway:
                    assert await http.answers(status, 30), last_words(gateway_log)
                    died = False
                    while order and not died:
                        await asyncio.sleep(rng.uniform(0.5, 1.8))
                        name = order.pop()
                        died = name == "gateway"
                        if died:
                            gateway.kill()
                        else:
                            (await victim(up.pid, name)).kill()
                    if died:
                        continue
                    await asyncio.sleep(1)
                    quiet.set()
                    await asyncio.sleep(0.5)
                    assert await delivered(status, 45), last_words(gateway_log, 20)
                    await stop(gateway)
                    break
    finally:
        confirmed = truth.end()

    told = verdict.told(stage.registry_database)
    stored = {event.event_id for event in told}
    assert len(confirmed) > 100 * KILLS
    assert [event_id for event_id in confirmed if event_id not in stored] == []
    assert len(told) == len(stored)
    facts = Counter((event.key, event.event_s) for event in told)
    assert [fact for fact, count in facts.items() if count > 1] == []
    assert verdict.lost(stage.outbox, stage.registry_database) == 0
    print(f"{3 * KILLS} kills (seed {SEED}): {len(confirmed)} confirmed, {len(stored)} stored, 0 lost, 0 doubled")
