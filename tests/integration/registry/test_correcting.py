"""A gateway whose clock was wrong, and which says so once it knows: times, positions and stays come out right."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from registry.assets.models import Asset
from registry.tracking import correcting
from registry.tracking.correcting import correct_some_times
from registry.tracking.models import GatewayBoot, LocationEvent, Position, RawRecord, Stay, UnknownTag
from registry.tracking.services import project_changed_identifiers, rebuild_projections
from sync.wire import ClockFix, ClockQuality, Record, encode
from tests.integration.registry.conftest import Site, another_site, at, event, make_asset, projections

pytestmark = pytest.mark.django_db

BOOTED = 10_000_000  # what the monotonic clock says at NOON, in ms


def told(site: Site, kind: str, tag: str, zone: str, seconds: float, off: timedelta, boot: str = "boot-1", **more: Any) -> Record:
    """An event `seconds` after NOON, of a gateway whose clock is off by that much and which does not know it."""
    quality = more.pop("quality", ClockQuality.UNSET)
    stamp = at(seconds) + off
    said = event(kind, f"tag:{tag}", zone, clock_quality=quality, **(more | {"event_time": stamp, "decided_at": stamp}))
    stored = stamp + timedelta(milliseconds=40)
    return site.record(said, stored_at=stored, mono_ms=BOOTED + round(seconds * 1000) + 40, boot=boot)


def fix(site: Site, seconds: float, boot: str = "boot-1", wall: datetime | None = None) -> Record:
    mono_ms = BOOTED + round(seconds * 1000)
    body = encode(ClockFix(boot, mono_ms, wall or at(seconds), 1))
    return site.record(body, kind="clock_fix", stored_at=at(seconds), mono_ms=mono_ms, boot=boot)


def corrected() -> None:
    while correct_some_times():
        pass
    while project_changed_identifiers():
        pass


def stays() -> list[tuple[Any, ...]]:
    return list(Stay.objects.order_by("from_ts").values_list("zone__name", "from_ts", "to_ts"))


@pytest.mark.parametrize(
    "off",
    [datetime(1970, 1, 1, tzinfo=UTC) - at(0), timedelta(days=-365), timedelta(days=365), timedelta(seconds=-30)],
    ids=["1970", "a year back", "a year ahead", "half a minute"],
)
def test_times_are_set_right_and_what_follows_from_them(site: Site, drill: Asset, off: timedelta) -> None:
    other = another_site("berlin")
    other.tell(event("arrived", "tag:drill", "dock", 5))
    site.deliver(
        told(site, "arrived", "drill", "hall-a", 0, off),
        told(site, "moved", "drill", "yard", 10, off),
        told(site, "arrived", "stranger", "yard", 11, off),
    )
    as_told = dict(LocationEvent.objects.values_list("event_id", "event_time"))
    site.deliver(fix(site, 20))
    corrected()
    assert stays() == [("hall-a", at(0), at(5)), ("dock", at(5), at(10)), ("yard", at(10), None)]
    assert Position.objects.values_list("since", "zone__name").get() == (at(10), "yard")
    events = LocationEvent.objects.filter(gateway="hamburg").order_by("seq")
    assert list(events.values_list("happened_at", "clock_quality")) == [(at(s), "corrected") for s in (0, 10, 11)]
    assert dict(LocationEvent.objects.values_list("event_id", "event_time")) == as_told
    unknown = UnknownTag.objects.get()
    assert (unknown.first_seen, unknown.last_seen) == (at(11), at(11))
    assert RawRecord.objects.get().kind == "clock_fix"
    stored = projections()
    rebuild_projections()
    assert projections() == stored


def test_what_comes_after_the_fix_or_with_it_is_stored_right_at_once(site: Site, drill: Asset) -> None:
    off = timedelta(days=-20_000)
    records = [told(site, "arrived", "drill", "hall-a", 0, off), told(site, "moved", "drill", "yard", 10, off), fix(site, 20)]
    site.deliver(*records[1:])
    site.deliver(records[0])
    site.tell(event("moved", "tag:drill", "dock", 25, clock_quality=ClockQuality.SYNCED))
    assert stays() == [("hall-a", at(0), at(10)), ("yard", at(10), at(25)), ("dock", at(25), None)]
    assert list(LocationEvent.objects.order_by("seq").values_list("clock_quality", flat=True)) == ["corrected"] * 2 + ["synced"]


def test_it_is_done_in_slices_over_epochs_and_ends_with_the_boot(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(correcting, "ROWS_AT_ONCE", 3)
    make_asset("drill")
    off, rng = timedelta(days=-20_000), random.Random(3)
    site.deliver(*(told(site, "seen", "drill", "yard", n - 5000, off, boot="boot-0") for n in range(6)))
    site.deliver(*(told(site, "moved", "drill", rng.choice(["hall-a", "yard"]), n, off) for n in range(8)))
    parted = Site(site.credentials)
    parted.hello()
    parted.deliver(*(told(parted, "moved", "drill", rng.choice(["hall-a", "yard"]), 10 + n, off) for n in range(7)))
    parted.deliver(fix(parted, 20))
    slices = 0
    while correct_some_times():
        slices += 1
        assert LocationEvent.objects.filter(clock_quality="corrected").count() <= 3 * slices
    assert not GatewayBoot.objects.filter(correcting_epoch__isnull=False).exists()
    by_boot = set(LocationEvent.objects.values_list("boot__boot_id", "clock_quality"))
    assert by_boot == {("boot-0", "unset"), ("boot-1", "corrected")}
    assert LocationEvent.objects.filter(clock_quality="corrected", happened_at__gte=at(0)).count() == 15
    while project_changed_identifiers():
        pass
    stored = projections()
    rebuild_projections()
    assert projections() == stored


def test_what_was_right_stays_as_it_was(site: Site, drill: Asset) -> None:
    off, nothing = timedelta(days=-20_000), timedelta(0)
    site.deliver(
        told(site, "arrived", "drill", "hall-a", 0, off, quality=ClockQuality.SYNCED),  # it was wrong, but did not know
        told(site, "moved", "drill", "yard", 5, nothing, quality=ClockQuality.HOLDOVER),
        told(site, "moved", "drill", "hall-a", 6, timedelta(seconds=1)),
    )
    site.deliver(fix(site, 20))
    corrected()
    assert not LocationEvent.objects.filter(clock_quality="corrected").exists()


@pytest.mark.parametrize("wall", [datetime(2001, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)])
def test_a_fix_that_cannot_be_true_is_kept_and_changes_nothing(site: Site, wall: datetime) -> None:
    site.deliver(told(site, "seen", "x", "yard", 0, timedelta(days=-20_000)), fix(site, 20, wall=wall))
    assert site.counts["implausible_clock_fixes"] == 1
    assert not correct_some_times()
    assert RawRecord.objects.count() == 1


def test_nothing_else_of_an_event_can_be_changed(site: Site) -> None:
    site.tell(event("seen", "tag:x", "hall-a"))
    for change in ({"identity": "tag:y"}, {"happened_at": at(9)}, {"clock_quality": "synced"}, {"event_time": at(9)}):
        with pytest.raises(IntegrityError), transaction.atomic():
            LocationEvent.objects.update(**change)
    with pytest.raises(IntegrityError), transaction.atomic():
        LocationEvent.objects.update(clock_quality="corrected", event_time=at(9))
