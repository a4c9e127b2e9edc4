"""What is not kept for ever: how old each kind of data may grow. Location events are never pruned: positions and stays are drawn
from them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from registry.access.models import Change
from registry.tracking.models import Quarantine, RawRecord, UnknownTag

ROWS_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Kept:
    """`older` answers the rows from before a moment; `days` is the key of [retention] that says how long they stay anyway."""

    name: str
    older: Callable[[datetime], QuerySet[Any]]
    days: str


KINDS = (
    Kept("changes", lambda before: Change.objects.filter(at__lt=before), "changes_days"),
    Kept("unknown tags", lambda before: UnknownTag.objects.filter(last_seen__lt=before), "unknown_tags_days"),
    Kept("refused records", lambda before: Quarantine.objects.filter(received_at__lt=before), "refused_days"),
    Kept("records of unknown kinds", lambda before: RawRecord.objects.filter(recorded_time__lt=before), "refused_days"),
)


@dataclass(frozen=True, slots=True)
class Figure:
    """`days`: for how long it is kept by the settings (None: until somebody prunes); `due`: how many rows would go now."""

    name: str
    key: str
    days: int | None
    due: int | None


def figures() -> list[Figure]:
    """What the settings say of each kind, and how many rows would go at the next turn."""
    section, now = settings.CONFIGURATION.retention, timezone.now()
    found = []
    for kind in KINDS:
        days: int | None = getattr(section, kind.days)
        due = kind.older(now - timedelta(days=days)).count() if days is not None else None
        found.append(Figure(kind.name, kind.days, days, due))
    return found


def count(before: datetime) -> dict[str, int]:
    """How many rows of each kind are older."""
    return {kind.name: kind.older(before).count() for kind in KINDS}


def prune(before: datetime) -> dict[str, int]:
    """Delete them, in transactions of ROWS_AT_ONCE; return how many of each kind."""
    return {kind.name: _all(kind.older(before)) for kind in KINDS}


def due() -> None:
    """What the settings say is too old goes, and sessions that have ended: at most ROWS_AT_ONCE of each kind at a time."""
    section, now = settings.CONFIGURATION.retention, timezone.now()
    for kind in KINDS:
        days: int | None = getattr(section, kind.days)
        if days is not None:
            _some(kind.older(now - timedelta(days=days)))
    _some(Session.objects.filter(expire_date__lt=now))


def _all(rows: QuerySet[Any]) -> int:
    done = 0
    while some := _some(rows):
        done += some
    return done


@transaction.atomic
def _some(rows: QuerySet[Any]) -> int:
    some = list(rows.order_by("pk").values_list("pk", flat=True)[:ROWS_AT_ONCE])
    return int(rows.model._default_manager.filter(pk__in=some).delete()[0]) if some else 0
