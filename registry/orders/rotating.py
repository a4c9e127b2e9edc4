"""A new MAC key for a gateway. It is handed over under the one in use, and counts from the gateway's first message under it.

Keys are derived from serials, so nothing secret is stored. The next serial is drawn, so that no other credentials are ever given
the same; it is believed only while the one it follows is still in use.
"""

import logging
import secrets
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from registry import secret_files
from registry.access import changes as log_of_changes
from registry.access.actors import system
from registry.orders.models import GatewayOrder
from registry.problems import Invalid
from registry.tracking.gateways import mac_key
from registry.tracking.models import Gateway
from sync.key_wrap import wrap
from sync.verbs import Verb

log = logging.getLogger(__name__)

FIRST: Final = 1 << 20  # drawn from here; below is room for what counts up by one
SERIALS: Final = (1 << 30) - (1 << 21)  # so many; above are those of enrolments
APART: Final = 1_000  # from the one in use
BELIEVED: Final = 3  # rotations of one key that may have reached the gateway

State = GatewayOrder.State


def prepared(gateway: Gateway) -> dict[str, int]:
    """Return what the row of a new order holds. Raises Invalid while another one is under way."""
    if GatewayOrder.objects.filter(gateway=gateway, verb=Verb.ROTATE_KEYS, state=State.WAITING).exists():
        raise Invalid("a change of keys is under way; wait for its answer", field="verb")
    before = _coming(gateway) or gateway.key_serial
    serial = before
    while min(abs(serial - gateway.key_serial), abs(serial - before)) < APART:
        serial = FIRST + secrets.randbelow(SERIALS)
    return {"from": before, "serial": serial}


def told(order: GatewayOrder) -> dict[str, Any] | None:
    """Return the arguments for the gateway; None when it has not gone over yet to the key that this one follows, or has another
    one by now (then it `is_void`)."""
    gateway, serial = order.gateway, int(order.arguments["serial"])
    if order.arguments["from"] != gateway.key_serial:
        return None
    wrapped = wrap(_key(gateway, serial), under=mac_key(gateway), gateway=gateway.pk, serial=serial)
    return {"serial": serial, "wrapped": wrapped}


def is_void(order: GatewayOrder) -> bool:
    """The key that this one would follow is not in use, nor will it be."""
    return order.arguments["from"] not in (order.gateway.key_serial, _coming(order.gateway))


def believed(gateway: Gateway) -> list[tuple[int, bytes]]:
    """Return (serial, key) of those that the gateway may have gone over to."""
    orders = GatewayOrder.objects.filter(gateway=gateway, verb=Verb.ROTATE_KEYS).exclude(state=State.REFUSED).order_by("-id")
    serials = [one.arguments["serial"] for one in orders[:BELIEVED] if one.arguments["from"] == gateway.key_serial]
    return [(serial, _key(gateway, serial)) for serial in serials]


@transaction.atomic
def go_over(gateway: Gateway, serial: int) -> None:
    """From now on only the key with this serial counts; the gateway has just used it."""
    before = gateway.key_serial
    if not Gateway.objects.filter(pk=gateway.pk, key_serial=before).update(key_serial=serial):
        return  # somebody gave it new credentials meanwhile
    gateway.key_serial = serial
    rotations = GatewayOrder.objects.filter(gateway=gateway, verb=Verb.ROTATE_KEYS, state__in=[State.WAITING, State.EXPIRED])
    of_this = [one.pk for one in rotations if one.arguments["serial"] == serial]
    rotations.filter(pk__in=of_this).update(
        state=State.DONE, text=f"the key with serial {serial} is in use", answered_at=timezone.now()
    )
    log_of_changes.record(system(), gateway, "key changed", {"key_serial": before}, key_serial=serial)
    log.info("gateway %s signs with its new key", gateway.pk)


def _coming(gateway: Gateway) -> int | None:
    """Return the serial that the gateway said it has, and has not signed with yet: it does so within seconds."""
    last = GatewayOrder.objects.filter(gateway=gateway, verb=Verb.ROTATE_KEYS, state=State.DONE).order_by("-id").first()
    return int(last.arguments["serial"]) if last is not None and last.arguments["from"] == gateway.key_serial else None


def _key(gateway: Gateway, serial: int) -> bytes:
    return secret_files.gateway_mac_key(settings.DATA_DIR, gateway.pk, serial)
