"""The one outgoing queue: a message is put in the transaction of the change it tells of, and its row goes when it has arrived.

Messages of one key go in the order they were put: while an earlier one waits for its next attempt, those behind it wait, too.
"""

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from registry.access import changes
from registry.access.actors import Action, Actor
from registry.problems import Forbidden, Invalid, NotFound
from registry.texts import for_log, line
from registry.work.models import Outgoing

ATTEMPTS: Final = 12  # then nobody takes it: with the pauses below, after about ten hours
FIRST_PAUSE_S: Final = 15.0
LONGEST_PAUSE_S: Final = 3600.0
DEAD_KEPT: Final = timedelta(days=30)
MQTT_KEPT: Final = 100_000  # messages that wait for a broker; the oldest go first
ROWS_AT_ONCE: Final = 1_000
MAIL_BYTES: Final = 10_000_000  # of one mail's attachments together


@dataclass(frozen=True, slots=True)
class Attached:
    """A file that goes with a mail."""

    name: str
    content_type: str
    content: bytes


def put(*, sink: str, topic: str, key: str, payload: Any, retain: bool = False, replaces: bool = False) -> Outgoing:
    """Put one message, in the caller's transaction. `replaces`: what waits on this topic under this key goes."""
    if replaces:
        Outgoing.objects.filter(sink=sink, key=key, topic=topic, dead=False, handed_over_at=None).delete()
    return Outgoing.objects.create(sink=sink, topic=topic, key=key, payload=payload, retain=retain, next_at=timezone.now())


def put_all(messages: Sequence[Outgoing], *, replacing: Iterable[str] = ()) -> None:
    """Put many in one statement, in the caller's transaction; what waits under the keys `replacing` goes. MQTT only."""
    if keys := sorted(set(replacing)):
        Outgoing.objects.filter(sink=Outgoing.Sink.MQTT, key__in=keys, dead=False).delete()
    Outgoing.objects.bulk_create(messages)


def can_mail() -> bool:
    """Is there a mail server to hand mails to ([mail] host in registry.toml)?"""
    return bool(settings.CONFIGURATION.mail.host)


def mail(*, to: str | Sequence[str], subject: str, text: str, attachments: Sequence[Attached] = ()) -> list[Outgoing]:
    """Put a mail to each of these addresses, in the caller's transaction. Raises Invalid."""
    if not can_mail():
        raise Invalid("this registry has no mail server: name one as host under [mail] in registry.toml")
    if (size := sum(len(one.content) for one in attachments)) > MAIL_BYTES:
        raise Invalid(f"the attachments are {size:,} bytes together, a mail takes {MAIL_BYTES:,}")
    payload = {
        "subject": line(subject, field="subject", most=200),
        "text": text,
        "attachments": [
            {"name": one.name, "type": one.content_type, "base64": base64.b64encode(one.content).decode()} for one in attachments
        ],
    }
    return [
        put(sink=Outgoing.Sink.MAIL, topic=address, key=f"mail:{address.lower()}"[:200], payload=payload)
        for address in ([to] if isinstance(to, str) else to)
    ]


# ---- what the sinks ask and tell ------------------------------------------------------------------------------------------


def due(sink: str, *, most: int) -> list[Outgoing]:
    """The messages whose turn it is, in the order they were put."""
    now = timezone.now()
    ahead = Outgoing.objects.filter(sink=sink, key=OuterRef("key"), id__lt=OuterRef("id"), dead=False, next_at__gt=now)
    waiting = Outgoing.objects.filter(sink=sink, dead=False, next_at__lte=now, handed_over_at=None).filter(~Exists(ahead))
    return list(waiting.order_by("id")[:most])


@transaction.atomic
def arrived(ids: Sequence[UUID]) -> set[UUID]:
    """Forget these: somebody outside has them. Return those still there because somebody is just replacing them: ask
    again."""
    rows = Outgoing.objects.filter(pk__in=ids)
    if connection.features.has_select_for_update_skip_locked:  # never wait for ingest, which may wait for us
        free = list(rows.select_for_update(skip_locked=True).order_by("pk").values_list("pk", flat=True))
        Outgoing.objects.filter(pk__in=free).delete()
        return set(rows.values_list("pk", flat=True)) if len(free) < len(ids) else set()
    rows.delete()
    return set()


def handed_over(message: Outgoing) -> bool:
    """Note that from now on it may have arrived whatever happens; committed when this returns. False: it is gone."""
    now = timezone.now()
    if not Outgoing.objects.filter(pk=message.pk, dead=False).update(handed_over_at=now):
        return False
    message.handed_over_at = now
    return True


def put_off(message: Outgoing, why: str, *, jitter: float) -> bool:
    """It was certainly not taken: try again after a pause that doubles, or give up. `jitter`: 0 to 1. Return whether
    it is dead now."""
    attempts = message.attempts + 1
    if attempts >= ATTEMPTS:
        give_up(message, f"given up after {attempts} attempts: {why}")
        return True
    pause_s = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** (attempts - 1)) * (0.5 + jitter / 2)
    next_at = timezone.now() + timedelta(seconds=pause_s)
    Outgoing.objects.filter(pk=message.pk).update(
        attempts=attempts, next_at=next_at, handed_over_at=None, error=for_log(why, 500)
    )
    return False


def give_up(message: Outgoing, why: str) -> None:
    """Nobody will take it: it is kept for a while, to be looked at."""
    Outgoing.objects.filter(pk=message.pk).update(dead=True, attempts=message.attempts + 1, error=for_log(why, 500))


def settle_uncertain() -> int:
    """While no mail is in hand: those that were being taken when the process or the database failed have perhaps arrived. They
    are not sent again by themselves, and they are told of. Return how many."""
    in_doubt = Outgoing.objects.filter(handed_over_at__isnull=False, dead=False)
    return in_doubt.update(dead=True, error=PERHAPS) if in_doubt.exists() else 0


PERHAPS: Final = (
    "perhaps sent: the process or the connection ended while the mail server was taking it;"
    " ask the recipient, then repeat or forget it"
)


def trim() -> int:
    """Forget what has been dead for long, and the oldest of far too many that wait for a broker; return how many of those."""
    old = Outgoing.objects.filter(dead=True, created_at__lt=timezone.now() - DEAD_KEPT).order_by("pk")
    Outgoing.objects.filter(pk__in=list(old.values_list("pk", flat=True)[:ROWS_AT_ONCE])).delete()
    waiting = Outgoing.objects.filter(sink=Outgoing.Sink.MQTT, dead=False)
    too_many = waiting.count() - MQTT_KEPT
    if too_many <= 0:
        return 0
    oldest = list(waiting.order_by("id").values_list("pk", flat=True)[: min(too_many, ROWS_AT_ONCE)])
    return len(oldest) - len(arrived(oldest))


# ---- what people do about it ----------------------------------------------------------------------------------------------


def undelivered(by: Actor) -> QuerySet[Outgoing]:
    """What nobody took. For administrators. Raises Forbidden."""
    _must_administer(by)
    return Outgoing.objects.filter(dead=True).order_by("-id")


@transaction.atomic
def repeat(*, by: Actor, message_id: UUID) -> None:
    """Send a dead one again. Raises Forbidden, NotFound."""
    _must_administer(by)
    message = _dead(message_id)
    values: dict[str, Any] = {"dead": False, "attempts": 0, "next_at": timezone.now(), "handed_over_at": None, "error": ""}
    if not Outgoing.objects.filter(pk=message_id, dead=True).update(**values):
        raise NotFound("there is no such message any more")
    changes.record(by, message, "sent again", sink=message.sink)


@transaction.atomic
def forget(*, by: Actor, message_id: UUID) -> None:
    """Raises Forbidden, NotFound."""
    _must_administer(by)
    message = _dead(message_id)
    if not Outgoing.objects.filter(pk=message_id, dead=True).delete()[0]:
        raise NotFound("there is no such message any more")
    message.pk = message_id
    changes.record(by, message, "forgotten", sink=message.sink)


def _dead(message_id: UUID) -> Outgoing:
    message = Outgoing.objects.filter(pk=message_id, dead=True).first()
    if message is None:
        raise NotFound("only what was given up can be sent again or forgotten, and there is no such message")
    return message


def _must_administer(by: Actor) -> None:
    if not by.may_everywhere(Action.ADMINISTER):
        raise Forbidden("what was not delivered is for administrators")


def waiting_since(sink: str) -> datetime | None:
    """When the oldest message that waits was put."""
    return Outgoing.objects.filter(Q(sink=sink, dead=False)).order_by("id").values_list("created_at", flat=True).first()
