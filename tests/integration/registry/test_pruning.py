"""Old sightings go, a summary of each month stays, and nothing that is drawn from events differs by it."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from registry import retention
from registry.assets import files
from registry.assets.containers import put_into, take_out
from registry.assets.models import Asset, Attachment
from registry.assets.record import dispose_asset
from registry.configuration import RetentionSection
from registry.tracking import pruning
from registry.tracking.models import LocationEvent, SeenMonth
from registry.tracking.project import rebuild
from registry.tracking.services import map_zone, project_changed_identifiers
from tests.integration.registry.conftest import Site, at, event, make_asset, projections
from tests.registry_world import ROOT, make_user

pytestmark = pytest.mark.django_db
LATER = datetime(2100, 1, 1, tzinfo=UTC)


def nothing_else(asset_id: Any) -> set[Any]:
    return set()


@pytest.fixture(autouse=True)
def fresh_round(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "_round", retention._Round())


def tell_a_month(site: Site, drill: Asset) -> None:
    """Seen 40 times in the hall, taken through the yard to the dock, seen there, left, and come back by being seen."""
    hour = 3600.0
    site.tell(event("arrived", "tag:drill", "hall", 0))
    site.tell(*(event("seen", "tag:drill", "hall", n * hour) for n in range(1, 41)))
    site.tell(event("moved", "tag:drill", "dock", 50 * hour, zone_from="hall"))
    site.tell(*(event("seen", "tag:drill", "dock", (50 + n) * hour) for n in range(1, 11)))
    site.tell(event("departed", "tag:drill", "dock", 70 * hour))
    site.tell(*(event("seen", "tag:drill", "hall", (80 + n) * hour) for n in range(5)))


def test_what_only_confirmed_goes_and_is_summed_up(site: Site, drill: Asset) -> None:
    tell_a_month(site, drill)
    before = projections()
    events = LocationEvent.objects.count()
    assert pruning.count(LATER) == 55
    deleted, after = pruning.prune(LATER, used=nothing_else)
    assert (deleted, after) == (53, None), "the one that opened a stay again and the newest stay"
    assert LocationEvent.objects.count() == events - deleted
    assert projections() == before
    rebuild([drill.pk])
    assert projections() == before, "drawn anew from what is left it is the same"
    months = [(row.zone.name, row.count) for row in SeenMonth.objects.select_related("zone").order_by("first") if row.zone]
    assert sum(number for _, number in months) == 53
    assert {name for name, _ in months} == {"hall", "dock"}
    assert pruning.prune(LATER, used=nothing_else) == (0, None), "a second time there is nothing"


def test_more_of_the_same_month_is_added_to_its_summary(site: Site, drill: Asset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "ROWS_AT_ONCE", 7)
    tell_a_month(site, drill)
    before = projections()
    assert pruning.prune(LATER, used=nothing_else)[0] == 53
    assert projections() == before
    rows = list(SeenMonth.objects.all())
    assert len(rows) == len({(row.month, row.zone_id) for row in rows}), "one a month and zone"
    assert sum(row.count for row in rows) == 53
    assert all(row.month == date(row.first.year, row.first.month, 1) for row in rows)


def test_what_is_named_elsewhere_stays(site: Site, drill: Asset) -> None:
    tell_a_month(site, drill)
    kept = {one.pk for one in LocationEvent.objects.filter(kind="seen")}
    assert pruning.prune(LATER, used=lambda _: kept) == (0, None)


def tell_of_a_box(site: Site) -> tuple[Asset, Asset, Asset]:
    """A box in a van: both are seen often. A drill lies in the box for some of the time, and is seen itself before and after."""
    hour = 3600.0
    drill, box, van = (make_asset(code) for code in ("bit", "box", "van"))
    site.tell(
        event("arrived", "tag:van", "hall", 0), event("arrived", "tag:box", "yard", 10), event("arrived", "tag:bit", "dock", 20)
    )
    site.tell(*(event("seen", f"tag:{code}", zone, n * hour + at) for n in range(1, 20) for at, code, zone in MORNING))
    put_into(by=ROOT, asset=drill, container=box, kind="contents", at=at(20 * hour))
    put_into(by=ROOT, asset=box, container=van, kind="contents", at=at(25 * hour))
    project_changed_identifiers()
    site.tell(*(event("seen", "tag:van", "hall", n * hour) for n in range(26, 40)))
    site.tell(event("moved", "tag:van", "gate", 41 * hour, zone_from="hall"))
    site.tell(*(event("seen", "tag:van", "gate", n * hour) for n in range(42, 60)))
    take_out(by=ROOT, asset=drill, at=at(61 * hour))
    project_changed_identifiers()
    site.tell(*(event("seen", "tag:van", "gate", n * hour) for n in range(62, 70)))
    site.tell(*(event("seen", "tag:bit", "gate", n * hour) for n in range(62, 70)))
    return drill, box, van


MORNING = ((0, "van", "hall"), (10, "box", "yard"), (20, "bit", "dock"))


def test_of_containers_and_what_lies_in_them_it_goes_too(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "ROWS_AT_ONCE", 9)
    things = tell_of_a_box(site)
    before, number = projections(), LocationEvent.objects.filter(kind="seen").count()
    assert any(stay[0] == things[0].pk and stay[1] is not None for stay in before[1])
    deleted, after = pruning.prune(LATER, used=nothing_else)
    assert (deleted > 0.8 * number, after) == (True, None)
    assert LocationEvent.objects.filter(kind="seen").count() == number - deleted
    assert projections() == before
    rebuild([thing.pk for thing in things])
    assert projections() == before, "drawn anew from what is left it is the same, for each of them"
    assert sum(row.count for row in SeenMonth.objects.all()) == deleted
    assert pruning.prune(LATER, used=nothing_else)[0] == 0


def test_what_is_laid_somewhere_or_told_meanwhile_puts_it_off(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    drill, _, van = tell_of_a_box(site)
    number = LocationEvent.objects.count()
    judged = pruning.harmless_beside
    said: list[int] = []

    def while_something_happens(*given: Any, **more: Any) -> Any:
        found = judged(*given, **more)
        if not said:
            put_into(by=ROOT, asset=drill, container=van, kind="contents", at=at(75 * 3600.0))
        elif len(said) == 1:
            site.tell(event("seen", "tag:van", "gate", 80 * 3600.0))
        said.append(len(found))
        return found

    monkeypatch.setattr(pruning, "harmless_beside", while_something_happens)
    pruning.prune(LATER, used=nothing_else)
    assert said[0] > 0
    assert said[1] > 0
    assert LocationEvent.objects.count() > number + 1 - sum(said), "the first two were given up"
    project_changed_identifiers()
    before = projections()
    pruning.prune(LATER, used=nothing_else)
    rebuild([drill.pk, van.pk])
    assert projections() == before


def test_what_held_too_much_is_left_alone(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    tell_of_a_box(site)
    monkeypatch.setattr(pruning, "MOST_FACTS", 20)
    assert pruning.prune(LATER, used=nothing_else) == (0, None)
    monkeypatch.setattr(pruning, "MOST_FACTS", 50_000)
    monkeypatch.setattr(pruning, "MOST_BESIDE", 0)
    assert pruning.prune(LATER, used=nothing_else) == (0, None)


def test_of_unknown_tags_it_goes_and_who_claims_one_later_gets_the_same(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "ROWS_AT_ONCE", 9)
    tell_a_month(site, make_asset("drill"))
    for code in ("stray", "other"):
        for told in LocationEvent.objects.filter(identity="tag:drill").order_by("happened_at"):
            seconds = (told.happened_at - at(0)).total_seconds()
            zone = told.zone_to or told.zone_from
            site.tell(event(told.kind, f"tag:{code}", zone.name if zone else None, seconds))
    number = LocationEvent.objects.count()
    assert pruning.prune_unknown(LATER) == (106, None)
    assert LocationEvent.objects.count() == number - 106
    assert LocationEvent.objects.filter(identity="tag:drill", kind="seen").count() == 55, "that of an asset has its own turn"
    assert pruning.prune_unknown(LATER) == (0, None)
    owner, claimer = Asset.objects.get(name="Drill"), make_asset("stray")
    project_changed_identifiers()
    mine, theirs = ([(p[1:5], p[6:9]) for p in projections(asset=one.pk)[0]] for one in (owner, claimer))
    assert mine == theirs
    mine, theirs = ([stay[1:] for stay in projections(asset=one.pk)[1]] for one in (owner, claimer))
    assert mine == theirs


def test_a_tag_that_is_claimed_meanwhile_keeps_its_sightings(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.tell(*(event("seen", "tag:stray", "hall", n * 3600.0) for n in range(20)))
    judged = pruning.harmless

    def while_it_is_claimed(*given: Any, **more: Any) -> Any:
        found = judged(*given, **more)
        if not Asset.objects.exists():
            make_asset("stray")
        return found

    monkeypatch.setattr(pruning, "harmless", while_it_is_claimed)
    assert pruning.prune_unknown(LATER) == (0, None)
    assert LocationEvent.objects.count() == 20


def test_the_round_looks_through_assets_and_tags_of_nobody(site: Site, drill: Asset) -> None:
    tell_a_month(site, drill)
    site.tell(*(event("seen", "tag:stray", "hall", n * 3600.0) for n in range(20)))
    assert retention.prune(LATER)["sightings that only confirmed"] == 53 + 18
    assert retention.prune(LATER)["sightings that only confirmed"] == 0


def test_what_is_told_meanwhile_puts_it_off(site: Site, drill: Asset, monkeypatch: pytest.MonkeyPatch) -> None:
    tell_a_month(site, drill)
    harmless = pruning.harmless

    def while_something_comes(*given: Any, **more: Any) -> Any:
        found = harmless(*given, **more)
        if LocationEvent.objects.count() < 60:
            site.tell(event("seen", "tag:drill", "hall", 400_000))
        return found

    monkeypatch.setattr(pruning, "harmless", while_something_comes)
    assert pruning.prune(LATER, used=nothing_else) == (0, None)
    assert not SeenMonth.objects.exists()


def test_the_database_lets_only_sightings_go(site: Site, drill: Asset) -> None:
    tell_a_month(site, drill)
    for kept in (LocationEvent.objects.filter(kind="moved"), LocationEvent.objects.filter(kind="arrived")):
        with pytest.raises(IntegrityError), transaction.atomic():
            kept._raw_delete("default")
    with pytest.raises(IntegrityError), transaction.atomic():
        LocationEvent.objects.filter(kind="seen").update(reads=7)


def test_the_settings_are_kept_a_step_at_a_time(site: Site, drill: Asset, monkeypatch: pytest.MonkeyPatch) -> None:
    tell_a_month(site, drill)
    section = RetentionSection(sightings_days=30, disposed_files_days=30)
    monkeypatch.setattr(settings, "CONFIGURATION", settings.CONFIGURATION.model_copy(update={"retention": section}))
    due = {figure.key: figure.due for figure in retention.figures()}
    assert due["sightings_days"] == 55
    assert due["changes_days"] is None
    for _ in range(5):
        retention.due()
    assert LocationEvent.objects.filter(kind="seen").count() == 2
    assert retention.count(LATER)["sightings that only confirmed"] == 2


def test_files_of_disposed_assets_go_and_what_nothing_has(
    site: Site, drill: Asset, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    from io import BytesIO

    monkeypatch.setattr(settings, "DATA_DIR", tmp_path)
    files.attach(by=ROOT, asset=drill, file=BytesIO(b"a manual"), name="manual.txt")
    stray = files.folder() / "ab" / ("ab" + "0" * 62)
    stray.parent.mkdir(parents=True)
    stray.write_bytes(b"broken off")
    later = timezone.now() + timedelta(days=40)
    monkeypatch.setattr("registry.retention.timezone.now", lambda: later)
    monkeypatch.setattr("registry.assets.files.timezone.now", lambda: later)
    section = RetentionSection(disposed_files_days=30)
    monkeypatch.setattr(settings, "CONFIGURATION", settings.CONFIGURATION.model_copy(update={"retention": section}))
    retention.due()
    assert Attachment.objects.count() == 1, "it is in use"
    dispose_asset(by=ROOT, asset=drill, version=Asset.objects.get(pk=drill.pk).version)
    Asset.objects.update(changed_at=later - timedelta(days=31))
    retention.due()
    assert not Attachment.objects.exists()
    retention.sweep()
    assert not stray.exists()


def test_the_asset_shows_what_was_summed_up_to_whom_may_see_the_place(
    site: Site, drill: Asset, hall: Any, client: Client
) -> None:
    tell_a_month(site, drill)
    from registry.tracking.models import Zone

    map_zone(by=ROOT, zone=Zone.objects.get(name="hall"), location=hall)
    pruning.prune(LATER, used=nothing_else)
    client.force_login(make_user())
    page = client.get(reverse("asset", args=[drill.pk])).content.decode()
    assert "seen 43 times in Hall" in page
    assert "seen 10 times in dock" in page
    guest = Client()
    guest.force_login(make_user("guest", "viewer", place=hall))
    Asset.objects.update(home_location=hall)
    page = guest.get(reverse("asset", args=[drill.pk])).content.decode()
    assert "seen 43 times in Hall" in page
    assert "in dock" not in page
