"""Work orders: made, worked on and closed by who may HANDLE the asset. A closed one is opened again, never altered."""

from collections.abc import Mapping
from datetime import date
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from registry.access import changes as log
from registry.access.actors import Action, Actor
from registry.access.models import Person
from registry.assets import values
from registry.assets.models import NAME_CHARS, Numbering
from registry.assets.services import hold, own
from registry.care.checks import all_checked
from registry.care.models import OPEN, WorkOrder
from registry.care.models.maintenance import TEXT_CHARS
from registry.care.plans import steps
from registry.problems import Forbidden, Invalid, NotFound, Stale
from registry.texts import block, line

SERIES: Final = "work_order"
State = WorkOrder.State


@transaction.atomic
def make(*, by: Actor, asset_id: UUID, **given: Any) -> WorkOrder:
    """Work that no plan asked for. `given` are of CHECKS; `title` is needed. Raises Invalid, Several, NotFound, Forbidden."""
    asset = own(by, asset_id, Action.HANDLE)
    chosen = all_checked({"title": ""} | given, {name: CHECKS[name] for name in CHECKS if name != "state"})
    _settle(by, order := WorkOrder(asset=asset, **chosen))
    order.number = numbers(1)[0]
    order.occurrence = order.number
    order.save(force_insert=True)
    log.record(
        by, order, "created", asset=asset, **{name: value for name, value in chosen.items() if value not in (None, "", [])}
    )
    return order


@transaction.atomic
def change(*, by: Actor, order_id: UUID, version: int, changes: Mapping[str, Any]) -> WorkOrder:
    """`state` too: done asks that every step is ticked, or that `result` says why not. Raises Invalid, Several, Stale, NotFound,
    Forbidden."""
    order = visible(by, order_id)
    own(by, order.asset_id, Action.HANDLE)
    order = WorkOrder.objects.select_for_update().get(pk=order.pk)
    if order.version != version:
        raise Stale("somebody changed this order meanwhile; look at it again, then decide")
    chosen = all_checked(changes, CHECKS)
    if order.state not in OPEN and chosen.get("state", order.state) not in OPEN:
        raise Invalid("state: it is closed; open it again first", field="state")
    before = {name: getattr(order, name) for name in chosen}
    for name, value in chosen.items():
        setattr(order, name, value)
    _settle(by, order)
    order.closed_at = None if order.state in OPEN else timezone.now()
    order.version += 1
    order.save()
    log.record(by, order, "changed", before, **chosen)
    return order


def visible(by: Actor, order_id: UUID) -> WorkOrder:
    """Raises NotFound."""
    rows = WorkOrder.objects.visible_to(by).select_related("asset", "plan", "assignee")
    found = rows.filter(pk=order_id).first()
    if found is None:
        raise NotFound("there is no such work order")
    return found


def may_work(by: Actor, order: WorkOrder) -> bool:
    return WorkOrder.objects.visible_to(by, Action.HANDLE).filter(pk=order.pk).exists()


def numbers(count: int) -> list[str]:
    """The next ones of the series; whoever asks meanwhile waits for our transaction."""
    numbering = hold(SERIES)
    Numbering.objects.filter(pk=numbering.pk).update(last=numbering.last + count)
    return [f"WO-{numbering.last + n:06d}" for n in range(1, count + 1)]


def overdue(by: Actor, today: date) -> int:
    return WorkOrder.objects.visible_to(by).overdue(today).count()


def _settle(by: Actor, order: WorkOrder) -> None:
    """Raises Invalid, NotFound, Forbidden."""
    if order.cost is not None and not order.currency:
        raise Invalid("currency: say in which currency the cost is", field="currency")
    if order.capitalise and order.cost is None:
        raise Invalid("cost: what is added to the value of the asset needs a cost", field="cost")
    if order.state == State.DONE and not order.result and any(not step["done"] for step in order.checklist):
        raise Invalid("result: not every step is ticked; tick them, or write here why not", field="result")


def ticked(field: str, value: Any) -> list[dict[str, Any]]:
    """Steps with `done`; a text alone is one that is not."""
    given = value if isinstance(value, list | tuple) else str(value or "").splitlines()
    pairs = [(one.get("text", ""), one.get("done") is True) if isinstance(one, dict) else (one, False) for one in given]
    texts = steps(field, [text for text, _ in pairs])
    if len(texts) != len([text for text, _ in pairs if str(text).strip()]):
        raise Invalid(f"{field}: a step without words", field=field)
    done = [done for text, done in pairs if str(text).strip()]
    return [{"text": text, "done": is_done} for text, is_done in zip(texts, done, strict=True)]


def person(by: Actor, person_id: UUID | None) -> Person | None:
    """Who is to do it. Raises NotFound, Forbidden."""
    if person_id is None:
        return None
    if not by.may_anywhere(Action.HANDLE):
        raise Forbidden("your role does not allow this")
    found = Person.objects.filter(pk=person_id, active=True, erased_at__isnull=True).first()
    if found is None:
        raise NotFound("there is no such person", field="assignee")
    return found


def _block(field: str, value: Any) -> str:
    return block(str(value or ""), field=field, most=TEXT_CHARS)


CHECKS: Final[dict[str, Any]] = {
    "title": lambda field, value: line(str(value or ""), field=field, most=NAME_CHARS),
    "state": lambda field, value: values.one_of(value, State.values, field),
    "due_on": values.day,
    "assignee": lambda field, value: value,
    "team": lambda field, value: line(str(value or ""), field=field, most=100, required=False),
    "instructions": _block,
    "checklist": ticked,
    "parts": _block,
    "result": _block,
    "cost": values.money,
    "currency": values.currency,
    "capitalise": lambda field, value: bool(value),
    "downtime_hours": lambda field, value: _hours(field, value),
}


def _hours(field: str, value: Any) -> Any:
    found = values.money(field, value)
    if found is not None and (found >= 1_000_000 or found != round(found, 2)):
        raise Invalid(f"{field}: hours below 1,000,000, with two decimals at most", field=field)
    return found
