"""A site to break into: broker and ingest as processes, and a good gateway that must be served whatever is tried meanwhile.

`hamburg` is the good one. Of `munich` the login is stolen, and in some tests the key: what a thief with its card can do. Who has
the broker in hand speaks by the login of ingest: it may say anything to gateways, but knows no key.
"""

import asyncio
import base64
import hmac
import json
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from uuid import uuid4

import pytest

from registry import secret_files
from registry.trust.authority import Authority, read_or_make
from sync import mqtt
from sync.broker import INGEST_USER
from sync.correspondence import Correspondent
from sync.credentials import Credentials, read_credentials
from sync.mqtt import Login, Session
from sync.outbox import Outbox
from sync.uplink import Identification, Timing, Uplink
from sync.wire import ClockQuality, EventKind, Health, LocationEvent, Purpose
from tests.mosquitto import free_port
from tests.registry_process import RegistryHome, registry_home, wait_for

HERE = "127.0.0.1"
SERVED_WITHIN_S = 2.0
CALM = Timing(health_s=600.0, nudge_spread_s=0.01)  # of a gateway that nobody disturbs; it says what it has to say once
NAMES = ("hamburg", "munich", "bremen", "berlin")

PREPARE = f"""
from django.conf import settings
from registry.orders.models import LONGEST
from registry.orders.services import order
from registry.tracking.gateways import add_gateway
from registry.tracking.subscribers import add_subscriber
from sync.credentials import write_credentials
from tests.registry_world import ROOT
for name in {NAMES}:
    write_credentials(settings.DATA_DIR / f"{{name}}.json", add_gateway(by=ROOT, gateway_id=name))
order(by=ROOT, gateway_id="berlin", verb="ping", within=LONGEST)
(settings.DATA_DIR / "dashboard").write_text(add_subscriber(by=ROOT, name="dashboard", live=True))
"""
INGEST = """
import asyncio
from django.conf import settings
from registry import taking_in
from registry.tracking import ingest
ingest.HEARTBEAT_S = ingest.HOUSEKEEPING_S = 0.1  # it writes down what it has counted
asyncio.run(taking_in.run(settings.CONFIGURATION))
"""


@dataclass(frozen=True)
class Site:
    """Its broker is open to other machines by both its doors, and all of them are this one."""

    home: RegistryHome
    tls_port: int
    subscribers_port: int

    @cached_property
    def authority(self) -> Authority:
        return read_or_make(self.home.data)

    @property
    def dashboard_password(self) -> str:
        """Of a subscriber to the live topics, `dashboard`."""
        return (self.home.data / "dashboard").read_text()

    def credentials(self, gateway: str) -> Credentials:
        return read_credentials(self.home.data / f"{gateway}.json")

    def login(self, gateway: str) -> Login:
        mine = self.credentials(gateway)
        return Login(mine.host, mine.port, mine.user, mine.password, mine.tls)

    @asynccontextmanager
    async def broker_in_hand(self) -> AsyncIterator[Session]:
        """A session that may say anything to gateways."""
        password = secret_files.read(self.home.data / secret_files.BROKER_PASSWORD)
        login = Login(HERE, self.home.broker_port, INGEST_USER, password)
        async with mqtt.connect(login, f"evil-{uuid4().hex}", inflight=1000) as session:
            yield session

    @asynccontextmanager
    async def stolen(self, gateway: str = "munich") -> AsyncIterator[Session]:
        """A session by the login of this gateway."""
        async with mqtt.connect(self.login(gateway), f"thief-{uuid4().hex}", inflight=1000) as session:
            yield session

    async def counts(self, worker: str = "1") -> Counter[str]:
        """What ingest has counted until now, or a little later."""
        asked, sql = datetime.now(UTC), f"SELECT heartbeat_at, counters FROM tracking_ingestworker WHERE worker = '{worker}'"
        while True:
            for beat, found in await asyncio.to_thread(self.home.query, sql):
                if datetime.fromisoformat(beat).replace(tzinfo=UTC) > asked:
                    return Counter(json.loads(found))
            await asyncio.sleep(0.02)

    @asynccontextmanager
    async def counting(self, **expected: int) -> AsyncIterator[None]:
        """Soon afterwards ingest has counted just so many more of these."""
        before, until_s = await self.counts(), time.monotonic() + 5.0
        yield
        more: dict[str, int] = {}
        while more != expected and time.monotonic() < until_s:
            now = await self.counts()
            more = {name: now[name] - before[name] for name in expected}
        assert more == expected

    def second_ingest(self) -> AbstractContextManager[object]:
        """Another worker, `2`, starts meanwhile."""
        environment = self.home.environment | {"SIGHTPOST_REGISTRY_INGEST__WORKER": "2"}
        return replace(self.home, environment=environment).running_code(INGEST, log="ingest-log")

    def told(self, gateway: "Gateway") -> list[int]:
        """The numbers of the events that the registry has of its epoch."""
        rows = self.home.query(
            "SELECT seq FROM tracking_locationevent JOIN tracking_gatewayepoch ON tracking_gatewayepoch.id = epoch_id"
            f" WHERE epoch = '{gateway.outbox.epoch}' ORDER BY seq"
        )
        return [seq for (seq,) in rows]


class Gateway:
    """An outbox with its uplink, as the daemon has them."""

    def __init__(self, credentials: Credentials, path: Path) -> None:
        self.credentials = credentials
        self._path = path
        self.outbox = self._open()
        self.others: list[Correspondent] = []
        self.uplink: Uplink | None = None

    def _open(self) -> Outbox:
        return Outbox.open(self._path, wall_ms=lambda: time.time_ns() // 1_000_000, mono_ns=time.monotonic_ns, boot_id="boot")

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Uplink]:
        """Greeted by the registry when it is entered."""
        self.uplink = Uplink(
            self._open,
            self.credentials,
            Identification("test 1", "machine", "boot", lambda: ClockQuality.SYNCED),
            lambda: Health(waiting=0, oldest_age_s=None),
            wall_ms=lambda: time.time_ns() // 1_000_000,
            mono_ns=time.monotonic_ns,
            rng=random.Random(1),
            live=False,
            timing=CALM,
            others=self.others,
        )
        task = asyncio.create_task(self.uplink.run())
        try:
            status = self.uplink.status
            await until(lambda: status.last_ack_wall_ms is not None)
            yield self.uplink
        finally:
            task.cancel()
            await asyncio.wait({task})

    def store(self) -> int:
        """Append one event, and do not wake the uplink: it sends it when it is told to, and not before."""
        now = datetime.now(UTC)
        return self.outbox.append([LocationEvent(EventKind.SEEN, "tag:1", "raw", now, now, "door:1", zone_to="hall")])

    async def served(self, within_s: float = SERVED_WITHIN_S) -> None:
        """One event more, and the registry has acknowledged it in time."""
        assert self.uplink is not None
        self.store()
        self.uplink.wake()
        await until(lambda: self.outbox.stat().waiting == 0, within_s)


def sealed_by_hand(purpose: Purpose, key: bytes) -> Callable[[bytes], bytes]:
    """As somebody seals who has the key and writes what no program of ours would: bytes that end in `}`."""

    def sealed(body: bytes) -> bytes:
        mac = hmac.digest(key, purpose.value.encode() + b"\0" + body, "sha256")
        return body[:-1] + b',"mac":"' + base64.urlsafe_b64encode(mac).rstrip(b"=") + b'"}'

    return sealed


async def until(condition: Callable[[], object], within_s: float = 10.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"it did not come true within {within_s} s"
        await asyncio.sleep(0.01)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    tls_port, subscribers_port = free_port(), free_port()
    doors = f'host = "0.0.0.0"\nnames = ["{HERE}"]\ntls_port = {tls_port}\nsubscribers_port = {subscribers_port}'
    with registry_home(tmp_path_factory.mktemp("registry"), migrated=True, broker=doors) as home:
        home.python(PREPARE)
        with home.running("broker", log="broker-log"), home.running_code(INGEST, log="ingest-log") as ingest:
            wait_for(lambda: home.query("SELECT 1 FROM tracking_ingestworker WHERE connected"))
            yield Site(home, tls_port, subscribers_port)
            assert ingest.poll() is None, home.log("ingest-log")
    assert "Traceback" not in home.log("ingest-log")


@pytest.fixture
async def good(site: Site, tmp_path: Path) -> AsyncIterator[Gateway]:
    gateway = Gateway(site.credentials("hamburg"), tmp_path / "hamburg.db")
    async with gateway.running():
        await gateway.served()
        yield gateway
        await gateway.served()
    gateway.outbox.close()


@pytest.fixture
def bremen(site: Site, tmp_path: Path) -> Iterator[Gateway]:
    """One that attacks go for; not started."""
    gateway = Gateway(site.credentials("bremen"), tmp_path / "bremen.db")
    yield gateway
    gateway.outbox.close()
