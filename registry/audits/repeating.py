"""The next audit of a series: made and opened when its days begin, once, whoever else is about it too."""

from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from registry.access import changes as log
from registry.access.actors import Actor, system
from registry.access.models import User
from registry.access.rights import of_user
from registry.audits import opening, services
from registry.audits.models import Campaign, ScopeItem
from registry.audits.windows import MONTHS, moments, occurrence
from registry.problems import Problem


def begin_due() -> int:
    """Return how many were begun. Due every minute."""
    newest: dict[UUID, Campaign] = {}
    for one in Campaign.objects.exclude(recurrence="never").exclude(state="draft").order_by("series", "number"):
        newest[one.series] = one
    followed = set(Campaign.objects.filter(state="draft").values_list("series", flat=True))  # one waits for somebody already
    return sum(_begin_next(one) for series, one in newest.items() if series not in followed)


def _begin_next(last: Campaign) -> bool:
    """Make the one whose days have begun, if there is one; those whose days are over already are passed over."""
    first = Campaign.objects.filter(series=last.series).order_by("number").first() or last
    zone, now, number = services.zone(last.time_zone), timezone.now(), last.number
    while True:
        number += 1
        from_on, until_on = occurrence(first.from_on, first.until_on, last.recurrence, number - first.number)
        start, end = moments(from_on, until_on, zone)
        if start > now:
            return False
        if end > now:
            break
    days: dict[str, Any] = {"from_on": from_on, "until_on": until_on, "window_from": start, "window_to": end}
    made = _make(last, number, days)
    if made is None:
        return False
    try:
        opening.open_campaign(by=_as(made), campaign_id=made.pk)
    except Problem as problem:  # it stays a draft, and says why
        Campaign.objects.filter(pk=made.pk).update(note=f"{made.note}\nNot opened by itself: {problem.text}".strip()[:1_000])
    return True


def _make(last: Campaign, number: int, days: dict[str, Any]) -> Campaign | None:
    """The draft, or None: somebody was faster."""
    kept = {name: getattr(last, name) for name in ("name", "note", "method", "recurrence", "time_zone", "made_by", "series")}
    try:
        with transaction.atomic():
            made = Campaign.objects.create(number=number, **kept, **days)
            items = last.scope.values_list("location", "category", "person")
            ScopeItem.objects.bulk_create(
                [ScopeItem(campaign=made, location_id=place, category_id=kind, person_id=person) for place, kind, person in items]
            )
            log.record(system("work"), made, "created", name=made.name, after=last)
    except IntegrityError:
        return None
    return made


def _as(campaign: Campaign) -> Actor:
    """With the rights that whoever made the series has now."""
    if campaign.made_by is None:
        return system("work")
    user = User.objects.filter(pk=campaign.made_by).first()
    return of_user(user, through="work") if user is not None else Actor("nobody")


assert set(MONTHS) == {value for value in Campaign.Recurrence.values if value != "never"}
