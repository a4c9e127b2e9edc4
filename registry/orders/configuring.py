"""What is set over a gateway's own settings. Each function is one transaction."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

import msgspec
from django.db import transaction
from django.utils import timezone

from registry.access import changes as log
from registry.access.actors import Action, Actor
from registry.db import uuid7
from registry.orders.models import GatewayConfiguration
from registry.problems import Forbidden, Invalid, NotFound
from registry.tracking.models import Gateway
from sync.wire import MAX_WIRE_BYTES, Configuration

MEMBERS: Final = ("site", "commit_interval_ms", "zones", "doors")
MOST_BYTES: Final = MAX_WIRE_BYTES // 2

State = GatewayConfiguration.State


@transaction.atomic
def configure(*, by: Actor, gateway_id: str, content: Mapping[str, Any]) -> GatewayConfiguration:
    """Have this hold at the gateway over its gateway.toml, and nothing else; {} takes all of it back. The gateway checks it.

    Raises Invalid, NotFound, Forbidden."""
    _must_administer(by)
    gateway = Gateway.objects.select_for_update().filter(pk=gateway_id).first()
    if gateway is None:
        raise NotFound(f"there is no gateway {gateway_id!r}", field="gateway")
    checked = _checked(content)
    before = GatewayConfiguration.objects.filter(gateway=gateway).first()
    number = max(before.number, before.in_force) + 1 if before is not None else 1
    row, _ = GatewayConfiguration.objects.update_or_create(
        gateway=gateway,
        defaults={
            "number": number, "told_as": uuid7(), "content": checked, "set_at": timezone.now(), "user": by.user_id,
            "state": State.WAITING, "text": "", "said_at": None,
        },
    )  # fmt: skip
    log.record(by, gateway, "configured", {"configuration": before.content if before is not None else {}}, configuration=checked)
    return row


def configuration_of(*, by: Actor, gateway_id: str) -> GatewayConfiguration | None:
    """Return what is set; None when nothing ever was. Raises NotFound, Forbidden."""
    _must_administer(by)
    if not Gateway.objects.filter(pk=gateway_id).exists():
        raise NotFound(f"there is no gateway {gateway_id!r}", field="gateway")
    return GatewayConfiguration.objects.filter(gateway=gateway_id).first()


def message(row: GatewayConfiguration, within: timedelta) -> Configuration:
    """Return what the gateway is told. Raises msgspec.ValidationError when `row` holds what cannot be said."""
    told = {"id": row.told_as, "number": row.number, "not_after": timezone.now() + within, **row.content}
    return msgspec.convert(told, Configuration)


def _checked(content: Mapping[str, Any]) -> dict[str, Any]:
    unknown = sorted(set(content) - set(MEMBERS))
    if unknown:
        raise Invalid(f"{unknown[0]}: not to be set from here; there are {', '.join(MEMBERS)}", field=unknown[0])
    row = GatewayConfiguration(number=1, content={name: value for name, value in content.items() if value not in (None, {})})
    try:
        told = msgspec.json.encode(message(row, timedelta()))
    except (msgspec.MsgspecError, TypeError, ValueError) as exc:
        raise Invalid(f"content: {exc}", field="content") from None
    if len(told) > MOST_BYTES:
        raise Invalid(f"content: {len(told):,} bytes; a gateway takes {MOST_BYTES:,}", field="content")
    return dict(row.content)


def _must_administer(by: Actor) -> None:
    if not by.may_everywhere(Action.ADMINISTER):
        raise Forbidden("gateways are configured by administrators")
