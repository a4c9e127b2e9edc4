"""REST: maintenance plans, meters, work orders."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Path, Query, Router, Schema, Status
from pydantic import AwareDatetime, Field

from registry.access.actors import Action, Actor
from registry.assets.models import NAME_CHARS, Asset, AssetModel, Category
from registry.assets.parts_api import asset_or_404
from registry.assets.schemas import AssetRef, Ref, amount_out, asset_ref, ref
from registry.care import lists, meters, orders, plans, recurrence
from registry.care.models import MaintenancePlan, Meter, MeterReading, WorkOrder
from registry.care.models.maintenance import TEXT_CHARS
from registry.operations import READ_ONCE, Cursor, IfMatch, Limit, Paged, Strict, acting, tagged, version_seen
from registry.paging import OLDEST_FIRST, Page, cut
from registry.problems import NotFound

router = Router(tags=["maintenance"])
State = Literal["open", "in_progress", "waiting", "done", "cancelled"]
Name = Annotated[str, Field(min_length=1, max_length=NAME_CHARS)]
Text = Annotated[str, Field(max_length=TEXT_CHARS)]
Team = Annotated[str, Field(max_length=100)]
StepText = Annotated[str, Field(min_length=1, max_length=plans.STEP_CHARS)]
Amount = Annotated[Decimal, Field(ge=0, lt=10**11, decimal_places=4)]


class MaintenancePlanOut(Schema):
    """For one asset, or for every asset of a model or a category. The asset is null where it is out of your scope."""

    id: UUID
    name: str
    asset: AssetRef | None
    model: Ref | None
    category: Ref | None
    trigger: str
    rule: str
    starts_on: date | None
    time_zone: str
    unit: str
    every: str | None
    condition_at_most: int | None
    lead_days: int
    instructions: str
    checklist: list[str]
    team: str
    active: bool
    version: int


class MaintenancePlans(Paged):
    items: list[MaintenancePlanOut]


class MaintenancePlanFields(Strict):
    rule: Annotated[str, Field(max_length=recurrence.CHARS, description="Of RFC 5545, like FREQ=MONTHLY;INTERVAL=3")] | None = (
        None
    )
    starts_on: date | None = None
    time_zone: Annotated[str, Field(max_length=64, description="Where its days are, like Europe/Berlin")] | None = None
    unit: Annotated[str, Field(max_length=meters.UNIT_CHARS)] | None = None
    every: Annotated[Decimal, Field(gt=0, lt=10**9, decimal_places=4)] | None = None
    condition_at_most: Annotated[int, Field(ge=1, le=5)] | None = None
    lead_days: Annotated[int, Field(ge=0, le=plans.MOST_LEAD)] | None = None
    instructions: Text | None = None
    checklist: Annotated[list[StepText], Field(max_length=plans.MOST_STEPS)] | None = None
    team: Team | None = None
    active: bool = True


class NewMaintenancePlan(MaintenancePlanFields):
    name: Name
    trigger: Literal["calendar", "meter", "condition"]
    asset: UUID | None = None
    model: UUID | None = None
    category: UUID | None = None


class MaintenancePlanChanges(MaintenancePlanFields):
    name: Name | None = None
    trigger: Literal["calendar", "meter", "condition"] | None = None


class Step(Strict):
    text: StepText
    done: bool = False


class WorkOrderOut(Schema):
    """`occurrence` says which one of its plan it is. `cost` is null for those who may neither handle the asset nor see values."""

    id: UUID
    number: str
    asset: AssetRef
    plan: UUID | None
    occurrence: str
    title: str
    instructions: str
    state: str
    due_on: date | None
    assignee: Ref | None
    team: str
    checklist: list[Step]
    parts: str
    result: str
    cost: str | None
    currency: str
    capitalise: bool = Field(description="The books add its cost to the asset")
    downtime_hours: str | None
    opened_at: datetime
    closed_at: datetime | None
    version: int


class WorkOrders(Paged):
    items: list[WorkOrderOut]


class WorkOrderFields(Strict):
    """Only what is sent is set; `null` takes a value away."""

    due_on: date | None = None
    assignee: UUID | None = Field(None, description="A person")
    team: Team | None = None
    instructions: Text | None = None
    checklist: Annotated[list[Step], Field(max_length=plans.MOST_STEPS)] | None = None
    parts: Text | None = None
    result: Text | None = None
    cost: Amount | None = None
    currency: Annotated[str, Field(max_length=3, description="ISO 4217, like EUR")] | None = None
    capitalise: bool | None = None
    downtime_hours: Annotated[Decimal, Field(ge=0, lt=1_000_000, decimal_places=2)] | None = None


class NewWorkOrder(WorkOrderFields):
    asset: UUID
    title: Name


class WorkOrderChanges(WorkOrderFields):
    title: Name | None = None
    state: State | None = None


class MeterOut(Schema):
    """`total` is what it has counted over every counter it had."""

    id: UUID
    unit: str
    value: str
    total: str
    read_at: datetime | None


class Meters(Schema):
    items: list[MeterOut]


class NewReading(Strict):
    unit: Annotated[str, Field(min_length=1, max_length=meters.UNIT_CHARS, description="h, km, cycles ...")]
    value: Annotated[Decimal, Field(ge=0, lt=10**9, decimal_places=4)]
    at: AwareDatetime | None = Field(None, description="Left out: now")
    replaced: bool = Field(False, description="The counter is a new one")


class ReadingOut(Schema):
    id: UUID
    at: datetime
    value: str
    total: str
    replaced: bool
    source: str


class Readings(Paged):
    items: list[ReadingOut]


@router.get(
    "/maintenance-plans", response=MaintenancePlans, operation_id="list_maintenance_plans", summary="What comes again, and when"
)
def list_plans(request: HttpRequest, cursor: Cursor = None, limit: Limit = 100) -> Any:
    by = acting(request)
    page: Page[MaintenancePlan] = cut(lists.plans(by), OLDEST_FIRST, cursor, limit)
    return MaintenancePlans(items=[_plan_out(by, one) for one in page.rows], next=page.next, previous=page.previous)


@router.post("/maintenance-plans", response={201: MaintenancePlanOut}, operation_id="make_maintenance_plan", summary="A new plan")
def make_plan(request: HttpRequest, response: HttpResponse, body: NewMaintenancePlan) -> Any:
    by, given = acting(request), body.model_dump(exclude_unset=True)
    rows: dict[str, Any] = {
        "asset": Asset.objects.visible_to(by), "model": AssetModel.objects.all(), "category": Category.objects.visible_to(by),
    }  # fmt: skip
    for name, found in rows.items():
        if given.get(name) is not None:
            given[name] = found.filter(pk=given[name]).first()
            if given[name] is None:
                raise NotFound(f"{name}: there is none with this id", field=name)
    made = plans.make(by=by, **given)
    return Status(201, tagged(response, _plan_out(by, plans.visible(by, made.pk))))


@router.get(
    "/maintenance-plans/{maintenance_id}", response=MaintenancePlanOut, operation_id="get_maintenance_plan", summary="One plan",
    openapi_extra=READ_ONCE,
)  # fmt: skip
def get_plan(request: HttpRequest, response: HttpResponse, maintenance_id: Path[UUID]) -> Any:
    by = acting(request)
    return tagged(response, _plan_out(by, plans.visible(by, maintenance_id)))


@router.patch(
    "/maintenance-plans/{maintenance_id}",
    response=MaintenancePlanOut,
    operation_id="change_maintenance_plan",
    summary="Change a plan",
)
def change_plan(
    request: HttpRequest,
    response: HttpResponse,
    maintenance_id: Path[UUID],
    body: MaintenancePlanChanges,
    if_match: IfMatch = None,
) -> Any:
    by = acting(request)
    version = version_seen(if_match, plans.visible(by, maintenance_id))
    plans.change(by=by, plan_id=maintenance_id, version=version, changes=body.model_dump(exclude_unset=True))
    return tagged(response, _plan_out(by, plans.visible(by, maintenance_id)))


@router.get("/work-orders", response=WorkOrders, operation_id="list_work_orders", summary="Work on assets, what is due first")
def list_orders(
    request: HttpRequest,
    state: Annotated[State | None, Query()] = None,
    show: Annotated[Literal["open", "overdue", "mine", "closed", "all"], Query()] = "all",
    asset: UUID | None = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Any:
    by = acting(request)
    found = lists.orders(by, show)
    found = found.filter(state=state) if state is not None else found
    found = found.filter(asset=asset) if asset is not None else found
    page: Page[WorkOrder] = cut(found, lists.DUE_FIRST, cursor, limit)
    return WorkOrders(items=_orders_out(by, page.rows), next=page.next, previous=page.previous)


@router.post("/work-orders", response={201: WorkOrderOut}, operation_id="make_work_order", summary="Work that no plan asked for")
def make_order(request: HttpRequest, response: HttpResponse, body: NewWorkOrder) -> Any:
    by = acting(request)
    made = orders.make(by=by, asset_id=body.asset, **_order_given(by, body))
    return Status(201, tagged(response, _orders_out(by, [orders.visible(by, made.pk)])[0]))


@router.get(
    "/work-orders/{work_order_id}", response=WorkOrderOut, operation_id="get_work_order", summary="One of them",
    openapi_extra=READ_ONCE,
)  # fmt: skip
def get_order(request: HttpRequest, response: HttpResponse, work_order_id: Path[UUID]) -> Any:
    by = acting(request)
    return tagged(response, _orders_out(by, [orders.visible(by, work_order_id)])[0])


@router.patch(
    "/work-orders/{work_order_id}", response=WorkOrderOut, operation_id="change_work_order", summary="Work on it, close it"
)
def change_order(
    request: HttpRequest, response: HttpResponse, work_order_id: Path[UUID], body: WorkOrderChanges, if_match: IfMatch = None
) -> Any:
    by = acting(request)
    version = version_seen(if_match, orders.visible(by, work_order_id))
    orders.change(by=by, order_id=work_order_id, version=version, changes=_order_given(by, body))
    return tagged(response, _orders_out(by, [orders.visible(by, work_order_id)])[0])


@router.get("/assets/{asset_id}/meters", response=Meters, operation_id="list_meters", summary="What counts on it")
def list_meters(request: HttpRequest, asset_id: Path[UUID]) -> Any:
    found = Meter.objects.filter(asset=asset_or_404(acting(request), asset_id))
    return {
        "items": [
            MeterOut(id=one.pk, unit=one.unit, value=meters.plain(one.value), total=meters.plain(one.total), read_at=one.read_at)
            for one in found
        ]
    }


@router.post("/assets/{asset_id}/meters", response={201: ReadingOut}, operation_id="read_meter", summary="What a meter shows")
def read_meter(request: HttpRequest, asset_id: Path[UUID], body: NewReading) -> Any:
    """The first reading of a unit makes the meter."""
    return Status(201, _reading_out(meters.read(by=acting(request), asset_id=asset_id, **body.model_dump())))


@router.get("/meters/{meter_id}/readings", response=Readings, operation_id="list_readings", summary="What it showed when")
def list_readings(request: HttpRequest, meter_id: Path[UUID], cursor: Cursor = None, limit: Limit = 100) -> Any:
    found = MeterReading.objects.filter(meter=meters.visible(acting(request), meter_id))
    page: Page[MeterReading] = cut(found, OLDEST_FIRST.reversed(), cursor, limit)
    return Readings(items=[_reading_out(one) for one in page.rows], next=page.next, previous=page.previous)


def _order_given(by: Actor, body: WorkOrderFields) -> dict[str, Any]:
    given = body.model_dump(exclude_unset=True, exclude={"asset"})
    if "assignee" in given:
        given["assignee"] = orders.person(by, given["assignee"])
    return {name: value for name, value in given.items() if value is not None or name not in ("title", "state")}


def _plan_out(by: Actor, one: MaintenancePlan) -> MaintenancePlanOut:
    plain = {name: getattr(one, name) for name in _PLAN}
    return MaintenancePlanOut(
        **plain, asset=asset_ref(one.asset) if one.asset is not None else None, model=ref(one.model), category=ref(one.category),
        every=amount_out(one.every),
    )  # fmt: skip


_PLAN = (
    "id", "name", "trigger", "rule", "starts_on", "time_zone", "unit", "condition_at_most", "lead_days", "instructions",
    "checklist", "team", "active", "version",
)  # fmt: skip
_ORDER = (
    "id", "number", "occurrence", "title", "instructions", "state", "due_on", "team", "checklist", "parts", "result",
    "capitalise", "opened_at", "closed_at", "version",
)  # fmt: skip


def _orders_out(by: Actor, rows: list[WorkOrder]) -> list[WorkOrderOut]:
    costs = by.may_anywhere(Action.HANDLE) or by.may_anywhere(Action.VALUE)
    return [
        WorkOrderOut(
            **{name: getattr(one, name) for name in _ORDER}, asset=asset_ref(one.asset), plan=one.plan_id,
            assignee=ref(one.assignee), cost=amount_out(one.cost) if costs else None, currency=one.currency if costs else "",
            downtime_hours=amount_out(one.downtime_hours),
        )
        for one in rows
    ]  # fmt: skip


def _reading_out(one: MeterReading) -> ReadingOut:
    return ReadingOut(
        id=one.pk,
        at=one.at,
        value=meters.plain(one.value),
        total=meters.plain(one.total),
        replaced=one.replaced,
        source=one.source,
    )
