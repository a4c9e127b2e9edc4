"""The sessions in which people are logged in, and ending them. A session names its user only inside what it holds."""

from collections import Counter
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session
from django.db import transaction
from django.utils import timezone

from registry.access import changes as log
from registry.access.actors import Action, Actor
from registry.access.models import User
from registry.problems import Forbidden, NotFound

MOST_LOOKED_AT = 20_000
ROWS_AT_ONCE = 1_000


def open_by_user() -> Counter[str]:
    """How many sessions each user has that have not run out, by the text of the user's id."""
    return Counter(user_id for _, user_id in _open())


@transaction.atomic
def end(*, by: Actor, user_id: UUID) -> int:
    """Log a user out everywhere: their next request has to log in again. Return how many sessions ended.

    Raises NotFound, Forbidden."""
    if not by.may_everywhere(Action.ADMINISTER) and by.user_id != user_id:
        raise Forbidden("sessions of others are for administrators")
    user = User.objects.filter(pk=user_id).first()
    if user is None:
        raise NotFound("there is no such user")
    theirs = [key for key, owner in _open() if owner == str(user_id)][:ROWS_AT_ONCE]
    ended = Session.objects.filter(pk__in=theirs).delete()[0]
    if ended:
        log.record(by, user, "sessions ended", count=ended)
    return ended


def _open() -> Iterator[tuple[str, str]]:
    """The key of each session and the id of who is logged in there."""
    rows: Any = Session.objects.filter(expire_date__gt=timezone.now()).order_by("-expire_date")
    for session in rows[:MOST_LOOKED_AT].iterator():
        user_id = session.get_decoded().get(SESSION_KEY)
        if user_id:
            yield session.pk, user_id
