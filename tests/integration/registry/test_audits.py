"""Audits until they are open: what one covers, that opening freezes it whole or not at all, and who may."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from registry.access.models import Change, Person
from registry.assets.models import Asset
from registry.audits import coverage, opening, services
from registry.audits.models import Campaign, Expected, Place
from registry.audits.services import Scope
from registry.problems import Forbidden, Invalid, NotFound, Stale
from registry.work.models import Run
from registry.work.runs import Turns
from registry.working import RUNS
from tests.registry_world import ROOT, Caller, World, actor, make_user, make_world, many_assets, tell_a_day

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return make_world()


def plan(world: World, *places: str, categories: tuple[str, ...] = (), people: Any = (), **more: Any) -> Campaign:
    today = timezone.now().date()
    scope = Scope(
        [world.places[name].pk for name in places], [world.categories[name].pk for name in categories], [one.pk for one in people]
    )
    given: dict[str, Any] = {"by": ROOT, "name": "Spring", "from_on": today - timedelta(days=2)}
    return services.plan(scope=scope, **(given | {"until_on": today + timedelta(days=5)} | more))


def opened(world: World, *places: str, **more: Any) -> Campaign:
    return opening.open_campaign(by=more.get("by", ROOT), campaign_id=plan(world, *places, **more).pk)


def names(campaign: Campaign) -> list[str]:
    return list(Expected.objects.filter(campaign=campaign).order_by("name").values_list("name", flat=True))


def work_off() -> None:
    turns = Turns(RUNS)
    while turns.turn():
        continue
    turns.close()


def test_opening_freezes_what_stands_in_the_books(world: World) -> None:
    anna = Person.objects.create(name="Anna")
    Asset.objects.filter(name="Ladder long").update(custodian=anna)
    campaign = opened(world, "Hall A")
    assert (campaign.state, names(campaign)) == ("open", ["Ladder long", "Ladder short", "Pump 7", "Pump 8", "Pump 9"])
    Asset.objects.filter(name="Ladder long").update(custodian=None, name="Ladder, sold", home_location=world.places["Office"])
    one = Expected.objects.get(campaign=campaign, name="Ladder long")
    assert (one.location, one.custodian, one.status, one.outcome) == (world.places["Hall A"], anna, "in_use", "not_checked")
    assert sorted(Place.objects.values_list("location__name", "expected", "seen")) == [("Hall A", 2, 0), ("Store room", 3, 0)]
    assert [change.action for change in Change.objects.of("campaign", campaign.pk).order_by("id")] == ["created", "opened"]


@pytest.mark.parametrize(
    ("places", "categories", "expected"),
    [
        ((), (), ["Drill", "Ladder long", "Ladder short", "Pump 7", "Pump 8", "Pump 9"]),
        (("Store room",), (), ["Pump 7", "Pump 8", "Pump 9"]),
        ((), ("Tools",), ["Drill", "Ladder long", "Ladder short"]),
        (("Hall A",), ("Ladders",), ["Ladder long", "Ladder short"]),
        ((), ("Ladders", "Pumps"), ["Ladder long", "Ladder short", "Pump 7", "Pump 8", "Pump 9"]),
    ],
)
def test_what_it_covers(world: World, places: tuple[str, ...], categories: tuple[str, ...], expected: list[str]) -> None:
    assert names(opened(world, *places, categories=categories)) == expected


def test_what_is_gone_planned_or_no_thing_is_not_expected(world: World) -> None:
    Asset.objects.filter(name="Pump 7").update(status="disposed")
    Asset.objects.filter(name="Pump 8").update(status="planned")
    Asset.objects.filter(name="Ladder long").update(kind="digital")
    assert names(opened(world, "Hall A")) == ["Ladder short", "Pump 9"]


def test_without_a_home_it_is_expected_where_it_is(world: World) -> None:
    tell_a_day(world)
    Asset.objects.filter(name="Pump 7").update(home_location=None)
    campaign = opened(world, "Store room")
    assert Expected.objects.get(campaign=campaign, name="Pump 7").location == world.places["Store room"]


def test_by_people(world: World) -> None:
    anna, bert = Person.objects.create(name="Anna"), Person.objects.create(name="Bert")
    Asset.objects.filter(name__startswith="Ladder").update(custodian=anna)
    Asset.objects.filter(name="Drill").update(custodian=bert)
    assert names(opened(world, people=[anna, bert])) == ["Drill", "Ladder long", "Ladder short"]


def test_a_large_one_is_opened_by_a_run_and_shows_nothing_until_its_end(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    many_assets(world, 25)
    monkeypatch.setattr(opening, "IN_ONE_GO", 10)
    monkeypatch.setattr(opening, "AT_ONCE", 7)
    campaign = opened(world, "Hamburg")
    assert (campaign.state, Place.objects.count()) == ("draft", 0)
    with pytest.raises(Invalid, match="being opened"):
        services.change(by=ROOT, campaign_id=campaign.pk, version=None, name="other")
    turns = Turns(RUNS)
    for _ in range(3):
        turns.turn()
    turns.close()  # the process dies; another goes on
    assert 0 < Expected.objects.count() < 30
    work_off()
    campaign.refresh_from_db()
    assert (campaign.state, Expected.objects.count()) == ("open", 30)
    assert coverage.count_of(campaign) == coverage.Count(30, 0, 0)
    assert Run.objects.get().state == "done"


def test_one_that_was_cancelled_half_way_begins_anew(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    many_assets(world, 12)
    monkeypatch.setattr(opening, "IN_ONE_GO", 10)
    monkeypatch.setattr(opening, "AT_ONCE", 5)
    campaign = opened(world, "Hamburg")
    turns = Turns(RUNS)
    turns.turn(), turns.turn()
    turns.close()
    Run.objects.update(state="cancelled")
    Asset.objects.filter(name="Crate 000").update(status="disposed")
    assert services.change(by=ROOT, campaign_id=campaign.pk, version=None, name="Again").name == "Again"
    opening.open_campaign(by=ROOT, campaign_id=campaign.pk)
    work_off()
    assert Campaign.objects.get().state == "open"
    assert "Crate 000" not in names(campaign)
    assert Expected.objects.count() == 16


def test_nothing_changes_once_it_is_open(world: World) -> None:
    campaign = opened(world, "Hall A")
    for refused in (
        lambda: services.change(by=ROOT, campaign_id=campaign.pk, version=None, until_on=date(2030, 1, 1)),
        lambda: services.change(by=ROOT, campaign_id=campaign.pk, version=None, scope=Scope()),
        lambda: services.discard(by=ROOT, campaign_id=campaign.pk),
        lambda: opening.open_campaign(by=ROOT, campaign_id=campaign.pk),
    ):
        with pytest.raises(Invalid, match="open"):
            refused()
    for column, value in (("location", None), ("status", "missing"), ("name", "x"), ("custodian", None)):
        with pytest.raises(IntegrityError), transaction.atomic():
            Expected.objects.update(**{column: value})


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": " "}, "name"), ({"name": "x" * 121}, "name"), ({"from_on": "x"}, "from_on"),
        ({"until_on": date(2000, 1, 1)}, "until_on"), ({"until_on": date(2100, 1, 1)}, "until_on"),
        ({"time_zone": "Mars/Base"}, "time_zone"), ({"time_zone": "../etc/passwd"}, "time_zone"), ({"method": "guess"}, "method"),
        ({"recurrence": "daily"}, "recurrence"),
        ({"from_on": date(2011, 12, 30), "until_on": date(2011, 12, 30), "time_zone": "Pacific/Apia"}, "from_on"),
    ],
)  # fmt: skip
def test_what_cannot_be_planned(world: World, given: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        plan(world, **given)
    assert refused.value.field == field
    assert not Campaign.objects.exists()


def test_what_cannot_be_opened(world: World) -> None:
    today = timezone.now().date()
    over = plan(world, from_on=today - timedelta(days=9), until_on=today - timedelta(days=3))
    nothing = plan(world, "Office")
    for campaign, why in ((over, "is over"), (nothing, "no asset")):
        with pytest.raises(Invalid, match=why):
            opening.open_campaign(by=ROOT, campaign_id=campaign.pk)
    with pytest.raises(Stale):
        opening.open_campaign(by=ROOT, campaign_id=plan(world).pk, version=7)


def test_only_those_who_may_audit_all_of_its_places(world: World) -> None:
    here = actor(make_user("here", "auditor", place=world.places["Hall A"]))
    elsewhere = actor(make_user("elsewhere", "auditor", place=world.places["Office"]))
    viewer = actor(make_user("viewer", "viewer", place=world.places["Hall A"]))
    campaign = plan(world, "Store room", by=here)
    both = plan(world, "Store room", "Office")
    assert set(Campaign.objects.visible_to(here)) == set(Campaign.objects.visible_to(viewer)) == {campaign}
    assert not Campaign.objects.visible_to(elsewhere).exists()
    with pytest.raises(NotFound):
        services.change(by=here, campaign_id=both.pk, version=None, name="x")
    with pytest.raises(Forbidden):
        services.change(by=viewer, campaign_id=campaign.pk, version=None, name="x")
    with pytest.raises(NotFound):
        plan(world, "Office", by=here)
    for places in ((), ("Hamburg",)):
        with pytest.raises((Forbidden, NotFound)):
            plan(world, *places, by=here)
    assert opening.open_campaign(by=here, campaign_id=campaign.pk).state == "open"


def test_how_far_each_place_is(world: World) -> None:
    campaign = opened(world)
    top = coverage.branches(campaign)
    assert [(one.location.name if one.location else None, one.count.expected, one.deeper) for one in top] == [
        ("Hall A", 5, True),
        (None, 1, False),
    ]
    inside = coverage.branches(campaign, world.places["Hall A"])
    assert [(one.location.name, one.count.left) for one in inside if one.location] == [("Store room", 3), ("Hall A", 2)]


def test_by_api(world: World) -> None:
    call = Caller()
    today = timezone.now().date()
    body = {
        "name": "Autumn", "from_on": f"{today}", "until_on": f"{today + timedelta(days=6)}", "time_zone": "Europe/Berlin",
        "scope": {"places": [str(world.places["Hall A"].pk)]},
    }  # fmt: skip
    made = call("POST", "/audits", body)
    assert (made.status_code, made.json()["state"], made.json()["method"]) == (201, "draft", "mixed")
    address = f"/audits/{made.json()['id']}"
    assert call("PATCH", address, {"method": "walk"}).status_code == 428
    changed = call("PATCH", address, {"method": "walk"}, headers={"If-Match": made["ETag"]})
    assert (changed.json()["method"], changed.json()["scope"]["places"]) == ("walk", [str(world.places["Hall A"].pk)])
    begun = call("POST", f"{address}/open").json()
    assert (begun["state"], begun["expected"], begun["seen"], begun["run"]) == ("open", 5, 0, None)
    assert {row["name"]: row["expected"] for row in call("GET", f"{address}/places").json()["items"]} == {
        "Hall A": 2,
        "Store room": 3,
    }
    some = call("GET", f"{address}/expected?location={world.places['Store room'].pk}&limit=2").json()
    assert [row["name"] for row in some["items"]] == ["Pump 7", "Pump 8"]
    rest = call("GET", f"{address}/expected?location={world.places['Store room'].pk}&limit=2&cursor={some['next']}").json()
    assert [row["name"] for row in rest["items"]] == ["Pump 9"]
    assert call("PATCH", address, {"name": "x"}, headers={"If-Match": "*"}).status_code == 422
    assert call("DELETE", address).status_code == 422
    assert [row["seen"] for row in call("GET", "/audits?state=open").json()["items"]] == [0]


def test_the_pages_lead_from_a_plan_to_an_open_audit(world: World, client: Any) -> None:
    client.force_login(make_user("anna"))
    assert "Plan an audit" in client.get("/audits/").content.decode()
    today = timezone.now().date()
    form = {
        "name": "Spring", "from_on": f"{today}", "until_on": f"{today + timedelta(days=6)}", "method": "mixed",
        "recurrence": "never", "place": "Store room",
    }  # fmt: skip
    assert client.post("/audits/new/", form | {"until_on": "2001-01-01"}).status_code == 422
    address = client.post("/audits/new/", form)["Location"]
    shown = client.get(address).content.decode()
    assert "3 assets to find" in shown
    version = Campaign.objects.get().version
    client.post(address, {"do": "cover", "version": version, "place": "Dock"})
    assert Campaign.objects.get().scope.count() == 2
    client.post(address, {"do": "uncover", "version": version + 1, "item": str(world.places["Dock"].pk)})
    assert Campaign.objects.get().scope.count() == 1
    assert client.post(address, {"do": "save", "version": 1, **form}).status_code == 422  # somebody was faster
    client.post(address, {"do": "open", "version": Campaign.objects.get().version})
    shown = client.get(address).content.decode()
    assert "0 of 3 seen already" in shown
    assert "Store room" in shown
    assert client.get(f"{address}?place={world.places['Hall A'].pk}").status_code == 200
    assert client.get(f"{address}?place=x").status_code == 404
