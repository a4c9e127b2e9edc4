"""What the API says of orders to gateways."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from ninja import Schema
from pydantic import Field

from registry.operations import Paged, Strict
from registry.orders.models import GatewayOrder

State = Literal["waiting", "done", "refused", "failed", "expired"]


class NewOrder(Strict):
    verb: str = Field(max_length=20, description="What to do, like `ping` or `identify`")
    arguments: dict[str, Any] = Field({}, description='Of that verb, like `{"reader": "dock-3"}`')
    within: int = Field(120, ge=5, le=3000, description="Seconds; a gateway that hears of it later does nothing")


class OrderOut(Schema):
    """`text` is the gateway's answer. `expired`: none came in time, and the gateway will not do it any more."""

    id: UUID
    gateway: str
    verb: str
    arguments: dict[str, Any]
    placed_at: datetime
    not_after: datetime
    state: State
    text: str
    answered_at: datetime | None


class OrderPage(Paged):
    items: list[OrderOut]


def order_out(row: GatewayOrder) -> dict[str, Any]:
    return {
        "id": row.pk, "gateway": row.gateway_id, "verb": row.verb, "arguments": row.arguments, "placed_at": row.placed_at,
        "not_after": row.not_after, "state": row.state, "text": row.text, "answered_at": row.answered_at,
    }  # fmt: skip
