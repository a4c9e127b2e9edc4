"""Finding assets by everything they have: each filter, each order, each column, the same for page, export and saved views."""

import re
from collections.abc import Iterator
from copy import deepcopy
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django.plugin import DjangoDbBlocker

from registry.access.actors import ROLES, Action, Actor, Grant
from registry.access.models import Person, User
from registry.among import among
from registry.assets import code_order, filters, finding, orders, scope
from registry.assets.columns import columns_of
from registry.assets.models import (
    Asset,
    AssetModel,
    AssetTag,
    CostCenter,
    CustomField,
    CustomValue,
    Identifier,
    StatusLabel,
    Supplier,
    Tag,
)
from registry.assets.saved_views import of as views_of
from registry.custody.models import Booking, BookingItem, Custody
from tests.registry_world import ROOT, Caller, World, actor, lasting, make_user, many_assets, tell_a_day

pytestmark = pytest.mark.django_db


def fill(world: World) -> None:
    """Give Pump 7 one of everything; the other assets have nothing of it."""
    pump = world.assets["Pump 7"]
    today = timezone.localdate()
    pump.model = AssetModel.objects.create(name="P-100", manufacturer="Acme")
    pump.supplier = Supplier.objects.create(name="Pumps & Co")
    pump.cost_center = CostCenter.objects.create(code="4711", name="Water")
    pump.custodian = Person.objects.create(name="Carla")
    pump.label = StatusLabel.objects.create(name="Lent", status="in_use")
    pump.criticality, pump.condition, pump.serial_no = "critical", 2, "SN-77"
    pump.acquired_on, pump.warranty_until = date(2020, 5, 1), today + timedelta(days=20)
    pump.purchase_cost, pump.currency = Decimal("1234.5"), "EUR"
    pump.save()
    world.assets["Pump 8"].warranty_until = today - timedelta(days=1)
    world.assets["Pump 8"].save()
    now, carla = timezone.now(), pump.custodian
    for name, hours in (("Pump 7", 24), ("Pump 8", -1), ("Ladder long", 24 * 30)):
        due = now + timedelta(hours=hours)
        Custody.objects.create(asset=world.assets[name], person=carla, from_at=now - timedelta(days=1), due_at=due, batch=pump.pk)
    Custody.objects.create(
        asset=world.assets["Ladder short"], person=carla, from_at=now - timedelta(days=2), to_at=now, batch=pump.pk
    )
    fair = Booking.objects.create(title="Fair", person=carla, from_at=now - timedelta(hours=1), to_at=now + timedelta(hours=1))
    for name, active in (("Pump 9", True), ("Ladder short", False)):
        asset = world.assets[name]
        BookingItem.objects.create(booking=fair, asset=asset, from_at=fair.from_at, to_at=fair.to_at, active=active)
    AssetTag.objects.create(asset=pump, tag=Tag.objects.create(name="loud"))
    for key, kind, text, more in (
        ("inspector", "text", "Dora Doe", {}),
        ("rating", "number", "12.5", {"number": Decimal("12.5")}),
        ("checked_on", "date", "2025-02-03", {"day": date(2025, 2, 3)}),
        ("fragile", "boolean", "true", {}),
    ):
        field = CustomField.objects.create(key=key, name=key.title(), type=kind)
        CustomValue.objects.create(asset=pump, field=field, text=text, start=text.lower(), **more)


@pytest.fixture(scope="module")
def made(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[World]:
    with lasting(django_db_blocker, tell_a_day, fill) as world:
        yield world


@pytest.fixture
def world(made: World, db: None) -> World:
    return deepcopy(made)


def found(given: dict[str, str], by: Any = ROOT) -> list[str]:
    wanted, wrong = filters.read(by, given)
    assert wrong == []
    assert filters.read(by, filters.written(wanted)) == (wanted, [])  # what an address says is what it came from
    return sorted(finding.find(by, wanted).values_list("name", flat=True))


ONLY = ["Pump 7"]
OTHERS = ["Drill", "Ladder long", "Ladder short", "Pump 8", "Pump 9"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"model": "P-100"}, ONLY),
        ({"model": "none"}, OTHERS),
        ({"supplier": "Pumps & Co"}, ONLY),
        ({"cost_center": "4711"}, ONLY),
        ({"custodian": "Carla"}, ONLY),
        ({"held": "no"}, OTHERS),
        ({"custody": "out"}, ["Ladder long", "Pump 7", "Pump 8"]),
        ({"custody": "overdue"}, ["Pump 8"]),
        ({"custody": "due"}, ONLY),
        ({"custody": "free", "kind": "physical"}, ["Ladder short"]),  # Pump 9 is booked, the drill is missing
        ({"label": "Lent"}, ONLY),
        ({"label": "none", "status": "in_use"}, ["Ladder long", "Ladder short"]),
        ({"tag": "loud"}, ONLY),
        ({"criticality": "critical"}, ONLY),
        ({"condition": "2"}, ONLY),
        ({"kind": "physical", "condition": "2"}, ONLY),
        ({"warranty": "30"}, ONLY),
        ({"warranty": "over"}, ["Pump 8"]),
        ({"warranty": "none"}, ["Drill", "Ladder long", "Ladder short", "Pump 9"]),
        ({"acquired_from": "2020-05-01", "acquired_to": "2020-05-01"}, ONLY),
        ({"acquired_from": "2020-05-02"}, []),
        ({"cost_from": "1234.5", "cost_to": "1234.50"}, ONLY),
        ({"cost_from": "1234.51"}, []),
        ({"lacks": "code"}, ["Drill"]),
        ({"lacks": "home"}, ["Drill"]),
        ({"lacks": "serial"}, OTHERS),
        ({"lacks": "photo", "tag": "loud"}, ONLY),
        ({"custom.inspector": "dora"}, ONLY),
        ({"custom.inspector": "doe"}, []),
        ({"custom.rating.from": "12.5", "custom.rating.to": "13"}, ONLY),
        ({"custom.rating.from": "12.51"}, []),
        ({"custom.checked_on.from": "2025-02-03"}, ONLY),
        ({"custom.checked_on.to": "2025-02-02"}, []),
        ({"custom.fragile": "true"}, ONLY),
        ({"home": "Hall A"}, ["Ladder long", "Ladder short", "Pump 7", "Pump 8", "Pump 9"]),
        ({"q": "dora"}, ONLY),
        ({"q": "sn-77"}, ONLY),
        ({"q": "pump 12.5"}, ONLY),
    ],
)
def test_each_filter_finds_what_it_says(world: World, given: dict[str, str], expected: list[str]) -> None:
    rows: list[Any] = [
        *AssetModel.objects.all(),
        *Supplier.objects.all(),
        *Person.objects.all(),
        *StatusLabel.objects.all(),
        *Tag.objects.all(),
    ]
    ids = {row.name: str(row.pk) for row in [*rows, *world.places.values()]} | {
        c.code: str(c.pk) for c in CostCenter.objects.all()
    }
    assert found({name: ids.get(value, value) for name, value in given.items()}) == expected


@pytest.mark.parametrize(
    "given",
    [
        {"model": "x"}, {"condition": "9"}, {"warranty": "31"}, {"cost_from": "much"}, {"acquired_to": "soon"},
        {"custom.ghost": "x"}, {"custom.inspector.from": "1"}, {"custom.rating.from": "x"}, {"lacks": "sense"},
        {"place": "0" * 32},
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_named(world: World, given: dict[str, str]) -> None:
    wanted, wrong = filters.read(ROOT, given)
    assert wrong == [next(iter(given)).removesuffix(".from")]
    assert wanted == finding.Criteria()


def test_every_column_has_an_order_and_pages_follow_each_other_in_it(world: World) -> None:
    for key in columns_of(CustomField.objects.all()):
        for sort in (orders.sort_of(key), f"-{orders.sort_of(key)}"):
            order = orders.order_of(sort)
            assert order is not None, key
            names, cursor = [], None
            while True:
                page = finding.page_of(Asset.objects.all(), order, cursor, 4)
                names += [asset.name for asset in page.rows]
                cursor = page.next
                if cursor is None:
                    break
            assert sorted(names) == sorted(world.assets), sort
            if key in ("purchase_cost", "acquired_on", "condition", "model", "tags", "custom.rating", "custom.checked_on"):
                assert names[0 if sort.startswith("-") else -1] == "Pump 7", sort


@pytest.mark.parametrize("walked", [1, 4, 1_000])
def test_the_order_of_codes_is_the_same_however_many_are_walked(
    world: World, walked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forward and back, up and down, of all and of some: assets without a code, with several, and with one that is retired."""
    many_assets(world, 9)
    every = list(Asset.objects.order_by("pk"))
    for number, asset in enumerate(every[::2]):
        for code in (f"Z{number % 3}-{number}", f"m{number}"):
            Identifier.objects.create(asset=asset, key=code, raw=code, kind="manual")
    Identifier.objects.create(asset=every[1], key="A0", raw="A0", kind="manual", state="retired", valid_to=timezone.now())
    Identifier.objects.create(asset=every[0], key="M0", raw="M0", kind="manual")  # as one of its own, but for its case
    monkeypatch.setattr(code_order, "WALKED", walked)
    for found in (Asset.objects.all(), Asset.objects.filter(pk__in=[asset.pk for asset in every[::3]])):
        for sort in ("identifiers", "-identifiers"):
            order = orders.order_of(sort)
            assert order is not None
            sign = "-" if order.descending else ""
            expected = [row.pk for row in order.keyed(found).order_by(f"{sign}sort_key", f"{sign}pk")]
            pages = [finding.page_of(found, order, None, 3)]
            while (further := pages[-1].next) is not None:
                pages.append(finding.page_of(found, order, further, 3))
            assert [row.pk for page in pages for row in page.rows] == expected
            for before, page in pairwise(pages):
                assert [row.pk for row in finding.page_of(found, order, page.previous, 3).rows] == [row.pk for row in before.rows]


def test_orders_of_fields_that_are_no_more_are_none(world: World) -> None:
    CustomField.objects.filter(key="rating").update(active=False)
    assert orders.order_of("custom.rating") is None
    assert orders.order_of("-nonsense") is None


def test_a_scope_finds_by_home_and_by_place_and_nothing_else(world: World) -> None:
    dock = actor(make_user("dora", "viewer", place=world.places["Dock"]))
    assert found({}, dock) == ["Ladder short", "Pump 9"]  # they stand there; none is at home there
    store = actor(make_user("sven", "viewer", place=world.places["Store room"]))
    assert found({}, store) == ["Pump 7", "Pump 8", "Pump 9"]
    assert found({"q": "dora"}, dock) == []
    assert finding.by_code(Asset.objects.visible_to(dock), "(8004)061414100007") is None


def test_resolve_finds_by_number_and_serial_number_too(world: World) -> None:
    call = Caller()
    pump = str(world.assets["Pump 7"].pk)
    for code in ("a-000001", "sn-77", "(8004)061414100007", "urn:epc:id:giai:0614141.00007"):
        assert call("GET", "/resolve", query_params={"code": code}).json()["asset"]["id"] == pump, code
    assert "serial number" in call("GET", "/resolve", query_params={"code": "SN-77"}).json()["note"]
    assert call("GET", "/resolve", query_params={"code": "SN-78"}).json()["asset"] is None
    Asset.objects.filter(name="Pump 8").update(serial_no="SN-77")
    assert call("GET", "/resolve", query_params={"code": "SN-77"}).json()["asset"] is None  # two have it: neither is meant


@pytest.mark.parametrize(("carried", "few"), [(10_000, 1_000), (10_000, 0), (2, 1_000), (2, 0), (0, 0)])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pump", ["Pump 7", "Pump 8", "Pump 9"]),
        ("PUMP 00000", ["Pump 7", "Pump 8", "Pump 9"]),
        ("a-00000 pump dora", ONLY),
        ("sn-7", ONLY),
        ("00007", ONLY),  # the end of its code
        ("pump ladder-1", []),
        ("l", ["Drill", "Ladder long", "Ladder short"]),
        ("%", []),
        ("no such thing", []),
    ],
)
def test_a_search_finds_the_same_however_much_it_carries_along(
    world: World, monkeypatch: pytest.MonkeyPatch, carried: int, few: int, text: str, expected: list[str]
) -> None:
    monkeypatch.setattr(finding, "CARRIED", carried)
    monkeypatch.setattr(finding, "FEW", few)
    monkeypatch.setattr(finding, "WIDE", 20_000 if few or not carried else carried)
    asked = finding.search(ROOT, text)
    assert sorted(asked.rows.values_list("name", flat=True)) == expected
    assert asked.total == (len(expected) if len(expected) <= carried else None)
    store = actor(make_user("sven", "viewer", place=world.places["Store room"]))
    theirs = [name for name in expected if name.startswith("Pump")]
    assert sorted(finding.searched(store, text).values_list("name", flat=True)) == theirs


@pytest.mark.parametrize("limits", [
    [("Store room", None)], [("Hall A", None)], [(None, "Tools")], [("Hall A", "Pumps")], [],
    [("Office", "Pumps"), ("Dock", "Tools")], [("Dock", None), (None, "Pumps")],
])  # fmt: skip
def test_the_keys_of_a_scope_are_those_of_the_assets_in_it(world: World, limits: list[tuple[str | None, str | None]]) -> None:
    places, kinds = world.places, world.categories
    grants = [Grant(ROLES["viewer"], place and places[place].path, kind and kinds[kind].path) for place, kind in limits]
    grants.append(Grant(frozenset({Action.AUDIT})))  # shows nothing
    by = Actor("sven", tuple(grants))
    seen = set(Asset.objects.visible_to(by))
    found = scope.keys(by, most=len(seen))
    assert found is not None
    assert len(found) == len(seen)
    assert set(Asset.objects.filter(pk__in=among(found))) == seen
    assert not seen or scope.keys(by, most=len(seen) - 1) is None


# ---- the list ------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def anna(client: Client) -> Client:
    client.force_login(make_user())
    return client


def test_chosen_columns_stand_in_list_and_export_and_stay(anna: Client, world: World) -> None:
    chosen = ["name", "custom.rating", "tags", "purchase_cost"]
    answer = anna.post("/assets/columns/", {"column": chosen, "query": "q=pump"})
    assert answer["Location"] == "/assets/?q=pump&columns=name%2Ccustom.rating%2Ctags%2Cpurchase_cost"
    page = anna.get("/assets/").content.decode()
    assert [head for head in ("Rating", "Tags", "Purchase cost") if f">{head}</a></th>" in page] == [
        "Rating",
        "Tags",
        "Purchase cost",
    ]
    assert ">Number</a></th>" not in page
    assert ">12.5</td>" in page
    assert ">1234.5</td>" in page


def test_a_facet_is_counted_when_it_is_opened(anna: Client, world: World) -> None:
    part = anna.get("/assets/facet/model/", headers={"HX-Request": "true"}).content.decode()
    assert 'Acme P-100<span class="count">1</span>' in part
    assert 'No model<span class="count">5</span>' in part
    assert "<!doctype" in anna.get("/assets/facet/warranty/").content.decode()


def test_words_are_counted_on_the_assets_that_one_may_see(client: Client, world: World) -> None:
    def counts(user: User, kind: str) -> dict[str, int]:
        client.force_login(user)
        page = client.get(f"/settings/words/{kind}/").content.decode()
        return {name: int(n) for name, n in re.findall(r"data-open[^>]*>([^<]+)</a>.*?<span>(\d+)</span></td></tr>", page)}

    AssetTag.objects.create(asset=world.assets["Ladder long"], tag=Tag.objects.get(name="loud"))
    sven = make_user("sven", "viewer", place=world.places["Store room"])
    assert counts(make_user("ada"), "categories") == {"Tools": 1, "Ladders": 2, "Pumps": 3}
    assert counts(sven, "categories") == {"Tools": 0, "Ladders": 0, "Pumps": 3}
    assert (counts(make_user("bea"), "tags")["loud"], counts(sven, "tags")["loud"]) == (2, 1)
    assert counts(sven, "fields") == {"Inspector": 1, "Rating": 1, "Checked_On": 1, "Fragile": 1}
    assert counts(sven, "models") == {"Acme P-100": 1}


def test_views_are_kept_shared_renamed_and_deleted(anna: Client, world: World) -> None:
    answer = anna.post("/assets/views/", {"name": "Loud pumps", "query": "q=pump&criticality=critical", "shared": "yes"})
    page = anna.get(answer["Location"]).content.decode()
    assert 'aria-current="page">Loud pumps</a>' in page
    assert "1 asset matches" in page
    other = make_user("otto", "viewer")
    [seen] = views_of(actor(other), "assets")
    client = Client()
    client.force_login(other)
    assert "Loud pumps" in client.get("/assets/").content.decode()
    assert client.post("/assets/views/", {"name": "Mine", "query": "", "shared": "yes"}).status_code == 422
    client.post(f"/assets/views/{seen.pk}/", {"delete": "yes"})
    assert views_of(ROOT, "assets")
    anna.post(f"/assets/views/{seen.pk}/", {"name": "Pumps that are loud"})
    assert views_of(actor(other), "assets") == []  # not shared any more
    anna.post(f"/assets/views/{seen.pk}/", {"delete": "yes"})
    anna.get("/assets/")  # says once that it is gone
    assert "Pumps that are loud" not in anna.get("/assets/").content.decode()


def test_the_form_of_all_filters_says_what_is_chosen(anna: Client, world: World) -> None:
    page = anna.get("/assets/filters/?warranty=90&custom.rating.from=3&cost_to=10").content.decode()
    assert '<option value="90" selected>' in page
    assert 'name="custom.rating.from" type="text" value="3"' in page
    assert 'name="cost_to" value="10"' in page


def test_the_palette_offers_pages_deeds_and_what_a_search_finds(anna: Client, world: World) -> None:
    page = anna.get("/palette/?q=pump", headers={"HX-Request": "true"}).content.decode()
    assert all(f"<span>Pump {n}</span>" in page for n in (7, 8, 9))
    assert "<span>New asset</span>" in anna.get("/palette/?q=new+asset", headers={"HX-Request": "true"}).content.decode()
    viewer = Client()
    viewer.force_login(make_user("vera", "viewer", place=world.places["Office"]))
    page = viewer.get("/palette/?q=pump", headers={"HX-Request": "true"}).content.decode()
    assert "Pump 7" not in page
    assert "New asset" not in viewer.get("/palette/", headers={"HX-Request": "true"}).content.decode()


def test_a_list_with_every_column_costs_the_same_for_few_and_many_rows(anna: Client, world: World) -> None:
    keys = [key for key in columns_of(CustomField.objects.all()) if key != "notes"]

    def queries(first: int) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert anna.get("/assets/", {"columns": ",".join(keys[first : first + 20])}).status_code == 200
        counting = [q["sql"] for q in captured.captured_queries if "COUNT(*)" in q["sql"] and "GROUP BY" not in q["sql"]]
        assert all("LIMIT" in sql for sql in counting)
        return len(captured)

    few = [queries(0), queries(20)]
    many_assets(world, 45)
    assert [queries(0), queries(20)] == few
