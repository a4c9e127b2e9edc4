"""Pages: the board and the calendar of work, one order, a new one, reading a meter, and the calendar for other programs."""

from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from registry.access.actors import Action
from registry.assets.models import NAME_CHARS, Asset
from registry.assets.pickers import Picked, bind
from registry.care import feeds, lists, meters, orders
from registry.care.models import CalendarFeed, WorkOrder
from registry.care.models.maintenance import TEXT_CHARS
from registry.page import acting, page, private, put_errors, said
from registry.people import log
from registry.problems import NotFound, Problem

COLUMNS: Final = ("open", "in_progress", "waiting")
MOST_OF_COLUMN, MOST_OF_MONTH, CLOSED_SHOWN = 100, 1_000, 20
SHOWN: Final = {"open": "All open", "mine": "Mine", "overdue": "Overdue"}
STATES: Final = {"open": "waiting", "in_progress": "good", "waiting": "attention", "done": "good", "cancelled": "unknown"}
DAY = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
AREA = forms.Textarea(attrs={"rows": 3})


class NewForm(forms.Form):
    asset = Picked("asset", action=Action.HANDLE, empty="Name, number or code")
    title = forms.CharField(label="What is to be done", max_length=NAME_CHARS)
    due_on = forms.DateField(label="Due", required=False, widget=DAY)
    assignee = Picked("person", label="Who does it", required=False, empty="Name, staff number or e-mail")
    instructions = forms.CharField(required=False, max_length=TEXT_CHARS, widget=AREA)
    checklist = forms.CharField(label="Steps", required=False, widget=AREA, help_text="One to a line.")

    def __init__(self, by: Any, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        bind(self, by)


class WorkForm(forms.Form):
    state = forms.ChoiceField(choices=[(value, str(label).capitalize()) for value, label in WorkOrder.State.choices])
    due_on = forms.DateField(label="Due", required=False, widget=DAY)
    assignee = Picked("person", label="Who does it", required=False, empty="Name, staff number or e-mail")
    parts = forms.CharField(label="Parts used", required=False, max_length=TEXT_CHARS, widget=AREA)
    cost = forms.CharField(max_length=20, required=False, widget=forms.TextInput(attrs={"inputmode": "decimal"}))
    currency = forms.CharField(max_length=3, required=False, help_text="Three letters, like EUR.")
    capitalise = forms.BooleanField(label="Adds to the value of the asset", required=False)
    downtime_hours = forms.CharField(
        label="Hours it stood still", max_length=12, required=False, widget=forms.TextInput(attrs={"inputmode": "decimal"})
    )
    result = forms.CharField(label="What was done and found", required=False, max_length=TEXT_CHARS, widget=AREA)

    def __init__(self, by: Any, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        bind(self, by)


@page()
def board(request: HttpRequest) -> HttpResponse:
    by, today = acting(request), timezone.localdate()
    show = request.GET.get("show", "open")
    show = show if show in SHOWN else "open"
    found = lists.orders(by, show)
    columns = [
        (state, WorkOrder.State(state).label, list(found.filter(state=state).order_by("due_on", "pk")[:MOST_OF_COLUMN]))
        for state in COLUMNS
    ]
    context = {
        "area": "care", "show": show, "columns": columns, "today": today, "any": any(rows for _, _, rows in columns),
        "tabs": [(name, title, lists.orders(by, name).count()) for name, title in SHOWN.items()],
        "overdue": orders.overdue(by, today), "soon": today + timedelta(days=7),
        "closed": lists.orders(by, "closed").order_by("-closed_at", "-pk")[:CLOSED_SHOWN],
    }  # fmt: skip
    return render(request, "care/board.html", context)


@page("GET", "POST")
def calendar(request: HttpRequest) -> HttpResponse:
    """A month of work. POST `do`: address (a new secret one for other programs), revoke."""
    by = acting(request)
    if request.method == "POST":
        return _feed(request)
    first = _month(request.GET.get("month", ""))
    following = (first + timedelta(days=32)).replace(day=1)
    start = first - timedelta(days=first.weekday())
    days = [start + timedelta(days=n) for n in range(42 if (following - start).days > 35 else 35)]
    rows = lists.orders(by, "all").exclude(state="cancelled").filter(due_on__gte=days[0], due_on__lte=days[-1])
    by_day: dict[date, list[WorkOrder]] = {day: [] for day in days}
    for order in rows.order_by("due_on", "pk")[:MOST_OF_MONTH]:
        assert order.due_on is not None
        by_day[order.due_on].append(order)
    context = {
        "area": "care", "first": first, "before": first - timedelta(days=1), "after": following, "today": timezone.localdate(),
        "weeks": [[(day, by_day[day]) for day in days[at : at + 7]] for at in range(0, len(days), 7)],
        "count": sum(len(some) for day, some in by_day.items() if day.month == first.month),
        "feed": CalendarFeed.objects.filter(user=by.user_id).first(), "address": request.session.pop("care-feed", ""),
    }  # fmt: skip
    return render(request, "care/calendar.html", context)


def _feed(request: HttpRequest) -> HttpResponse:
    by = acting(request)
    try:
        if request.POST.get("do") == "revoke":
            feeds.revoke(by=by)
            messages.success(request, "The address is no longer good.", "good")
        else:
            secret = feeds.make(by=by)
            request.session["care-feed"] = request.build_absolute_uri(reverse("care-feed", args=[secret]))
    except Problem as problem:
        messages.error(request, said(problem), "attention")
    return redirect("work-calendar")


@require_http_methods(["GET"])
def feed(request: HttpRequest, secret: str) -> HttpResponse:
    """For whoever has the address; what its owner may see now."""
    by = feeds.of_secret(secret)
    if by is None:
        raise Http404
    text = feeds.calendar(by, timezone.now(), request.build_absolute_uri(reverse("work-orders")))
    return private(HttpResponse(text, content_type="text/calendar; charset=utf-8"))


@page("GET", "POST")
def new(request: HttpRequest) -> HttpResponse:
    by = acting(request)
    form = NewForm(by, request.POST if request.method == "POST" else None, initial={"asset": request.GET.get("asset", "")})
    if request.method == "POST" and form.is_valid():
        given = dict(form.cleaned_data)
        try:
            made = orders.make(by=by, asset_id=given.pop("asset").pk, **given)
        except Problem as problem:
            put_errors(form, problem)
        else:
            messages.success(request, f"{made.number} is open.", "good")
            return redirect("work-order", made.pk)
    context = {"area": "care", "form": form, "title": "New work order", "button": "Open it"}
    return render(request, "care/work_form.html", context, status=422 if form.errors else 200)


@page("GET", "POST")
def one(request: HttpRequest, work_order_id: UUID) -> HttpResponse:
    by = acting(request)
    try:
        order = orders.visible(by, work_order_id)
    except NotFound:
        raise Http404 from None
    names = ("state", "due_on", "assignee", "parts", "currency", "capitalise", "result")
    initial = {name: getattr(order, name) for name in names} | {
        name: meters.plain(value) if (value := getattr(order, name)) is not None else "" for name in ("cost", "downtime_hours")
    }
    form = WorkForm(by, request.POST if request.method == "POST" else None, initial=initial)
    if request.method == "POST" and form.is_valid():
        version = request.POST.get("version", "")
        seen = int(version) if version.isascii() and version.isdigit() and len(version) < 10 else 0
        ticks = set(request.POST.getlist("step"))
        steps = [{"text": step["text"], "done": str(n) in ticks} for n, step in enumerate(order.checklist)]
        try:
            orders.change(by=by, order_id=order.pk, version=seen, changes=form.cleaned_data | {"checklist": steps})
        except Problem as problem:
            put_errors(form, problem)
        else:
            messages.success(request, "Saved.", "good")
            return redirect("work-order", order.pk)
    may_work = orders.may_work(by, order)
    context = {
        "area": "care", "order": order, "form": form, "state": STATES[order.state], "may_work": may_work,
        "late": order.state in COLUMNS and order.due_on is not None and order.due_on < timezone.localdate(),
        "costs": may_work or by.may_anywhere(Action.VALUE), "changes": log.of_object(by, "workorder", order.pk),
    }  # fmt: skip
    return render(request, "care/order.html", context, status=422 if form.errors else 200)


@page("POST")
def read_meter(request: HttpRequest, asset_id: UUID) -> HttpResponse:
    if not Asset.objects.visible_to(acting(request)).filter(pk=asset_id).exists():
        raise Http404
    try:
        unit, value = request.POST.get("unit", ""), request.POST.get("value", "")
        meters.read(by=acting(request), asset_id=asset_id, unit=unit, value=value, replaced="replaced" in request.POST)
    except Problem as problem:
        messages.error(request, said(problem), "attention")
    else:
        messages.success(request, "Kept.", "good")
    return redirect(reverse("asset", args=[asset_id]) + "#care")


def _month(text: str) -> date:
    try:
        found = date.fromisoformat(f"{text[:7]}-01")
    except ValueError:
        return timezone.localdate().replace(day=1)
    return found if 2000 <= found.year <= 2150 else timezone.localdate().replace(day=1)
