"""A large registry for measuring: 100,000 assets, 300,000 codes, 5,000,000 location events with their positions and stays.

    SIGHTPOST_REGISTRY_DATA_DIR=/somewhere python -m benchmarks.large_site [--assets 100000] [--events 5000000]

Fills the (empty, migrated) database of the settings, the same each time. The company: 20 sites of 5 buildings of 10 rooms; each
site has a gateway with a zone per room; an asset stays on its site and goes on to another room every ten events. Rows of assets
are made by the ORM, events and stays inside the database, by arithmetic over their number: event i is of asset i % assets.
"""

import argparse
import random
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any, Final
from uuid import UUID

SITES: Final = 20
ROOMS: Final = 50  # of a site
STEP_S: Final = 6  # between two events of the whole company: 5,000,000 are a year
STAY_EVENTS: Final = 10
AT_ONCE: Final = 5_000
SEED: Final = 7
THINGS: Final = (
    "Pump",
    "Ladder",
    "Laptop",
    "Drill",
    "Forklift",
    "Printer",
    "Scale",
    "Crate",
    "Monitor",
    "Valve",
    "Compressor",
    "Chair",
)
MAKES: Final = ("Acme", "Borealis", "Corvus", "Delta", "Everest", "Falcon", "Granit", "Helix")


def build(assets: int = 100_000, events: int = 5_000_000) -> None:
    """Fill the database. `events` is a multiple of `assets`."""
    from django.db import connection

    rounds = events // assets
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=events * STEP_S)
    zones = _places()
    words = _words()
    _assets(assets, words)
    _identifiers(assets)
    _positions(assets, rounds, zones, start)
    with connection.cursor() as cursor:
        _events(cursor, assets, events, start)
        _stays(cursor, assets, rounds, start)
        cursor.execute("ANALYZE")


def key_of(asset: int) -> str:
    """The first code of an asset, by its number: what its events tell of."""
    return f"8004:0614141{asset:07d}"


def _id(kind: int, number: int) -> UUID:
    """UUIDs in the order of their numbers; `kind` keeps tables apart."""
    return UUID(int=(0x01900000_0000_7000_8000 << 48) + (kind << 40) + number)


def _room_of(asset: int, spell: int) -> int:
    return asset % SITES * ROOMS + (asset // SITES + spell * 7) % ROOMS


def _some(rows: Iterable[Any]) -> Iterator[list[Any]]:
    rows = iter(rows)
    while some := list(islice(rows, AT_ONCE)):
        yield some


def _store(model: Any, rows: Iterable[Any]) -> None:
    from django.db import transaction

    for some in _some(rows):
        with transaction.atomic():
            model.objects.bulk_create(some)


def _places() -> list[Any]:
    """Make sites, buildings, rooms, gateways and zones; return the zones by number."""
    from registry.assets.models import Location
    from registry.tracking.models import Gateway, GatewayBoot, GatewayEpoch, Zone

    def step(n: int) -> str:
        return str(Location._int2str(n + 1)).rjust(Location.steplen, "0")

    places: list[Any] = []
    rooms: list[Any] = []
    for s in range(SITES):
        path = step(s)
        places.append(Location(id=_id(1, s), path=path, depth=1, numchild=5, name=f"Site {s:02}", code=f"S{s:02}", kind="site"))
        for b in range(5):
            path_b = path + step(b)
            name = f"Building {s:02}-{b}"
            places.append(
                Location(id=_id(2, s * 5 + b), path=path_b, depth=2, numchild=10, name=name, code=f"S{s:02}-{b}", kind="building")
            )
            for r in range(10):
                n = s * ROOMS + b * 10 + r
                code = f"S{s:02}-{b}-{r}"
                rooms.append(Location(id=_id(3, n), path=path_b + step(r), depth=3, name=f"Room {code[1:]}", code=code))
    _store(Location, [*places, *rooms])
    now = datetime.now(UTC)
    for s in range(SITES):
        gateway = Gateway.objects.create(
            id=f"site-{s:02}", name=f"Gateway {s:02}", broker_password_hash="-", state="online", state_at=now
        )
        GatewayEpoch.objects.create(id=s + 1, gateway=gateway, epoch=f"{s:032}", ordinal=1, last_hello_at=now)
        GatewayBoot.objects.create(id=s + 1, gateway=gateway, boot_id=f"{s:032}")
    zones = [
        Zone(id=_id(4, n), gateway_id=f"site-{n // ROOMS:02}", name=f"zone-{n % ROOMS:02}", kind="storage", location=rooms[n])
        for n in range(SITES * ROOMS)
    ]
    _store(Zone, zones)
    return zones


def _words() -> dict[str, list[Any]]:
    from registry.access.models import Person
    from registry.assets.models import AssetModel, Category, CostCenter, CustomField, StatusLabel, Supplier, Tag

    tops = [Category.objects.add_root(instance=Category(name=f"Group {g}")) for g in range(8)]
    categories = [
        Category.objects.add_child(tops[n % 8], instance=Category(name=f"{thing} kind {n // 12}"))
        if hasattr(Category.objects, "add_child")
        else tops[n % 8].add_child(instance=Category(name=f"{thing} kind {n // 12}"))
        for n, thing in enumerate(THINGS * 5)
    ]
    made: dict[str, list[Any]] = {
        "category": categories,
        "model": [AssetModel(name=f"M-{n:03}", manufacturer=MAKES[n % len(MAKES)]) for n in range(200)],
        "supplier": [Supplier(name=f"Supplier {n:02}") for n in range(50)],
        "cost_center": [CostCenter(code=f"{4000 + n}", name=f"Cost centre {n}") for n in range(30)],
        "label": [StatusLabel(name=f"In use {n}", status="in_use") for n in range(3)],
        "custodian": [Person(name=f"Person {n:03}") for n in range(300)],
        "tag": [Tag(name=f"tag {n}") for n in range(20)],
        "custom": [
            CustomField(key="inspector", name="Inspector", type="text"),
            CustomField(key="rating", name="Rating", type="number"),
            CustomField(key="inspected_on", name="Inspected on", type="date"),
        ],
    }
    for rows in list(made.values())[1:]:
        _store(type(rows[0]), rows)
    return made


def _assets(count: int, words: dict[str, list[Any]]) -> None:
    from registry.assets.models import Asset, AssetTag, CustomValue

    rng = random.Random(SEED)
    statuses = ("in_use",) * 6 + ("in_stock",) * 2 + ("in_maintenance", "missing", "disposed")
    today = date.today()  # noqa: DTZ011

    def rows() -> Iterator[Asset]:
        for n in range(count):
            yield Asset(
                id=_id(5, n),
                asset_no=f"A-{n:06d}",
                name=f"{rng.choice(MAKES)} {rng.choice(THINGS).lower()} {rng.randrange(10**6):06d}",
                status=rng.choice(statuses),
                category=words["category"][n % 60],
                model=words["model"][n % 200],
                supplier=words["supplier"][n % 50],
                cost_center=words["cost_center"][n % 30],
                custodian=words["custodian"][n % 300] if n % 3 == 0 else None,
                home_location_id=_id(3, _room_of(n, 0)),
                serial_no=f"SN{rng.randrange(10**10):010d}",
                acquired_on=today - timedelta(days=rng.randrange(4000)),
                warranty_until=today + timedelta(days=rng.randrange(-1000, 1000)),
                purchase_cost=Decimal(rng.randrange(100_000)) / 10,
                currency="EUR",
                condition=1 + n % 5,
            )

    _store(Asset, rows())
    inspector, rating, day = words["custom"]

    def values() -> Iterator[CustomValue]:
        for n in range(0, count, 2):
            name, when, asset = f"Inspector {n % 200:03}", today - timedelta(days=n % 700), _id(5, n)
            yield CustomValue(asset_id=asset, field=inspector, text=name, start=name.casefold())
            yield CustomValue(asset_id=asset, field=rating, text=str(n % 1000), start=str(n % 1000), number=Decimal(n % 1000))
            yield CustomValue(asset_id=asset, field=day, text=str(when), start=str(when), day=when)

    _store(CustomValue, values())
    _store(AssetTag, (AssetTag(asset_id=_id(5, n), tag=words["tag"][n // 3 % 20]) for n in range(0, count, 3)))


def _identifiers(count: int) -> None:
    from registry.assets.models import Identifier

    def rows() -> Iterator[Identifier]:
        for n in range(count):
            keys = ((key_of(n), "epc"), (f"tid:E2801160{n:016X}", "tid"), (f"tag:INV-{n:06d}", "barcode"))
            for k, (key, kind) in enumerate(keys):
                raw = key.partition(":")[2]
                yield Identifier(id=_id(6, n * 3 + k), asset_id=_id(5, n), key=key, raw=raw, kind=kind, projected=True)

    _store(Identifier, rows())


def _positions(count: int, rounds: int, zones: list[Any], start: datetime) -> None:
    from registry.tracking.models import Position

    spell = (rounds - 1) // STAY_EVENTS

    def rows() -> Iterator[Position]:
        for n in range(count):
            last = (rounds - 1) * count + n
            seen = start + timedelta(seconds=last * STEP_S)
            zone = zones[_room_of(n, spell)]
            since = start + timedelta(seconds=(spell * STAY_EVENTS * count + n) * STEP_S)
            yield Position(
                asset_id=_id(5, n),
                location_id=zone.location_id,
                zone=zone,
                since=since,
                last_seen_at=seen,
                last_event_id=_id(7, last),
                source="gateway",
                confidence=0.9,
                state="unknown" if n % 17 == 0 else "present",
                worked_in_to=seen,
                tips={f"site-{n % SITES:02}": [1, last]},
            )

    _store(Position, rows())


# ---- rows made inside the database ---------------------------------------------------------------------------------------------

EVENT_INDEXES: Final = ("event_identity_time", "event_recorded", "event_happened")


def _events(cursor: Any, assets: int, events: int, start: datetime) -> None:
    """A million at a time; the indexes that do not hold a rule are built afterwards, which takes a fifth of the time."""
    from registry.tracking.models import LocationEvent

    by_name = {index.name: index for index in LocationEvent._meta.indexes}
    with cursor.db.schema_editor() as editor:
        for name in EVENT_INDEXES:
            editor.remove_index(LocationEvent, by_name[name])
    moment = _moment(cursor, "i", start)
    for first in range(0, events, 1_000_000):
        last = min(first + 1_000_000, events) - 1
        cursor.execute(f"""
            INSERT INTO tracking_locationevent (event_id, seq, kind, identity, raw, event_time, happened_at, decided_at,
                stored_at, recorded_time, mono_ms, time_uncertainty_ms, clock_quality, late, source, deliberate, reads, rssi_max,
                confidence, parameters, boot_id, epoch_id, gateway_id, zone_from_id, zone_to_id)
            WITH RECURSIVE numbers(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM numbers WHERE i < {last}),
            told AS (SELECT i, i % {assets} AS a, i / {assets} AS r, {moment} AS at FROM numbers)
            SELECT {_uuid(cursor, 7, "i")}, i,
                CASE WHEN r = 0 THEN 'arrived' WHEN r % {STAY_EVENTS} = 0 THEN 'moved' ELSE 'seen' END,
                '8004:0614141' || {_digits(cursor, "a", 7)}, '0614141' || {_digits(cursor, "a", 7)}, at, at, at, at,
                at, CAST(i AS bigint) * 1000, 0, 'synced', {_no(cursor)}, 'gateway', {_no(cursor)}, 7, -54, 0.9,
                '', a % {SITES} + 1, a % {SITES} + 1, 'site-' || {_digits(cursor, f"(a % {SITES})", 2)},
                CASE WHEN r > 0 AND r % {STAY_EVENTS} = 0 THEN {_uuid(cursor, 4, _room_sql(f"(r / {STAY_EVENTS} - 1)"))} END,
                {_uuid(cursor, 4, _room_sql(f"(r / {STAY_EVENTS})"))}
            FROM told""")
    with cursor.db.schema_editor() as editor:
        for name in EVENT_INDEXES:
            editor.add_index(LocationEvent, by_name[name])


def _stays(cursor: Any, assets: int, rounds: int, start: datetime) -> None:
    spells = -(-rounds // STAY_EVENTS)
    begins = _moment(cursor, f"(k * {STAY_EVENTS} * {assets} + a)", start)
    ends = _moment(cursor, f"((k + 1) * {STAY_EVENTS} * {assets} + a)", start)
    cursor.execute(f"""
        INSERT INTO tracking_stay (id, asset_id, zone_id, location_id, from_ts, to_ts)
        WITH RECURSIVE numbers(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM numbers WHERE i < {assets * spells - 1}),
        spent AS (SELECT i, i / {spells} AS a, i % {spells} AS k FROM numbers)
        SELECT {_uuid(cursor, 8, "i")}, {_uuid(cursor, 5, "a")}, {_uuid(cursor, 4, _room_sql("k"))},
            {_uuid(cursor, 3, _room_sql("k"))}, {begins}, CASE WHEN k < {spells - 1} THEN {ends} END FROM spent""")


def _room_sql(spell: str) -> str:
    return f"(a % {SITES} * {ROOMS} + (a / {SITES} + {spell} * 7) % {ROOMS})"


def _uuid(cursor: Any, kind: int, number: str) -> str:
    head = f"{_id(kind, 0).hex[:22]}"
    if cursor.db.vendor == "postgresql":
        return f"('{head}' || lpad(to_hex({number}), 10, '0'))::uuid"
    return f"printf('{head}%010x', {number})"


def _digits(cursor: Any, number: str, width: int) -> str:
    if cursor.db.vendor == "postgresql":
        return f"lpad({number}::text, {width}, '0')"
    return f"printf('%0{width}d', {number})"


def _moment(cursor: Any, number: str, start: datetime) -> str:
    if cursor.db.vendor == "postgresql":
        return f"to_timestamp({int(start.timestamp())} + {number}::bigint * {STEP_S})"
    return f"strftime('%Y-%m-%d %H:%M:%S', {int(start.timestamp())} + {number} * {STEP_S}, 'unixepoch')"


def _no(cursor: Any) -> str:
    return "false" if cursor.db.vendor == "postgresql" else "0"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--assets", type=int, default=100_000)
    parser.add_argument("--events", type=int, default=5_000_000)
    arguments = parser.parse_args()
    import os

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "registry.settings")
    import django

    django.setup()
    from django.conf import settings

    from registry import migrating

    migrating.run(settings.CONFIGURATION)
    began = time.monotonic()
    build(arguments.assets, arguments.events)
    print(f"built in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
