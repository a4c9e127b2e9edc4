"""A slim plant: a gateway with one reader on a pty, mosquitto, and ingest alone; no web. Everything in one folder, prepared once.

The reader's two antennas are two desks, and every read is told: what lies on either desk changes at random, so positions and
stays change with nearly every event, and a single one out of order shows.
"""

import asyncio
import csv
import os
import random
import shutil
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from drivers.emulated_device import TagInField
from drivers.emulated_line import EmulatedPty, attached
from drivers.r2000.emulator import R2000Emulator
from gateway.simulate.processes import BIN, last_words
from identity.epc import encode, from_key
from tests.chaos.processes import Daemon, NotReached
from tests.chaos.proxy import Proxy
from tests.chaos.truth import TruthLog, wait_until_still
from tests.chaos.verdict import FOLLOW_POSITIONS, Verdict, judge
from tests.registry_process import SQLITE, RegistryHome, registry_home, wait_for

GATEWAY = "chaos"
COMPANY_PREFIX = "0614141"
TAGS = [f"8004:{COMPANY_PREFIX}{number}" for number in range(1001, 1041)]
MOSQUITTO = shutil.which("mosquitto", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin") or "mosquitto"
DRAINS_WITHIN_S = 60.0
DRAINED_PER_S = 100.0  # at least, of what has piled up

GATEWAY_TOML = """
[gateway]
site = "chaos"
data_dir = "gateway"
outbox_mb = {outbox_mb}

[status]
port = 0

[registry]
credentials = "{credentials}"

[[readers]]
name = "desk"
driver = "r2000"
url = "{line}"
options = {{ antennas = [1, 2] }}

[[zones]]
name = "bench"
kind = "desk"
read_points = ["desk:1"]
rules = {{ fold_s = 0, duplicate_s = 0 }}

[[zones]]
name = "shelf"
kind = "desk"
read_points = ["desk:2"]
rules = {{ fold_s = 0, duplicate_s = 0 }}
"""


@dataclass
class Feed:
    """What lies on the desks: a few of the tags at a time, others in each round. `tags_per_round` 0 is an empty desk."""

    rng: random.Random
    tags_per_round: int = 3
    epcs: list[bytes] = field(default_factory=lambda: [encode(from_key(key, len(COMPANY_PREFIX))) for key in TAGS])

    def __call__(self, antenna: int) -> Sequence[TagInField]:
        return [TagInField(epc, -45) for epc in self.rng.sample(self.epcs, self.tags_per_round)]


@dataclass
class Template:
    """A prepared site, which every plant is a copy of, at the same place: what is written in its files stays true."""

    folder: Path
    home: RegistryHome

    @classmethod
    @contextmanager
    def made(cls, folder: Path) -> Iterator["Template"]:
        """Prepare it in `folder`; needs `databases.begin`."""
        (folder / "site").mkdir()
        with registry_home(folder / "site", migrated=True) as home:
            _prepare(home)
            shutil.copytree(home.folder, folder / "template")
            yield cls(folder, home)

    def renew(self) -> None:
        shutil.rmtree(self.home.folder)
        shutil.copytree(self.folder / "template", self.home.folder)


class Plant:
    """The processes of one scenario, none of them started."""

    def __init__(self, template: Template, rng: random.Random, outbox_mb: int) -> None:
        home = template.home
        self.home, self.folder, self.rng, self.outbox_mb = home, home.folder, rng, outbox_mb
        self.feed = Feed(rng)
        self.registry_database = home.data / SQLITE
        self.outbox = self.folder / "gateway" / "outbox.db"
        self.truth = TruthLog(self.outbox, self.folder / "truth.log")
        self.line = EmulatedPty(self.folder / "desk")
        self.network = Proxy(home.broker_port, rng)
        (self.folder / "gateway.toml").write_text(
            GATEWAY_TOML.format(outbox_mb=outbox_mb, credentials=self.folder / "credentials.json", line=self.line.url)
        )
        mosquitto = [MOSQUITTO, "-c", str(home.data / "broker" / "mosquitto.conf")]
        self.broker = Daemon("broker", self.folder / "broker.log", mosquitto, home.environment)
        self.ingest = Daemon("ingest", self.folder / "ingest.log", home.command("ingest"), home.environment)
        gateway = [str(BIN / "sightpost"), "run", "-c", str(self.folder / "gateway.toml")]
        self.gateway = Daemon("gateway", self.folder / "gateway.log", gateway, home.environment)

    @classmethod
    @asynccontextmanager
    async def running(
        cls, template: Template, rng: random.Random, *, outbox_mb: int = 16, through_proxy: bool = False, follow: bool = True
    ) -> AsyncIterator["Plant"]:
        """A fresh plant with broker and ingest started, its reader plugged in and its truth log following.

        `through_proxy`: the gateway reaches the broker by `network`. `follow`: false for millions of events, whose ids would not
        fit into memory."""
        await asyncio.to_thread(template.renew)
        plant = cls(template, rng, outbox_mb)
        if follow:
            plant.truth.begin()
        reader = R2000Emulator(plant.feed, ports=2, round_s=0.04, boot_s=0.1)
        try:
            async with attached(reader, plant.line), plant.network.running():
                if through_proxy:
                    _point_at(plant.folder / "credentials.json", plant.network.port, plant.home.broker_port)
                await plant.broker.start()
                await plant.ingest.start()
                yield plant
                for daemon in (plant.gateway, plant.ingest, plant.broker):
                    await daemon.stop()
        finally:
            for daemon in (plant.gateway, plant.ingest, plant.broker):
                await daemon.kill()
            await asyncio.to_thread(plant.truth.end)

    async def read(self, at_least: int, within_s: float = 30.0) -> None:
        """Wait until so many more records are confirmed."""
        until, deadline = self.truth.now.last + at_least, time.monotonic() + within_s
        while self.truth.now.last < until:
            if time.monotonic() > deadline:
                raise NotReached(f"the gateway did not confirm {at_least} events: {last_words(self.gateway.log)}")
            await asyncio.sleep(0.05)

    async def come_to_rest(self) -> bool:
        """Nothing more is read, the network is fine, whatever is down is started. Return whether everything was delivered."""
        self.feed.tags_per_round = 0
        self.network.delay_s = self.network.loss = 0.0
        for daemon in (self.broker, self.ingest, self.gateway):
            if not daemon.running:
                await daemon.start()
        within_s = DRAINS_WITHIN_S + self.truth.now.waiting / DRAINED_PER_S
        return await asyncio.to_thread(wait_until_still, self.truth, within_s)

    async def verdict(self, fault: str, runs: int) -> Verdict:
        """Raises NotReached where what was confirmed is still on its way: then nothing can be said yet."""
        if not await self.come_to_rest():
            raise NotReached(
                f"{self.truth.now.waiting} records still wait after the fault is over: {last_words(self.gateway.log)}"
            )
        await self.gateway.stop()
        await asyncio.to_thread(self.truth.look)
        if len(self.truth.confirmed) < runs:
            raise NotReached(f"only {len(self.truth.confirmed)} events were confirmed: that proves nothing")
        return await asyncio.to_thread(judge, fault, runs, [self.truth], [self.outbox], self.registry_database)


def _prepare(home: RegistryHome) -> None:
    with (home.folder / "assets.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["asset_no", "name", "kind", "category", "home_location", "identifiers"])
        rows.writerows([f"C-{n}", f"Crate {n}", "physical", "Crates", "Hall", key] for n, key in enumerate(TAGS, start=1))
    for status, said in home.batch(
        f"gateways add {GATEWAY} --local --out {home.folder / 'credentials.json'}",
        f"import {home.folder / 'assets.csv'} --create-places --confirm",
    ):
        assert status == 0, said
    if "DATABASE_URL" not in home.environment:
        with closing(sqlite3.connect(home.data / SQLITE)) as db:
            db.executescript(FOLLOW_POSITIONS)
    with home.running("broker", log="broker.log"):
        wait_for((home.data / "broker" / "mosquitto.pid").exists)


def _point_at(credentials: Path, port: int, instead: int) -> None:
    """Let the gateway look for the broker at another port."""
    credentials.write_text(credentials.read_text().replace(f":{instead}", f":{port}"))
