"""A registry with its database, and a gateway's side of the wire: what it would send, made by hand."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest

from registry.assets.models import Asset, Location
from registry.assets.services import NewIdentifier, register_asset
from registry.assets.trees import create_location
from registry.tracking.gateways import add_gateway
from registry.tracking.intake import Message, Reply, take
from registry.tracking.models import Position, Stay
from registry.web.static_files import StaticFiles
from sync.credentials import Credentials
from sync.wire import Batch, ClockQuality, EventKind, Gap, Hello, LocationEvent, Passage, Purpose, Record, encode, seal
from tests.registry_world import ROOT

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="session", autouse=True)
def _static_files_are_found_once() -> Iterator[None]:
    """Each client of a test makes the middleware anew, which would look through all folders of static files: half of its time."""
    found: dict[str, Any] = {}
    find = StaticFiles.add_files_from_finders

    def find_once(middleware: StaticFiles) -> None:
        if not found:
            find(middleware)
            found.update(middleware.files)
        middleware.files = found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StaticFiles, "add_files_from_finders", find_once)
        yield


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


@dataclass
class Site:
    """A gateway as the registry hears it: one outbox with its epoch, numbers and ids."""

    credentials: Credentials
    epoch: str = field(default_factory=lambda: uuid4().hex)
    counts: Counter[str] = field(default_factory=Counter)
    replies: list[Reply] = field(default_factory=list)
    seq: int = 0

    @property
    def id(self) -> str:
        return self.credentials.gateway

    def record(
        self,
        event: LocationEvent | bytes,
        *,
        seq: int | None = None,
        kind: str = "location",
        event_id: UUID | None = None,
        stored_at: datetime = NOON,
        mono_ms: int | None = None,
        boot: str = "boot-1",
    ) -> Record:
        """The next row of the outbox (or the one numbered `seq`)."""
        self.seq = seq if seq is not None else self.seq + 1
        body = encode(event) if isinstance(event, LocationEvent) else event
        mono_ms = 1000 + self.seq if mono_ms is None else mono_ms
        return Record(self.seq, event_id or uuid4(), kind, stored_at, mono_ms, boot, msgspec.Raw(body))

    def batch(self, records: Sequence[Record], gaps: Sequence[Gap] = (), *, late: bool = False) -> bytes:
        seqs = [r.seq for r in records] + [n for g in gaps for n in (g.first, g.last)]
        batch = Batch(self.epoch, min(seqs), max(seqs), tuple(records), tuple(gaps), late)
        return seal(batch, Purpose.EVENTS, self.credentials.mac_key)

    def greeting(self, nonce: str = "n", acked: int = 0, machine: str = "m") -> bytes:
        hello = Hello(nonce, self.epoch, 1, self.seq, acked, None, "boot-1", ClockQuality.SYNCED, "test", machine)
        return seal(hello, Purpose.HELLO, self.credentials.mac_key)

    def say(self, *messages: tuple[str, bytes]) -> list[Reply]:
        """Hand (leaf, payload) messages to the registry as one delivery; return what it replies."""
        before = len(self.replies)
        take([Message(self.id, leaf, payload) for leaf, payload in messages], self.counts, self.replies.append)
        return self.replies[before:]

    def hello(self, **more: Any) -> list[Reply]:
        return self.say(("hello", self.greeting(**more)))

    def deliver(self, *records: Record, gaps: Sequence[Gap] = ()) -> list[Reply]:
        return self.say(("events", self.batch(records, gaps)))

    def tell(self, *events: LocationEvent) -> list[Reply]:
        return self.deliver(*(self.record(event) for event in events))


def event(kind: str, identity: str, zone: str | None = None, seconds: float = 0, **more: Any) -> LocationEvent:
    """A location event `seconds` after NOON; `zone` is where the thing is afterwards (for `departed`: was)."""
    zones: dict[str, Any] = {"zone_from": zone} if kind == "departed" else {"zone_to": zone}
    direction = Passage(more.pop("direction")) if "direction" in more else None
    told: dict[str, Any] = {
        "raw": identity, "event_time": at(seconds), "decided_at": at(seconds), "read_point": "hall:1", "direction": direction,
    }  # fmt: skip
    return LocationEvent(EventKind(kind), identity, **(told | zones | more))


@pytest.fixture
def site(db: None) -> Site:
    site = Site(add_gateway(by=ROOT, gateway_id="hamburg"))
    site.hello()
    return site


def another_site(gateway_id: str) -> Site:
    other = Site(add_gateway(by=ROOT, gateway_id=gateway_id))
    other.hello()
    return other


@pytest.fixture
def hall(db: None) -> Location:
    return create_location(by=ROOT, name="Hall", kind="room")


@pytest.fixture
def drill(db: None) -> Asset:
    """An asset known as tag:drill."""
    return make_asset("drill")


def make_asset(code: str, **more: Any) -> Asset:
    return register_asset(by=ROOT, name=code.title(), identifiers=[NewIdentifier(f"tag:{code}")], **more)


def projections(**of: Any) -> tuple[list[Any], list[Any]]:
    """Every position and stay, without the ids that a rebuild makes anew."""
    positions = (
        Position.objects.filter(**of)
        .order_by("asset")
        .values_list(
            "asset",
            "location",
            "zone",
            "since",
            "last_seen_at",
            "last_event",
            "source",
            "confidence",
            "state",
            "worked_in_to",
            "tips",
        )
    )
    stays = (
        Stay.objects.filter(**of)
        .order_by("asset", "from_ts", "to_ts", "zone")
        .values_list("asset", "zone", "location", "from_ts", "to_ts")
    )
    return list(positions), list(stays)
