"""Ordering something of a gateway. Each function is one transaction."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

import msgspec
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from registry.access import changes as log
from registry.access.actors import Action, Actor
from registry.orders import rotating
from registry.orders.models import KEPT_PER_GATEWAY, LONGEST, OPEN_PER_GATEWAY, GatewayOrder
from registry.problems import Forbidden, Invalid, NotFound
from registry.tracking.models import Gateway
from sync.verbs import ARGUMENTS, Verb

SHORTEST: Final = timedelta(seconds=5)
USUALLY: Final = timedelta(minutes=2)
MAX_ARGUMENT_BYTES: Final = 8 * 1024
NEEDS: Final[dict[Verb, Action]] = {Verb.PING: Action.EDIT, Verb.IDENTIFY: Action.EDIT}  # what is not here: ADMINISTER


@transaction.atomic
def order(
    *, by: Actor, gateway_id: str, verb: str, arguments: Mapping[str, Any] | None = None, within: timedelta = USUALLY
) -> GatewayOrder:
    """Have a gateway do something within a time; what comes of it is found in the order's row.

    Raises Invalid, NotFound, Forbidden."""
    known = _verb(verb)
    if not by.may_everywhere(need := NEEDS.get(known, Action.ADMINISTER)):
        raise Forbidden(f"{known} is ordered by whoever may {need} everything")
    checked = _checked(known, arguments or {})
    if not SHORTEST <= within <= LONGEST:
        raise Invalid(f"within: 5 to {LONGEST.total_seconds():.0f} seconds", field="within")
    gateway = Gateway.objects.select_for_update().filter(pk=gateway_id).first()
    if gateway is None:
        raise NotFound(f"there is no gateway {gateway_id!r}", field="gateway")
    if gateway.revoked_at is not None:
        raise Invalid(f"{gateway_id} is revoked; it hears nothing", field="gateway")
    if waiting(gateway_id).count() >= OPEN_PER_GATEWAY:
        raise Invalid(f"{OPEN_PER_GATEWAY} orders wait for {gateway_id} already; wait until some are answered", field="gateway")
    if known is Verb.ROTATE_KEYS:
        checked = rotating.prepared(gateway)
    placed = GatewayOrder.objects.create(
        gateway=gateway, verb=known, arguments=checked, user=by.user_id, through=by.through, not_after=timezone.now() + within
    )
    log.record(by, gateway, f"ordered {known}", **checked)
    _forget_the_oldest(gateway_id)
    return placed


def waiting(gateway_id: str) -> QuerySet[GatewayOrder]:
    return GatewayOrder.objects.filter(gateway=gateway_id, state=GatewayOrder.State.WAITING, not_after__gt=timezone.now())


def orders_of(*, by: Actor, gateway_id: str) -> QuerySet[GatewayOrder]:
    """Return what was ordered of a gateway, newest first. Raises NotFound, Forbidden."""
    if not by.may_everywhere(Action.EDIT):
        raise Forbidden("orders to gateways are for managers and administrators")
    if not Gateway.objects.visible_to(by).filter(pk=gateway_id).exists():
        raise NotFound(f"there is no gateway {gateway_id!r}", field="gateway")
    return GatewayOrder.objects.filter(gateway=gateway_id).order_by("-id")


def _verb(text: str) -> Verb:
    try:
        return Verb(text)
    except ValueError:
        raise Invalid(f"verb: {text[:40]!r} should be one of {', '.join(Verb)}", field="verb") from None


def _checked(verb: Verb, arguments: Mapping[str, Any]) -> dict[str, Any]:
    try:
        encoded = msgspec.json.encode(arguments)
        if len(encoded) > MAX_ARGUMENT_BYTES:
            raise Invalid(f"arguments: more than {MAX_ARGUMENT_BYTES:,} bytes", field="arguments")
        checked: dict[str, Any] = msgspec.to_builtins(msgspec.json.decode(encoded, type=ARGUMENTS[verb]))
    except (msgspec.MsgspecError, TypeError, ValueError) as exc:
        needs = ", ".join(ARGUMENTS[verb].__struct_fields__) or "none"
        raise Invalid(f"arguments: {exc}; {verb} takes: {needs}", field="arguments") from None
    return checked


def _forget_the_oldest(gateway_id: str) -> None:
    kept = GatewayOrder.objects.filter(gateway=gateway_id).order_by("-id")
    edge = kept.values_list("pk", flat=True)[KEPT_PER_GATEWAY : KEPT_PER_GATEWAY + 1].first()
    if edge is not None:
        GatewayOrder.objects.filter(gateway=gateway_id, pk__lte=edge).delete()
