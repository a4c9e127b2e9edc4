"""What the API says of orders to gateways."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from django.utils import timezone
from ninja import Schema
from pydantic import Field

from registry.operations import Paged, Strict
from registry.orders.models import GatewayConfiguration, GatewayOrder

Rules = dict[str, dict[str, float]]


class GatewaySettings(Strict):
    """What holds at a gateway over its gateway.toml: all of it is replaced. What is not named stays as the file says."""

    site: str | None = Field(None, max_length=40, description="What the site is called")
    commit_interval_ms: int | None = Field(None, ge=1, le=1000, description="Events of so many milliseconds share one commit")
    zones: Rules = Field({}, description='Parameters by zone, like `{"hall-a": {"lost_max_s": 300}}`')
    doors: Rules = Field({}, description='Parameters by door, like `{"dock-3": {"cool_down_s": 10}}`')


class ConfigurationOut(Schema):
    """`waiting`: the gateway has not heard of it, or has it on trial. `taken_back`: with it, the registry was not reached."""

    gateway: str
    number: int
    content: dict[str, Any]
    set_at: datetime
    state: Literal["waiting", "holds", "refused", "taken_back"]
    text: str
    in_force: int = Field(description="The number that the gateway named in its last hello")


def configuration_out(row: GatewayConfiguration) -> dict[str, Any]:
    return {
        "gateway": row.gateway_id, "number": row.number, "content": row.content, "set_at": row.set_at, "state": row.state,
        "text": row.text, "in_force": row.in_force,
    }  # fmt: skip


State = Literal["waiting", "done", "refused", "failed", "expired"]


class NewOrder(Strict):
    verb: str = Field(max_length=20, description="What to do, like `ping` or `identify`")
    arguments: dict[str, Any] = Field({}, description='Of that verb, like `{"reader": "dock-3"}`')
    within: int = Field(120, ge=5, le=3000, description="Seconds; a gateway that hears of it later does nothing")


class OrderOut(Schema):
    """`text` is the gateway's answer. `expired`: none came in time, and the gateway will not do it any more; then `text` says
    whether it has heard of it."""

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
    row = row.settle(timezone.now())
    return {
        "id": row.pk, "gateway": row.gateway_id, "verb": row.verb, "arguments": row.arguments, "placed_at": row.placed_at,
        "not_after": row.not_after, "state": row.state, "text": row.text, "answered_at": row.answered_at,
    }  # fmt: skip
