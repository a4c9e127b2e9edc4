"""Deleting old sightings. Only `seen` events of fixed readers that follow from nothing and nothing follows from: they confirmed
where a thing was, while what had told it stays. Months of them are summed up first (SeenMonth).

Before an asset's sightings go, its whole past is replayed with and without them, and that of all that ever lay in it; where
position or stays of any would differ by anything, they stay. What nobody owns is replayed as if it were one asset's: whoever
claims the tag later gets the same positions and stays. Of it nothing is summed up.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Final
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q

from registry.assets.models import Asset, Containment, Identifier
from registry.db import rows_where
from registry.tracking import contents, identifiers
from registry.tracking.facts import facts_of, facts_of_identities
from registry.tracking.models import LocationEvent, SeenMonth
from registry.tracking.project import hold_assets, hold_ingest
from registry.tracking.projection import PEOPLE, Fact, Whereabouts, in_order, replay

ASSETS_AT_ONCE: Final = 50  # whose events are read together
ROWS_AT_ONCE: Final = 500  # events of one transaction; with what is written of their months fewer than a thousand rows
PAUSE_S: Final = 0.02  # between two transactions, for whoever waits to write

MOST_BESIDE: Final = 200  # assets that ever lay in one: of what held more, nothing goes
MOST_FACTS: Final = 50_000  # of these together: they are replayed for each transaction

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
    beside = set(asset_ids) & {pk for pair in in_containers for pk in pair}
    alone = set(asset_ids) - beside
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
    for asset_id in sorted(beside):
        yield from _beside_others(asset_id, before, used)


def _beside_others(asset_id: UUID, before: datetime, used: Used) -> Iterator[int]:
    """Of one that lay in others or had others in it."""
    reached = contents.with_contents([asset_id])
    if len(reached) > MOST_BESIDE:
        return
    group = contents.with_containers(reached)
    while True:
        seen = _state_of(group)
        own = facts_of(group)
        old = harmless_beside(asset_id, reached, own, before, keep=used(asset_id))
        if not old or not _forget_beside(asset_id, old, group, seen):
            return
        yield len(old)
        time.sleep(PAUSE_S)


def harmless_beside(
    asset_id: UUID,
    reached: Collection[UUID],
    own: Mapping[UUID, Sequence[Fact]],
    before: datetime,
    *,
    keep: Collection[UUID] = (),
) -> list[Fact]:
    """As `harmless`, of the asset's own sightings, for it and for all that ever lay in it (`reached`)."""
    told = contents.all_facts(reached, own)
    if sum(map(len, told.values())) > MOST_FACTS:
        return []
    mine = own.get(asset_id, ())
    ids = {fact.event_id for fact in mine}
    whole = {pk: _needs(facts) for pk, facts in told.items()}
    needed = set(keep).union(*(needed for _, needed in whole.values()))
    # What was laid into something has a fact with the id of the event that it follows from.
    needed |= {fact.event_id for pk, facts in told.items() for fact in facts if fact.event_id in ids and fact.gateway == PEOPLE}
    old = _oldest([fact for fact in mine if _may_go(fact, before) and fact.event_id not in needed])
    gone = {fact.event_id for fact in old}
    rest = contents.all_facts(reached, {**own, asset_id: [fact for fact in mine if fact.event_id not in gone]})
    return old if old and all(_same(replay(rest[pk]), whole[pk][0]) for pk in reached) else []


def harmless(facts: Sequence[Fact], before: datetime, *, keep: Collection[UUID] = ()) -> list[Fact]:
    """Return the oldest sightings, ROWS_AT_ONCE at most, without which the same follows from the rest, exactly."""
    whole, needed = _needs(facts)
    needed |= set(keep)
    old = _oldest([fact for fact in facts if _may_go(fact, before) and fact.event_id not in needed])
    gone = {fact.event_id for fact in old}
    rest = replay(fact for fact in facts if fact.event_id not in gone)
    return old if old and _same(rest, whole) else []


def _needs(facts: Sequence[Fact]) -> tuple[Whereabouts, set[UUID]]:
    """What follows from the facts, and which of them began a stay, were the last that a gateway told, or the newest."""
    whole = Whereabouts()
    needed = set()
    for at, fact in in_order(facts):
        stays = len(whole.spans)
        whole.take(at, fact)
        if len(whole.spans) != stays:
            needed.add(fact.event_id)
    needed |= {f.event_id for f in facts if f.happened_at == whole.last_seen_at or whole.tips[f.gateway] == f.told}
    return whole, needed


def _may_go(fact: Fact, before: datetime) -> bool:
    return fact.kind == "seen" and not fact.deliberate and fact.gateway != PEOPLE and fact.happened_at < before


def _oldest(facts: Sequence[Fact]) -> list[Fact]:
    return sorted(facts, key=lambda fact: fact.happened_at)[:ROWS_AT_ONCE]


def _same(one: Whereabouts, other: Whereabouts) -> bool:
    return one == other and list(one.tips) == list(other.tips)


@transaction.atomic
def _forget(asset_id: UUID, old: Sequence[Fact], facts: Sequence[Fact]) -> bool:
    """Sum them up and delete them, if nothing was told of the asset meanwhile, and no time of it was corrected."""
    hold_assets([asset_id])
    now = facts_of([asset_id]).get(asset_id, [])
    if set(now) != set(facts):
        return False
    _sum_up(asset_id, old)
    _delete(old)
    return True


@transaction.atomic
def _forget_beside(asset_id: UUID, old: Sequence[Fact], group: Collection[UUID], seen: object) -> bool:
    """The same, if nothing was told of any of them meanwhile, and none was laid anywhere."""
    hold_ingest()
    hold_assets(group)
    if _state_of(group) != seen:
        return False
    _sum_up(asset_id, old)
    _delete(old)
    return True


def _state_of(group: Collection[UUID]) -> object:
    """What these assets' whereabouts follow from, as far as it can change: whose codes they are, how many events there are of
    them, what lay in what."""
    owners = identifiers.of_assets(group)
    columns = ("id", "asset", "container", "from_ts", "to_ts")
    rows = {row for key in ("asset", "container") for row in rows_where(Containment, columns, key=key, among=group)}
    return {key: sorted(map(repr, of)) for key, of in owners.items()}, _count_of(list(owners)), rows


def prune_unknown(
    before: datetime, *, until: Callable[[], bool] = lambda: False, after: str | None = None
) -> tuple[int, str | None]:
    """As `prune`, for what no asset has or had: identity by identity from the one behind `after` on."""
    owned = Exists(Identifier.objects.filter(key=OuterRef("identity")))
    done = 0
    while not until():
        old = LocationEvent.objects.filter(_SIGHTING, ~owned, happened_at__lt=before)
        old = old if after is None else old.filter(identity__gt=after)
        some = list(old.order_by("identity").values_list("identity", flat=True).distinct()[:ASSETS_AT_ONCE])
        if not some:
            return done, None
        for identity, facts in sorted(facts_of_identities(some).items()):
            while (sightings := harmless(facts, before)) and _forget_unknown(identity, sightings, len(facts)):
                gone = {fact.event_id for fact in sightings}
                facts = [fact for fact in facts if fact.event_id not in gone]
                done += len(sightings)
                time.sleep(PAUSE_S)
        after = some[-1]
    return done, after


@transaction.atomic
def _forget_unknown(identity: str, old: Sequence[Fact], number: int) -> bool:
    """Delete them, if nobody claimed the tag and nothing was told of it meanwhile."""
    hold_ingest()
    if Identifier.objects.filter(key=identity).exists() or _count_of([identity]) != number:
        return False
    _delete(old)
    return True


def _count_of(identities: Collection[str]) -> int:
    """Events are only added, and go by this file alone: as many as before are the same."""
    return LocationEvent.objects.filter(identity__in=identities).count()


def _delete(old: Sequence[Fact]) -> None:
    ids = [fact.event_id for fact in old]
    LocationEvent.objects.filter(pk__in=ids)._raw_delete(connection.alias)  # nothing names them: `used`, and _same()


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
