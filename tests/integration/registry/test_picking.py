"""Picking one of thousands: what is offered, whom a text names, and that nobody picks what they may not see."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django.plugin import DjangoDbBlocker

from registry.access.actors import Action
from registry.access.models import Person
from registry.assets import picking
from registry.assets.models import Asset, AssetModel, CostCenter, Location, Supplier
from registry.assets.trees import create_location
from registry.problems import Invalid
from tests.registry_world import ROOT, World, actor, lasting, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def made(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[World]:
    with lasting(django_db_blocker) as world:
        yield world


@pytest.fixture
def world(made: World, db: None) -> World:
    return deepcopy(made)


@pytest.fixture
def client() -> Client:
    client = Client()
    client.force_login(make_user("otto", "manager"))
    return client


def labels(client: Client, kind: str, q: str = "", **more: str) -> list[str]:
    answer = client.get(f"/pick/{kind}/", {"q": q, **more})
    assert answer.status_code == 200
    return [one["label"] for one in answer.json()["items"]]


def test_what_is_offered_while_somebody_types(client: Client, world: World) -> None:
    Person.objects.create(name="Anna Berg", number="1001")
    assert labels(client, "asset", "pump 7") == [f"Pump 7 · {world.assets['Pump 7'].asset_no}"]
    assert labels(client, "asset", "8004:061414100008") == [f"Pump 8 · {world.assets['Pump 8'].asset_no}"]
    assert labels(client, "place", "store") == ["Store room (Hamburg / Hall A)"]
    assert labels(client, "category", "ladd") == ["Ladders (Tools)"]
    assert labels(client, "person", "ann") == ["Anna Berg · 1001"]
    assert labels(client, "person", "nobody at all") == []
    assert client.get("/pick/secret/").status_code == client.get("/pick/asset/?may=administer").status_code == 404


def test_each_kind_is_named_by_what_it_is_offered_as(world: World) -> None:
    Person.objects.create(name="Anna Berg", number="1001")
    AssetModel.objects.create(manufacturer="Bosch Rexroth", name="GSR 12", part_no="0601")
    AssetModel.objects.create(name="Plain")
    Supplier.objects.create(name="Müller & Söhne")
    CostCenter.objects.create(code="4711", name="Yard")
    for kind in picking.SOURCES:
        for one in picking.offered(ROOT, kind, ""):
            assert picking.named(ROOT, kind, one.label).pk == one.id, (kind, one.label)
            assert picking.named(ROOT, kind, one.text).pk == one.id or kind in ("category", "tag"), (kind, one.text)


def test_a_text_that_is_not_one_row_alone_is_refused_with_the_candidates(world: World) -> None:
    for name in ("Hall A", "Office"):
        create_location(by=ROOT, name="Cupboard", parent=world.places[name])
    with pytest.raises(Invalid, match=r"Several are called 'cupboard': .*Cupboard \(Hamburg / Hall A\)") as several:
        picking.named(ROOT, "place", "cupboard")
    assert "Cupboard (Hamburg / Office)" in several.value.text
    assert picking.named(ROOT, "place", "Cupboard (Hamburg / Office)").name == "Cupboard"
    with pytest.raises(Invalid, match=r"No place is called 'stor'. Perhaps Store room \(Hamburg / Hall A\)"):
        picking.named(ROOT, "place", "stor")
    with pytest.raises(Invalid, match="write its name, number or code"):
        picking.named(ROOT, "asset", "a\0b <script>")


def test_nobody_picks_or_learns_of_what_is_out_of_reach(world: World) -> None:
    Person.objects.create(name="Anna Berg")
    user = make_user("hall", "operator", place=world.places["Hall A"])
    by, client = actor(user), Client()
    client.force_login(user)
    assert labels(client, "place", "o") == ["Store room (Hall A)", "Dock (Hall A)"]  # not Hamburg around it, not the office
    assert labels(client, "place", "store", may="edit") == []
    assert labels(client, "asset", "drill") == []
    for kind, text in (("asset", "Drill"), ("asset", world.assets["Drill"].asset_no), ("place", "Office")):
        with pytest.raises(Invalid, match="write its name, number or code"):
            picking.named(by, kind, text)
    assert picking.by_id(by, "asset", world.assets["Drill"].pk) is None
    assert picking.by_id(by, "place", world.places["Dock"].pk, action=Action.EDIT) is None
    viewer = Client()
    viewer.force_login(make_user("vera", "viewer"))
    assert labels(viewer, "person", "anna") == []
    auditor = Client()
    auditor.force_login(make_user("otto", "auditor", place=world.places["Hall A"]))
    assert labels(auditor, "person", "anna") == ["Anna Berg"]
    assert labels(auditor, "place", "o", may="audit") == ["Store room (Hall A)", "Dock (Hall A)"]
    assert labels(auditor, "place", "o", may="edit") == []
    assert Client().get("/pick/asset/").status_code == 302


def test_a_form_takes_ids_names_and_what_was_chosen_and_keeps_what_was_typed(client: Client, world: World) -> None:
    drill, dock, office = world.assets["Drill"], world.places["Dock"], world.places["Office"]
    address = f"/assets/{drill.pk}/edit/"

    def save(**given: Any) -> Any:
        version = Asset.objects.get(pk=drill.pk).version
        return client.post(address, {"name": "Drill", "asset_no": drill.asset_no, "version": version, **given})

    for given in (
        {"home_location": str(dock.pk)},
        {"home_location": "office"},
        {"home_location": "Dock (Hamburg / Hall A)", "home_location.id": str(dock.pk)},
        {"home_location": "Office", "home_location.id": str(dock.pk)},  # typed over what was chosen before
    ):
        assert save(**given).status_code == 302
        now = Asset.objects.get(pk=drill.pk).home_location
        assert now == (office if given["home_location"].lower() == "office" else dock)
    refused = save(home_location="Nowhere", notes="kept")
    assert refused.status_code == 422
    page = refused.content.decode()
    assert 'value="Nowhere"' in page
    assert "No place is called &#x27;Nowhere&#x27;" in page
    assert ">kept</textarea>" in page.replace("\n", "")
    assert save(home_location="").status_code == 302
    assert Asset.objects.get(pk=drill.pk).home_location is None


def test_a_place_is_not_put_inside_itself(client: Client, world: World) -> None:
    hall = world.places["Hall A"]
    given = {"name": "Hall A", "kind": "building", "code": hall.code, "version": hall.version, "parent": "Dock"}
    refused = client.post(f"/places/{hall.pk}/edit/", given)
    assert refused.status_code == 422
    assert "cannot be chosen here" in refused.content.decode()


def test_what_was_chosen_once_stays_where_it_is_offered_no_more(client: Client, world: World) -> None:
    old = Supplier.objects.create(name="Gone", active=False)
    drill = world.assets["Drill"]
    Asset.objects.filter(pk=drill.pk).update(supplier=old)
    page = client.get(f"/assets/{drill.pk}/edit/").content.decode()
    assert 'value="Gone"' in page
    given = {"name": "Drill 2", "asset_no": drill.asset_no, "version": 1, "supplier": "Gone", "supplier.id": str(old.pk)}
    assert client.post(f"/assets/{drill.pk}/edit/", given).status_code == 302
    assert Asset.objects.get(pk=drill.pk).supplier == old


def test_forms_ask_as_much_whatever_there_is_to_pick(client: Client, world: World) -> None:
    drill = world.assets["Drill"]
    paths = (
        "/assets/new/", f"/assets/{drill.pk}/edit/", "/places/new/", f"/places/{world.places['Dock'].pk}/edit/",
        f"/custody/out/?asset={drill.pk}", f"/custody/in/?asset={drill.pk}", f"/transfers/new/?asset={drill.pk}",
        "/bookings/new/",
        "/stock/receive/", "/reports/inventory/", "/pick/place/?q=a", "/pick/asset/?q=a", "/pick/person/?q=a", "/pick/model/",
    )  # fmt: skip

    def spent() -> dict[str, tuple[int, int]]:
        found = {}
        for path in paths:
            with CaptureQueriesContext(connection) as captured:
                answer = client.get(path)
            assert answer.status_code == 200, path
            found[path] = (len(captured), answer.content.count(b"Row 17"))
        return found

    spent()
    few = spent()
    for n in range(60):
        Location.objects.add_root(instance=Location(name=f"Row {n}", code=f"ROW-{n}"))
    Person.objects.bulk_create([Person(name=f"Row {n}") for n in range(60)])
    AssetModel.objects.bulk_create([AssetModel(name=f"Row {n}") for n in range(60)])
    Supplier.objects.bulk_create([Supplier(name=f"Row {n}") for n in range(60)])
    many = spent()
    assert {path: many[path][0] - few[path][0] for path in paths if many[path][0] != few[path][0]} == {}
    assert [path for path in paths if many[path][1] and "/pick/" not in path and "reports" not in path] == []
