"""A small company for the tests of pages and API: places, assets, and a gateway that tells by real wire and real intake."""

import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from django.db import transaction
from django.test import Client
from django.utils import timezone
from pytest_django.plugin import DjangoDbBlocker

from registry.access.actors import Actor, system
from registry.access.models import RoleBinding, User
from registry.access.rights import of_user
from registry.access.services import issue_token
from registry.assets.models import Asset, Category, Location
from registry.assets.services import NewIdentifier, register_asset
from registry.assets.trees import create_category, create_location
from registry.db import uuid7
from registry.tracking.gateways import add_gateway
from registry.tracking.intake import Message, Reply, take
from registry.tracking.models import IngestWorker, Zone
from registry.tracking.services import map_zone, project_changed_identifiers
from sync.wire import (
    ClockQuality,
    EventKind,
    Evidence,
    Health,
    Hello,
    HopHealth,
    LocationEvent,
    Passage,
    Purpose,
    ReaderHealth,
    Record,
    State,
    encode,
    pack,
    seal,
)

ROOT = system("system", "tests")  # may everything
PASSWORD = "a long enough sentence"


def make_user(
    name: str = "anna",
    role: str | None = "administrator",
    *,
    place: Location | None = None,
    category: Category | None = None,
    **more: Any,
) -> User:
    """A person who logs in, with one role (None: with none) everywhere or within a place and a category."""
    user = User.objects.create_user(name, password=PASSWORD, **more)
    if role is not None:
        RoleBinding.objects.create(user=user, role=role, location=place, category=category)
    return user


def actor(user: User, through: str = "page") -> Actor:
    """The user as services take them."""
    return of_user(user, through=through)


@dataclass
class Gateway:
    """The gateway's side: it seals what it says with its own key, as the real one does."""

    name: str
    key: bytes
    epoch: str = "e" * 32
    counts: Counter[str] = field(default_factory=Counter)
    replies: list[Reply] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._seqs = itertools.count(1)
        self.say("state", encode(State("online")))
        hello = Hello(
            nonce="n", epoch=self.epoch, first=0, last=0, acked=0, acked_id=None, boot_id="b" * 32,
            clock_quality=ClockQuality.SYNCED, software="0.1.0", machine="m",
        )  # fmt: skip
        self.say("hello", seal(hello, Purpose.HELLO, self.key))

    def say(self, leaf: str, payload: bytes) -> None:
        take([Message(self.name, leaf, payload)], self.counts, self.replies.append)

    def tell(self, *events: LocationEvent) -> None:
        self.tell_bodies(*(encode(event) for event in events))

    def tell_bodies(self, *bodies: bytes) -> None:
        now = datetime.now(UTC)
        records = [Record(next(self._seqs), uuid7(), "location", now, 1000, "b" * 32, msgspec.Raw(body)) for body in bodies]
        self.say("events", seal(pack(records, [], self.epoch), Purpose.EVENTS, self.key))

    def health(self, *readers: ReaderHealth, waiting: int = 0, hops: Sequence[HopHealth] = ()) -> None:
        now = datetime.now(UTC)
        more: dict[str, Any] = {"hops": tuple(hops), "said_at": now, "started_at": now - timedelta(hours=30)}
        health = Health(waiting, 12.5 if waiting else None, readers, software="0.1.0", **more)
        self.say("health", seal(health, Purpose.HEALTH, self.key))


def event(
    kind: str, code: str, zone: str | None = None, *, origin: str | None = None, ago_s: float = 0, **more: Any
) -> LocationEvent:
    """What a gateway tells of the EPC or text `code`."""
    happened = timezone.now() - timedelta(seconds=ago_s)
    values: dict[str, Any] = {
        "read_point": f"{zone or origin or 'door'}:1",
        "evidence": Evidence(n=7, rssi_max_dbm=-54),
        "confidence": 0.93,
        "clock_quality": ClockQuality.SYNCED,
    }
    return LocationEvent(
        kind=EventKind(kind), identity=code, raw=code.partition(":")[2], event_time=happened, decided_at=happened,
        zone_from=origin, zone_to=zone, **(values | more),
    )  # fmt: skip


def passed(code: str, door: str, direction: str, zone: str, origin: str, ago_s: float = 0) -> LocationEvent:
    return event(
        "passed", code, zone, origin=origin, ago_s=ago_s, door=door, direction=Passage(direction), read_point=f"{door}:2"
    )


@dataclass
class World:
    """Hamburg with a hall, a store room and an office; pumps and ladders; one gateway."""

    gateway: Gateway
    places: dict[str, Location]
    categories: dict[str, Category]
    assets: dict[str, Asset]

    def zone(self, name: str) -> Zone:
        return Zone.objects.get(name=name)


def make_world() -> World:
    hamburg = create_location(by=ROOT, name="Hamburg", kind="site")
    hall = create_location(by=ROOT, name="Hall A", kind="building", parent=hamburg)
    places = {
        "Hamburg": hamburg,
        "Hall A": hall,
        "Store room": create_location(by=ROOT, name="Store room", parent=hall),
        "Dock": create_location(by=ROOT, name="Dock", kind="zone", parent=hall),
        "Office": create_location(by=ROOT, name="Office", parent=hamburg),
    }
    tools = create_category(by=ROOT, name="Tools")
    categories = {
        "Tools": tools,
        "Ladders": create_category(by=ROOT, name="Ladders", parent=tools),
        "Pumps": create_category(by=ROOT, name="Pumps"),
    }
    credentials = add_gateway(by=ROOT, gateway_id="hamburg-1", name="Hamburg dock")
    gateway = Gateway("hamburg-1", credentials.mac_key)
    assets = {
        name: register_asset(
            by=ROOT,
            name=name,
            category=categories[category],
            home_location=places[home] if home else None,
            status=status,
            identifiers=[NewIdentifier(code)] if code else [],
        )
        for name, category, home, status, code in (
            ("Pump 7", "Pumps", "Store room", "in_use", "8004:061414100007"),
            ("Pump 8", "Pumps", "Store room", "in_stock", "8004:061414100008"),
            ("Pump 9", "Pumps", "Store room", "in_maintenance", "8004:061414100009"),
            ("Ladder long", "Ladders", "Hall A", "in_use", "tag:LADDER-1"),
            ("Ladder short", "Ladders", "Hall A", "in_use", "tag:LADDER-2"),
            ("Drill", "Tools", None, "missing", None),
        )
    }
    project_changed_identifiers()
    return World(gateway, places, categories, assets)


@contextmanager
def lasting(blocker: DjangoDbBlocker, *told: Callable[[World], object]) -> Iterator[World]:
    """A world for all tests of a module, in a transaction around theirs. What a test changes is undone after it; in its hands it
    takes `deepcopy`."""
    with blocker.unblock():
        around = transaction.atomic()
        around._from_testcase = True  # type: ignore[attr-defined]  # durable transactions inside are fine, as in Django's own tests
        with around:
            world = make_world()
            for tell in told:
                tell(world)
            yield world
            transaction.set_rollback(True)


@contextmanager
def undone() -> Iterator[None]:
    """What is written inside is forgotten, so that each caller finds the world as it was made."""
    point = transaction.savepoint()
    yield
    transaction.savepoint_rollback(point)


PATH = (
    HopHealth("readers", "attention", "80 reads/min", "2 of 3 up; belt-cam: no frame for 12 s", "look at its cable and power"),
    HopHealth("dedup", "good", "3 events/min", "12 tags in view"),
    HopHealth("outbox", "good", "3 waiting", "stores well; the last commit took 4 ms"),
    HopHealth("broker", "good", "4 ms", "connected"),
    HopHealth("registry", "good", "3 events/min", "last delivered 1 s ago"),
)


def tell_a_day(world: World) -> None:
    """What a day at the dock leaves behind: stays, passages, a thing that left, an unmapped zone, unknown tags."""
    tell = world.gateway.tell
    hour = 3600.0
    tell(
        event("arrived", "8004:061414100007", "store-room", ago_s=20 * hour),
        event("arrived", "8004:061414100008", "store-room", ago_s=19 * hour),
    )
    for name, place in (("store-room", "Store room"), ("dock", "Dock")):
        if not Zone.objects.filter(name=name).exists():
            continue
        map_zone(by=ROOT, zone=world.zone(name), location=world.places[place])
    tell(
        event("moved", "8004:061414100007", "dock", origin="store-room", ago_s=9 * hour),
        passed("8004:061414100007", "dock-door", "out", "yard", "dock", ago_s=8.5 * hour),
        passed("8004:061414100007", "dock-door", "in", "dock", "yard", ago_s=3 * hour),
    )
    map_zone(by=ROOT, zone=world.zone("dock"), location=world.places["Dock"])
    tell(
        event("moved", "8004:061414100007", "store-room", origin="dock", ago_s=2.5 * hour),
        event("arrived", "8004:061414100009", "dock", ago_s=2 * hour),
        event("departed", "8004:061414100009", origin="dock", ago_s=1.5 * hour),
        event("arrived", "tag:LADDER-1", "mezzanine", ago_s=hour),
        event("seen", "tag:LADDER-2", "dock", ago_s=0.5 * hour, read_point="belt-cam", deliberate=True),
        event("seen", "tag:LADDER-2", "dock", ago_s=0.4 * hour, read_point="belt-cam", deliberate=True),
        event("seen", "tag:LADDER-2", "dock", ago_s=0.3 * hour, read_point="belt-cam", deliberate=True),
        event("arrived", "uii:E28011606000020612345678", "dock", ago_s=600),
        event("arrived", "8004:061414199999", "store-room", ago_s=300),
        event("seen", "8004:061414100007", "store-room", ago_s=120),
    )
    world.gateway.health(
        ReaderHealth("dock-door", "up"),
        ReaderHealth("store-room", "up"),
        ReaderHealth("belt-cam", "down", "no frame for 12 s"),
        waiting=3,
        hops=PATH,
    )
    now = timezone.now()
    IngestWorker.objects.update_or_create(
        worker="1",
        defaults={
            "pid": 1,
            "started_at": now,
            "heartbeat_at": now,
            "connected": True,
            "counters": {"events": 12, "refused_bad_mac": 1},
        },
    )


def many_assets(world: World, number: int) -> Sequence[Asset]:
    """More of them, where the number of rows is the point; each somewhere."""
    made = [
        register_asset(
            by=ROOT,
            name=f"Crate {n:03d}", category=world.categories["Tools"], home_location=world.places["Hall A"],
            identifiers=[NewIdentifier(f"tag:CRATE-{n}")],
        )
        for n in range(number)
    ]  # fmt: skip
    project_changed_identifiers()
    for first in range(0, number, 100):  # a batch has a limit
        world.gateway.tell(
            *(event("arrived", f"tag:CRATE-{n}", "store-room", ago_s=60 + n) for n in range(first, min(first + 100, number)))
        )
    return made


class Caller:
    """A program with a token that may write."""

    def __init__(self) -> None:
        self.headers = {"Authorization": f"Bearer {issue_token(by=ROOT, name='tests', scope='write')[1]}"}
        self.client = Client()

    def __call__(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        headers = self.headers | more.pop("headers", {})
        data = body if isinstance(body, str | bytes) else json.dumps(body) if body is not None else ""
        return self.client.generic(method, f"/api/v1{path}", data, "application/json", headers=headers, **more)
