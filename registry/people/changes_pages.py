"""The log of changes: who changed what, when, through what, from what to what."""

from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import render

from registry.access.actors import Action
from registry.access.models import Person
from registry.page import acting, page
from registry.people.changes_file import download
from registry.people.log import KINDS, Wanted, find


@page()
def listing(request: HttpRequest) -> HttpResponse:
    by = acting(request)
    if not by.may_anywhere(Action.CHANGES):
        raise PermissionDenied
    wanted = _wanted(request.GET)
    found = find(by, wanted, after=_uuid(request.GET.get("after", "")))
    kept = {name: value for name in ("kind", "user", "since", "until", "request", "object") if (value := request.GET.get(name))}
    query = QueryDict(mutable=True)
    query.update(kept)
    people = Person.objects.filter(user__isnull=False).select_related("user")[:200] if by.may_everywhere(Action.CHANGES) else []
    context = {
        "area": "changes", "found": found, "wanted": asdict(wanted), "given": kept, "query": query.urlencode(), "people": people,
        "kinds": KINDS if by.may_everywhere(Action.CHANGES) else {k: KINDS[k] for k in ("asset", "location", "category")},
    }  # fmt: skip
    return render(request, "people/changes.html", context)


@page()
def export(request: HttpRequest) -> HttpResponseBase:
    """What the list shows, as CSV: a row for every field that changed."""
    by = acting(request)
    if not by.may_anywhere(Action.CHANGES):
        raise PermissionDenied
    return download(by, _wanted(request.GET))


def _wanted(given: QueryDict) -> Wanted:
    """What the address asks for; what it cannot be is left out."""
    kind = given.get("kind", "")
    until = _day(given.get("until", ""))
    thing = _uuid(given.get("object", ""))
    return Wanted(
        kind=kind if kind in KINDS else "", object_id=str(thing or ""), user=_uuid(given.get("user", "")),
        request=_uuid(given.get("request", "")), since=_day(given.get("since", "")),
        until=until + timedelta(days=1) if until is not None else None,
    )  # fmt: skip


def _day(text: str) -> datetime | None:
    try:
        return datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)
    except ValueError:
        return None


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
