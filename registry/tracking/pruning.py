"""Deleting old sightings. Only `seen` events of fixed readers that follow from nothing and nothing follows from: they confirmed
where a thing was, while what had told it stays. Months of them are summed up first (SeenMonth).

Before an asset's sightings go, its whole past is replayed with and without them; where position or stays would differ by
anything, they stay. What lies in containers, or is one, is left alone: its place is drawn from the events of others.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Final
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q

from registry.assets.models import Asset, Containment
from registry.tracking.models import LocationEvent, SeenMonth
from registry.tracking.project import facts_of, hold_assets
from registry.tracking.projection import PEOPLE, Fact, Whereabouts, in_order, replay

ASSETS_AT_ONCE: Final = 50  # whose events are read together
ROWS_AT_ONCE: Final = 500  # events of one transaction; with what is written of their months fewer than a thousand rows
PAUSE_S: Final = 0.02  # between two transactions, for whoever waits to write

Used = Callable[[UUID], Collection[UUID]]
"""The ids of the events of an asset that something else names."""


def count(before: datetime) -> int:
    """How many sightings are older: at most so many would go."""
    return LocationEvent.objects.filter(_SIGHTING, happened_at__lt=before).count()


def prune(
    before: datetime, *, used: Used, until: Callable[[], bool] = lambda: False, after: UUID | None = None
) -> tuple[int, UUID | None]:
    """Delete the sightings from before a moment, asset by asset from the one behind `after` on, until `until` says so. Return how
    many went, and the asset to go on behind (None: all were looked at)."""
    done = 0
    while not until():
        found = Asset.objects.order_by("pk") if after is None else Asset.objects.order_by("pk").filter(pk__gt=after)
        some = list(found.values_list("pk", flat=True)[:ASSETS_AT_ONCE])
        if not some:
            return done, None
        done += sum(_of(some, before, used))
        after = some[-1]
    return done, after


_SIGHTING: Final = Q(kind=LocationEvent.Kind.SEEN, deliberate=False, gateway__isnull=False)


def _of(asset_ids: Sequence[UUID], before: datetime, used: Used) -> Iterator[int]:
    in_containers = set(
        Containment.objects.filter(Q(asset__in=asset_ids) | Q(container__in=asset_ids)).values_list("asset", "container")
    )
    alone = set(asset_ids) - {pk for pair in in_containers for pk in pair}
    known = facts_of(alone)
    for asset_id in sorted(alone & known.keys()):
        facts = known[asset_id]
        while old := harmless(facts, before, keep=used(asset_id)):
            if not _forget(asset_id, old, facts):
                break
            gone = {fact.event_id for fact in old}
            facts = [fact for fact in facts if fact.event_id not in gone]
            yield len(old)
            time.sleep(PAUSE_S)


def harmless(facts: Sequence[Fact], before: datetime, *, keep: Collection[UUID] = ()) -> list[Fact]:
    """Return the oldest sightings, ROWS_AT_ONCE at most, without which the same follows from the rest, exactly."""
    whole = Whereabouts()
    needed = set(keep)
    for at, fact in in_order(facts):
        stays = len(whole.spans)
        whole.take(at, fact)
        if len(whole.spans) != stays:  # it began a stay
            needed.add(fact.event_id)
    old = [
        fact
        for fact in facts
        if fact.kind == "seen" and not fact.deliberate and fact.gateway != PEOPLE and fact.happened_at < before
        and fact.event_id not in needed and fact.happened_at != whole.last_seen_at and whole.tips[fact.gateway] != fact.told
    ]  # fmt: skip
    old = sorted(old, key=lambda fact: fact.happened_at)[:ROWS_AT_ONCE]
    gone = {fact.event_id for fact in old}
    rest = replay(fact for fact in facts if fact.event_id not in gone)
    return old if old and rest == whole and list(rest.tips) == list(whole.tips) else []


@transaction.atomic
def _forget(asset_id: UUID, old: Sequence[Fact], facts: Sequence[Fact]) -> bool:
    """Sum them up and delete them, if nothing was told of the asset meanwhile."""
    hold_assets([asset_id])
    now = facts_of([asset_id]).get(asset_id, [])
    if {fact.event_id for fact in now} != {fact.event_id for fact in facts}:
        return False
    _sum_up(asset_id, old)
    ids = [fact.event_id for fact in old]
    LocationEvent.objects.filter(pk__in=ids)._raw_delete(connection.alias)  # nothing names them: `used`, and _same()
    return True


def _sum_up(asset_id: UUID, old: Sequence[Fact]) -> None:
    groups: defaultdict[tuple[date, UUID | None], list[datetime]] = defaultdict(list)
    for fact in old:
        groups[fact.happened_at.astimezone(UTC).date().replace(day=1), fact.where.zone].append(fact.happened_at)
    months = {month for month, _ in groups}
    there = {(row.month, row.zone_id): row for row in SeenMonth.objects.filter(asset=asset_id, month__in=months)}
    fresh, more = [], []
    for (month, zone), times in groups.items():
        row = there.get((month, zone))
        if row is None:
            fresh.append(
                SeenMonth(asset_id=asset_id, zone_id=zone, month=month, count=len(times), first=min(times), last=max(times))
            )
        else:
            row.count, row.first, row.last = row.count + len(times), min(row.first, *times), max(row.last, *times)
            more.append(row)
    SeenMonth.objects.bulk_create(fresh)
    SeenMonth.objects.bulk_update(more, ["count", "first", "last"])
