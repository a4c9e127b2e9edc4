"""Which configuration a gateway has, and what it is told then. In ingest's database thread, for letters.py.

A gateway asks by its hello, which names the number it has. It is told the one it should have until it has it or says why not.
"""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import F, Q, QuerySet

from registry.db import uuid7
from registry.orders.configuring import message
from registry.orders.models import TEXT_CHARS, GatewayConfiguration
from registry.tracking.correspondence import Spoken
from registry.tracking.gateways import mac_key
from registry.tracking.models import Gateway
from registry.tracking.parsing import plain
from sync.wire import Hello, Outcome, Purpose, Reply, seal

log = logging.getLogger(__name__)

AGAIN_AFTER: Final = timedelta(seconds=30)
WITHIN: Final = timedelta(minutes=5)
AT_ONCE: Final = 20

State = GatewayConfiguration.State
STATES: Final = {Outcome.DONE: State.HOLDS, Outcome.REFUSED: State.REFUSED, Outcome.TAKEN_BACK: State.TAKEN_BACK}


def greeted(gateway: Gateway, hello: Hello) -> None:
    """Note which one it has, and tell it at once if that is not the one it should have."""
    rows = GatewayConfiguration.objects.filter(gateway=gateway)
    if not rows.exists():
        return
    rows.update(in_force=hello.configuration, said_at=None)
    rows.filter(state=State.HOLDS).exclude(number=hello.configuration).update(state=State.WAITING)  # it has lost it
    # A registry put back from a backup counts too low: the gateway takes none below the one it has.
    rows.filter(number__lt=hello.configuration).update(
        number=hello.configuration + 1, told_as=uuid7(), state=State.WAITING, text=""
    )


def answered(gateway: Gateway, reply: Reply) -> bool:
    """Return whether that was about its configuration."""
    state = STATES.get(reply.outcome)
    rows = GatewayConfiguration.objects.filter(gateway=gateway, told_as=reply.id)
    if state is None or not rows.update(state=state, text=plain(reply.text)[:TEXT_CHARS]):
        return False
    if state == State.HOLDS:
        rows.update(in_force=F("number"))
    log.info("gateway %s, configuration: %s", gateway.pk, state)
    return True


def due(now: datetime) -> Sequence[Spoken]:
    if not _waiting(now).exists():  # a read: nobody waits for it
        return []
    return [
        Spoken(row.gateway_id, "config", seal(message(row, WITHIN), Purpose.CONFIGURATION, mac_key(row.gateway)))
        for row in _to_be_said(now)
    ]


def _waiting(now: datetime) -> QuerySet[GatewayConfiguration]:
    return GatewayConfiguration.objects.filter(
        Q(said_at=None) | Q(said_at__lt=now - AGAIN_AFTER),
        state=State.WAITING,
        gateway__revoked_at=None,
        gateway__state=Gateway.State.ONLINE,
    )


@transaction.atomic
def _to_be_said(now: datetime) -> list[GatewayConfiguration]:
    found = list(_waiting(now).select_related("gateway").order_by("gateway")[:AT_ONCE])
    GatewayConfiguration.objects.filter(pk__in=[row.pk for row in found]).update(said_at=now)
    return found
