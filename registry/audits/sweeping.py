"""What readers and scans saw anyway, as evidence: each minute, for every open audit.

Asked of the assets, not of the events: of each that was not seen yet, or stands elsewhere by now, its newest event in the days of
the audit. So it costs the same however much was told, a late event counts as soon as it is there, and doing it again changes
nothing. The place is that of the stay the event lies in."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import DateTimeField, F, OuterRef, Q, Subquery, UUIDField, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from registry.assets.models import Identifier
from registry.audits.models import Campaign, Evidence, Expected
from registry.audits.recording import hold, put
from registry.db import uuid7s
from registry.tracking.models import LocationEvent, Stay

AT_ONCE: Final = 400  # of each its evidence and its row are written


def sweep_all() -> int:
    """Return how much new evidence there was. Due every minute."""
    now = timezone.now()
    open_now = Campaign.objects.filter(state=Campaign.State.OPEN, window_from__lte=now).order_by("window_from")
    return sum(sweep(campaign) for campaign in open_now)


def sweep(campaign: Campaign) -> int:
    """Return how much new evidence there was."""
    found, last = 0, 0
    while True:
        some = _next(campaign, last)
        if not some:
            return found
        last = some[-1][0]
        found += _take(campaign, [asset for _, asset in some])


def _next(campaign: Campaign, last: int) -> list[tuple[int, UUID]]:
    """The next assets that may have something new to tell."""
    elsewhere = Q(asset__position__last_seen_at__gt=F("seen_at")) & (
        ~Q(asset__position__location=F("seen_location")) | Q(seen_location__isnull=True, asset__position__location__isnull=False)
    )
    rows = Expected.objects.filter(
        Q(seen_at__isnull=True) | elsewhere,
        campaign=campaign,
        pk__gt=last,
        asset__position__last_seen_at__gte=campaign.window_from,
    )
    return list(rows.order_by("pk").values_list("pk", "asset")[:AT_ONCE])


def newest_of(campaign: Campaign, assets: Sequence[UUID]) -> dict[UUID, tuple[datetime, Any, UUID | None, bool]]:
    """Of each asset by all of its codes: when, the event, where it stood then, whether a person scanned it."""
    newest: dict[UUID, tuple[datetime, Any, UUID | None, bool]] = {}
    for asset, event, at, place, deliberate in newest_events(campaign, Q(asset__in=assets)):
        if asset not in newest or newest[asset][0] < at:
            newest[asset] = (at, event, place, deliberate)
    return newest


def _take(campaign: Campaign, assets: Sequence[UUID]) -> int:
    newest = newest_of(campaign, assets)
    with transaction.atomic():
        held = hold(campaign.pk)
        if held.state != Campaign.State.OPEN:
            return 0
        return put(held, rows_of(held, newest))


def rows_of(campaign: Campaign, newest: dict[UUID, tuple[datetime, Any, UUID | None, bool]]) -> list[Evidence]:
    now = timezone.now()
    return [
        Evidence(
            id=pk, campaign=campaign, asset_id=asset, location_id=place, at=at, recorded_at=now, event=event,
            kind=Evidence.Kind.SCAN if deliberate else Evidence.Kind.READ,
        )
        for pk, (asset, (at, event, place, deliberate)) in zip(uuid7s(len(newest)), newest.items(), strict=True)
    ]  # fmt: skip


def newest_events(campaign: Campaign, of: Q) -> list[tuple[UUID, Any, datetime, UUID | None, bool]]:
    """Of each code of these assets the newest event in the days of the audit, while the code was on it: asset, event, when, where
    it stood then, whether a person scanned it. In a walk alone only what a person scanned counts."""
    moment: Any = DateTimeField()
    events = LocationEvent.objects.filter(
        identity=OuterRef("key"),
        happened_at__gte=campaign.window_from,
        happened_at__lt=campaign.window_to,
    ).filter(
        happened_at__gte=Coalesce(OuterRef("valid_from"), Value(campaign.window_from), output_field=moment),
        happened_at__lt=Coalesce(OuterRef("valid_to"), Value(campaign.window_to), output_field=moment),
    )
    if campaign.method == Campaign.Method.WALK:
        events = events.filter(deliberate=True)
    newest = events.order_by("-happened_at")
    stays = Stay.objects.filter(asset=OuterRef("asset"), from_ts__lte=OuterRef("told_at")).order_by("-from_ts", "-id")
    rows = (
        Identifier.objects.order_by()
        .filter(of)
        .annotate(
            told=Subquery(newest.values("pk")[:1], output_field=UUIDField()),
            told_at=Subquery(newest.values("happened_at")[:1]),
            by_hand=Subquery(newest.values("deliberate")[:1]),
        )
        .filter(told__isnull=False)
        .annotate(place=Subquery(stays.values("location")[:1], output_field=UUIDField()))
    )
    return list(rows.values_list("asset", "told", "told_at", "place", "by_hand"))
