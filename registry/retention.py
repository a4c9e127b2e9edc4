"""What is not kept for ever: how old each kind of data may grow, and how it goes, in transactions of at most a thousand rows.

Of location events only sightings that confirmed what other events tell may go (tracking/pruning.py); what moved something stays,
for positions and stays are drawn from it.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from registry.access.actors import system
from registry.access.models import Change
from registry.assets import files
from registry.assets.models import Asset, Attachment, StoredFile
from registry.custody.models import TransferItem
from registry.tracking import pruning
from registry.tracking.models import Quarantine, RawRecord, UnknownTag

ROWS_AT_ONCE = 1000
PAUSE_S: Final = 0.02  # between two transactions, for whoever waits to write
TURN_S: Final = 0.25  # so long one turn of the work process deletes; the next goes on


@dataclass(frozen=True, slots=True)
class Kept:
    """A kind of data. `days` is the key of [retention] that says how long it stays anyway; `count` how many rows are from before
    a moment; `some` deletes part of them and returns how many (0: none is left, for now)."""

    name: str
    days: str
    count: Callable[[datetime], int]
    some: Callable[[datetime], int]


def _rows(name: str, days: str, older: Callable[[datetime], QuerySet[Any]]) -> Kept:
    return Kept(name, days, lambda before: older(before).count(), lambda before: _some(older(before)))


@dataclass(slots=True)
class _Round:
    """Of looking through all assets for old sightings, then through the tags of nobody: behind which one it goes on, and when the
    last round was finished."""

    after: UUID | None = None
    assets_done: bool = False
    after_tag: str | None = None
    finished_for: datetime | None = None

    def begin(self) -> None:
        self.after = self.after_tag = self.finished_for = None
        self.assets_done = False

    def some(self, before: datetime) -> int:
        """A day later there is enough to begin another one."""
        if self.finished_for is not None and timedelta() <= before - self.finished_for < timedelta(days=1):
            return 0
        if not self.assets_done:
            done, self.after = pruning.prune(before, used=_arrivals, until=_after(TURN_S), after=self.after)
            self.assets_done = self.after is None
        else:
            done, self.after_tag = pruning.prune_unknown(before, until=_after(TURN_S), after=self.after_tag)
            if self.after_tag is None:
                self.begin()
                self.finished_for = before
        return max(done, 1)


_round = _Round()


def _arrivals(asset_id: UUID) -> set[UUID]:
    """The events that confirmed the arrival of a transfer."""
    return set(TransferItem.objects.filter(asset=asset_id, event__isnull=False).values_list("event", flat=True))


def _after(seconds: float) -> Callable[[], bool]:
    end = time.monotonic() + seconds
    return lambda: time.monotonic() >= end


def _of_disposed(before: datetime) -> QuerySet[Any]:
    """Disposed of, and not changed since."""
    return Attachment.objects.filter(asset__status=Asset.Status.DISPOSED, asset__changed_at__lt=before)


def _some_files(before: datetime) -> int:
    some = list(_of_disposed(before).select_related("asset", "location", "file").order_by("pk")[:20])
    for attachment in some:
        files.detach(by=system("work", "retention"), attachment=attachment)
    return len(some)


KINDS = (
    _rows("changes", "changes_days", lambda before: Change.objects.filter(at__lt=before)),
    _rows("unknown tags", "unknown_tags_days", lambda before: UnknownTag.objects.filter(last_seen__lt=before)),
    _rows("refused records", "refused_days", lambda before: Quarantine.objects.filter(received_at__lt=before)),
    _rows("records of unknown kinds", "refused_days", lambda before: RawRecord.objects.filter(recorded_time__lt=before)),
    Kept("sightings that only confirmed", "sightings_days", pruning.count, lambda before: _round.some(before)),
    Kept("files of disposed assets", "disposed_files_days", lambda before: _of_disposed(before).count(), _some_files),
)


@dataclass(frozen=True, slots=True)
class Figure:
    """`days`: for how long it is kept by the settings (None: until somebody prunes); `due`: how many rows would go now."""

    name: str
    key: str
    days: int | None
    due: int | None


def figures() -> list[Figure]:
    """What the settings say of each kind, and how many rows would go at the next turns."""
    section, now = settings.CONFIGURATION.retention, timezone.now()
    found = []
    for kind in KINDS:
        days: int | None = getattr(section, kind.days)
        due = kind.count(now - timedelta(days=days)) if days is not None else None
        found.append(Figure(kind.name, kind.days, days, due))
    return found


def count(before: datetime) -> dict[str, int]:
    """How many rows of each kind are older; of sightings so many go at most."""
    return {kind.name: kind.count(before) for kind in KINDS}


def prune(before: datetime) -> dict[str, int]:
    """Delete them; return how many of each kind."""
    counts = {}
    _round.begin()
    for kind in KINDS:
        there = kind.count(before)
        while kind.some(before):
            time.sleep(PAUSE_S)
        counts[kind.name] = there - kind.count(before)
    return counts


def due() -> None:
    """What the settings say is too old goes, and sessions that have ended. Called by the work process; each kind takes about
    TURN_S at most and goes on at the next turn."""
    section, now = settings.CONFIGURATION.retention, timezone.now()
    for kind in KINDS:
        days: int | None = getattr(section, kind.days)
        over = _after(TURN_S)
        while days is not None and kind.some(now - timedelta(days=days)) and not over():
            time.sleep(PAUSE_S)
    _some(Session.objects.filter(expire_date__lt=now))


def sweep() -> None:
    """Files that nothing has any more, and bytes without a row: of uploads that were broken off, and of what was deleted while
    the process died."""
    _some(_unused(timezone.now() - timedelta(days=1)))
    files.sweep()


def _unused(before: datetime) -> QuerySet[Any]:
    """Files that nothing has any more: not attached, no floor plan, no signature, no paper."""
    found = StoredFile.objects.filter(created_at__lt=before)
    for owner, field in files.owners():
        found = found.exclude(Exists(owner.filter(**{field: OuterRef("pk")})))
    return found


@transaction.atomic
def _some(rows: QuerySet[Any]) -> int:
    some = list(rows.order_by("pk").values_list("pk", flat=True)[:ROWS_AT_ONCE])
    return int(rows.model._default_manager.filter(pk__in=some).delete()[0]) if some else 0
