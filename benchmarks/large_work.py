"""What people do with a large registry: hand out, book, transfer, count, import, change; for measuring, on top of large_site.py.

20,000 check-outs (5,000 still out), 2,000 bookings, 500 transfers, 5,000 lines of stock, 10,000 unknown tags, an import of 20,000
rows, 300,000 entries in the log of changes, 2,000 vehicles on the map, a floor plan on every building. The same each time.
"""

import random
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import BytesIO
from itertools import islice
from typing import Any, Final
from uuid import UUID

AT_ONCE: Final = 5_000
SEED: Final = 11
CUSTODIES, STILL_OUT = 20_000, 5_000
BOOKINGS, TRANSFERS, ITEMS = 2_000, 500, 5
STOCK, TAGS, VEHICLES = 5_000, 10_000, 2_000
IMPORTED: Final = 20_000
CHANGES: Final = 300_000
ACTIONS: Final = ("changed", "changed", "changed", "created", "checked out", "checked in", "moved")


def build() -> None:
    """Fill a registry that large_site.py has made."""
    from registry.access.models import Person
    from registry.assets.models import Asset, Location

    rng = random.Random(SEED)
    now = datetime.now(UTC).replace(microsecond=0)
    assets = list(Asset.objects.order_by("asset_no").values_list("pk", flat=True))
    people = list(Person.objects.order_by("name").values_list("pk", flat=True))
    rooms = list(Location.objects.filter(depth=3).order_by("path"))
    _custodies(rng, now, assets, people)
    _bookings(rng, now, assets, people)
    _transfers(rng, now, assets, rooms)
    _stock(rng, now, assets, rooms)
    _unknown_tags(now)
    _costs_and_map(rng, now, assets, rooms)
    _plans()
    _import(now, assets)
    _changes(rng, now, assets, people)


def _id(kind: int, number: int) -> UUID:
    """UUIDs in the order of their numbers; `kind` keeps tables apart, from 20 on."""
    return UUID(int=(0x01900000_0000_7000_8000 << 48) + (kind << 40) + number)


def _store(model: Any, rows: Iterable[Any]) -> None:
    from django.db import transaction

    rows = iter(rows)
    while some := list(islice(rows, AT_ONCE)):
        with transaction.atomic():
            model.objects.bulk_create(some)


def _custodies(rng: random.Random, now: datetime, assets: list[UUID], people: list[UUID]) -> None:
    """What is out went out within 30 days; a tenth of it is overdue, a third has no due date."""
    from registry.custody.models import Custody

    def rows() -> Iterator[Custody]:
        for n in range(CUSTODIES):
            out = n < STILL_OUT
            start = now - timedelta(days=30 if out else 400, minutes=rng.randrange(10_000))
            due = start + timedelta(days=20 if n % 10 == 0 else 60) if n % 3 else None
            yield Custody(
                id=_id(20, n), asset_id=assets[n * 3 % len(assets)], person_id=people[n % len(people)], from_at=start, due_at=due,
                to_at=None if out else start + timedelta(days=rng.randrange(1, 90)), batch=_id(21, n // 4),
            )  # fmt: skip

    _store(Custody, rows())


def _bookings(rng: random.Random, now: datetime, assets: list[UUID], people: list[UUID]) -> None:
    """From half a year ago to half a year ahead; every asset is booked once at most."""
    from registry.custody.models import Booking, BookingItem

    made = []
    for n in range(BOOKINGS):
        start = now + timedelta(hours=rng.randrange(-4_400, 4_400))
        state = ("done" if start < now - timedelta(days=3) else "confirmed") if n % 8 else "requested"
        made.append(
            Booking(id=_id(22, n), title=f"Job {n:04}", person_id=people[n % len(people)], from_at=start,
                    to_at=start + timedelta(hours=rng.randrange(4, 72)), state=state)
        )  # fmt: skip
    _store(Booking, made)
    _store(
        BookingItem,
        (
            BookingItem(id=_id(23, n * ITEMS + k), booking=b, asset_id=assets[(n * ITEMS + k) * 3 % len(assets) + 1],
                        from_at=b.from_at, to_at=b.to_at, active=b.state == "confirmed")
            for n, b in enumerate(made)
            for k in range(ITEMS)
        ),
    )  # fmt: skip


def _transfers(rng: random.Random, now: datetime, assets: list[UUID], rooms: list[Any]) -> None:
    from registry.custody.models import Transfer, TransferItem

    states = ("requested", "in_transit", "arrived", "arrived", "arrived", "cancelled")
    made = []
    for n in range(TRANSFERS):
        start, end = rng.sample(rooms, 2)
        state = states[n % len(states)]
        made.append(
            Transfer(id=_id(24, n), number=f"T-{n:06}", from_location=start, to_location=end, state=state,
                     dispatched_at=None if state == "requested" else now - timedelta(days=9),
                     due_at=now + timedelta(days=n % 20 - 5), arrived_at=now if state == "arrived" else None)
        )  # fmt: skip
    _store(Transfer, made)
    _store(
        TransferItem,
        (
            TransferItem(id=_id(25, n * ITEMS + k), transfer=t, asset_id=assets[(n * ITEMS + k) * 7 % len(assets)],
                         state="dropped" if t.state == "cancelled" else t.state, arrived_at=t.arrived_at)
            for n, t in enumerate(made)
            for k in range(ITEMS)
        ),
    )  # fmt: skip


def _stock(rng: random.Random, now: datetime, assets: list[UUID], rooms: list[Any]) -> None:
    from registry.stock.models import StockLine, StockMovement

    def lines() -> Iterator[StockLine]:
        for n in range(STOCK):
            yield StockLine(
                id=_id(26, n), asset_id=assets[n * 11 % len(assets)], location=rooms[n % len(rooms)], quantity=n % 200,
                minimum=20 if n % 2 else None, target=100 if n % 4 == 1 else None,
                expires_on=now.date() + timedelta(days=rng.randrange(-20, 700)) if n % 3 == 0 else None,
            )  # fmt: skip

    _store(StockLine, lines())
    _store(
        StockMovement,
        (
            StockMovement(id=_id(27, n), line_id=_id(26, n % STOCK), kind="receive", change=1, after=1,
                          at=now - timedelta(minutes=n), request_id=_id(28, n))
            for n in range(4 * STOCK)
        ),
    )  # fmt: skip


def _unknown_tags(now: datetime) -> None:
    from registry.tracking.models import Quarantine, UnknownTag, Zone

    zones = list(Zone.objects.order_by("pk"))
    _store(
        UnknownTag,
        (
            UnknownTag(id=_id(29, n), identity=f"tag:UNKNOWN-{n:06}", raw=f"UNKNOWN-{n:06}", zone=zones[n % len(zones)],
                       gateway_id=zones[n % len(zones)].gateway_id, first_seen=now - timedelta(minutes=3 * n + 60),
                       last_seen=now - timedelta(minutes=n), count=n)
            for n in range(TAGS)
        ),
    )  # fmt: skip
    _store(
        Quarantine,
        (
            Quarantine(id=_id(30, n), gateway_id=f"site-{n % 20:02}", epoch="-", seq=n, code=("conflict", "bad_shape")[n % 2],
                       text="-", payload=b"-", received_at=now)
            for n in range(2_000)
        ),
    )  # fmt: skip


def _costs_and_map(rng: random.Random, now: datetime, assets: list[UUID], rooms: list[Any]) -> None:
    """Storage costs, days of replacement, and coordinates of sites and vehicles."""
    from registry.assets.models import Asset, Location

    for n, site in enumerate(Location.objects.filter(depth=1)):
        Location.objects.filter(pk=site.pk).update(latitude=48 + n / 4, longitude=2 + n)
    Location.objects.filter(pk__in=[room.pk for room in rooms]).update(storage_cost_month=Decimal("120.50"), currency="EUR")
    changed = list(Asset.objects.filter(pk__in=assets[::10]))
    for n, asset in enumerate(changed):
        asset.storage_cost_month = Decimal(n % 50)
        asset.replace_on = now.date() + timedelta(days=rng.randrange(-30, 1_500))
        if n % 5 == 0 and n < 5 * VEHICLES:
            asset.latitude, asset.longitude, asset.coordinates_at = 44 + rng.random() * 10, rng.random() * 20, now
    fields = ["storage_cost_month", "replace_on", "latitude", "longitude", "coordinates_at"]
    Asset.objects.bulk_update(changed, fields, batch_size=500)


def _plans() -> None:
    """A floor plan on each building, its ten rooms outlined in two rows."""
    from PIL import Image

    from registry.access.actors import system
    from registry.assets.models import Location
    from registry.places import plans

    by = system()
    picture = BytesIO()
    Image.new("RGB", (1000, 400), "white").save(picture, "PNG")
    for building in Location.objects.filter(depth=2):
        picture.seek(0)
        plan = plans.put(by=by, location=building, file=picture, metres_per_pixel=0.05)
        for n, room in enumerate(Location.objects.within(building).filter(depth=3)):
            left, top = n % 5 / 5, n // 5 / 2
            outline = [[left, top], [left + 0.2, top], [left + 0.2, top + 0.5], [left, top + 0.5]]
            Location.objects.filter(pk=room.pk).update(plan=plan, outline=outline)


def _import(now: datetime, assets: list[UUID]) -> None:
    """One import that was checked: two thirds change something, a tenth is wrong."""
    from registry.importing.models import ImportJob, ImportProblem, ImportRow

    job = ImportJob.objects.create(
        id=_id(31, 0), state="checked", name="large.csv", sha256="0" * 64, size=1, form="csv", header=["Number", "Name"],
        mapping={"0": "asset_no", "1": "name"}, rows=IMPORTED, wrong=IMPORTED // 10, changed=IMPORTED * 9 // 10, checked_at=now,
    )  # fmt: skip
    _store(
        ImportRow,
        (
            ImportRow(job=job, number=n + 2, outcome="wrong" if n % 10 == 0 else "changed", asset=assets[n], version=1,
                      name=f"A-{n:06d}", before={"name": "Old"}, after={"name": "New"}, values={"name": "New"})
            for n in range(IMPORTED)
        ),
    )  # fmt: skip
    _store(
        ImportProblem,
        (
            ImportProblem(job=job, row=n + 2, column="Name", value=f"={n % 7}", reason="looks like a formula")
            for n in range(0, IMPORTED, 10)
        ),
    )


def _changes(rng: random.Random, now: datetime, assets: list[UUID], people: list[UUID]) -> None:
    from registry.access.models import Change

    def rows() -> Iterator[Change]:
        for n in range(CHANGES):
            at = rng.randrange(len(assets))
            yield Change(
                id=_id(32, n), at=now - timedelta(minutes=CHANGES - n), through="page", request_id=_id(33, n // 3),
                object_type="asset", object_id=str(assets[at]), object_name=f"A-{at:06d}", action=ACTIONS[n % len(ACTIONS)],
                before={"name": "Old", "purchase_cost": "1.00"},
                after={"name": "New", "custodian": {"id": str(people[n % len(people)]), "kind": "person"}},
            )  # fmt: skip

    _store(Change, rows())


def addresses() -> dict[str, str]:
    """The pages and lists of what is built here, by name, as registry_pages.py asks for them. One site is `Site 03`."""
    from registry.access.models import Person
    from registry.assets.models import Asset, Category, Location
    from registry.custody.models import Booking, Custody, Transfer
    from registry.stock.models import StockLine

    asset = Asset.objects.get(asset_no="A-000003")
    room, site = asset.home_location, Location.objects.get(code="S03")
    building = Location.objects.get(code="S03-0")
    assert room is not None
    line = StockLine.objects.filter(
        location__path__startswith=site.path, asset__home_location__path__startswith=site.path
    ).first()
    theirs = Custody.objects.filter(asset__home_location__path__startswith=site.path)
    booking = Booking.objects.filter(items__asset__home_location__path__startswith=site.path).first()
    transfer = Transfer.objects.filter(to_location__path__startswith=site.path).first()
    person = Person.objects.order_by("name").first()
    category = Category.objects.filter(depth=1)[1]
    then = (datetime.now(UTC) - timedelta(days=100)).strftime("%Y-%m-%dT%H:%M")
    assert line
    assert booking
    assert transfer
    assert person
    reports = ("inventory", "value", "utilisation", "idle", "logistics", "storage", "replacement")
    groups = ("inventory/?group=place", "inventory/?group=age", "value/?group=category", "value/?group=place")
    return {
        "places, by last seen": "/places/?sort=-seen",
        "places, by place": "/places/?sort=place",
        "place, building": f"/places/{building.pk}/",
        "room then": f"/places/{room.pk}/then/?at={then}",
        "site then": f"/places/{site.pk}/then/?at={then}",
        "site now": f"/places/{site.pk}/then/",
        "room expected": f"/places/{room.pk}/expected/",
        "site expected": f"/places/{site.pk}/expected/",
        "plan": f"/places/{building.pk}/plan/",
        "plan, outlining": f"/places/{building.pk}/plan/edit/",
        "place form": f"/places/{room.pk}/edit/",
        "map": "/map/",
        "live parts": "/live/parts/?parts=summary,unmapped,unknown,events,gateways,zones,ingest",
        "unknown tags": "/live/unknown/",
        "zones": "/live/zones/",
        "custody out": "/custody/",
        "custody overdue": "/custody/?show=overdue",
        "custody back": "/custody/?show=back",
        "custody mine": "/custody/?show=mine",
        "custody search": "/custody/?q=pump",
        "custody, one": f"/custody/{theirs[0].pk}/",
        "check out": f"/custody/out/?asset={asset.pk}",
        "check in": f"/custody/in/?asset={asset.pk}",
        "people offered": "/pick/person/?q=person+01",
        "bookings week": "/bookings/",
        "bookings month": "/bookings/?view=month",
        "bookings search": "/bookings/?q=pump",
        "booking": f"/bookings/{booking.pk}/",
        "booking form": f"/bookings/new/?asset={asset.pk}",
        "transfers": "/transfers/",
        "transfers on the way": "/transfers/?show=way",
        "transfers closed": "/transfers/?show=closed",
        "transfer": f"/transfers/{transfer.pk}/",
        "transfer form": f"/transfers/new/?asset={asset.pk}",
        "stock": "/stock/",
        "stock low": "/stock/?show=low",
        "stock expiring": "/stock/?show=expiring",
        "stock search": "/stock/?q=pump",
        "stock line": f"/stock/{line.pk}/",
        "stock proposal": "/stock/proposal/",
        "receive": "/stock/receive/",
        "reports": "/reports/",
        **{f"report {key}": f"/reports/{key}/" for key in reports},
        **{f"report {key}": f"/reports/{key}" for key in groups},
        "report inventory of a site": f"/reports/inventory/?place={site.pk}",
        "report inventory of a category": f"/reports/inventory/?category={category.pk}",
        "report utilisation of a site": f"/reports/utilisation/?place={site.pk}",
        "report logistics of a site": f"/reports/logistics/?place={site.pk}",
        "people": "/people/",
        "people, search": "/people/?q=person+01",
        "person": f"/people/{person.pk}/",
        "changes": "/changes/",
        "changes of a kind": "/changes/?kind=location",
        "changes since": f"/changes/?since={date.today() - timedelta(days=100)}&until={date.today() - timedelta(days=90)}",  # noqa: DTZ011
        "changes of an asset": f"/changes/?object={asset.pk}&kind=asset",
        "labels": f"/labels/?asset={asset.pk}",
        "scan": "/scan/",
        "scan drawer": "/scan/drawer/",
        "imports": "/imports/",
        "import": f"/imports/{_id(31, 0)}/",
        "import rows": f"/imports/{_id(31, 0)}/?show=changed",
        "words": "/settings/words/",
        "words, models": "/settings/words/models/",
        "words, categories": "/settings/words/categories/",
        "tokens": "/tokens/",
        "undelivered": "/undelivered/",
        "API place then": f"/api/v1/locations/{site.pk}/contents?at={then}Z",
        "API positions, place": f"/api/v1/positions?place={site.pk}",
        "API positions, unknown": "/api/v1/positions?state=unknown",
        "API events, happened": "/api/v1/events?sort=-happened",
        "API events of an asset": f"/api/v1/events?asset={asset.pk}",
        "API events of a place": f"/api/v1/events?place={site.pk}",
        "API zones": "/api/v1/zones",
        "API unknown tags": "/api/v1/unknown-tags",
        "API custody": "/api/v1/custody",
        "API bookings": "/api/v1/bookings",
        "API transfers": "/api/v1/transfers",
        "API stock": "/api/v1/stock",
        "API proposal": "/api/v1/stock/proposal",
        "API people": "/api/v1/people",
        "API changes": "/api/v1/changes",
        "API categories": "/api/v1/categories",
        "API scans, assets": "/api/v1/scans/assets",
        "API scans, places": "/api/v1/scans/places",
        "API report": "/api/v1/reports/inventory",
    }
