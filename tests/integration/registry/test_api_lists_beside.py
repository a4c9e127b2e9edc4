"""What the lists of places, bookings, transfers, events and changes show on their pages, the API lists for the same question: for
somebody without limits and for somebody of one site alone."""

import re
from collections.abc import Iterator
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django.plugin import DjangoDbBlocker

from registry.access.models import Change, Person, User
from registry.assets.models import Asset
from registry.assets.services import change_asset
from registry.custody import bookings, transfers
from tests.registry_world import ROOT, World, actor, event, lasting, make_user, tell_a_day

pytestmark = pytest.mark.django_db
ID = "[0-9a-f-]{36}"


def tell_of_everything(world: World) -> None:
    """Something for each question to find, and something else that it leaves out; part of it outside the site."""
    tell_a_day(world)
    now, places = timezone.now(), world.places
    anna, ben = (Person.objects.create(name=name) for name in ("Anna", "Ben"))
    pump, other, ladder, drill = (world.assets[name] for name in ("Pump 7", "Pump 8", "Ladder long", "Drill"))
    for number, (asset, person) in enumerate(((pump, anna), (other, ben), (ladder, anna), (drill, ben))):
        start = now.replace(hour=12) + timedelta(days=number)
        span: dict[str, Any] = {"from_at": start + timedelta(days=1), "to_at": start + timedelta(days=1, hours=3)}
        made = bookings.book(
            by=ROOT, title=f"Trip {number}", person_id=person.pk, asset_ids=[asset.pk], confirmed=number != 1, **span
        )
        if number == 2:
            bookings.cancel(by=ROOT, booking_id=made.pk)
    for asset, end in ((pump, "Office"), (other, "Hall A"), (drill, "Dock")):
        start_at, end_at = places["Store room"], places[end]
        sent = transfers.request(by=ROOT, asset_ids=[asset.pk], from_location=start_at, to_location=end_at)
        if asset is pump:
            transfers.dispatch(by=ROOT, transfer_id=sent.pk)
        if asset is drill:
            transfers.cancel(by=ROOT, transfer_id=sent.pk)
    world.gateway.tell(
        *(event("moved", "8004:061414100007", zone, origin="x", ago_s=50 - n) for n, zone in enumerate(("office", "dock")))
    )
    root = actor(make_user("root"))
    change_asset(by=root, asset_id=pump.pk, version=Asset.objects.get(pk=pump.pk).version, changes={"name": "Pump seven"})


@pytest.fixture(scope="module")
def made(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[World]:
    with lasting(django_db_blocker, tell_of_everything) as world:
        yield world


@pytest.fixture
def world(made: World, db: None) -> World:
    return deepcopy(made)


@pytest.fixture(params=["everywhere", "of one site"])
def somebody(request: pytest.FixtureRequest, client: Client, world: World) -> Client:
    place = world.places["Hamburg"] if request.param == "of one site" else None
    client.force_login(make_user("otto", "manager", place=place))
    return client


def shown(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, path
    return unescape(answer.content.decode())


def asked(client: Client, path: str) -> list[dict[str, Any]]:
    answer = client.get(f"/api/v1{path}")
    assert answer.status_code == 200, (path, answer.content)
    items: list[dict[str, Any]] = answer.json()["items"]
    assert answer.json()["next"] is None
    return items


def rows(page: str, what: str) -> list[str]:
    return re.findall(rf'data-open[^>]*href="/{what}/({ID})/"', page)


def exact(moment: str) -> str:
    """As pages write moments."""
    return datetime.fromisoformat(moment).astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@pytest.mark.parametrize("name", ["Hamburg", "Hall A", "Dock", "Store room"])
def test_what_is_or_was_at_a_place(name: str, somebody: Client, world: World) -> None:
    pk = world.places[name].pk
    now = rows(shown(somebody, f"/places/{pk}/").partition('class="section"')[0], "assets")
    assert now == [item["id"] for item in asked(somebody, f"/locations/{pk}/assets")]
    then = timezone.now().replace(microsecond=0)
    there = rows(shown(somebody, f"/places/{pk}/then/?at={quote(then.isoformat())}"), "assets")
    assert there == [item["asset_id"] for item in asked(somebody, f"/locations/{pk}/contents?at={quote(then.isoformat())}")]
    page = shown(somebody, f"/places/{pk}/expected/")
    listed = [
        item["asset"]["id"]
        for show in ("elsewhere", "unknown", "guests")
        for item in asked(somebody, f"/locations/{pk}/expected?show={show}")
    ]
    assert sorted(rows(page, "assets")) == sorted(listed)


def test_the_tree_of_places_and_what_is_in_each(somebody: Client) -> None:
    page = shown(somebody, "/places/")
    tree = set(re.findall(rf'href="/places/({ID})/"', page.partition("</aside>")[0]))
    listed = asked(somebody, "/locations")
    assert tree == {item["id"] for item in listed}
    for item in listed:
        total = asked(somebody, f"/locations/{item['id']}/counts")[0]["total"]
        assert f"{item['name']}: {total} asset" in shown(somebody, f"/places/{item['id']}/")


def test_bookings_of_a_week_and_of_chosen_assets(somebody: Client, world: World) -> None:
    weeks = {timezone.now().date() + timedelta(days=7 * n) for n in (0, 1)}
    narrowed = set()
    for day in sorted(weeks):
        first = datetime.combine(day - timedelta(days=day.weekday()), datetime.min.time(), UTC)
        span = f"from={quote(first.isoformat())}&to={quote((first + timedelta(days=7)).isoformat())}"
        page = shown(somebody, f"/bookings/?view=week&day={day}")
        every = [item["id"] for item in asked(somebody, f"/bookings?{span}") if item["state"] != "cancelled"]
        assert rows(page, "bookings") == every, day
        for query, same in (("q=seven", "q=seven"), (f"assets={world.assets['Drill'].pk}", f"asset={world.assets['Drill'].pk}")):
            grid = shown(somebody, f"/bookings/?view=week&day={day}&{query}").partition('class="agenda"')[0]
            listed = {item["id"] for item in asked(somebody, f"/bookings?{span}&{same}") if item["state"] != "cancelled"}
            assert set(re.findall(rf"/bookings/({ID})/", grid)) == listed, (day, query)
            narrowed |= {query} if listed != set(every) else set()
    assert len(narrowed) == 2, "a question that leaves nothing out tests nothing"


@pytest.mark.parametrize("state", ["open", "way", "overdue", "closed"])
def test_transfers(state: str, somebody: Client) -> None:
    assert rows(shown(somebody, f"/transfers/?show={state}"), "transfers") == [
        item["id"] for item in asked(somebody, f"/transfers?state={state}")
    ]


@pytest.mark.parametrize("name", ["Pump 7", "Ladder long"])
def test_events_of_an_asset(name: str, somebody: Client, world: World) -> None:
    asset = world.assets[name]
    page = shown(somebody, f"/assets/{asset.pk}/?part=events")
    told = re.findall(r'</details></div>\s*<time class="" datetime="([^"]+)"', page)
    listed = asked(somebody, f"/events?asset={asset.pk}&sort=-happened&limit=200")
    assert told or name != "Pump 7"
    assert told == [exact(item["happened_at"]) for item in listed]


def test_changes(somebody: Client, world: World) -> None:
    root, pump, now = User.objects.get(username="root").pk, world.assets["Pump 7"].pk, timezone.now()
    one = Change.objects.filter(user=root).latest("id")
    day = now.date()
    before, midnight = day - timedelta(days=1), quote(f"{day}T00:00:00+00:00")
    questions = {
        "": "", "kind=asset": "kind=asset", "kind=location": "kind=location", f"user={root}": f"user={root}",
        f"kind=asset&object={pump}": f"kind=asset&object_id={pump}", f"request={one.request_id}": f"request={one.request_id}",
        f"since={day}": f"since={midnight}", f"until={before}": f"until={midnight}",
    }  # fmt: skip
    found = {}
    for on_page, by_api in questions.items():
        page = shown(somebody, f"/changes/?{on_page}").partition("<main")[2]
        entries = re.findall(r'<span class="did">([^<]+)</span>.*?</div>\s*<time class="" datetime="([^"]+)"', page, re.S)
        answer = somebody.get(f"/api/v1/changes?{by_api}&limit=50").json()
        found[on_page] = [(item["action"], exact(item["at"])) for item in answer["items"]]
        assert entries == found[on_page], on_page
    assert found[f"user={root}"] == [("changed", exact(one.at.isoformat()))]
    assert not found[f"until={before}"]
    assert len({str(answers) for answers in found.values()}) >= 5, "questions that leave nothing out test nothing"
