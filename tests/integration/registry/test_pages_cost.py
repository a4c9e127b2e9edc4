"""What pages and lists cost: as many questions for thirty rows as for seven, whoever asks. And what the overview says is due."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from registry.access.models import Person, User
from registry.assets.models import Asset, Location
from registry.assets.services import register_asset
from registry.assets.trees import create_category, create_location
from registry.care import agreements, condition, orders
from registry.care import plans as maintenance
from registry.custody import bookings, services, transfers
from registry.custody.models import Booking, BookingItem, Custody
from registry.stock import services as stock
from registry.tracking.models import LocationEvent, Position, Stay, UnknownTag, Zone
from tests.registry_world import ROOT, make_user

PAGES = (
    "/", "/places/", "/places/?sort=-seen", "/places/?sort=place", "/places/{hall}/", "/places/{hall}/then/",
    "/places/{hall}/expected/", "/map/", "/live/", "/live/zones/", "/live/zones/?show=unmapped", "/live/unknown/", "/gateways/",
    "/gateways/?show=troubled", "/gateways/g/", "/api/v1/gateways", "/custody/",
    "/custody/?show=back", "/bookings/", "/bookings/?view=month", "/transfers/", "/transfers/?show=way", "/stock/",
    "/stock/?show=low", "/agreements/", "/agreements/?show=30", "/api/v1/agreements",
    "/work-orders/", "/work-orders/calendar/", "/maintenance/", "/api/v1/work-orders", "/api/v1/maintenance-plans",
    "/api/v1/assessments", "/api/v1/assessments?newest=true",
    "/reports/inventory/", "/reports/inventory/?group=place", "/reports/value/?group=place",
    "/reports/utilisation/", "/reports/idle/?days=1", "/reports/logistics/", "/reports/logistics/?place={hall}",
    "/reports/storage/", "/reports/replacement/", "/changes/?kind=asset", "/api/v1/positions", "/api/v1/positions?place={hall}",
    "/api/v1/events", "/api/v1/locations/{hall}/contents", "/api/v1/bookings", "/api/v1/transfers", "/api/v1/stock",
)  # fmt: skip


@pytest.fixture
def places(db: None) -> dict[str, Location]:
    site = create_location(by=ROOT, name="Site", kind="site")
    return {
        "site": site,
        "hall": create_location(by=ROOT, name="Hall", parent=site),
        "yard": create_location(by=ROOT, name="Yard", parent=site),
        "other": create_location(by=ROOT, name="Other", kind="site"),
    }


@pytest.fixture(params=["everything", "one category at one site"])
def client(request: pytest.FixtureRequest, places: dict[str, Location]) -> Client:
    """Somebody who may do all there is, everywhere or within a part."""
    if request.param == "everything":
        user = make_user("anna")
    else:
        user = make_user("anna", "manager", place=places["site"], category=create_category(by=ROOT, name="Pumps"))
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def fill(places: dict[str, Location], count: int) -> None:
    """So many of everything that the pages list."""
    from registry.assets.models import Category

    now = timezone.now()
    pumps = Category.objects.filter(name="Pumps").first()
    anna = Person.objects.filter(name="Carla").first() or Person.objects.create(name="Carla")
    have = Asset.objects.count()
    for n in range(have, have + count):
        asset = register_asset(
            by=ROOT, name=f"Pump {n}", category=pumps, home_location=places["hall" if n % 2 else "yard"], kind="physical",
        )  # fmt: skip
        event = LocationEvent.objects.create(
            event_id=asset.pk, kind="seen", identity=f"tag:p{n}", raw=f"p{n}", location=places["hall"], event_time=now,
            happened_at=now, decided_at=now, stored_at=now, recorded_time=now, clock_quality="synced", source="scan",
        )  # fmt: skip
        since = now - timedelta(days=n % 9 + 2)
        Position.objects.create(
            asset=asset, location=places["hall"], since=since, last_seen_at=now, last_event=event, source="scan",
            state="unknown" if n % 7 == 6 else "present", worked_in_to=now,
        )  # fmt: skip
        Stay.objects.create(asset=asset, location=places["hall"], from_ts=since)
        Zone.objects.create(gateway_id="g", name=f"zone-{n:03}", kind="storage", location=places["hall"] if n % 2 else None)
        UnknownTag.objects.create(identity=f"tag:u{n}", raw=f"u{n}", location=places["hall"], first_seen=now, last_seen=now)
        Asset.objects.filter(pk=asset.pk).update(latitude=50, longitude=8, purchase_cost=5, currency="EUR", storage_cost_month=1,
                                                 replace_on=now.date())  # fmt: skip
        stock.receive(by=ROOT, asset_id=asset.pk, location_id=places["hall"].pk, quantity="1")
        orders.make(by=ROOT, asset_id=asset.pk, title=f"Work {n}", due_on=now.date())
        maintenance.make(by=ROOT, name=f"Plan {n}", asset=asset, trigger="condition", condition_at_most=1)
        condition.assess(by=ROOT, asset_id=asset.pk, score=n % 5 + 1)
        agreements.make(
            by=ROOT, name=f"Cover {n}", kind="insurance", asset_ids=[asset.pk], ends_on=now.date() + timedelta(days=9)
        )
        if n % 3 == 0:
            services.check_out(by=ROOT, asset_ids=[asset.pk], person_id=anna.pk, due_at=now + timedelta(days=3))
        elif n % 3 == 1:
            bookings.book(
                by=ROOT, title=f"Job {n}", person_id=anna.pk, asset_ids=[asset.pk], from_at=now, to_at=now + timedelta(days=1)
            )
        else:
            moved = transfers.request(by=ROOT, asset_ids=[asset.pk], from_location=places["hall"], to_location=places["yard"])
            transfers.dispatch(by=ROOT, transfer_id=moved.pk)


@pytest.fixture
def asked(client: Client, places: dict[str, Location]) -> Callable[[str], int]:
    """How many questions a page asks the database."""

    def queries(path: str) -> int:
        address = path.format(**{name: place.pk for name, place in places.items()})
        headers = {"accept": "application/json"} if path.startswith("/api/") else {}
        with CaptureQueriesContext(connection) as captured:
            answer = client.get(address, headers=headers)
        assert answer.status_code == 200, (address, answer.status_code)
        return len(captured.captured_queries)

    return queries


def test_every_page_asks_as_much_for_thirty_rows_as_for_seven(asked: Callable[[str], int], places: dict[str, Location]) -> None:
    from registry.tracking.gateways import add_gateway

    add_gateway(by=ROOT, gateway_id="g")
    fill(places, 7)
    few = {path: asked(path) for path in PAGES}
    fill(places, 23)
    many = {path: asked(path) for path in PAGES}
    assert many == few


def test_the_overview_says_what_is_due_to_those_who_see_it(places: dict[str, Location]) -> None:
    now = timezone.now()
    pump = register_asset(by=ROOT, name="Pump", home_location=places["hall"], warranty_until=now.date() + timedelta(days=9))
    drill = register_asset(by=ROOT, name="Drill", home_location=places["hall"])
    services.check_out(by=ROOT, asset_ids=[pump.pk], person_id=Person.objects.create(name="Carla").pk, due_at=now + timedelta(1))
    Custody.objects.update(from_at=now - timedelta(days=3), due_at=now - timedelta(days=1))
    moved = transfers.request(by=ROOT, asset_ids=[drill.pk], from_location=places["hall"], to_location=places["yard"])
    transfers.dispatch(by=ROOT, transfer_id=moved.pk)
    line = stock.receive(by=ROOT, asset_id=drill.pk, location_id=places["hall"].pk, quantity="1")
    stock.set_levels(by=ROOT, line_id=line.pk, minimum="5", target=None)

    def due(user: User) -> list[tuple[int, str]]:
        client = Client()
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        shown = client.get("/").context["due"]
        for one in shown:
            page = client.get(one.url).content.decode()
            assert any(name in page for name in (pump.name, drill.name, moved.number)), one
        return [(one.number, one.words) for one in shown]

    assert due(make_user("anna", "manager", place=places["site"])) == [
        (1, "overdue to come back"),
        (1, "on the way"),
        (1, "out of warranty within 30 days"),
        (1, "below the minimum in stock"),
    ]
    assert due(make_user("otto", "manager", place=places["other"])) == []


def test_a_booking_of_a_thousand_assets_is_listed(places: dict[str, Location]) -> None:
    """More than SQLite takes in one condition."""
    now = timezone.now()
    assets = [Asset(asset_no=f"B-{n:04}", name="Chair", home_location=places["hall"]) for n in range(1_001)]
    Asset.objects.bulk_create(assets)
    made = Booking.objects.create(title="Fair", person=Person.objects.create(name="Carla"), from_at=now, to_at=now + timedelta(1))
    BookingItem.objects.bulk_create(BookingItem(booking=made, asset=a, from_at=made.from_at, to_at=made.to_at) for a in assets)
    client = Client()
    client.force_login(make_user("anna"), backend="django.contrib.auth.backends.ModelBackend")
    (listed,) = client.get("/api/v1/bookings").json()["items"]
    assert len(listed["assets"]) == 1_001
