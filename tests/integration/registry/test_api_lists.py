"""What a list shows on its page, the API lists for the same question: the same rows in the same order."""

import re
from collections.abc import Iterator
from copy import deepcopy
from typing import Any, get_args
from urllib.parse import urlencode

import pytest
from django.http import QueryDict
from django.test import Client
from django.utils import timezone
from pytest_django.plugin import DjangoDbBlocker

from registry.access.actors import Actor
from registry.access.models import Person, User
from registry.assets import filters, finding
from registry.assets.list_schemas import AssetFilters
from registry.assets.models import Asset, AssetModel, CostCenter, StatusLabel, Supplier, Tag
from registry.assets.own_fields import create_field
from registry.assets.record import add_link
from registry.assets.services import change_asset
from registry.custody.services import check_in, check_out
from registry.stock.services import receive
from registry.web import facets
from registry.web.api import FacetName
from registry.web.listing import Listing
from tests.registry_world import ROOT, World, actor, lasting, make_user, tell_a_day

pytestmark = pytest.mark.django_db


def tell_of_everything(world: World) -> None:
    """Something for each filter to find, and something else that it leaves out."""
    tell_a_day(world)
    create_field(by=ROOT, key="rating", name="Rating", kind="number")
    create_field(by=ROOT, key="colour", name="Colour", kind="choice", choices=["red", "blue"])
    create_field(by=ROOT, key="tested_on", name="Tested on", kind="date")
    words: dict[str, Any] = {
        "label": StatusLabel.objects.create(name="Lent", status="in_use"),
        "model": AssetModel.objects.create(name="X 1"),
        "supplier": Supplier.objects.create(name="Acme"),
        "cost_center": CostCenter.objects.create(code="4711", name="Sales"),
    }
    pump, drill = world.assets["Pump 7"], world.assets["Drill"]
    today = timezone.localdate()
    changes = words | {
        "acquired_on": today.replace(month=1, day=2), "purchase_cost": "120.50", "currency": "EUR", "warranty_until": today,
        "condition": 3, "criticality": "high", "serial_no": "SN-7",
    }  # fmt: skip
    custom = {"rating": 4, "colour": "red", "tested_on": "2025-03-14"}
    change_asset(by=ROOT, asset_id=pump.pk, version=pump.version, changes=changes, custom=custom, tags=["hired"])
    change_asset(by=ROOT, asset_id=drill.pk, version=drill.version, changes={}, custom={"rating": 2, "colour": "blue"}, tags=[])
    anna = Person.objects.create(name="Anna")
    check_out(by=ROOT, asset_ids=[world.assets["Pump 8"].pk, world.assets["Ladder long"].pk], person_id=anna.pk)
    check_in(by=ROOT, asset_ids=[world.assets["Ladder long"].pk])
    add_link(by=ROOT, asset=pump, other=drill, kind="depends")
    receive(by=ROOT, asset_id=drill.pk, location_id=world.places["Dock"].pk, quantity=5, lot="L-1")


@pytest.fixture(scope="module")
def made(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[World]:
    with lasting(django_db_blocker, tell_of_everything) as world:
        yield world


@pytest.fixture
def world(made: World, db: None) -> World:
    return deepcopy(made)


@pytest.fixture
def anna(client: Client, world: World) -> Client:
    client.force_login(make_user())
    return client


def listed(client: Client, query: str) -> list[str]:
    """The ids that the page shows, all pages of it."""
    found, address = [], f"/assets/?{query}"
    for _ in range(10):
        page = client.get(address).content.decode()
        found += re.findall(r'data-open href="/assets/([0-9a-f-]{36})/"', page)
        following = re.search(r'href="([^"]*cursor=[^"]*)"[^>]*rel="next"|rel="next"[^>]*href="([^"]*cursor=[^"]*)"', page)
        if following is None:
            return found
        address = "/assets/" + (following[1] or following[2]).replace("&amp;", "&").removeprefix("/assets/")
    raise AssertionError("pages without an end")


def meant(by: Actor, query: str) -> list[str]:
    """The ids that the page would show, without drawing it."""
    listing = Listing(by, QueryDict(query).dict())
    return [str(one.pk) for one in finding.page_of(listing.found(), listing.order, None, 200).rows]


def asked(client: Client, query: str) -> list[str]:
    response = client.get(f"/api/v1/assets?{query}&limit=200" if query else "/api/v1/assets?limit=200")
    assert response.status_code == 200, (query, response.content)
    return [item["id"] for item in response.json()["items"]]


def questions(world: World) -> dict[str, list[str]]:
    """For each filter, values of which at least one finds something and one leaves something out."""
    one: Any = {model: model.objects.first() for model in (StatusLabel, AssetModel, Supplier, CostCenter, Tag, Person)}
    today = timezone.localdate()
    found = {name: list(each.choices) for name, each in filters.FILTERS.items() if each.choices}
    found |= {
        "place": [str(world.places["Dock"].pk), str(world.places["Hamburg"].pk)],
        "home": [str(world.places["Store room"].pk)],
        "category": [str(world.categories["Tools"].pk)],
        "label": [str(one[StatusLabel].pk), "none"], "model": [str(one[AssetModel].pk), "none"],
        "supplier": [str(one[Supplier].pk), "none"], "cost_center": [str(one[CostCenter].pk), "none"],
        "custodian": [str(one[Person].pk), "none"], "tag": [str(one[Tag].pk)], "condition": ["3"],
        "acquired_from": [f"{today.year}-01-01"], "acquired_to": [f"{today.year}-12-31"],
        "cost_from": ["100"], "cost_to": ["200.5"],
        "custom.rating": ["4"], "custom.rating.from": ["3"], "custom.rating.to": ["3"], "custom.colour": ["blue"],
        "custom.tested_on.from": ["2025-01-01"], "custom.tested_on.to": ["2025-01-01"],
        "q": ["pump", "SN-7", "8004:061414100008", "red", "nothing at all", "ladder long"],
    }  # fmt: skip
    return found


def test_every_filter_of_the_list_is_one_of_the_document() -> None:
    assert set(AssetFilters.model_fields) == {"q", *filters.FILTERS}
    for name, one in filters.FILTERS.items():
        schema = AssetFilters.model_json_schema()["properties"][name]
        offered = next((part["enum"] for part in schema["anyOf"] if "enum" in part), None)
        assert not one.choices or sorted(offered or []) == sorted(one.choices), name


def test_every_facet_of_the_list_is_one_of_the_document() -> None:
    assert set(get_args(FacetName)) == {*facets.AT_ONCE, *facets.LATER}


def test_the_api_lists_what_the_page_shows(anna: Client, world: World) -> None:
    every = asked(anna, "")
    assert sorted(every) == sorted(str(one.pk) for one in Asset.objects.all())
    by, narrowed = actor(User.objects.get(username="anna")), set()
    for name, values in questions(world).items():
        for number, value in enumerate(values):
            query = urlencode({name: value})
            found = asked(anna, query)
            assert found == (meant(by, query) if number else listed(anna, query)), query
            narrowed |= {name} if found != every and (found or len(values) > 1) else set()
    assert narrowed >= set(filters.FILTERS) - {"seen"}, "a filter of which no value narrows the list tests nothing"


def test_the_api_sorts_as_the_page_does(anna: Client, world: World) -> None:
    by = actor(User.objects.get(username="anna"))
    for number, sort in enumerate((*finding.ORDERS, "custom.rating", "custom.colour", "custom.tested_on")):
        query = urlencode({"sort": f"-{sort}" if number % 2 else sort})
        assert asked(anna, query) == meant(by, query), query
    for query in ("sort=-seen", "sort=number&status=in_use"):
        assert asked(anna, query) == listed(anna, query), query


def test_what_a_saved_view_keeps_is_asked_for_as_it_stands(anna: Client, world: World) -> None:
    anna.post("/assets/views/", {"name": "Rated", "query": "custom.rating.from=1&sort=-custom.rating&columns=name,status"})
    [view] = anna.get("/api/v1/saved-views").json()["items"]
    assert (view["name"], view["own"]) == ("Rated", True)
    names = [item["name"] for item in anna.get(f"/api/v1/assets?{view['query']}").json()["items"]]
    assert names == ["Pump 7", "Drill"]
    file = anna.get(f"/api/v1/assets/file?{view['query']}")
    assert file["Content-Type"].startswith("text/csv")


@pytest.mark.parametrize(
    "query",
    [
        "catgory=x",
        "status=lost",
        "custom.nothing=1",
        "custom.colour.from=1",
        "sort=nothing",
        "acquired_from=yesterday",
        "tag=none",
    ],
)
def test_what_makes_no_sense_is_refused_and_not_passed_over(query: str, anna: Client, world: World) -> None:
    """The page leaves it out; a program that changes what it lists must not get everything."""
    assert anna.get(f"/assets/?{query}").status_code == 200
    for path in ("/api/v1/assets", "/api/v1/assets/file", "/api/v1/assets/facets/kind"):
        response = anna.get(f"{path}?{query}")
        assert response.status_code == 422, response.content
    edit = {"field": "status", "value": "planned", "query": query}
    if query != "sort=nothing":
        assert anna.post("/api/v1/assets/edits/preview", edit, "application/json").status_code == 422


def test_a_facet_counts_what_its_choices_would_leave(anna: Client, world: World) -> None:
    for choice in anna.get("/api/v1/assets/facets/status?q=pump").json()["items"]:
        assert len(asked(anna, choice["query"])) == choice["count"]


@pytest.mark.parametrize("show", ["out", "overdue", "back", "mine"])
@pytest.mark.parametrize("q", ["", "Pump", "anna", "A-000004"])
def test_custody_is_listed_as_on_its_page(show: str, q: str, anna: Client, world: World) -> None:
    page = anna.get(f"/custody/?show={show}&q={q}").content.decode()
    shown = list(dict.fromkeys(re.findall(r"/custody/([0-9a-f-]{36})/", page)))
    assert [item["id"] for item in anna.get(f"/api/v1/custody?state={show}&q={q}").json()["items"]] == shown


@pytest.mark.parametrize("q", ["", "drill", "l-1", "pump"])
def test_stock_is_listed_as_on_its_page(q: str, anna: Client, world: World) -> None:
    shown = list(dict.fromkeys(re.findall(r"/stock/([0-9a-f-]{36})/", anna.get(f"/stock/?q={q}").content.decode())))
    assert [item["id"] for item in anna.get(f"/api/v1/stock?q={q}").json()["items"]] == shown
