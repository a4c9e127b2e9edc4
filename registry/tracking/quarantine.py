"""What was refused, for people: taking it in after all, or discarding it. For administrators; every decision is logged.

A record is taken in as if it had just arrived: by what this version understands and by the limits of now. It keeps its gateway,
epoch, number and event_id, so its place in the order of events is the one it always had.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from django.db import DataError, IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from registry.access import changes as log
from registry.access.actors import Action, Actor
from registry.db import by_index, hold_rows
from registry.problems import Forbidden, Invalid, NotFound
from registry.texts import for_log, line
from registry.tracking.committing import Committed, commit_anyway, known
from registry.tracking.models import Gateway, GatewayEpoch, Quarantine
from registry.tracking.parsing import GoodRecord, one_record
from sync.wire import Record, RecordKind, WireError

AT_ONCE: Final = 200  # records decided on in one step

Outcome = Quarantine.Outcome


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a record, or would: an Outcome, or empty when it stays; `why` says then what is in the way."""

    record: Quarantine
    outcome: str
    why: str = ""


def visible_to(by: Actor) -> QuerySet[Quarantine]:
    """Raises Forbidden."""
    if not by.may_everywhere(Action.ADMINISTER):
        raise Forbidden("what was refused is for administrators")
    return Quarantine.objects.select_related("gateway")


def wanted(by: Actor, *, gateway: str | None = None, code: str | None = None, settled: bool = False) -> QuerySet[Quarantine]:
    """Those of a list. Raises Forbidden."""
    found = visible_to(by).filter(settled_at__isnull=not settled)
    for name, value in (("gateway", gateway), ("code", code)):
        if value:
            found = found.filter(**{name: value.replace("\0", "")[:40]})
    return found


def retry(*, by: Actor, ids: Collection[UUID]) -> list[Result]:
    """Take these in after all, at most AT_ONCE; what still cannot be taken stays. Raises Forbidden, NotFound, Invalid."""
    with transaction.atomic():
        results = _taken(by, ids)
        now = timezone.now()
        decided = [(result, result.record) for result in results if result.outcome]
        for result, record in decided:
            Quarantine.objects.filter(pk=record.pk).update(settled_at=now, outcome=result.outcome, rejected=False)
        log.record_all(by, [log.Changed(record, "taken in", after={"outcome": result.outcome}) for result, record in decided])
    return results


def preview(*, by: Actor, ids: Collection[UUID]) -> list[Result]:
    """What `retry` would do, for all of them at once; nothing is changed. Raises as it."""
    with transaction.atomic():
        results = _taken(by, ids)
        transaction.set_rollback(True)
    return results


@transaction.atomic
def discard(*, by: Actor, ids: Collection[UUID], reason: str) -> int:
    """Decide that these will not be taken in; they are still kept and shown. Returns how many. Raises Forbidden, NotFound,
    Invalid."""
    note = line(reason, field="reason", most=300)
    found = _held(by, ids)
    Quarantine.objects.filter(pk__in=[record.pk for record in found]).update(
        settled_at=timezone.now(), outcome=Outcome.DISCARDED, note=note
    )
    log.record_all(by, [log.Changed(record, "discarded", after={"reason": note}) for record in found])
    return len(found)


def content(record: Quarantine) -> str:
    """What the record says, for people: indented JSON where it is JSON; bytes that are no text are replaced."""
    try:
        return msgspec.json.format(bytes(record.payload), indent=2).decode("utf-8", "replace")
    except (msgspec.MsgspecError, RecursionError):
        return bytes(record.payload).decode("utf-8", "replace")


def _held(by: Actor, ids: Collection[UUID]) -> list[Quarantine]:
    """These records, with their gateways held against ingest, as it holds them."""
    visible_to(by)
    if not 0 < len(ids) <= AT_ONCE:
        raise Invalid(f"choose from 1 to {AT_ONCE} records")
    hold_rows(Gateway, set(Quarantine.objects.filter(pk__in=ids).values_list("gateway", flat=True)))
    found = list(Quarantine.objects.open().filter(pk__in=ids).select_related("gateway").order_by("gateway", "id"))
    if not found:
        raise NotFound("there is no such record, or somebody has decided on it meanwhile")
    return found


def _taken(by: Actor, ids: Collection[UUID]) -> list[Result]:
    by_index()
    records = _held(by, ids)
    now = timezone.now()
    epochs = {
        (epoch.gateway_id, epoch.epoch): epoch
        for epoch in GatewayEpoch.objects.filter(gateway__in={record.gateway_id for record in records})
    }
    results: list[Result] = []
    waiting: list[tuple[Quarantine, GatewayEpoch, GoodRecord]] = []
    for record in records:
        epoch = epochs.get((record.gateway_id, record.epoch))
        if epoch is None:
            results.append(Result(record, "", "its gateway has never said hello with this outbox"))
            continue
        try:
            waiting.append((record, epoch, _understood(record)))
        except WireError as exc:
            results.append(Result(record, "", str(exc)))
    results += _commit(waiting, now)
    place = {record.pk: n for n, record in enumerate(records)}
    return sorted(results, key=lambda result: place[result.record.pk])


def _understood(record: Quarantine) -> GoodRecord:
    """Raises WireError."""
    if record.whole:
        good = one_record(bytes(record.payload))
    else:  # of a version that kept the body alone: it was quarantined when it came, and it is no longer known by which boot
        event_id, received_at = record.event_id or record.pk, record.received_at
        body = msgspec.Raw(bytes(record.payload))
        good = one_record(msgspec.json.encode(Record(record.seq, event_id, RecordKind.LOCATION, received_at, 0, "", body)))
    if good.record.seq != record.seq:
        raise WireError("bad_shape", "the record names another number than the one it came under")
    return good


def _commit(waiting: Sequence[tuple[Quarantine, GatewayEpoch, GoodRecord]], now: datetime) -> list[Result]:
    """All at once; if the database refuses one of them, each half for itself."""
    if not waiting:
        return []
    try:
        with transaction.atomic():
            return list(_committed(waiting, now))
    except (DataError, IntegrityError, ValueError, OverflowError) as exc:
        for epoch in {epoch for _, epoch, _ in waiting}:
            epoch.refresh_from_db()
        if len(waiting) == 1:
            return [Result(waiting[0][0], "", f"the database refuses it: {for_log(str(exc), 200)}")]
        middle = len(waiting) // 2
        return [*_commit(waiting[:middle], now), *_commit(waiting[middle:], now)]


def _committed(waiting: Sequence[tuple[Quarantine, GatewayEpoch, GoodRecord]], now: datetime) -> Iterable[Result]:
    by_epoch: dict[int, Committed] = {}
    twice: list[Result] = []
    owner: dict[tuple[int, int], Quarantine] = {}
    for record, epoch, good in waiting:
        if (epoch.pk, record.seq) in owner:
            twice.append(Result(record, "", "another record of this number is taken in with it; look at it alone"))
            continue
        owner[epoch.pk, record.seq] = record
        by_epoch.setdefault(epoch.pk, Committed(record.gateway, epoch, ())).fresh.append(good)
    commit_anyway(list(by_epoch.values()), now, Counter())
    for pk, one in by_epoch.items():
        same = known(one)
        states: dict[int, tuple[str, str]] = {bad.seq: ("", bad.text) for bad in one.refused}
        for good in one.again:
            there = good.record.event_id in same
            taken = "another record is stored under its number or its event_id"
            states[good.record.seq] = (Outcome.KNOWN.value, "") if there else ("", taken)
        for good in one.fresh:
            outcome, why = states.get(good.record.seq, (Outcome.TAKEN_IN.value, ""))
            yield Result(owner[pk, good.record.seq], outcome, why)
    yield from twice
