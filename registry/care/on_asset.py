"""What the page of one asset says of its care."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import F
from django.urls import reverse
from django.utils import timezone

from registry.access.actors import Actor
from registry.assets.models import Asset
from registry.care.models import Agreement, Assessment, Meter, WorkOrder
from registry.care.trend import Trend, draw

MOST_AGREEMENTS, MOST_JUDGED, MOST_WORK = 50, 100, 50


@dataclass(frozen=True, slots=True)
class OnAsset:
    """The context of care/_asset.html: each agreement with the class of its state; judgements, the newest first; of the software
    the newest one that says something of it."""

    agreements: list[tuple[Agreement, str]]
    judged: Sequence[Assessment]
    trend: Trend | None
    software: Assessment | None
    work: Sequence[WorkOrder]
    meters: Sequence[Meter]


def of_asset(by: Actor, asset: Asset) -> OnAsset:
    """Five queries. Whoever sees the asset sees what covers it and how it was."""
    found = Agreement.objects.of_asset(asset).select_related("vendor").order_by("due_on", "pk")[:MOST_AGREEMENTS]
    today = timezone.localdate()
    judged = list(Assessment.objects.filter(asset=asset).prefetch_related("photos")[:MOST_JUDGED])
    whole = [(one.judged_on, one.score) for one in judged if one.scale == Assessment.Scale.WHOLE and one.score is not None]
    software = next((one for one in judged if one.software_version or one.updates), None)
    return OnAsset(
        [(one, _state(one, today)) for one in found],
        judged,
        draw(whole[::-1]),
        software,
        _work(asset),
        list(Meter.objects.filter(asset=asset)),
    )


def _work(asset: Asset) -> list[WorkOrder]:
    """The open orders, then those that were closed last."""
    found = WorkOrder.objects.filter(asset=asset).select_related("assignee")
    return list(found.order_by(F("closed_at").desc(nulls_first=True), "due_on", "pk")[:MOST_WORK])


def _state(one: Any, today: date) -> str:
    lead = one.lead_reached(today)
    if lead is not None:
        return "failed" if lead <= 7 else "attention"
    renewing = one.auto_renew and one.cancelled_on is None
    return "unknown" if one.ends_on is not None and one.ends_on < today and not renewing else "good"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of an asset's timeline, as custody's."""

    at: datetime
    text: str
    note: str = ""
    state: str = ""
    url: str = ""


def entries(shown: OnAsset, *, most: int = 40) -> list[Entry]:
    """What was found and what was done, of what the page shows anyway: no query."""
    found = []
    for one in shown.judged[:most]:
        score = (
            f"{one.score} of 5" if one.score is not None else f"version {one.software_version}" if one.software_version else ""
        )
        what = f"Judged {one.get_scale_display()}: {score}" if score else f"Updates: {one.get_updates_display()}"
        poor = (one.score or 5) <= 2 or one.updates == Assessment.Updates.UNSUPPORTED
        found.append(Entry(one.recorded_at, what, one.notes[:200], "attention" if poor else ""))
    for order in [order for order in shown.work if order.closed_at is not None][:most]:
        assert order.closed_at is not None
        state, url = ("good" if order.state == "done" else "unknown"), reverse("work-order", args=[order.pk])
        found.append(
            Entry(order.closed_at, f"{order.title}: {order.get_state_display().lower()}", order.result[:200], state, url)
        )
    return found
