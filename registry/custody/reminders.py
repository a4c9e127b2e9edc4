"""Mails to people about what they have to bring back: one for each due date, a day before it."""

from collections import defaultdict
from datetime import timedelta
from typing import Final

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from registry.access.models import Person
from registry.custody.models import Custody
from registry.custody.scope import in_words
from registry.work import outgoing

AHEAD: Final = timedelta(days=1)
AT_ONCE: Final = 500
MOST_LISTED: Final = 100


@transaction.atomic
def remind() -> int:
    """Put a mail to each person who has something due within a day, or overdue, that they were not reminded of yet; return how
    many mails. Nothing without a mail server."""
    if not outgoing.can_mail():
        return 0
    due = Custody.objects.out().filter(due_at__lte=timezone.now() + AHEAD, person__email__gt="", person__erased_at__isnull=True)
    due = due.filter(Q(reminded_for__isnull=True) | ~Q(reminded_for=F("due_at")))
    theirs: defaultdict[Person, list[Custody]] = defaultdict(list)
    for custody in due.select_related("person", "asset").order_by("due_at", "id")[:AT_ONCE]:
        assert custody.person is not None  # filtered by their address
        theirs[custody.person].append(custody)
    for person, custodies in theirs.items():
        outgoing.mail(to=person.email, subject=_subject(custodies), text=_text(person, custodies))
        Custody.objects.filter(pk__in=[c.pk for c in custodies]).update(reminded_for=F("due_at"))
    return len(theirs)


def _subject(custodies: list[Custody]) -> str:
    if len(custodies) == 1:
        return f"Please bring back {custodies[0].asset.name}"[:200]
    return f"Please bring back {len(custodies)} things"


def _text(person: Person, custodies: list[Custody]) -> str:
    lines = [f"{c.asset.asset_no}  {c.asset.name}, due {in_words(c.due_at)}" for c in custodies[:MOST_LISTED]]
    if len(custodies) > MOST_LISTED:
        lines.append(f"and {len(custodies) - MOST_LISTED} more")
    listed = "\n".join(lines)
    return f"Hello {person.name},\n\nyou have\n\n{listed}\n\nPlease bring it back, or ask for more time.\n"
