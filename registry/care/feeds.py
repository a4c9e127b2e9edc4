"""The calendar of work as iCalendar (RFC 5545), at an address that only its owner knows and can make invalid."""

import hashlib
import secrets
from datetime import UTC, date, datetime, timedelta
from typing import Final

from django.db import transaction
from django.utils import timezone

from registry.access import changes as log
from registry.access.actors import Actor
from registry.access.models import User
from registry.access.rights import of_user
from registry.care.models import CalendarFeed, WorkOrder
from registry.problems import Invalid

MOST: Final = 2_000
PAST: Final = timedelta(days=90)
CHARS: Final = 43


@transaction.atomic
def make(*, by: Actor) -> str:
    """A new secret; an older one is no longer good. It cannot be shown again. Raises Invalid."""
    user = User.objects.filter(pk=by.user_id).first() if by.user_id is not None else None
    if user is None:
        raise Invalid("calendars go to people: log in as one")
    secret = secrets.token_urlsafe(32)
    CalendarFeed.objects.update_or_create(user=user, defaults={"digest": _digest(secret), "made_at": timezone.now()})
    log.record(by, user, "calendar address made")
    return secret


@transaction.atomic
def revoke(*, by: Actor) -> None:
    found = CalendarFeed.objects.filter(user=by.user_id).select_related("user").first() if by.user_id is not None else None
    if found is not None:
        log.record(by, found.user, "calendar address revoked")
        found.delete()


def of_secret(secret: str) -> Actor | None:
    """Whose it is, with what they may now; None for one that is not good."""
    feed = CalendarFeed.objects.select_related("user").filter(digest=_digest(secret)).first() if len(secret) == CHARS else None
    return of_user(feed.user, through="api") if feed is not None and feed.user.is_active else None


def calendar(by: Actor, now: datetime, address: str) -> str:
    """Every order in their scope with a day, from three months ago on. `address` begins the address of an order."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Sightpost//Work orders//EN", "X-WR-CALNAME:Work orders"]
    rows = WorkOrder.objects.visible_to(by).filter(due_on__gte=now.date() - PAST).select_related("asset", "assignee")
    for order in rows.order_by("due_on", "pk")[:MOST]:
        assert order.due_on is not None
        summary = f"{'✓ ' if order.state == 'done' else ''}{order.title}: {order.asset.name}"
        lines += [
            "BEGIN:VEVENT", f"UID:{order.pk}@sightpost", f"DTSTAMP:{now.astimezone(UTC):%Y%m%dT%H%M%SZ}",
            f"DTSTART;VALUE=DATE:{_day(order.due_on)}", f"DTEND;VALUE=DATE:{_day(order.due_on + timedelta(days=1))}",
            f"SUMMARY:{_text(summary)}", f"DESCRIPTION:{_text(f'{order.number}, {order.get_state_display()}')}",
            f"STATUS:{'CANCELLED' if order.state == 'cancelled' else 'CONFIRMED'}", f"URL:{address}{order.pk}/", "END:VEVENT",
        ]  # fmt: skip
    return "".join(f"{_folded(line)}\r\n" for line in [*lines, "END:VCALENDAR"])


def _day(day: date) -> str:
    return f"{day:%Y%m%d}"


def _text(text: str) -> str:
    for char in "\\;,":
        text = text.replace(char, f"\\{char}")
    return text.replace("\n", "\\n")


def _folded(line: str) -> str:
    """At most 75 bytes on a line, cut between characters; what goes on begins with a blank."""
    parts: list[str] = []
    part = ""
    for char in line:
        if len((part + char).encode()) > (75 if not parts else 74):
            parts.append(part)
            part = ""
        part += char
    return "\r\n ".join([*parts, part])


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
