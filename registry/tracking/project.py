"""Writes positions and stays, the only code that does. Every function works in the caller's transaction.

Whoever writes projections holds what `hold_ingest` or ingest itself locks: first gateways, then assets, each in the order of
their keys, so that two never wait for each other. On SQLite the transaction is the lock.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection

from registry.assets.models import Asset
from registry.db import hold_rows, insert, rows_where, update, uuid7s
from registry.tracking import contents, late, publishing
from registry.tracking.facts import facts_of
from registry.tracking.models import Gateway, Position, Stay, Zone
from registry.tracking.projection import Fact, Span, Where, Whereabouts

POSITION_COLUMNS = (
    "asset", "location", "zone", "since", "last_seen_at", "last_event", "source", "confidence", "state", "worked_in_to", "tips",
)  # fmt: skip
SEEN_COLUMNS = ("last_seen_at", "last_event", "worked_in_to", "tips")
PRESENT, UNKNOWN = Position.State.PRESENT.value, Position.State.UNKNOWN.value
STAY_COLUMNS = ("id", "asset", "zone", "location", "from_ts", "to_ts")


def hold_ingest() -> None:
    """Wait for the ingest transactions in hand and hold back new ones until ours ends."""
    if connection.features.has_select_for_update:
        list(Gateway.objects.order_by("pk").select_for_update(no_key=True).values_list("pk"))


def hold_assets(asset_ids: Collection[UUID]) -> None:
    hold_rows(Asset, asset_ids)


class Work:
    """New events of assets on their way into the projections. Making one holds the assets and reads; `work_out` leaves the
    database alone; `write` only writes, and may stand inside `together()`; `finish` comes after that."""

    def __init__(self, new: Mapping[UUID, Sequence[Fact]]) -> None:
        hold_assets(new.keys())
        self._new = new
        self._known = _stored(new.keys())
        self._places = _places({f.where for facts in new.values() for f in facts} | {w.where for w in self._known.values()})
        self._changed: dict[UUID, Whereabouts] = {}
        self._late: list[UUID] = []

        self._written = _Written()

    def work_out(self) -> None:
        for asset_id, facts in self._new.items():
            whereabouts = self._known.get(asset_id) or Whereabouts()
            if all(map(whereabouts.continues_with, facts)):
                for at, fact in whereabouts.order(facts):
                    whereabouts.take(at, fact)
                self._changed[asset_id] = whereabouts
            else:
                self._late.append(asset_id)

    def write(self) -> None:
        self._written = _store(self._changed, self._known.keys(), self._places)

    def finish(self) -> int:
        """Publish, and draw the assets anew of which an event was late; return how many these were."""
        astray = self._written.astray()
        publishing.events(self._new, self._places)
        publishing.positions(self._changed, self._places)
        resumed, stays = late.resume({asset_id: self._new[asset_id] for asset_id in self._late}, self._known)
        _redraw(resumed, stays)
        rebuild({*self._late, *astray} - resumed.keys())
        return len(self._late) + len(astray)


def rebuild(asset_ids: Collection[UUID]) -> None:
    """Replay everything ever told of these assets and what lay in them; what is stored becomes that, row for row. Costs one read
    of their events."""
    if not asset_ids:
        return
    asset_ids = contents.with_contents(asset_ids)
    hold_assets(asset_ids)
    replayed = contents.whereabouts(asset_ids, facts_of(contents.with_containers(asset_ids)))
    gone = set(asset_ids) - replayed.keys()
    _redraw(replayed, rows_where(Stay, late.STAY, key="asset", among=asset_ids))
    if Position.objects.filter(pk__in=gone).delete()[0]:
        publishing.forgotten(gone)


def _redraw(replayed: Mapping[UUID, Whereabouts], stays: Iterable[tuple[Any, ...]]) -> None:
    """Store these whereabouts, whatever was stored; `stays` are the rows (late.STAY) that theirs replace."""
    obsolete: defaultdict[tuple[object, ...], list[UUID]] = defaultdict(list)  # stays of no length may be equal
    for pk, asset, zone, location, from_ts, to_ts in stays:
        obsolete[(asset, Where(zone) if zone else Where(None, location), from_ts, to_ts)].append(pk)
    for asset_id, w in replayed.items():
        new = []
        for span in w.spans:
            if same := obsolete.get((asset_id, span.where, span.from_ts, span.to_ts)):
                same.pop()
            else:
                new.append(span)
        w.spans, w.moved = new, True
    Stay.objects.filter(pk__in=[pk for same in obsolete.values() for pk in same]).delete()
    known = {asset_id for (asset_id,) in rows_where(Position, ["asset"], key="asset", among=replayed.keys())}
    places = _places({w.where for w in replayed.values()} | {s.where for w in replayed.values() for s in w.spans})
    _store(replayed, known, places)
    publishing.positions(replayed, places)


def _stored(asset_ids: Collection[UUID]) -> dict[UUID, Whereabouts]:
    """What is stored of these assets; of the stays the open one, which began when and where the position says."""
    columns = ("asset", "state", "zone", "location", "since", "last_seen_at", "source", "confidence", "worked_in_to", "tips")
    found = {}
    positions = rows_where(Position, columns, key="asset", among=asset_ids)
    for asset_id, state, zone, location, since, seen, source, confidence, reached, tips in positions:
        told = {gateway: (ordinal, seq) for gateway, ordinal, seq in tips}
        present = state == PRESENT
        where = Where(zone) if zone else Where(None, location)
        spans = [Span(where, since, stored=True)] if present else []
        found[asset_id] = Whereabouts(present, where, since, seen, None, source, confidence, reached, told, spans)
    return found


@dataclass(frozen=True, slots=True)
class _Written:
    """The assets whose open stays were closed, and what tells how many stays that were."""

    closed: Sequence[UUID] = ()
    count: Callable[[], int] = int

    def astray(self) -> Sequence[UUID]:
        """Not each had its one open stay, which began at its position's `since`: then they are to be drawn anew."""
        return () if self.count() == len(self.closed) else self.closed


def _store(changed: Mapping[UUID, Whereabouts], known: Collection[UUID], places: Mapping[Where, UUID | None]) -> _Written:
    """Write whereabouts; the `known` assets have a position already, `places` say which place of the tree each where is."""
    in_order = sorted(changed.items(), key=lambda item: item[0].int)
    moved: list[tuple[Any, ...]] = []
    new_here: list[tuple[Any, ...]] = []
    seen: list[tuple[Any, ...]] = []
    for asset_id, w in in_order:
        tips = [[gateway, *told] for gateway, told in w.tips.items()]
        if not w.moved and asset_id in known:
            seen.append((asset_id, w.last_seen_at, w.last_event, w.worked_in_to, tips))
            continue
        row = (
            asset_id, places.get(w.where), w.where.zone, w.since, w.last_seen_at, w.last_event, w.source, w.confidence,
            PRESENT if w.present else UNKNOWN, w.worked_in_to, tips,
        )  # fmt: skip
        (moved if asset_id in known else new_here).append(row)
    update(Position, POSITION_COLUMNS[1:], moved, key="asset")
    update(Position, SEEN_COLUMNS, seen, key="asset")
    insert(Position, POSITION_COLUMNS, new_here)
    spans = [(asset_id, span) for asset_id, w in in_order for span in w.spans]
    closed = [(asset_id, span.from_ts, span.to_ts) for asset_id, span in spans if span.stored and span.to_ts is not None]
    count = update(Stay, ["to_ts"], closed, key=("asset", "from_ts"), only="old.to_ts IS NULL")
    new = [(asset_id, span) for asset_id, span in spans if not span.stored]
    rows = [
        (pk, asset_id, span.where.zone, places.get(span.where), span.from_ts, span.to_ts)
        for pk, (asset_id, span) in zip(uuid7s(len(new)), new, strict=True)
    ]
    insert(Stay, STAY_COLUMNS, rows)
    return _Written([asset_id for asset_id, *_ in closed], count)


def _places(wheres: Collection[Where]) -> dict[Where, UUID | None]:
    zones = [where.zone for where in wheres if where.zone is not None]
    mapped = {Where(zone): location for zone, location in rows_where(Zone, ("id", "location"), key="id", among=zones)}
    return mapped | {where: where.place for where in wheres if where.zone is None}
