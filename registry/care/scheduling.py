"""From plans to work orders. READ FIRST: there is one order for each (plan, asset, occurrence), whoever schedules and how often.

The newest occurrence that is due within the lead time is the one that counts: after a month without a work process there is one
order, not thirty. While an order of the plan is open for an asset, there is no second one.
"""

from datetime import date, datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from registry.access import changes as log
from registry.access.actors import system
from registry.assets.models import Asset
from registry.assets.services import hold
from registry.care import recurrence
from registry.care.meters import plain
from registry.care.models import OPEN, MaintenancePlan, Meter, MeterReading, WorkOrder
from registry.care.orders import SERIES, numbers

AT_ONCE: Final = 200  # orders of one transaction
LOOKED_AT: Final = 500
CARED_FOR: Final = (Asset.Status.IN_STOCK, Asset.Status.IN_USE, Asset.Status.IN_MAINTENANCE)
Trigger = MaintenancePlan.Trigger


class Due(NamedTuple):
    """Work on an asset: which occurrence of its plan, and the day."""

    asset_id: UUID
    occurrence: str
    due_on: date


def schedule() -> int:
    """Make what is due. Return how many orders were made. Due every few minutes, by any number of processes."""
    return schedule_at(timezone.now())


def schedule_at(now: datetime) -> int:
    made = 0
    for plan in MaintenancePlan.objects.filter(active=True).select_related("category").order_by("pk"):
        last, day = None, _day(plan, now)
        while plan.trigger != Trigger.CALENDAR or day is not None:
            assets = list(_assets(plan, last, day)[:LOOKED_AT])
            if not assets:
                break
            last = assets[-1]
            due = _due(plan, assets, day, now)
            made += sum(_make(plan, due[at : at + AT_ONCE]) for at in range(0, len(due), AT_ONCE))
    return made


def _assets(plan: MaintenancePlan, after: UUID | None, day: date | None) -> QuerySet[Asset, UUID]:
    """Those that the plan is for and that have no open order of it, nor had one for this day, in the order of their keys."""
    found = Asset.objects.filter(status__in=CARED_FOR)
    if plan.asset_id is not None:
        found = found.filter(pk=plan.asset_id)
    elif plan.model_id is not None:
        found = found.filter(model=plan.model_id)
    elif plan.category is not None:
        found = found.in_category(plan.category)
    if after is not None:
        found = found.filter(pk__gt=after)
    had = Q(state__in=OPEN) | Q(occurrence=day.isoformat()) if day is not None else Q(state__in=OPEN)
    busy = WorkOrder.objects.filter(had, plan=plan, asset=OuterRef("pk"))
    return found.exclude(Exists(busy)).order_by("pk").values_list("pk", flat=True)


def _due(plan: MaintenancePlan, asset_ids: list[UUID], day: date | None, now: datetime) -> list[Due]:
    """What has no order yet is for the unique key to say; this says what may."""
    if plan.trigger == Trigger.CALENDAR:
        return [Due(pk, day.isoformat(), day) for pk in asset_ids] if day is not None else []
    today = now.astimezone(ZoneInfo(plan.time_zone)).date()
    if plan.trigger == Trigger.METER:
        return _by_meter(plan, asset_ids, today)
    return _by_condition(plan, asset_ids, today)


def _day(plan: MaintenancePlan, now: datetime) -> date | None:
    """The newest day of a plan by the calendar that has come or comes within its lead. Days before it was made are past."""
    if plan.starts_on is None:
        return None
    zone = ZoneInfo(plan.time_zone)
    last = now.astimezone(zone).date() + timedelta(days=plan.lead_days)
    made = plan.created_at.astimezone(zone).date()
    first = max(plan.starts_on, made, last - timedelta(days=recurrence.MOST_DAYS))
    return max(recurrence.between(plan.rule, plan.starts_on, first, last), default=None)


def _by_meter(plan: MaintenancePlan, asset_ids: list[UUID], today: date) -> list[Due]:
    """At each multiple of `every` that the meter reached since the plan was made."""
    assert plan.every is not None
    before = MeterReading.objects.filter(meter=OuterRef("pk"), at__lt=plan.created_at).order_by("-at", "-pk").values("total")[:1]
    counting = Meter.objects.filter(asset__in=asset_ids, unit=plan.unit, total__gte=plan.every).annotate(before=Subquery(before))
    found = []
    for meter in counting:
        reached, had = meter.total // plan.every, (meter.before or 0) // plan.every
        if reached > had:
            found.append(Due(meter.asset_id, f"{plain(reached * plan.every)} {plan.unit}", today))
    return found


def _by_condition(plan: MaintenancePlan, asset_ids: list[UUID], today: date) -> list[Due]:
    """Each time it is judged so poor: of one day once."""
    poor = Asset.objects.filter(pk__in=asset_ids, condition__lte=plan.condition_at_most).order_by()
    rows = poor.values_list("pk", "condition", "condition_on")
    return [Due(pk, f"{score} of 5{f' on {on}' if on is not None else ''}", today) for pk, score, on in rows]


def _make(plan: MaintenancePlan, due: list[Due]) -> int:
    """The orders that are not there yet; the lock is taken only where there are some."""
    return _make_held(plan, due) if _new(plan, due) else 0


def _new(plan: MaintenancePlan, due: list[Due]) -> list[Due]:
    known = set(WorkOrder.objects.filter(plan=plan, asset__in=[one.asset_id for one in due]).values_list("asset", "occurrence"))
    return [one for one in due if (one.asset_id, one.occurrence) not in known]


@transaction.atomic
def _make_held(plan: MaintenancePlan, due: list[Due]) -> int:
    """In one transaction; the unique key holds against everybody else."""
    hold(SERIES)
    wanted = _new(plan, due)
    orders = [
        WorkOrder(
            number=number, plan=plan, asset_id=one.asset_id, occurrence=one.occurrence, due_on=one.due_on, title=plan.name,
            instructions=plan.instructions, team=plan.team, checklist=[{"text": text, "done": False} for text in plan.checklist],
        )
        for one, number in zip(wanted, numbers(len(wanted)), strict=True)
    ]  # fmt: skip
    WorkOrder.objects.bulk_create(orders, ignore_conflicts=True)
    there = set(WorkOrder.objects.filter(pk__in=[order.pk for order in orders]).values_list("pk", flat=True))
    made = [order for order in orders if order.pk in there]
    log.record_all(system("work"), [log.Changed(order, "created", {}, {"due_on": order.due_on}) for order in made])
    return len(made)
