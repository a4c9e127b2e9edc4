"""Guessing passwords, second factors and tokens is made slow: after some wrong ones a key has to wait, longer each time.

In the database, so that it holds for all processes together and survives a restart. A try is counted before it is checked and
forgotten when it was right; a hundred tries sent at once are counted one after the other.
"""

import hmac
import math
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from registry import secret_files
from registry.access.models import Failure

FREE_TRIES = 5  # of one name at one address
FREE_TRIES_OF_ADDRESS = 100  # whatever the names: one address may be a whole office
FIRST_WAIT_S = 15.0
LONGEST_WAIT_S = 900.0
FORGET_AFTER = timedelta(hours=1)
SWEPT_AT_ONCE = 100


def attempt(what: str, *who: str, address: str, free_of_address: int = FREE_TRIES_OF_ADDRESS) -> int:
    """Count one more try to prove `what` (a password, a second factor, a token) as `who` from this address. Return 0 if it may be
    checked, else how many whole seconds they have to wait; then it is not counted."""
    keys = [(_key(what, address), free_of_address)]
    if who:
        keys.append((_key(what, *who, address), FREE_TRIES))
    now = timezone.now()
    with transaction.atomic():
        held = []
        for key, free in sorted(keys):
            Failure.objects.get_or_create(key=key, defaults={"last_at": now})
            held.append((Failure.objects.select_for_update().get(key=key), free))
        wait = max(wait_s(row.count, now - row.last_at, free) for row, free in held)
        if wait > 0:
            return math.ceil(wait)
        for row, _ in held:
            row.count = 1 if now - row.last_at > FORGET_AFTER else row.count + 1
            row.last_at = now
            row.save()
        _sweep(now)
    return 0


def succeeded(what: str, *who: str, address: str) -> None:
    """Forget the tries of this one: it was right. Those of the address stay, less this one."""
    Failure.objects.filter(key=_key(what, *who, address)).delete()
    with transaction.atomic():
        row = Failure.objects.select_for_update().filter(key=_key(what, address)).first()
        if row is not None:
            row.count = max(0, row.count - 1)
            row.save(update_fields=["count"])


def wait_s(count: int, since: timedelta, free: int = FREE_TRIES) -> float:
    """Return how many seconds are left to wait after so many failures, the last one so long ago."""
    if count < free or since > FORGET_AFTER:
        return 0.0
    wait = min(LONGEST_WAIT_S, FIRST_WAIT_S * (1 << min(count - free, 16)))
    return max(0.0, wait - since.total_seconds())


def _sweep(now: datetime) -> None:
    """What is forgotten anyway goes, some at a time: a flood of names does not fill the table for longer than an hour."""
    old = Failure.objects.filter(last_at__lt=now - FORGET_AFTER).order_by("last_at").values_list("pk", flat=True)[:SWEPT_AT_ONCE]
    if some := list(old):
        Failure.objects.filter(pk__in=some, last_at__lt=now - FORGET_AFTER).delete()


def _key(*parts: str) -> str:
    key = secret_files.derive(settings.DATA_DIR, "throttle")
    return hmac.digest(key, "\0".join(part.casefold() for part in parts).encode(errors="replace"), "sha256").hex()
