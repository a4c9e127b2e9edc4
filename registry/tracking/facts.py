"""Stored location events, as far as whereabouts follow from them."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from registry.tracking import identifiers
from registry.tracking.models import LocationEvent
from registry.tracking.projection import PEOPLE, Fact, Where, told_at
from registry.tracking.rows import IMPORT


def facts_of(asset_ids: Collection[UUID], *, since: datetime | None = None) -> dict[UUID, list[Fact]]:
    """All that was told of these assets by themselves, not by what they lay in: that happened `since` then, or ever."""
    owners = identifiers.of_assets(asset_ids)
    events = LocationEvent.objects.filter(identity__in=owners)
    facts: defaultdict[UUID, list[Fact]] = defaultdict(list)
    for identity, fact in _told(events if since is None else events.filter(happened_at__gte=since)):
        if (owner := identifiers.owner(owners[identity], fact.happened_at)) is not None:
            facts[owner].append(fact)
    return facts


def facts_of_identities(identities: Collection[str]) -> dict[str, list[Fact]]:
    """All that was told of these, whoever they belong to."""
    facts: defaultdict[str, list[Fact]] = defaultdict(list)
    for identity, fact in _told(LocationEvent.objects.filter(identity__in=identities)):
        facts[identity].append(fact)
    return facts


def _told(events: QuerySet[LocationEvent]) -> Iterable[tuple[str, Fact]]:
    rows = events.values_list(
        "identity", "event_id", "gateway", "epoch__ordinal", "seq", "happened_at", "kind", "direction", "zone_to", "location",
        "deliberate", "source", "confidence",
    )  # fmt: skip
    for identity, event_id, gateway, ordinal, seq, happened_at, kind, direction, zone, place, deliberate, source, sure in rows:
        if seq is None or source == IMPORT:
            gateway, told = PEOPLE, told_at(happened_at, event_id)
        else:
            told = (ordinal, seq)
        where = Where(zone) if zone is not None else Where(None, place)
        fact = Fact(event_id, gateway, told, happened_at, kind, direction, where, deliberate, source, sure)
        yield identity, fact
