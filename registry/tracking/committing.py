"""Stores the records of a transaction: events, raw records, gaps, quarantine; moves the cursors. Whole batches, one statement per
table (db.py)."""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from registry.db import insert_new, inserting, rows_where, together, update
from registry.tracking import consequences, learned
from registry.tracking.models import Gap, Gateway, GatewayEpoch, LocationEvent, Quarantine, RawRecord
from registry.tracking.parsing import BadRecord, GoodRecord, Told, plain
from registry.tracking.rows import EARLIEST, EVENT_COLUMNS, FUTURE, RAW_COLUMNS, Names, Row, body_text, event_row, raw_row
from sync.cursor import Cursor
from sync.wire import MAX_REJECTED, EventKind, Record, Rejected, encode
from sync.wire import LocationEvent as ToldEvent

log = logging.getLogger(__name__)

RECORDS_AT_ONCE = 1000
TEXT_TOLD = 200  # characters of a reason in an ack
PLACED = (EventKind.ARRIVED, EventKind.MOVED, EventKind.SEEN)  # events whose read point lies in zone_to

GAP_COLUMNS = ("epoch", "first", "last", "reason", "declared_at")


@dataclass(slots=True)
class Committed:
    """What one transaction takes in of one epoch, and what becomes of it. `ids` is the event_id of each number accounted for."""

    gateway: Gateway
    epoch: GatewayEpoch
    told: Sequence[Told]
    rejected: list[Rejected] = field(default_factory=list)
    ids: dict[int, UUID | None] = field(default_factory=dict)
    fresh: list[GoodRecord] = field(default_factory=list)
    again: list[GoodRecord] = field(default_factory=list)
    refused: list[BadRecord] = field(default_factory=list)
    gaps: list[tuple[int, int, str]] = field(default_factory=list)


def commit_events(
    committed: Sequence[Committed], now: datetime, counts: Counter[str], meanwhile: Callable[[], None], *, careful: bool
) -> None:
    """Store what is new, compare what is not, move the cursors. In the caller's transaction, which holds the gateways.
    `meanwhile` is done while the database writes; it leaves it alone.

    Not `careful`, it takes for new what the cursor does not have, and works ahead; raises IntegrityError when that was wrong."""
    for one in committed:
        _sort(one, counts)
        _fix_clocks(one, now, counts)
    rows = [row for one in committed for row in _event_rows(one, now)]
    if careful:
        rows = _insert_carefully(committed, rows, now)
    following = consequences.Consequences(rows, {one.epoch.pk: one.epoch.ordinal for one in committed})
    with inserting(LocationEvent, EVENT_COLUMNS, () if careful else rows):
        following.work_out()
    with together() as waiting:
        following.write()
        if waiting:
            meanwhile()
    following.finish(counts)
    counts["events"] += len(rows)
    counts["raw_records"] += _store_raw(committed, now)
    for one in committed:
        _compare(one, now, counts)
        _refuse(one, now, counts)
        _declare(one, now, counts)
    with together():
        _advance(committed)
        spoke = {one.gateway.pk for one in committed if one.fresh or one.refused or one.gaps}  # a batch said again says nothing
        update(Gateway, ["last_batch_at"], [(pk, now) for pk in spoke], key="id")


def commit_anyway(committed: Sequence[Committed], now: datetime, counts: Counter[str]) -> None:
    """Store what is `fresh` of these, whatever their cursors say: it was refused before, and its number is perhaps accounted
    for. In the caller's transaction, which holds the gateways. What cannot be taken is then in `refused`; what stands under a
    taken key in `again`, and `known` tells it from another's."""
    for one in committed:
        _fix_clocks(one, now, counts)
    rows = _insert_carefully(committed, [row for one in committed for row in _event_rows(one, now)], now)
    following = consequences.Consequences(rows, {one.epoch.pk: one.epoch.ordinal for one in committed})
    following.work_out()
    with together():
        following.write()
    following.finish(counts)
    _store_raw(committed, now)
    with together():
        _advance(committed)


def known(one: Committed) -> set[UUID]:
    """The event_ids of `again` under which the same content is stored."""
    _, elsewhere = _stored(one) if one.again else ({}, {})
    ids = {good.record.event_id: (one.gateway.pk, *_content(good)) for good in one.again}
    return {event_id for event_id, content in ids.items() if elsewhere.get(event_id) == content}


def _sort(one: Committed, counts: Counter[str]) -> None:
    """Tell what the cursor does not have yet from what it has."""
    cursor = Cursor(one.epoch.through, tuple((first, last) for first, last, _ in one.epoch.ranges))
    seen: set[int] = set()
    for told in one.told:
        counts["batches"] += 1
        counts["records"] += len(told.good) + len(told.bad)
        for good in told.good:
            seq = good.record.seq
            new = seq not in seen and not cursor.has(seq)
            seen.add(seq)
            (one.fresh if new else one.again).append(good)
        for bad in told.bad:
            if bad.seq not in seen and not cursor.has(bad.seq):
                seen.add(bad.seq)
                one.refused.append(bad)
        for gap in told.gaps:
            if not (gap.last <= cursor.through or any(first <= gap.first and gap.last <= last for first, last in cursor.ranges)):
                one.gaps.append((gap.first, gap.last, plain(gap.reason)))


def _fix_clocks(one: Committed, now: datetime, counts: Counter[str]) -> None:
    """A gateway has learned the right time: first, so that what comes with it is stored right."""
    for good in one.fresh:
        if good.fix is None:
            continue
        if not EARLIEST <= good.fix.wall <= now + FUTURE:
            counts["implausible_clock_fixes"] += 1
            continue
        counts["clock_fixes"] += 1
        moment, mono_ms = good.fix.wall.astimezone(UTC), good.fix.mono_ms
        learned.fix_boot(one.gateway.pk, good.record.boot_id, moment, mono_ms, epoch=one.epoch.pk, seq=good.record.seq)


def _event_rows(one: Committed, now: datetime) -> Iterator[Row]:
    """The rows of one epoch's new location events. What names more than is kept of one gateway is refused."""
    fresh = [(good.record, good.event) for good in one.fresh if good.event is not None]
    if not fresh:
        return
    gateway, epoch = one.gateway.pk, one.epoch.pk
    names, complete = _names(gateway, fresh)
    for record, event in fresh:
        if not complete and _names_too_much(event, names):
            why = "the gateway has named more zones or read points than are kept of one"
            one.refused.append(BadRecord(record.seq, record.event_id, "too_many_names", why, encode(record)))
            continue
        one.ids[record.seq] = record.event_id
        yield event_row(gateway, epoch, record, event, names, now)


def _names_too_much(event: ToldEvent, names: Names) -> bool:
    named = (event.zone_from, names.zones), (event.zone_to, names.zones), (event.read_point, names.read_points)
    return any(name and name not in known for name, known in named)


def _names(gateway: str, fresh: Sequence[tuple[Record, ToldEvent]]) -> tuple[Names, bool]:
    """Return the ids of what the events name, and whether that is all of it."""
    named = {event.zone_from for _, event in fresh} | {event.zone_to for _, event in fresh}
    zones_named = {name for name in named if name}
    points: dict[str, str | None] = {event.read_point: None for _, event in fresh if event.read_point}
    points |= {
        event.read_point: event.zone_to for _, event in fresh if event.read_point and event.zone_to and event.kind in PLACED
    }
    zones = learned.zones(gateway, zones_named)
    read_points = learned.read_points(gateway, {point: zones.get(zone) if zone else None for point, zone in points.items()})
    boots = learned.boots(gateway, {record.boot_id for record, _ in fresh})
    return Names(zones, read_points, boots), len(zones) == len(zones_named) and len(read_points) == len(points)


def _insert_carefully(committed: Sequence[Committed], rows: list[Row], now: datetime) -> list[Row]:
    """Insert the rows; return those that were new. Those that met a stored one go to `again`, to be compared.

    A number can be new to the cursor and its event not: an outbox that had to part from its past sends what it holds once more,
    under new numbers and the old event_ids; and a cursor with too many holes forgets some of what it has."""
    if insert_new(LocationEvent, EVENT_COLUMNS, rows) == len(rows):
        return rows
    stamped = LocationEvent.objects.filter(event_id__in=[row[0] for row in rows], recorded_time=now)
    new = set(stamped.values_list("event_id", "gateway", "epoch", "seq"))
    for one in committed:
        for good in one.fresh:
            key = (good.record.event_id, one.gateway.pk, one.epoch.pk, good.record.seq)
            if good.event is not None and key not in new and one.ids.pop(good.record.seq, None) is not None:
                one.again.append(good)
    return [row for row in rows if row[:4] in new]


def _store_raw(committed: Sequence[Committed], now: datetime) -> int:
    """Keep the records of other kinds as they came; return how many were new."""
    fresh = [(one, good) for one in committed for good in one.fresh if good.event is None]
    if not fresh:
        return 0
    boots = {one.gateway.pk: learned.boots(one.gateway.pk, {good.record.boot_id for good in one.fresh}) for one, _ in fresh}
    stored = set(RawRecord.objects.filter(event_id__in=[g.record.event_id for _, g in fresh]).values_list("event_id", flat=True))
    rows = []
    for one, good in fresh:
        if good.record.event_id in stored:
            one.again.append(good)
            continue
        stored.add(good.record.event_id)
        one.ids[good.record.seq] = good.record.event_id
        rows.append(raw_row(one.gateway.pk, one.epoch.pk, good.record, boots[one.gateway.pk], now))
    return insert_new(RawRecord, RAW_COLUMNS, rows, key=["event_id"])


def _compare(one: Committed, now: datetime, counts: Counter[str]) -> None:
    """A key that is taken: by the same record, then nothing happens; by other content, then it is a clone or a rollback."""
    if not one.again:
        return
    mine, elsewhere = _stored(one)
    ours = one.gateway.generations()
    conflicts = []
    for good in one.again:
        record = good.record
        own = mine.get(record.seq)
        there = elsewhere.get(record.event_id)
        if own is not None and own[0] == record.event_id and own[1:] in (_content(good), (None,)):
            counts["repeated"] += 1
            one.ids.setdefault(record.seq, record.event_id)
        elif own is None and there is not None and there[0] in ours and there[1:] == _content(good):
            counts["repeated"] += 1  # known under an earlier number, or from the gateway in whose place this one is
            one.ids.setdefault(record.seq, record.event_id)
        else:
            conflicts.append(good)
            if own is not None:
                one.ids.setdefault(record.seq, own[0])
            else:
                one.ids.setdefault(record.seq, record.event_id)
                why = "another record has this event_id, or this number was declared a gap"
                one.rejected.append(Rejected(record.seq, "conflict", why))
    if conflicts:
        counts["alarm_conflicts"] += len(conflicts)
        log.error(
            "gateway %s: %d records under keys that other content has (first: seq %d): a clone, or an outbox rolled back",
            one.gateway.pk, len(conflicts), conflicts[0].record.seq,
        )  # fmt: skip
        told = {r.seq for r in one.rejected}
        bad = [
            BadRecord(g.record.seq, g.record.event_id, "conflict", "the key is taken by other content", encode(g.record))
            for g in conflicts
        ]
        _quarantine(one, bad, now, rejected=told)


def _stored(one: Committed) -> tuple[dict[int, tuple[Any, ...]], dict[UUID, tuple[Any, ...]]]:
    """What is stored under the numbers of `again`: (event_id, content...); and under their event_ids: (gateway, content...)."""
    ids, seqs = {good.record.event_id for good in one.again}, {good.record.seq for good in one.again}
    own = {"gateway": one.gateway, "epoch": one.epoch.epoch, "rejected": True, "seq__range": (min(seqs), max(seqs))}
    mine: dict[int, tuple[Any, ...]] = {
        seq: (event_id, None) for seq, event_id in Quarantine.objects.filter(**own).values_list("seq", "event_id")
    }
    elsewhere: dict[UUID, tuple[Any, ...]] = {}
    for model, content in ((LocationEvent, ("kind", "identity", "raw", "event_time")), (RawRecord, ("kind", "body"))):
        columns = ("event_id", "gateway", "epoch", "seq", *content)
        for event_id, gateway, epoch, seq, *found in rows_where(model, columns, key="event_id", among=ids):
            elsewhere[event_id] = (gateway, *found)
            if epoch == one.epoch.pk:
                mine[seq] = (event_id, *found)
        missing = [seq for seq in seqs if seq not in mine]
        for seq, *found in rows_where(
            model, ("seq", "event_id", *content), key="seq", among=missing, where={"epoch": one.epoch.pk}
        ):
            mine[seq] = tuple(found)
    return mine, elsewhere


def _content(good: GoodRecord) -> tuple[Any, ...]:
    if good.event is None:
        return (plain(good.record.kind), body_text(good.record))
    event = good.event
    return (event.kind.value, event.identity, event.raw, event.event_time.astimezone(UTC))


def _refuse(one: Committed, now: datetime, counts: Counter[str]) -> None:
    """Quarantine what nobody can take, and say so to the gateway."""
    for bad in one.refused:
        counts[f"rejected_{bad.code}"] += 1
        one.ids[bad.seq] = bad.event_id
        one.rejected.append(Rejected(bad.seq, bad.code, bad.text[:TEXT_TOLD]))
    _quarantine(one, one.refused, now, rejected={bad.seq for bad in one.refused})
    del one.rejected[MAX_REJECTED:]


def _quarantine(one: Committed, bad: Iterable[BadRecord], now: datetime, *, rejected: set[int]) -> None:
    bad = list(bad)
    if not bad:
        return
    there = set(
        Quarantine.objects.filter(gateway=one.gateway, epoch=one.epoch.epoch, seq__in=[b.seq for b in bad]).values_list(
            "seq", "event_id"
        )
    )
    Quarantine.objects.bulk_create(
        Quarantine(
            gateway=one.gateway, epoch=one.epoch.epoch, seq=b.seq, event_id=b.event_id, code=b.code, text=plain(b.text[:512]),
            payload=b.payload, whole=True, received_at=now, rejected=b.seq in rejected,
        )
        for b in bad
        if (b.seq, b.event_id) not in there
    )  # fmt: skip


def _declare(one: Committed, now: datetime, counts: Counter[str]) -> None:
    rows = [(one.epoch.pk, first, last, reason, now) for first, last, reason in one.gaps]
    counts["gaps"] += insert_new(Gap, GAP_COLUMNS, rows, key=["epoch", "first", "last"])


def _advance(committed: Sequence[Committed]) -> None:
    """Move the cursors over everything accounted for, with the event_id at each end of what they have."""
    moved = []
    for one in committed:
        epoch = one.epoch
        ids: dict[int, UUID | None] = {last: UUID(text) if text else None for _, last, text in epoch.ranges}
        ids[epoch.through] = epoch.through_id
        ids |= one.ids
        cursor = Cursor(epoch.through, tuple((first, last) for first, last, _ in epoch.ranges))
        cursor = cursor.with_spans([*_runs(one.ids), *((first, last) for first, last, _ in one.gaps)])
        at = ids.get(cursor.through)
        ranges = [[first, last, str(ids[last]) if ids.get(last) else None] for first, last in cursor.ranges]
        if (cursor.through, at, ranges) != (epoch.through, epoch.through_id, epoch.ranges):
            epoch.through, epoch.through_id, epoch.ranges = cursor.through, at, ranges
            moved.append((epoch.pk, epoch.through, epoch.through_id, epoch.ranges))
    update(GatewayEpoch, ["through", "through_id", "ranges"], moved, key="id")


def _runs(seqs: Iterable[int]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for seq in sorted(seqs):
        if runs and seq == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], seq)
        else:
            runs.append((seq, seq))
    return runs
