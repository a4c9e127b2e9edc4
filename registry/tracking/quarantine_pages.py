"""The pages of what was refused: the list, one record with what it says, and deciding on one or many. For administrators."""

from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, F
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import urlencode

from registry.access.actors import Actor
from registry.page import acting, page, said
from registry.paging import BadCursor, Order, cut
from registry.problems import Forbidden, Problem
from registry.tracking import quarantine
from registry.tracking.models import Quarantine

PAGE_SIZE: Final = 50
NEWEST: Final = Order("received", F("received_at"), "time", descending=True)
FILTERS: Final = ("gateway", "code", "show")


@page()
def listed(request: HttpRequest) -> HttpResponse:
    by = _administrator(request)
    chosen = {name: request.GET.get(name, "")[:40] for name in FILTERS}
    settled = chosen["show"] == "settled"
    found = quarantine.wanted(by, gateway=chosen["gateway"], code=chosen["code"], settled=settled)
    try:
        shown = cut(found, NEWEST, request.GET.get("cursor"), PAGE_SIZE)
    except BadCursor:
        raise Http404 from None
    number_open, number_settled = Quarantine.objects.open().count(), Quarantine.objects.filter(settled_at__isnull=False).count()
    every = quarantine.wanted(by, settled=settled).order_by()
    context = {
        "area": "gateways",
        "chosen": chosen,
        "settled": settled,
        "rows": shown.rows,
        "number": found.count(),
        "tabs": [("", "Open", number_open), ("settled", "Settled", number_settled)],
        "gateways": _facet(every, "gateway", chosen),
        "codes": _facet(every, "code", chosen),
        "next": shown.next,
        "previous": shown.previous,
        "most": quarantine.AT_ONCE,
    }
    return render(request, "tracking/quarantine.html", context)


@page()
def one(request: HttpRequest, record_id: UUID) -> HttpResponse:
    record = get_object_or_404(quarantine.visible_to(_administrator(request)), pk=record_id)
    return _one(request, record)


@page("POST")
def preview(request: HttpRequest) -> HttpResponse:
    """What deciding on the chosen ones (`id`), or on the oldest that the filter finds (`all`), would do."""
    by = _administrator(request)
    discarding = request.POST.get("do") == "discard"
    ids = _ids(request, by)
    try:
        results = _as_they_stand(by, ids) if discarding else quarantine.preview(by=by, ids=ids)
    except Problem as problem:
        messages.error(request, said(problem), "attention")
        return redirect("quarantine")
    return _preview(request, results, discarding=discarding)


@page("POST")
def settle(request: HttpRequest) -> HttpResponse:
    """Decide: `do` is retry or discard (with a `reason`)."""
    by = _administrator(request)
    ids, discarding = _ids(request, by), request.POST.get("do") == "discard"
    alone = request.POST.get("from") == "one"
    try:
        if discarding:
            number = quarantine.discard(by=by, ids=ids, reason=request.POST.get("reason", ""))
            messages.success(request, f"{_records(number)} discarded.", "good")
        else:
            _tell(request, quarantine.retry(by=by, ids=ids))
    except Problem as problem:
        if problem.field != "reason":
            messages.error(request, said(problem), "attention")
        elif alone:
            return _one(request, get_object_or_404(quarantine.visible_to(by), pk=next(iter(ids))), said(problem))
        else:
            return _preview(request, _as_they_stand(by, ids), discarding=True, error=said(problem))
    return redirect("quarantine-one", next(iter(ids))) if alone and ids else redirect("quarantine")


def _one(request: HttpRequest, record: Quarantine, error: str = "") -> HttpResponse:
    context = {"area": "gateways", "record": record, "content": quarantine.content(record), "error": error}
    return render(request, "tracking/quarantine_one.html", context, status=422 if error else 200)


def _preview(request: HttpRequest, results: list[quarantine.Result], *, discarding: bool, error: str = "") -> HttpResponse:
    context = {
        "area": "gateways",
        "results": results,
        "discarding": discarding,
        "good": sum(bool(result.outcome) for result in results),
        "error": error,
    }
    return render(request, "tracking/quarantine_preview.html", context, status=422 if error else 200)


def _tell(request: HttpRequest, results: list[quarantine.Result]) -> None:
    taken = sum(bool(result.outcome) for result in results)
    if taken:
        messages.success(request, f"{_records(taken)} taken in.", "good")
    if left := [result for result in results if not result.outcome]:
        messages.warning(request, f"{_records(len(left))} not taken in: {left[0].why}.", "attention")


def _records(number: int) -> str:
    return "1 record is" if number == 1 else f"{number:,} records are"


def _as_they_stand(by: Actor, ids: set[UUID]) -> list[quarantine.Result]:
    found = quarantine.wanted(by).filter(pk__in=ids).order_by("id")
    return [quarantine.Result(record, Quarantine.Outcome.DISCARDED.value) for record in found]


def _ids(request: HttpRequest, by: Actor) -> set[UUID]:
    if request.POST.get("all"):
        found = quarantine.wanted(by, gateway=request.POST.get("gateway"), code=request.POST.get("code"))
        return set(found.order_by("id").values_list("pk", flat=True)[: quarantine.AT_ONCE])
    ids = set()
    for text in request.POST.getlist("id")[: quarantine.AT_ONCE]:
        try:
            ids.add(UUID(text))
        except ValueError:
            continue
    return ids


def _facet(rows: Any, name: str, chosen: dict[str, str]) -> list[tuple[str, int, str, bool]]:
    """(value, number, address, is it chosen) of each value; a chosen one leads back to all."""
    facet = []
    for value, number in rows.values_list(name).annotate(number=Count("pk")).order_by(name)[:100]:
        on = chosen[name] == value
        query = {**chosen, name: "" if on else value}
        facet.append((value, number, "?" + urlencode({key: text for key, text in query.items() if text}), on))
    return facet


def _administrator(request: HttpRequest) -> Actor:
    by = acting(request)
    try:
        quarantine.visible_to(by)
    except Forbidden:
        raise PermissionDenied from None
    return by
