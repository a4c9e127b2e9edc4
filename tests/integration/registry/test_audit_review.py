"""The review of an audit: findings that equal the truth, what becomes of them, the seal, what the signing does, and series."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from registry.access.models import Person, RoleBinding
from registry.assets.models import Asset
from registry.audits import repeating, reviewing, services, signing, walking
from registry.audits.models import Campaign, Case, Expected, Finding, Signature
from registry.problems import Forbidden, Invalid, NotFound, Stale
from registry.tracking.models import LocationEvent, Position
from registry.work.models import Run
from tests.integration.registry.test_audit_evidence import scan
from tests.integration.registry.test_audits import opened, work_off
from tests.registry_world import ROOT, Caller, World, actor, event, make_user, make_world, many_assets, tell_a_day

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return make_world()


def reviewed(campaign: Campaign) -> dict[str, str]:
    reviewing.begin(by=ROOT, campaign_id=campaign.pk)
    return dict(Finding.objects.filter(campaign=campaign).values_list("name", "outcome"))


def resolve(campaign: Campaign, resolution: str, *names: str, by: Any = ROOT) -> int:
    found = Finding.objects.filter(campaign=campaign, name__in=names) if names else Finding.objects.filter(campaign=campaign)
    ids = list(found.exclude(outcome="found").values_list("pk", flat=True))
    return reviewing.resolve(by=by, campaign_id=campaign.pk, findings=ids, resolution=resolution)


def signed(campaign: Campaign) -> Campaign:
    return signing.sign(by=ROOT, campaign_id=campaign.pk, signed_as="Anna Auditor")


def truth_told(world: World) -> Campaign:
    """One of every outcome, but for `not_checked`."""
    bert = Person.objects.create(name="Bert")
    campaign = opened(world, "Hall A")
    scan(campaign, world, "8004:061414100007")
    scan(campaign, world, "8004:061414100008", "Dock")
    scan(campaign, world, "tag:LADDER-1", "Hall A", custodian=bert.pk)
    scan(campaign, world, "tag:LADDER-2", "Hall A", damaged=True)
    scan(campaign, world, "NOBODYS")
    scan(campaign, world, world.assets["Drill"].asset_no)
    walking.room_done(by=ROOT, campaign_id=campaign.pk, location=world.places["Store room"].pk)
    return campaign


TRUTH = {
    "Pump 7": "found", "Pump 8": "wrong_place", "Pump 9": "missing", "Ladder long": "wrong_custodian", "Ladder short": "damaged",
    "Drill": "unexpected",
}  # fmt: skip


def test_the_findings_equal_the_truth(world: World) -> None:
    campaign = truth_told(world)
    found = reviewed(campaign)
    [code] = [name for name, outcome in found.items() if outcome == "unknown_code"]
    assert "NOBODYS" in code
    assert {name: found[name] for name in TRUTH} == TRUTH
    assert len(found) == 7
    campaign.refresh_from_db()
    assert (campaign.state, campaign.reviewed_at is not None) == ("review", True)


def test_what_nobody_looked_for_is_not_missing(world: World) -> None:
    assert set(reviewed(opened(world, "Hall A")).values()) == {"not_checked"}
    assert set(reviewed(opened(world, "Hall A", method="passive")).values()) == {"missing"}


def test_readers_tell_of_what_is_not_expected(world: World) -> None:
    tell_a_day(world)
    Asset.objects.filter(name="Pump 7").update(home_location=world.places["Office"])
    world.gateway.tell(event("seen", "tag:STRAY", "dock"))
    found = reviewed(opened(world, "Hall A"))
    assert (found["Pump 7"], found["Pump 8"], found["Pump 9"]) == ("unexpected", "found", "wrong_place")
    assert "tag:STRAY" not in found  # what readers see without an asset is the live page's


def test_a_large_one_is_reviewed_by_a_run(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    many_assets(world, 25)
    campaign = opened(world, "Hamburg")
    for name, number in (("SOME", 10), ("AT_ONCE", 7)):
        monkeypatch.setattr(reviewing, name, number)
    assert reviewed(campaign) == {}
    with pytest.raises(Invalid, match="being written"):
        reviewing.begin(by=ROOT, campaign_id=campaign.pk)
    work_off()
    assert Finding.objects.count() == 30
    assert Run.objects.filter(kind="audit_review").get().state == "done"
    reviewing.reopen(by=ROOT, campaign_id=campaign.pk)
    scan(campaign, world, "8004:061414100007")
    reviewing.begin(by=ROOT, campaign_id=campaign.pk)
    work_off()
    assert Finding.objects.count() == 30
    assert Finding.objects.get(name="Pump 7").outcome == "found"


def test_findings_are_resolved_by_those_who_may(world: World) -> None:
    campaign = truth_told(world)
    with pytest.raises(Invalid, match="in its review"):
        reviewing.resolve(by=ROOT, campaign_id=campaign.pk, findings=[1], resolution="ignored")
    reviewed(campaign)
    auditor = actor(make_user("auditor", "auditor"))
    with pytest.raises(Invalid, match="for Pump 9"):
        resolve(campaign, "move_accepted", "Pump 9")
    with pytest.raises(Forbidden):
        resolve(campaign, "move_accepted", "Pump 8", by=auditor)  # it changes the asset: somebody who may edit says so
    assert resolve(campaign, "searched", "Pump 9", by=auditor) == 1
    assert Finding.objects.get(name="Pump 9").resolved_by == auditor.user_id
    assert resolve(campaign, "none", "Pump 9") == 1
    with pytest.raises(NotFound):
        reviewing.resolve(by=ROOT, campaign_id=campaign.pk, findings=[0], resolution="ignored")
    with pytest.raises(Invalid, match="6 findings of Spring not resolved"):
        signed(campaign)


def test_signing_does_what_was_decided(world: World) -> None:
    campaign = truth_told(world)
    reviewed(campaign)
    resolve(campaign, "ignored")
    resolve(campaign, "move_accepted", "Pump 8")
    resolve(campaign, "written_off", "Ladder short")
    resolve(campaign, "searched", "Pump 9")
    before = LocationEvent.objects.count()
    done = signed(campaign)
    assert done.state == "closed"
    pump, ladder, lost = (Asset.objects.get(name=name) for name in ("Pump 8", "Ladder short", "Pump 9"))
    assert (pump.home_location, ladder.status, lost.status) == (world.places["Dock"], "disposed", "missing")
    one = LocationEvent.objects.get(source="audit")
    assert (LocationEvent.objects.count() - before, one.location) == (1, world.places["Dock"])
    assert Position.objects.get(asset=pump).location == world.places["Dock"]
    assert Finding.objects.get(asset=pump).consequence == "its home is Dock now"
    assert Expected.objects.get(asset=pump).location == world.places["Store room"]  # what was expected stays
    assert signing.seal_holds(done)
    for change in (Signature.objects.all().delete, lambda: Signature.objects.update(signed_as="x")):
        with pytest.raises(IntegrityError), transaction.atomic():
            change()
    for refused in (
        lambda: reviewing.reopen(by=ROOT, campaign_id=campaign.pk),
        lambda: signed(campaign),
        lambda: resolve(campaign, "ignored", "Pump 9"),
    ):
        with pytest.raises(Invalid, match="closed"):
            refused()


def test_nothing_is_done_that_nobody_had_the_right_to(world: World) -> None:
    """An auditor signs: what an editor has decided is done, and what only follows from the audit is not."""
    campaign = truth_told(world)
    reviewed(campaign)
    auditor = actor(make_user("auditor", "auditor"))
    resolve(campaign, "ignored", by=auditor)
    resolve(campaign, "searched", "Pump 9", by=auditor)
    resolve(campaign, "move_accepted", "Pump 8")
    before = Asset.objects.get(name="Pump 9").status
    signing.sign(by=auditor, campaign_id=campaign.pk, signed_as="Otto Auditor")
    pump, lost = (Asset.objects.get(name=name) for name in ("Pump 8", "Pump 9"))
    assert (pump.home_location, lost.status) == (world.places["Dock"], before)
    assert Finding.objects.get(asset=lost).consequence == "its status stays: who signed may not edit it"


def test_nobody_accepts_a_move_to_where_they_may_edit_nothing(world: World) -> None:
    campaign = opened(world, "Hall A")
    scan(campaign, world, "8004:061414100007", "Dock")
    reviewed(campaign)
    keeper = make_user("keeper", "auditor")
    RoleBinding.objects.create(user=keeper, role="manager", location=world.places["Store room"])
    with pytest.raises(Forbidden):
        resolve(campaign, "move_accepted", "Pump 7", by=actor(keeper))
    RoleBinding.objects.create(user=keeper, role="manager", location=world.places["Dock"])
    assert resolve(campaign, "move_accepted", "Pump 7", by=actor(keeper)) == 1


def test_the_seal_breaks_with_any_change(world: World) -> None:
    campaign = truth_told(world)
    reviewed(campaign)
    resolve(campaign, "ignored")
    done = signed(campaign)
    with transaction.atomic():
        Finding.objects.filter(name="Pump 9").update(outcome="found")
        assert not signing.seal_holds(done)
        transaction.set_rollback(True)
    with transaction.atomic():
        Finding.objects.filter(name="Drill").delete()
        assert not signing.seal_holds(done)
        transaction.set_rollback(True)
    assert signing.seal_holds(done)


def test_what_is_signed_is_what_was_seen(world: World) -> None:
    campaign = truth_told(world)
    reviewed(campaign)
    version = Campaign.objects.get().version
    resolve(campaign, "ignored")
    with pytest.raises(Stale):
        signing.sign(by=ROOT, campaign_id=campaign.pk, signed_as="Anna", version=version)
    with pytest.raises(Invalid):
        signing.sign(by=ROOT, campaign_id=campaign.pk, signed_as=" ")
    assert not Signature.objects.exists()


def test_missing_twice_in_a_row_is_a_case(world: World) -> None:
    for number in range(3):
        campaign = opened(world, "Store room", method="passive")
        if number == 1:
            scan(campaign, world, "8004:061414100008")
        reviewed(campaign)
        if Finding.objects.filter(campaign=campaign).exclude(outcome="found").exists():
            resolve(campaign, "searched")
        signed(campaign)
        assert (
            sorted(Case.objects.values_list("asset__name", flat=True)) == ([], ["Pump 7", "Pump 9"], ["Pump 7", "Pump 9"])[number]
        )
    case = Case.objects.filter(asset__name="Pump 7").get()
    signing.close_case(by=ROOT, case_id=case.pk, note="stolen, reported")
    with pytest.raises(Invalid, match="closed already"):
        signing.close_case(by=ROOT, case_id=case.pk, note="again")
    elsewhere = actor(make_user("elsewhere", "auditor", place=world.places["Office"]))
    with pytest.raises(NotFound):
        signing.close_case(by=elsewhere, case_id=case.pk, note="x")


def test_a_series_goes_on_once(world: World) -> None:
    today = timezone.now().date()
    first = opened(world, "Hall A", recurrence="quarterly", from_on=today, until_on=today + timedelta(days=9))
    assert repeating.begin_due() == 0
    start = date(today.year - 1, today.month, 1)
    length = timedelta(days=40)  # so that today is among the days of the one a year later
    Campaign.objects.filter(pk=first.pk).update(from_on=start, until_on=start + length)
    assert (repeating.begin_due(), repeating.begin_due()) == (1, 0)
    second = Campaign.objects.get(series=first.series, number__gt=0)
    assert second.from_on <= today <= second.until_on
    assert (second.state, second.scope.count(), Expected.objects.filter(campaign=second).count()) == ("open", 1, 5)
    with pytest.raises(IntegrityError), transaction.atomic():
        Campaign.objects.filter(pk=first.pk).update(number=second.number)
    services.change(by=ROOT, campaign_id=second.pk, version=None, recurrence="never")
    assert repeating.begin_due() == 0


def test_by_api(world: World) -> None:
    call, campaign = Caller(), truth_told(world)
    address = f"/audits/{campaign.pk}"
    assert call("POST", f"{address}/review").json()["reviewed_at"] is not None
    [row] = call("GET", f"{address}/findings?outcome=missing").json()["items"]
    assert (row["name"], row["resolution"]) == ("Pump 9", "none")
    everything = [r["id"] for r in call("GET", f"{address}/findings").json()["items"] if r["outcome"] != "found"]
    assert call("POST", f"{address}/sign", {"signed_as": "Anna"}).status_code == 422
    assert call("POST", f"{address}/findings/resolve", {"findings": everything, "resolution": "ignored"}).json() == {
        "resolved": 6
    }
    assert call("POST", f"{address}/sign", {"signed_as": "Anna"}).json()["state"] == "closed"
    seal = call("GET", f"{address}/seal").json()
    assert (len(seal["digest"]), seal["holds"], seal["signed_as"]) == (64, True, "Anna")
    table = call("GET", f"{address}/report?form=csv").content.decode("utf-8-sig")
    assert seal["digest"] in table
    assert all(name in table for name in TRUTH)
    assert call("GET", f"{address}/report").content.startswith(b"%PDF")
    assert call("GET", "/audit-cases").json()["items"] == []


def test_by_page(world: World, client: Any) -> None:
    client.force_login(make_user("anna"))
    campaign = truth_told(world)
    address = f"/audits/{campaign.pk}/"
    client.post(address, {"do": "review"})
    shown = client.get(f"{address}findings/").content.decode()
    assert "6 findings to resolve" in shown
    missing = Finding.objects.get(name="Pump 9").pk
    client.post(f"{address}findings/", {"do": "resolve", "finding": [missing], "resolution": "searched", "note": "twice"})
    assert "5 findings to resolve" in client.get(f"{address}findings/?outcome=damaged").content.decode()
    resolve(campaign, "ignored")
    assert "Sign and close" in client.get(f"{address}findings/").content.decode()
    client.post(f"{address}findings/", {"do": "sign", "signed_as": "Anna", "version": Campaign.objects.get().version})
    shown = client.get(address).content.decode()
    assert "Signed by Anna" in shown
    assert Signature.objects.get().digest in shown
    assert client.get(f"{address}report/?form=pdf").content.startswith(b"%PDF")
    assert client.get(f"{address}report/?form=exe").status_code == 404
    assert "Nothing was missing twice" in client.get("/audits/cases/").content.decode()
