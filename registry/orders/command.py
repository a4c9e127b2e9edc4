"""What `sightpost-registry gateways send` does: place an order and, if asked, wait for its answer."""

import json
import time
import tomllib
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Final

from registry import exits
from registry.access.actors import Actor
from registry.orders import configuring, services
from registry.orders.models import GatewayConfiguration, GatewayOrder
from registry.orders.words import arguments_of

LOOK_EVERY_S: Final = 0.2


def send(*, by: Actor, gateway_id: str, verb: str, words: Sequence[str], wait_s: float | None) -> GatewayOrder:
    """Return the order, with its answer if that came within `wait_s`. Raises CannotGoOn and what `services.order` raises."""
    arguments = arguments_of(words)
    within = timedelta(seconds=max(wait_s, 5)) if wait_s else services.USUALLY
    placed = services.order(by=by, gateway_id=gateway_id, verb=verb, arguments=arguments, within=within)
    if wait_s:
        until_s = time.monotonic() + wait_s
        while placed.state == GatewayOrder.State.WAITING and time.monotonic() < until_s:
            time.sleep(LOOK_EVERY_S)
            placed.refresh_from_db()
    return placed


def in_words(placed: GatewayOrder, *, waited: bool) -> str:
    """Return what came of it, for whoever ordered it."""
    if placed.state != GatewayOrder.State.WAITING:
        return f"{placed.get_state_display().lower()}: {placed.text}".removesuffix(": ")
    valid = f"it holds until {placed.not_after:%H:%M:%S} UTC"
    return f"no answer yet; {valid}" if waited else f"ordered; {valid}; `gateways orders {placed.gateway_id}` shows the answer"


def is_fine(placed: GatewayOrder, *, waited: bool) -> bool:
    return placed.state == GatewayOrder.State.DONE or (placed.state == GatewayOrder.State.WAITING and not waited)


def configure_from(*, by: Actor, gateway_id: str, file: Path) -> GatewayConfiguration:
    """Set what stands in a TOML file. Raises CannotGoOn, and what `configuring.configure` raises."""
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise exits.CannotGoOn(f"{file}: {exc}") from None
    return configuring.configure(by=by, gateway_id=gateway_id, content=content)


def in_words_set(row: GatewayConfiguration | None) -> str:
    """Return what is set of a gateway, and what it says to it."""
    if row is None:
        return "Nothing is set."
    said = f"{row.get_state_display().lower()}: {row.text}".removesuffix(": ")
    return f"{json.dumps(row.content, indent=2)}\nnumber {row.number}, {said}; the gateway has number {row.in_force}"
