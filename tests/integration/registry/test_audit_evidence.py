"""Evidence: what readers saw anyway, what people scan and tick, what cannot count and is kept with the reason, and the counts."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, transaction
from django.utils import timezone

from registry.access.models import Change, Person
from registry.assets.files import path_of
from registry.assets.models import Asset
from registry.audits import sweeping, walking
from registry.audits.models import Campaign, Evidence, Expected, Place
from registry.audits.walking import Given
from registry.db import uuid7
from registry.problems import Forbidden, Invalid, NotFound
from tests.api_things import PIXEL
from tests.integration.registry.test_audits import opened, plan
from tests.registry_world import ROOT, Caller, World, actor, event, make_user, make_world, many_assets, tell_a_day

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return make_world()


def outcomes(campaign: Campaign) -> dict[str, str]:
    return dict(Expected.objects.filter(campaign=campaign).values_list("name", "outcome"))


def counted(campaign: Campaign) -> dict[str, tuple[int, int, int]]:
    """The kept counts of each place; they must be what counting gives."""
    kept = {
        str(place.location): (place.expected, place.seen, place.off)
        for place in Place.objects.filter(campaign=campaign).select_related("location")
    }
    rows = Expected.objects.filter(campaign=campaign).select_related("location")
    again = {
        name: (
            sum(str(row.location) == name for row in rows),
            sum(str(row.location) == name and row.evidence_id is not None for row in rows),
            sum(str(row.location) == name and row.outcome not in ("found", "not_checked") for row in rows),
        )
        for name in kept
    }
    assert kept == again
    return kept


def scan(campaign: Campaign, world: World, text: str, place: str = "Store room", by: Any = ROOT, **more: Any) -> walking.Answer:
    given = Given(world.places[place].pk, text=text, **more)
    [answer] = walking.take(by=by, campaign_id=campaign.pk, given=[given])
    return answer


def test_what_readers_see_counts_by_itself(world: World) -> None:
    tell_a_day(world)
    campaign = opened(world, "Hall A")
    assert sweeping.sweep(campaign) == 5
    assert outcomes(campaign) == {
        "Pump 7": "found", "Pump 8": "found", "Pump 9": "wrong_place", "Ladder long": "found", "Ladder short": "found",
    }  # fmt: skip
    assert counted(campaign)["Store room"] == (3, 3, 1)
    one = Evidence.objects.get(asset=world.assets["Ladder short"])
    assert (one.kind, one.location, one.event is not None) == ("scan", world.places["Dock"], True)
    assert sweeping.sweep(campaign) == 0  # once more changes nothing
    world.gateway.tell(event("moved", "8004:061414100009", "store-room", origin="dock"))
    assert sweeping.sweep(campaign) == 1
    assert outcomes(campaign)["Pump 9"] == "found"
    assert counted(campaign)["Store room"] == (3, 3, 0)


def test_only_what_was_told_of_the_days_and_of_its_own_codes(world: World) -> None:
    tell_a_day(world)
    now = timezone.now()
    campaign = opened(world, "Hall A")
    Campaign.objects.update(window_from=now - timedelta(minutes=31), window_to=now - timedelta(minutes=10))
    campaign.refresh_from_db()
    sweeping.sweep(campaign)
    assert {name for name, outcome in outcomes(campaign).items() if outcome != "not_checked"} == {"Ladder short"}
    world.assets["Pump 8"].identifiers.update(state="retired", valid_to=now - timedelta(days=3))
    Campaign.objects.update(window_from=now - timedelta(days=1), window_to=now + timedelta(days=1))
    campaign.refresh_from_db()
    sweeping.sweep(campaign)
    assert outcomes(campaign)["Pump 8"] == "not_checked"  # the code was on something else by then


def test_in_a_walk_reads_do_not_count_but_scans_do(world: World) -> None:
    tell_a_day(world)
    campaign = opened(world, "Hall A", method="walk")
    sweeping.sweep(campaign)
    assert {name for name, outcome in outcomes(campaign).items() if outcome != "not_checked"} == {"Ladder short"}


def test_all_open_audits_are_swept_and_no_others(world: World) -> None:
    tell_a_day(world)
    first, second, draft = opened(world, "Hall A"), opened(world, "Store room"), plan(world, "Hall A")
    assert sweeping.sweep_all() == 8
    Campaign.objects.filter(pk=first.pk).update(state="review")
    world.gateway.tell(event("moved", "8004:061414100009", "store-room", origin="dock"))
    assert sweeping.sweep_all() == 1
    assert not Evidence.objects.filter(campaign=draft).exists()
    assert Evidence.objects.filter(campaign=second).count() == 4


def test_scans_of_a_walk(world: World) -> None:
    anna = Person.objects.create(name="Anna")
    campaign = opened(world, "Hall A")
    assert scan(campaign, world, "8004:061414100007").state == "found"
    assert scan(campaign, world, "8004:061414100008", "Dock").state == "wrong_place"
    assert scan(campaign, world, world.assets["Pump 9"].asset_no, damaged=True, note="dented").state == "damaged"
    assert scan(campaign, world, "tag:LADDER-1", "Hall A", custodian=anna.pk).state == "wrong_custodian"
    assert scan(campaign, world, "NOBODYS").state == "unknown_code"
    assert scan(campaign, world, world.assets["Drill"].asset_no).state == "unexpected"
    assert counted(campaign) == {"Store room": (3, 3, 2), "Hall A": (2, 1, 1)}
    assert scan(campaign, world, "8004:061414100008").state == "found"
    assert scan(campaign, world, "8004:061414100009").state == "damaged"  # it stays that
    assert counted(campaign)["Store room"] == (3, 3, 1)
    assert Asset.objects.get(name="Pump 8").home_location == world.places["Store room"]


def test_evidence_that_cannot_count_is_kept_with_the_reason(world: World) -> None:
    campaign = opened(world, "Hall A")
    before = campaign.window_from - timedelta(minutes=1)
    late = scan(campaign, world, "8004:061414100007", at=before)
    ahead = scan(campaign, world, "8004:061414100007", at=timezone.now() + timedelta(hours=1))
    assert (late.state, ahead.state) == ("refused", "refused")
    assert "outside of the days" in late.why
    Asset.objects.filter(name="Drill").update(status="disposed")
    assert scan(campaign, world, world.assets["Drill"].asset_no).state == "unexpected"
    Campaign.objects.update(state="closed")
    assert "closed by then" in scan(campaign, world, "8004:061414100007").why
    assert outcomes(campaign)["Pump 7"] == "not_checked"
    assert Counter(bool(one.refused) for one in Evidence.objects.all()) == {True: 3, False: 1}


def test_told_twice_it_counts_once_and_is_never_altered(world: World) -> None:
    campaign = opened(world, "Hall A")
    one = uuid7()
    states = [scan(campaign, world, "8004:061414100007", id=one).state for _ in range(2)]
    assert states == ["found", "repeated"]
    assert Evidence.objects.count() == 1
    for change in (Evidence.objects.all().delete, lambda: Evidence.objects.update(damaged=True)):
        with pytest.raises(IntegrityError), transaction.atomic():
            change()


def test_bad_evidence_does_not_hold_up_the_rest(world: World) -> None:
    campaign, dock = opened(world, "Hall A"), world.places["Dock"].pk
    nothing = uuid7()
    given = [
        Given(dock, text=" "), Given(nothing, text="tag:LADDER-1"), Given(dock, asset=nothing), Given(dock, text="a\0b"),
        Given(dock, text="tag:LADDER-1", custodian=nothing), Given(dock, text="tag:LADDER-2"),
    ]  # fmt: skip
    answers = walking.take(by=ROOT, campaign_id=campaign.pk, given=given)
    assert [one.state for one in answers] == ["refused"] * 5 + ["found"]
    assert Evidence.objects.count() == 1
    with pytest.raises(Invalid, match="200 at most"):
        walking.take(by=ROOT, campaign_id=campaign.pk, given=[Given(dock, text="x")] * 201)
    with pytest.raises(Invalid, match="not open yet"):
        walking.take(by=ROOT, campaign_id=plan(world, "Hall A").pk, given=given)


def test_who_may_walk(world: World) -> None:
    campaign = opened(world, "Store room")
    for role in ("operator", "auditor"):
        by = actor(make_user(role, role, place=world.places["Hall A"]))
        assert scan(campaign, world, "8004:061414100007", by=by).state == "found"
    with pytest.raises(Forbidden):
        scan(campaign, world, "8004:061414100007", by=actor(make_user("viewer", "viewer")))
    elsewhere = actor(make_user("elsewhere", "operator", place=world.places["Office"]))
    with pytest.raises(NotFound):
        scan(campaign, world, "8004:061414100007", by=elsewhere)
    other = register_elsewhere(world)
    narrow = actor(make_user("narrow", "operator", place=world.places["Store room"]))
    assert scan(campaign, world, other.asset_no, by=narrow).state == "unknown_code"  # nothing of it is told
    assert scan(campaign, world, "8004:061414100008", "Office", by=narrow).state == "refused"


def register_elsewhere(world: World) -> Asset:
    asset = world.assets["Drill"]
    Asset.objects.filter(pk=asset.pk).update(home_location=world.places["Office"])
    return asset


def test_a_photo_is_evidence_and_stands_with_the_asset(world: World) -> None:
    campaign = opened(world, "Hall A")
    auditor = actor(make_user("auditor", "auditor"))
    given = Given(world.places["Store room"].pk, asset=world.assets["Pump 7"].pk, damaged=True)
    file = BytesIO(PIXEL)
    assert walking.photograph(by=auditor, campaign_id=campaign.pk, given=given, file=file, name="a.png").state == "damaged"
    one = Evidence.objects.get()
    assert (one.kind, one.user) == ("photo", auditor.user_id)
    assert one.photo is not None
    assert path_of(one.photo.sha256).exists()
    assert world.assets["Pump 7"].attachments.get().file == one.photo
    with pytest.raises(NotFound):
        walking.photograph(
            by=auditor,
            campaign_id=campaign.pk,
            given=replace(given, asset=uuid7()),
            file=BytesIO(PIXEL),
            name="a",
        )


def test_by_api(world: World) -> None:
    call, campaign = Caller(), opened(world, "Hall A")
    address, room = f"/audits/{campaign.pk}", str(world.places["Store room"].pk)
    body = {"evidence": [{"id": str(uuid7()), "text": "8004:061414100007", "location": room}]}
    [answer] = call("POST", f"{address}/evidence", body).json()["answers"]
    assert (answer["state"], answer["name"]) == ("found", "Pump 7")
    [one] = call("GET", f"{address}/evidence").json()["items"]
    assert (one["kind"], one["location"], one["refused"]) == ("scan", room, "")
    assert call("POST", f"{address}/evidence", {"evidence": []}).status_code == 422
    assert call("POST", f"{address}/rooms", {"location": room}).json()["walked_at"] is not None
    assert call("POST", f"{address}/rooms", {"location": str(uuid7())}).status_code == 404
    assert [c.action for c in Change.objects.of("campaign", campaign.pk).order_by("id")] == ["created", "opened", "room done"]


def test_the_walk_by_page(world: World, client: Any) -> None:
    client.force_login(make_user("olga", "operator"))
    campaign = opened(world, "Hall A")
    shown = client.get(f"/audits/{campaign.pk}/walk/").content.decode()
    assert "2 rooms to walk, 5 assets left" in shown
    room = f"/audits/{campaign.pk}/walk/?place={world.places['Store room'].pk}"
    assert "3 of 3 left" in client.get(room).content.decode()
    one = str(uuid7())
    shown = client.post(room, {"do": "scan", "text": "8004:061414100007", "event_id": one}).content.decode()
    assert "is where it should be" in shown
    assert "2 of 3 left" in shown
    assert "was told already" in client.post(room, {"do": "scan", "text": "8004:061414100007", "event_id": one}).content.decode()
    pump = str(world.assets["Pump 8"].pk)
    shown = client.post(room, {"do": "tick", "asset": pump, "damaged": "on", "photo": SimpleUploadedFile("p.png", PIXEL)})
    assert "is damaged" in shown.content.decode()
    assert "does not count" not in shown.content.decode()
    client.post(room, {"do": "done"})
    assert "looked over, 1 of 3 missing" in client.get(f"/audits/{campaign.pk}/walk/").content.decode()
    assert client.get(f"/audits/{campaign.pk}/walk/?place=none").status_code == 404
    assert client.get(f"/audits/{plan(world).pk}/walk/").status_code == 404


def test_many_are_swept_some_at_a_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "AT_ONCE", 7)
    many_assets(world, 20)
    campaign = opened(world, "Hamburg")
    assert sweeping.sweep(campaign) == 20
    assert sum(seen for _, seen, _ in counted(campaign).values()) == 20
