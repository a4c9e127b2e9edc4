"""What an audit did not expect: assets that stand in its places all the same, and codes that people scanned there.
Looked for once, when the review begins; each becomes evidence, and doing it again adds nothing."""

from functools import reduce
from operator import or_
from typing import Any, Final

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from registry.assets.models import Category, Location
from registry.audits import sweeping
from registry.audits.models import Campaign, Evidence, Expected
from registry.audits.recording import hold, put
from registry.db import uuid7
from registry.tracking.models import Position, UnknownTag

AT_ONCE: Final = 200


def gather(campaign: Campaign) -> None:
    """Without places of its own an audit expects things wherever they are: then only scans for it tell of others."""
    below = [item.location.path for item in campaign.scope.select_related("location") if item.location is not None]
    if not below:
        return
    places = Location.objects.order_by().filter(reduce(or_, (Q(path__startswith=path) for path in below))).values("pk")
    _assets(campaign, places)
    _codes(campaign, places)


def _assets(campaign: Campaign, places: Any) -> None:
    expected = Expected.objects.filter(campaign=campaign, asset=OuterRef("asset"))
    known = Evidence.objects.filter(campaign=campaign, asset=OuterRef("asset"))
    there = Position.objects.order_by("pk").filter(
        ~Exists(expected), ~Exists(known), location__in=places, state=Position.State.PRESENT,
        last_seen_at__gte=campaign.window_from,
    )  # fmt: skip
    kinds = [item.category.path for item in campaign.scope.select_related("category") if item.category is not None]
    if kinds:
        of = Category.objects.order_by().filter(reduce(or_, (Q(path__startswith=path) for path in kinds)))
        there = there.filter(asset__category__in=of.values("pk"))
    last = None
    while True:
        some = list((there if last is None else there.filter(pk__gt=last)).values_list("pk", flat=True)[:AT_ONCE])
        if not some:
            return
        last = some[-1]
        newest = sweeping.newest_of(campaign, some)
        with transaction.atomic():
            put(hold(campaign.pk), sweeping.rows_of(campaign, newest))


def _codes(campaign: Campaign, places: Any) -> None:
    known = set(Evidence.objects.filter(campaign=campaign, asset__isnull=True).values_list("key", flat=True))
    tags = UnknownTag.objects.filter(
        location__in=places, last_seen__gte=campaign.window_from, last_seen__lt=campaign.window_to
    ).order_by("identity")
    now = timezone.now()
    rows = [
        Evidence(
            id=uuid7(), campaign=campaign, key=tag.identity, text=tag.raw[:4096], location_id=tag.location_id, at=tag.last_seen,
            recorded_at=now, kind=Evidence.Kind.SCAN,
        )
        for tag in tags if tag.identity not in known
    ]  # fmt: skip
    for at in range(0, len(rows), AT_ONCE):
        with transaction.atomic():
            put(hold(campaign.pk), rows[at : at + AT_ONCE])
