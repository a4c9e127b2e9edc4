"""REST: stock, its movements, and what to order."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from django.db.models import F, Q
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Path, Query, Router, Schema, Status
from pydantic import Field

from registry.operations import READ_ONCE, Cursor, IfMatch, Limit, Paged, Strict, acting, tagged, version_if_said, version_seen
from registry.paging import OLDEST_FIRST, Order, Page, cut
from registry.stock import alerts, services
from registry.stock.models import LOT_CHARS, StockLine, StockMovement, StockWatch
from registry.stock.proposing import propose

router = Router(tags=["stock"])
NEWEST = OLDEST_FIRST.reversed()
BY_NAME = Order("name", F("asset__name"))

Amount = Annotated[Decimal, Field(gt=0, lt=services.LARGEST, max_digits=13, decimal_places=4)]
NotNegative = Annotated[Decimal, Field(ge=0, lt=services.LARGEST, max_digits=13, decimal_places=4)]
Note = Annotated[str, Field(max_length=200)]
LineId = Path[UUID]


class StockOut(Schema):
    """One lot of an asset at one place. Quantities are text, exact."""

    id: UUID
    asset: UUID
    asset_no: str
    name: str
    location: UUID
    location_name: str
    lot: str
    quantity: str
    uom: str
    minimum: str | None
    target: str | None
    expires_on: date | None
    counted_at: datetime | None
    low: bool = Field(description="Below its minimum")
    version: int


class StockPage(Paged):
    items: list[StockOut]


class MovementOut(Schema):
    id: UUID
    kind: str = Field(description="receive, take, count or move")
    change: str
    after: str
    note: str
    at: datetime


class MovementPage(Paged):
    items: list[MovementOut]


class Receive(Strict):
    asset: UUID
    location: UUID
    quantity: Amount
    lot: Annotated[str, Field(max_length=LOT_CHARS)] = ""
    expires_on: date | None = None
    note: Note = ""


class Take(Strict):
    quantity: Amount
    note: Note = ""


class Count(Strict):
    quantity: NotNegative
    note: Note = ""


class Move(Strict):
    location: UUID
    quantity: Amount
    note: Note = ""


class Levels(Strict):
    minimum: NotNegative | None = None
    target: NotNegative | None = None


class Watch(Strict):
    wanted: bool


class WatchOut(Schema):
    """Whether you get a mail when stock runs low or expires soon."""

    wanted: bool


class WantedOut(Schema):
    """What to order. `supplier` and costs are empty for those who may not see them."""

    supplier: str
    asset: UUID
    asset_no: str
    name: str
    quantity: str
    uom: str
    cost: str | None
    total: str | None
    currency: str


class ProposalOut(Schema):
    items: list[WantedOut]


@router.get("/stock", response=StockPage, operation_id="list_stock", summary="What lies where, and how much")
def list_stock(
    request: HttpRequest,
    show: Annotated[Literal["all", "low", "expiring"], Query()] = "all",
    asset: UUID | None = None,
    location: UUID | None = None,
    q: Annotated[str, Query(max_length=100, description="Stands in the asset's name, or is its number or the lot")] = "",
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Any:
    found = StockLine.objects.visible_to(acting(request)).select_related("asset", "location")
    if show != "all":
        found = found.low() if show == "low" else found.expiring(timezone.now().date())
    if asset is not None:
        found = found.filter(asset=asset)
    if location is not None:
        found = found.filter(location=location)
    if text := q.replace("\0", "").strip():
        found = found.filter(Q(asset__name__icontains=text) | Q(asset__asset_no__iexact=text) | Q(lot__iexact=text))
    page: Page[StockLine] = cut(found, BY_NAME, cursor, limit)
    return StockPage(items=[_out(one) for one in page.rows], next=page.next, previous=page.previous)


@router.post("/stock", response={201: StockOut}, operation_id="receive_stock", summary="Receive stock at a place")
def receive_stock(request: HttpRequest, response: HttpResponse, body: Receive) -> Any:
    by = acting(request)
    line = services.receive(
        by=by, asset_id=body.asset, location_id=body.location, quantity=body.quantity, lot=body.lot, expires_on=body.expires_on,
        note=body.note,
    )  # fmt: skip
    return Status(201, tagged(response, _out(services.visible(by, line.pk))))


@router.get("/stock/proposal", response=ProposalOut, operation_id="propose_order", summary="What to order")
def propose_order(request: HttpRequest) -> Any:
    return {
        "items": [
            {
                "supplier": one.supplier, "asset": one.asset.pk, "asset_no": one.asset.asset_no, "name": one.asset.name,
                "quantity": _text(one.quantity), "uom": one.asset.uom, "cost": _text(one.cost), "total": _text(one.total),
                "currency": one.currency,
            }
            for one in propose(acting(request))
        ]
    }  # fmt: skip


@router.get("/stock/watch", response=WatchOut, operation_id="get_stock_watch", summary="Whether you are told of stock by mail")
def get_stock_watch(request: HttpRequest) -> Any:
    by = acting(request)
    return WatchOut(wanted=by.user_id is not None and StockWatch.objects.filter(user=by.user_id).exists())


@router.post("/stock/watch", response=WatchOut, operation_id="watch_stock", summary="Be told of stock by mail, or not any more")
def watch_stock(request: HttpRequest, body: Watch) -> Any:
    alerts.watch(by=acting(request), wanted=body.wanted)
    return WatchOut(wanted=body.wanted)


@router.get(
    "/stock/{line_id}", response=StockOut, operation_id="get_stock", summary="One lot at one place", openapi_extra=READ_ONCE
)
def get_stock(request: HttpRequest, response: HttpResponse, line_id: LineId) -> Any:
    return tagged(response, _out(services.visible(acting(request), line_id)))


@router.get("/stock/{line_id}/movements", response=MovementPage, operation_id="list_stock_movements", summary="Its movements")
def list_stock_movements(request: HttpRequest, line_id: LineId, cursor: Cursor = None, limit: Limit = 100) -> Any:
    line = services.visible(acting(request), line_id)
    page: Page[StockMovement] = cut(StockMovement.objects.filter(line=line), NEWEST, cursor, limit)
    items = [
        MovementOut(
            id=one.pk, kind=one.kind, change=_text(one.change) or "0", after=_text(one.after) or "0", note=one.note, at=one.at
        )
        for one in page.rows
    ]
    return MovementPage(items=items, next=page.next, previous=page.previous)


@router.post("/stock/{line_id}/take", response=StockOut, operation_id="take_stock", summary="Take some away")
def take_stock(request: HttpRequest, response: HttpResponse, line_id: LineId, body: Take) -> Any:
    by = acting(request)
    services.take(by=by, line_id=line_id, quantity=body.quantity, note=body.note)
    return tagged(response, _out(services.visible(by, line_id)))


@router.post("/stock/{line_id}/count", response=StockOut, operation_id="count_stock", summary="Say how much there is")
def count_stock(request: HttpRequest, response: HttpResponse, line_id: LineId, body: Count, if_match: IfMatch = None) -> Any:
    """With If-Match as it was when the count began, what was taken meanwhile is not counted away."""
    by = acting(request)
    version = version_if_said(if_match, services.visible(by, line_id))
    services.count(by=by, line_id=line_id, quantity=body.quantity, version=version, note=body.note)
    return tagged(response, _out(services.visible(by, line_id)))


@router.post("/stock/{line_id}/move", response=StockOut, operation_id="move_stock", summary="Bring some to another place")
def move_stock(request: HttpRequest, line_id: LineId, body: Move) -> Any:
    """Answers with the line at the other place."""
    by = acting(request)
    _, there = services.move(by=by, line_id=line_id, location_id=body.location, quantity=body.quantity, note=body.note)
    return _out(services.visible(by, there.pk))


@router.patch("/stock/{line_id}", response=StockOut, operation_id="set_stock_levels", summary="How much there should be")
def set_stock_levels(
    request: HttpRequest, response: HttpResponse, line_id: LineId, body: Levels, if_match: IfMatch = None
) -> Any:
    by = acting(request)
    version = version_seen(if_match, services.visible(by, line_id))
    services.set_levels(by=by, line_id=line_id, minimum=body.minimum, target=body.target, version=version)
    return tagged(response, _out(services.visible(by, line_id)))


def _out(one: StockLine) -> StockOut:
    return StockOut(
        id=one.pk, asset=one.asset_id, asset_no=one.asset.asset_no, name=one.asset.name, location=one.location_id,
        location_name=one.location.name, lot=one.lot, quantity=_text(one.quantity) or "0", uom=one.asset.uom,
        minimum=_text(one.minimum), target=_text(one.target), expires_on=one.expires_on, counted_at=one.counted_at,
        low=one.minimum is not None and one.quantity < one.minimum, version=one.version,
    )  # fmt: skip


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else format(amount.normalize(), "f")
