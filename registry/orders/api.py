"""REST: orders to gateways, and their answers."""

from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from django.db.models import F
from django.http import HttpRequest, HttpResponse
from ninja import Path, Router, Status

from registry.operations import READ_ONCE, Cursor, Limit, acting, tagged
from registry.orders import services
from registry.orders.configuring import configuration_of, configure
from registry.orders.schemas import (
    ConfigurationOut,
    GatewaySettings,
    NewOrder,
    OrderOut,
    OrderPage,
    configuration_out,
    order_out,
)
from registry.paging import Order, cut
from registry.problems import NotFound

router = Router(tags=["gateways"])
NEWEST = Order("newest", F("placed_at"), "time", descending=True)
GatewayId = Annotated[str, Path(max_length=40)]


@router.get("/gateways/{gateway_id}/orders", response=OrderPage, operation_id="list_orders", summary="What was ordered of it")
def list_orders(request: HttpRequest, gateway_id: GatewayId, cursor: Cursor = None, limit: Limit = 50) -> Any:
    page = cut(services.orders_of(by=acting(request), gateway_id=gateway_id), NEWEST, cursor, limit)
    return {"items": [order_out(row) for row in page.rows], "next": page.next, "previous": page.previous}


@router.post(
    "/gateways/{gateway_id}/orders", response={201: OrderOut}, operation_id="place_order", summary="Order it to do something"
)
def place_order(request: HttpRequest, gateway_id: GatewayId, body: NewOrder) -> Any:
    """The answer comes later: read the order again until it is not `waiting` any more."""
    placed = services.order(
        by=acting(request),
        gateway_id=gateway_id,
        verb=body.verb,
        arguments=body.arguments,
        within=timedelta(seconds=body.within),
    )
    return Status(201, order_out(placed))


@router.get("/gateways/{gateway_id}/orders/{order_id}", response=OrderOut, operation_id="get_order", summary="What came of it")
def get_order(request: HttpRequest, gateway_id: GatewayId, order_id: Path[UUID]) -> Any:
    found = services.orders_of(by=acting(request), gateway_id=gateway_id).filter(pk=order_id).first()
    if found is None:
        raise NotFound("There is no such order.")
    return order_out(found)


@router.get(
    "/gateways/{gateway_id}/configuration",
    response=ConfigurationOut,
    operation_id="get_configuration",
    summary="What is set over its own settings",
    openapi_extra=READ_ONCE,
)
def get_configuration(request: HttpRequest, response: HttpResponse, gateway_id: GatewayId) -> Any:
    found = configuration_of(by=acting(request), gateway_id=gateway_id)
    if found is None:
        raise NotFound("Nothing has been set.")
    return tagged(response, ConfigurationOut(**configuration_out(found)))


@router.post(
    "/gateways/{gateway_id}/configuration",
    response=ConfigurationOut,
    operation_id="configure_gateway",
    summary="Set this over its own settings",
)
def configure_gateway(request: HttpRequest, gateway_id: GatewayId, body: GatewaySettings) -> Any:
    """The gateway checks it, and takes it back if it does not reach the registry with it: read it again for its word."""
    content = body.model_dump(exclude_defaults=True)
    return configuration_out(configure(by=acting(request), gateway_id=gateway_id, content=content))
