"""Writes positions and stays, the only code that does. Every function works in the caller's transaction.

Whoever writes projections holds what `hold_ingest` or ingest itself locks: first gateways, then assets, each in the order of
their keys, so that two never wait for each other. On SQLite the transaction is the lock.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from registry.assets.models import Asset, Identifier
from registry.db import upsert, uuid7
from registry.tracking.models import Gateway, LocationEvent, Position, Stay, Zone
from registry.tracking.projection import Fact, Span, Whereabouts, replay

POSITION_COLUMNS = (
    "asset", "location", "zone", "since", "last_seen_at", "last_event", "source", "confidence", "state", "worked_in_to", "tips",
)  # fmt: skip
STAY_COLUMNS = ("id", "asset", "zone", "location", "from_ts", "to_ts")


def hold_ingest() -> None:
    """Wait for the ingest transactions in hand and hold back new ones until ours ends."""
    if connection.features.has_select_for_update:
        list(Gateway.objects.order_by("pk").select_for_update(no_key=True).values_list("pk"))


def hold_assets(asset_ids: Collection[UUID]) -> None:
    if connection.features.has_select_for_update:
        list(Asset.objects.filter(pk__in=asset_ids).order_by("pk").select_for_update(no_key=True).values_list("pk"))


def work_in(new: Mapping[UUID, Sequence[Fact]]) -> int:
    """Work stored events into the projections of their assets; return how many needed a replay because an event was late."""
    hold_assets(new.keys())
    known = _stored(new.keys())
    changed: dict[UUID, Whereabouts] = {}
    late: list[UUID] = []
    for asset_id, facts in new.items():
        whereabouts = known.get(asset_id) or Whereabouts()
        if all(whereabouts.continues_with(fact) for fact in facts):
            for at, fact in whereabouts.order(facts):
                whereabouts.take(at, fact)
            changed[asset_id] = whereabouts
        else:
            late.append(asset_id)
    _store(changed)
    rebuild(late)
    return len(late)


def rebuild(asset_ids: Collection[UUID]) -> None:
    """Replay everything ever told of these assets; what is stored becomes that, row for row. Costs one read of their events."""
    if not asset_ids:
        return
    hold_assets(asset_ids)
    replayed = {asset_id: replay(facts) for asset_id, facts in _facts_of(asset_ids).items()}
    gone = [asset_id for asset_id in asset_ids if asset_id not in replayed]
    stored: defaultdict[UUID, list[Span]] = defaultdict(list)
    for stay in Stay.objects.filter(asset__in=asset_ids).order_by("from_ts", "id"):
        stored[stay.asset_id].append(Span(stay.zone_id, stay.from_ts, stay.to_ts, stay.pk, changed=False))
    obsolete = {span.id for spans in stored.values() for span in spans if span.id is not None}
    for asset_id, whereabouts in replayed.items():
        left = {(s.zone, s.from_ts, s.to_ts): s for s in stored[asset_id]}
        for span in whereabouts.spans:
            if same := left.pop((span.zone, span.from_ts, span.to_ts), None):
                span.id, span.changed = same.id, False
                obsolete.discard(same.id)
    Stay.objects.filter(pk__in=obsolete).delete()
    Position.objects.filter(pk__in=gone).delete()
    _store(replayed)


def _stored(asset_ids: Iterable[UUID]) -> dict[UUID, Whereabouts]:
    """What is stored of these assets: of the stays the open one."""
    found = {p.asset_id: _whereabouts(p) for p in Position.objects.filter(asset__in=asset_ids)}
    for stay in Stay.objects.filter(asset__in=found, to_ts__isnull=True):
        found[stay.asset_id].spans.append(Span(stay.zone_id, stay.from_ts, None, stay.pk, changed=False))
    return found


def _whereabouts(position: Position) -> Whereabouts:
    return Whereabouts(
        present=position.state == Position.State.PRESENT,
        zone=position.zone_id,
        since=position.since,
        last_seen_at=position.last_seen_at,
        last_event=position.last_event_id,
        source=position.source,
        confidence=position.confidence,
        worked_in_to=position.worked_in_to,
        tips={gateway: (ordinal, seq) for gateway, ordinal, seq in position.tips},
    )


def _store(changed: Mapping[UUID, Whereabouts]) -> None:
    places = _places({w.zone for w in changed.values() if w.zone} | {s.zone for w in changed.values() for s in w.spans})
    positions, stays = [], []
    for asset_id, w in sorted(changed.items()):
        state = Position.State.PRESENT if w.present else Position.State.UNKNOWN
        tips = [[gateway, *told] for gateway, told in w.tips.items()]
        positions.append(
            (
                asset_id, places.get(w.zone), w.zone, w.since, w.last_seen_at, w.last_event, w.source, w.confidence, state,
                w.worked_in_to, tips,
            )
        )  # fmt: skip
        # In the order of time: the stay before is closed before the next one is opened, as the one-open-stay rule wants it.
        stays += [(s.id or uuid7(), asset_id, s.zone, places.get(s.zone), s.from_ts, s.to_ts) for s in w.spans if s.changed]
    upsert(Position, POSITION_COLUMNS, positions, key=["asset"])
    upsert(Stay, STAY_COLUMNS, stays, key=["id"])


def _places(zones: Collection[UUID]) -> dict[UUID | None, UUID | None]:
    return dict(Zone.objects.filter(pk__in=zones).values_list("pk", "location"))


def _facts_of(asset_ids: Collection[UUID]) -> dict[UUID, list[Fact]]:
    owners: defaultdict[str, list[Identifier]] = defaultdict(list)
    for identifier in Identifier.objects.filter(asset__in=asset_ids):
        owners[identifier.key].append(identifier)
    facts: defaultdict[UUID, list[Fact]] = defaultdict(list)
    for identity, fact in _told(LocationEvent.objects.filter(identity__in=owners)):
        for identifier in owners[identity]:
            if identifier.covers(fact.happened_at):
                facts[identifier.asset_id].append(fact)
    return facts


def _told(events: QuerySet[LocationEvent]) -> Iterable[tuple[str, Fact]]:
    rows = events.values_list(
        "identity", "event_id", "gateway", "epoch__ordinal", "seq", "happened_at", "kind", "direction", "zone_to", "deliberate",
        "source", "confidence",
    )  # fmt: skip
    for identity, event_id, gateway, ordinal, seq, happened_at, kind, direction, zone, deliberate, source, confidence in rows:
        yield (
            identity,
            Fact(event_id, gateway, (ordinal, seq), happened_at, kind, direction, zone, deliberate, source, confidence),
        )
