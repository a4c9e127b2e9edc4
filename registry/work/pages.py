"""The page of what nobody took: mails and messages that were given up or have perhaps been sent. For administrators."""

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import F
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from registry.page import acting, page
from registry.paging import BadCursor, Order, cut
from registry.problems import Forbidden, NotFound
from registry.work import outgoing
from registry.work.models import Outgoing, WorkProcess

PAGE_SIZE = 50
NEWEST = Order("newest", F("created_at"), "time", descending=True)


@page()
def undelivered(request: HttpRequest) -> HttpResponse:
    try:
        rows = outgoing.undelivered(acting(request))
        shown = cut(rows, NEWEST, request.GET.get("cursor"), PAGE_SIZE)
    except Forbidden:
        raise PermissionDenied from None
    except BadCursor:
        raise Http404 from None
    context = {
        "area": "undelivered",
        "number": rows.count(),
        "rows": shown.rows,
        "next": shown.next,
        "previous": shown.previous,
        "waiting": {sink: Outgoing.objects.filter(sink=sink, dead=False).count() for sink in ("mqtt", "mail")},
        "since": {sink: outgoing.waiting_since(sink) for sink in ("mqtt", "mail")},
        "process": WorkProcess.objects.first(),
    }
    return render(request, "work/undelivered.html", context)


@page("POST")
def repeat(request: HttpRequest, message_id: UUID) -> HttpResponse:
    try:
        outgoing.repeat(by=acting(request), message_id=message_id)
    except Forbidden:
        raise PermissionDenied from None
    except NotFound:
        raise Http404 from None
    messages.success(request, "It is sent again.", "good")
    return redirect("undelivered")


@page("POST")
def forget(request: HttpRequest, message_id: UUID) -> HttpResponse:
    try:
        outgoing.forget(by=acting(request), message_id=message_id)
    except Forbidden:
        raise PermissionDenied from None
    except NotFound:
        raise Http404 from None
    messages.success(request, "It is forgotten.", "good")
    return redirect("undelivered")
