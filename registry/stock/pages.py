"""Pages: the stock one sees, receiving, one line with what may be done, and what to order."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.db.models import F, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from registry.access.actors import Action, Actor
from registry.assets.pickers import Picked, bind
from registry.page import acting, page, put_errors, said
from registry.paging import BadCursor, Order, cut
from registry.problems import NotFound, Problem
from registry.stock import alerts, proposing, services
from registry.stock.models import EXPIRES_WITHIN, LOT_CHARS, StockLine, StockMovement, StockWatch
from registry.tables.writing import WRITERS
from registry.work import outgoing

PAGE_SIZE, MOVEMENTS = 50, 50
SHOWN = {"all": "All", "low": "Below the minimum", "expiring": "Expiring"}
BY_NAME = Order("name", F("asset__name"))
DAY = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")


def _amount(label: str, **more: Any) -> forms.CharField:
    return forms.CharField(label=label, max_length=20, widget=forms.TextInput(attrs={"inputmode": "decimal"}), **more)


class ReceiveForm(forms.Form):
    asset = Picked("asset", label="Asset", action=Action.HANDLE, help_text="Its name, number, or any code on it.")
    location = Picked("place", label="Put at", action=Action.HANDLE, empty="Name or code")
    quantity = _amount("Quantity")
    lot = forms.CharField(max_length=LOT_CHARS, required=False)
    expires_on = forms.DateField(label="Expires on", required=False, widget=DAY)
    note = forms.CharField(max_length=200, required=False)

    def __init__(self, by: Actor, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        bind(self, by)


class DoForm(forms.Form):
    """Take, count, move or levels: the fields that `do` needs."""

    def __init__(self, by: Actor, do: str, *args: Any, **more: Any) -> None:
        more["auto_id"] = f"{do}-%s"
        super().__init__(*args, **more)
        if do == "levels":
            self.fields["minimum"] = _amount("At least", required=False)
            self.fields["target"] = _amount("Order up to", required=False)
            return
        self.fields["quantity"] = _amount("There are" if do == "count" else "Quantity")
        if do == "move":
            self.fields["location"] = Picked("place", label="To", action=Action.HANDLE, empty="Name or code")
            bind(self, by)
        self.fields["note"] = forms.CharField(label="Note", max_length=200, required=False)


DOING = {"take": "Take", "count": "Count", "move": "Move", "levels": "How much there should be"}


@page()
def listing(request: HttpRequest) -> HttpResponse:
    by, today = acting(request), timezone.now().date()
    show = request.GET.get("show", "all")
    show = show if show in SHOWN else "all"
    seen = StockLine.objects.visible_to(by).select_related("asset", "location")
    low, expiring = services.conditions(by, today)
    rows = {"low": seen.low(), "expiring": seen.expiring(today)}.get(show, seen)
    q = request.GET.get("q", "").strip()[:100]
    if q:
        rows = rows.filter(Q(asset__name__icontains=q) | Q(asset__asset_no__iexact=q) | Q(lot__iexact=q))
    try:
        shown = cut(rows, BY_NAME, request.GET.get("cursor"), PAGE_SIZE)
    except BadCursor:
        raise Http404 from None
    context = {
        "area": "stock", "show": show, "q": q, "low": low, "expiring": expiring, "today": today,
        "tabs": [("all", SHOWN["all"], None), ("low", SHOWN["low"], low), ("expiring", SHOWN["expiring"], expiring)],
        "rows": [_state(one, today) for one in shown.rows], "next": shown.next, "previous": shown.previous,
        "watching": by.user_id is not None and StockWatch.objects.filter(user=by.user_id).exists(),
        "can_mail": outgoing.can_mail(),
    }  # fmt: skip
    return render(request, "stock/stock.html", context)


@page("GET", "POST")
def receive(request: HttpRequest) -> HttpResponse:
    by = acting(request)
    form = ReceiveForm(by, request.POST if request.method == "POST" else None, initial={"asset": request.GET.get("asset", "")})
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        try:
            line = services.receive(
                by=by, asset_id=values["asset"].pk, location_id=values["location"].pk, quantity=values["quantity"],
                lot=values["lot"], expires_on=values["expires_on"], note=values["note"],
            )  # fmt: skip
        except Problem as problem:
            put_errors(form, problem)
        else:
            messages.success(request, f"There are {line.quantity.normalize():f} now.", "good")
            return redirect("stock-line", line.pk)
    return render(request, "stock/receive.html", {"area": "stock", "form": form}, status=422 if form.errors else 200)


@page("GET", "POST")
def line(request: HttpRequest, line_id: UUID) -> HttpResponse:
    by = acting(request)
    try:
        found = services.visible(by, line_id)
    except NotFound:
        raise Http404 from None
    do = request.POST.get("do", "") if request.method == "POST" else ""
    initial = {"levels": {"minimum": _plain(found.minimum), "target": _plain(found.target)}}
    given = {name: DoForm(by, name, request.POST if name == do else None, initial=initial.get(name)) for name in DOING}
    if do in given and given[do].is_valid():
        try:
            _do(by, found, do, given[do].cleaned_data, request.POST.get("version", ""))
        except Problem as problem:
            put_errors(given[do], problem)
        else:
            messages.success(request, "Done.", "good")
            return redirect("stock-line", found.pk)
    may_handle = StockLine.objects.visible_to(by, Action.HANDLE).filter(pk=found.pk).exists()
    may_edit = StockLine.objects.visible_to(by, Action.EDIT).filter(pk=found.pk).exists()
    offered = [name for name in DOING if (may_edit if name == "levels" else may_handle)]
    context = {
        "area": "stock", "line": found, "state": _state(found, timezone.now().date()),
        "doing": [(name, DOING[name], given[name], name == do) for name in offered],
        "movements": StockMovement.objects.filter(line=found).select_related("other__location")[:MOVEMENTS],
    }  # fmt: skip
    return render(request, "stock/line.html", context, status=422 if do and any(f.errors for f in given.values()) else 200)


@page()
def proposal(request: HttpRequest) -> HttpResponse:
    by = acting(request)
    form = request.GET.get("form")
    if form is not None:
        if form not in WRITERS:
            raise Http404
        content, content_type = proposing.as_file(by, form)
        name = f"to-order-{timezone.now():%Y-%m-%d}.{form}"
        return HttpResponse(content, content_type=content_type, headers={"Content-Disposition": f'attachment; filename="{name}"'})
    wanted = proposing.propose(by)
    costs = any(one.cost is not None for one in wanted)
    return render(request, "stock/proposal.html", {"area": "stock", "wanted": wanted, "costs": costs})


@page("POST")
def watch(request: HttpRequest) -> HttpResponse:
    wanted = request.POST.get("wanted") == "yes"
    try:
        alerts.watch(by=acting(request), wanted=wanted)
    except Problem as problem:
        messages.error(request, said(problem), "failed")
    else:
        told = "You get a mail when stock runs low or expires soon." if wanted else "You get no more mails about stock."
        messages.success(request, told, "good")
    return redirect("stock")


def _do(by: Actor, found: StockLine, do: str, values: dict[str, Any], version: str) -> None:
    """Raises Problem."""
    seen = int(version) if version.isascii() and version.isdigit() and len(version) < 10 else None
    match do:
        case "take":
            services.take(by=by, line_id=found.pk, quantity=values["quantity"], note=values["note"])
        case "count":
            services.count(by=by, line_id=found.pk, quantity=values["quantity"], version=seen, note=values["note"])
        case "move":
            services.move(
                by=by, line_id=found.pk, location_id=values["location"].pk, quantity=values["quantity"], note=values["note"]
            )
        case "levels":
            services.set_levels(by=by, line_id=found.pk, minimum=values["minimum"], target=values["target"], version=seen)


def _state(one: StockLine, today: Any) -> dict[str, Any]:
    """A line with the words and colours of its condition."""
    low = one.minimum is not None and one.quantity < one.minimum
    expired = one.expires_on is not None and one.quantity > 0 and one.expires_on < today
    soon = one.expires_on is not None and one.quantity > 0 and today <= one.expires_on <= today + timedelta(EXPIRES_WITHIN.days)
    word, colour = ("enough", "good") if one.minimum is not None else ("", "")
    if low:
        word, colour = ("none left", "failed") if not one.quantity else ("low", "attention")
    if soon and not low:
        word, colour = "expires soon", "attention"
    if expired:
        word, colour = "expired", "failed"
    return {
        "line": one, "quantity": _plain(one.quantity), "minimum": _plain(one.minimum), "target": _plain(one.target), "word": word,
        "colour": colour,
    }  # fmt: skip


def _plain(amount: Any) -> str:
    return "" if amount is None else f"{amount.normalize():f}"
