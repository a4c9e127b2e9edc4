"""Maintenance plans: made and changed by who may EDIT the asset; those of a model or a category by who may without limits."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.db import transaction

from registry.access import changes as log
from registry.access.actors import Action, Actor
from registry.assets import values
from registry.assets.models import NAME_CHARS
from registry.assets.services import own
from registry.care import recurrence
from registry.care.checks import all_checked, whole
from registry.care.meters import UNIT_CHARS
from registry.care.models import MaintenancePlan
from registry.care.models.maintenance import TEXT_CHARS
from registry.problems import Forbidden, Invalid, NotFound, Stale
from registry.texts import block, line

MOST_LEAD: Final = 365
MOST_STEPS: Final = 50
STEP_CHARS: Final = 200
Trigger = MaintenancePlan.Trigger
OF: Final = ("asset", "model", "category")


@transaction.atomic
def make(*, by: Actor, **given: Any) -> MaintenancePlan:
    """`given` are fields of CHECKS; `name`, `trigger` and one of `asset`, `model`, `category` are needed.
    Raises Invalid, Several, NotFound, Forbidden."""
    chosen = all_checked({"name": "", "trigger": ""} | given, CHECKS)
    plan = MaintenancePlan(**chosen)
    _may(by, plan)
    _settle(plan)
    plan.save(force_insert=True)
    log.record(by, plan, "created", **{name: value for name, value in chosen.items() if value not in (None, "", [])})
    return plan


@transaction.atomic
def change(*, by: Actor, plan_id: UUID, version: int, changes: Mapping[str, Any]) -> MaintenancePlan:
    """What is open stays as it is; the next order follows the plan. Raises Invalid, Several, Stale, NotFound, Forbidden."""
    visible(by, plan_id)
    plan = MaintenancePlan.objects.select_for_update().get(pk=plan_id)
    _may(by, plan)
    if plan.version != version:
        raise Stale("somebody changed this plan meanwhile; look at it again, then decide")
    chosen = all_checked(changes, {name: check for name, check in CHECKS.items() if name not in OF})
    before = {name: getattr(plan, name) for name in chosen}
    for name, value in chosen.items():
        setattr(plan, name, value)
    _settle(plan)
    plan.version += 1
    plan.save()
    log.record(by, plan, "changed", before, **chosen)
    return plan


def visible(by: Actor, plan_id: UUID) -> MaintenancePlan:
    """Raises NotFound."""
    rows = MaintenancePlan.objects.visible_to(by).select_related("asset", "model", "category")
    found = rows.filter(pk=plan_id).first()
    if found is None:
        raise NotFound("there is no such plan")
    return found


def may_change(by: Actor, plan: MaintenancePlan) -> bool:
    try:
        _may(by, plan)
    except (Forbidden, NotFound):
        return False
    return True


def _may(by: Actor, plan: MaintenancePlan) -> None:
    """Raises Invalid, NotFound, Forbidden."""
    if sum(getattr(plan, f"{name}_id") is not None for name in OF) != 1:
        raise Invalid("asset: name one asset, or one model, or one category", field="asset")
    if plan.asset_id is not None:
        own(by, plan.asset_id, Action.EDIT)
    elif not by.may_everywhere(Action.EDIT):
        raise Forbidden("plans for a model or a category are for those who may edit all assets")


def _settle(plan: MaintenancePlan) -> None:
    """Does it say when? What belongs to another trigger goes. Raises Invalid."""
    if plan.trigger == Trigger.CALENDAR:
        if plan.starts_on is None:
            raise Invalid("starts_on: say on which day it begins", field="starts_on")
        plan.rule = recurrence.checked(plan.rule, plan.starts_on)
    else:
        plan.rule, plan.starts_on = "", None
    if plan.trigger == Trigger.METER:
        if not plan.unit or not plan.every:
            raise Invalid("every: say after how much of which unit, like 250 of hours", field="every")
    else:
        plan.unit, plan.every = "", None
    if plan.trigger != Trigger.CONDITION:
        plan.condition_at_most = None
    elif plan.condition_at_most is None:
        raise Invalid("condition_at_most: say at which condition, from 1 to 5", field="condition_at_most")


def steps(field: str, value: Any) -> list[str]:
    """One to a line, or a list."""
    given = value if isinstance(value, list | tuple) else str(value or "").splitlines()
    found = [line(str(step), field=field, most=STEP_CHARS) for step in given if str(step).strip()]
    if len(found) > MOST_STEPS:
        raise Invalid(f"{field}: {MOST_STEPS} steps at most", field=field)
    return found


def _zone(field: str, value: Any) -> str:
    name = str(value or "UTC")[:64]
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Invalid(f"{field}: {name!r} is no time zone like Europe/Berlin", field=field) from None
    return name


def _text(most: int, *, required: bool = False) -> Any:
    return lambda field, value: line(str(value or ""), field=field, most=most, required=required)


def _as_it_is(field: str, value: Any) -> Any:
    return value


CHECKS: Final[dict[str, Any]] = {
    "name": _text(NAME_CHARS, required=True),
    "asset": _as_it_is,
    "model": _as_it_is,
    "category": _as_it_is,
    "trigger": lambda field, value: values.one_of(value, Trigger.values, field),
    "rule": lambda field, value: str(value or ""),
    "starts_on": values.day,
    "time_zone": _zone,
    "unit": lambda field, value: line(str(value or ""), field=field, most=UNIT_CHARS, required=False).lower(),
    "every": values.money,
    "condition_at_most": whole(5, least=1),
    "lead_days": lambda field, value: whole(MOST_LEAD)(field, value) or 0,
    "instructions": lambda field, value: block(str(value or ""), field=field, most=TEXT_CHARS),
    "checklist": steps,
    "team": _text(100),
    "active": lambda field, value: bool(value),
}
