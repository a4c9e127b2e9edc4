"""What ingest says to gateways for us, and hears from them: see tracking/correspondence.py.

An order is said when it is placed, after each hello of its gateway, and every few seconds until it is answered: messages may be
lost, and the gateway does nothing twice. The first answer counts.
"""

import logging
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final, TypeVar

import msgspec
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from registry.orders import asked, rotating
from registry.orders.models import LEFT, NEVER_TOLD, NOT_ANSWERED, TEXT_CHARS, GatewayOrder
from registry.texts import for_log
from registry.tracking.correspondence import Spoken
from registry.tracking.gateways import mac_key
from registry.tracking.intake import Message
from registry.tracking.models import Gateway
from registry.tracking.parsing import plain
from registry.trust import boots
from sync.verbs import Verb
from sync.wire import Command, Hello, Outcome, Purpose, Reply, WireError, seal, unseal

log = logging.getLogger(__name__)

AGAIN_AFTER: Final = timedelta(seconds=5)
AT_ONCE: Final = 50

Said = TypeVar("Said", Hello, Reply)
State = GatewayOrder.State
STATES: Final = {Outcome.DONE: State.DONE, Outcome.REFUSED: State.REFUSED, Outcome.FAILED: State.FAILED}


class Letters:
    """All calls in ingest's database thread."""

    leaves = frozenset({"hello", "reply"})

    def take(self, messages: Sequence[Message], counts: Counter[str]) -> None:
        gateways = Gateway.objects.filter(revoked_at=None).in_bulk({message.gateway for message in messages})
        for message in messages:
            gateway = gateways.get(message.gateway)
            if gateway is None:
                counts["replies_of_nobody"] += message.leaf == "reply"
                continue
            try:
                if message.leaf == "hello":  # who has just come back hears at once what waits
                    hello = _unsealed(gateway, message, Hello, Purpose.HELLO)
                    if not boots.is_news(gateway.pk, plain(hello.boot_id), hello.mono_ms):
                        continue
                    asked.greeted(gateway, hello)
                    waiting = GatewayOrder.objects.filter(gateway=gateway, state=State.WAITING, said_at__isnull=False)
                    if waiting.exists():  # many gateways may greet at once
                        waiting.update(said_at=timezone.now() - AGAIN_AFTER)
                else:
                    self._answered(gateway, _unsealed(gateway, message, Reply, Purpose.REPLY))
                    counts["replies"] += 1
            except WireError as exc:
                if message.leaf == "reply":  # of a hello ingest speaks
                    counts[f"refused_{exc.code}"] += 1
                    log.warning("gateway %s, a reply: %s", gateway.pk, for_log(str(exc)))

    def due(self) -> Sequence[Spoken]:
        now = timezone.now()
        letters: list[Spoken] = []
        if GatewayOrder.objects.filter(state=State.WAITING).exists():  # mostly not, and then nobody waits for us to write
            over = GatewayOrder.objects.filter(state=State.WAITING, not_after__lt=now - LEFT)
            over.filter(said_at=None).update(state=State.EXPIRED, text=NEVER_TOLD)
            over.update(state=State.EXPIRED, text=NOT_ANSWERED)
            letters = [letter for one in _to_be_said(now) if (letter := self._letter(one)) is not None]
        return [*letters, *asked.due(now)]

    def _answered(self, gateway: Gateway, reply: Reply) -> None:
        state = STATES.get(reply.outcome)
        if asked.answered(gateway, reply) or state is None:
            return
        theirs = GatewayOrder.objects.filter(pk=reply.id, gateway=gateway, state__in=[State.WAITING, State.EXPIRED])
        if theirs.update(state=state, text=plain(reply.text)[:TEXT_CHARS], answered_at=timezone.now()):
            log.info("gateway %s, order %s: %s, %s", gateway.pk, reply.id, state, for_log(reply.text))

    def _letter(self, one: GatewayOrder) -> Spoken | None:
        arguments = rotating.told(one) if one.verb == Verb.ROTATE_KEYS else one.arguments
        if arguments is None:
            if rotating.is_void(one):
                waiting = GatewayOrder.objects.filter(pk=one.pk, state=State.WAITING)
                waiting.update(
                    state=State.REFUSED, text="the gateway has another key by now; order it again", answered_at=timezone.now()
                )
            return None
        command = Command(one.pk, one.verb, one.not_after, msgspec.Raw(msgspec.json.encode(arguments)))
        return Spoken(one.gateway_id, "cmd", seal(command, Purpose.COMMAND, mac_key(one.gateway)))


def _unsealed(gateway: Gateway, message: Message, kind: type[Said], purpose: Purpose) -> Said:
    """Return what it says under the gateway's key, or under the next one: then that one counts from now on. Raises WireError."""
    try:
        return unseal(message.payload, kind, purpose, mac_key(gateway))
    except WireError as exc:
        if exc.code != "bad_mac":
            raise
        for serial, key in rotating.believed(gateway):
            with suppress(WireError):
                said = unseal(message.payload, kind, purpose, key)
                rotating.go_over(gateway, serial)
                return said
        raise


@transaction.atomic
def _to_be_said(now: datetime) -> list[GatewayOrder]:
    """To gateways that are there; with one that is away it would be lost."""
    due = GatewayOrder.objects.filter(
        Q(said_at=None) | Q(said_at__lt=now - AGAIN_AFTER),
        state=State.WAITING,
        not_after__gt=now,
        gateway__revoked_at=None,
        gateway__state=Gateway.State.ONLINE,
    )
    found = list(due.select_related("gateway").order_by("id")[:AT_ONCE])
    GatewayOrder.objects.filter(pk__in=[one.pk for one in found]).update(said_at=now)
    return found
