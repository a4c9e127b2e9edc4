"""Pages: maintenance plans, and the form that makes or changes one."""

from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import messages
from django.db.models import F
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from registry.access.actors import Action
from registry.assets.models import NAME_CHARS
from registry.assets.pickers import Picked, bind
from registry.care import lists, meters, plans, recurrence
from registry.care.models import MaintenancePlan
from registry.care.models.maintenance import TEXT_CHARS
from registry.page import acting, page, put_errors, time_zone
from registry.paging import OLDEST_FIRST, BadCursor, cut
from registry.problems import NotFound, Problem

PAGE_SIZE: Final = 50
ORDERS_SHOWN, NEXT_SHOWN = 20, 3
AHEAD: Final = timedelta(days=800)
DAY = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
AREA = forms.Textarea(attrs={"rows": 3})
FIELDS: Final = (
    "name", "trigger", "starts_on", "time_zone", "unit", "every", "condition_at_most", "lead_days", "instructions", "checklist",
    "team",
)  # fmt: skip


class PlanForm(forms.Form):
    """A rule is written as so many days, weeks, months or years, or in the words of RFC 5545. Of the three ways to come again the
    page shows what belongs to the chosen one."""

    name = forms.CharField(max_length=NAME_CHARS, help_text="What is to be done: Change the oil.")
    trigger = forms.ChoiceField(
        label="Comes again",
        choices=[("calendar", "By the calendar"), ("meter", "By a meter"), ("condition", "When its condition is poor")],
    )
    count = forms.IntegerField(label="Every", required=False, min_value=1, max_value=999)
    step = forms.ChoiceField(label="Unit of time", choices=[(unit, f"{unit}s") for unit in recurrence.UNITS], initial="month")
    starts_on = forms.DateField(label="From", required=False, widget=DAY)
    rule = forms.CharField(
        label="Rule", max_length=recurrence.CHARS, required=False, help_text="Like FREQ=MONTHLY;BYDAY=-1FR, the last Friday."
    )
    time_zone = forms.CharField(max_length=64, required=False, help_text="Where its days are, like Europe/Berlin.")
    every = forms.CharField(label="Each", max_length=20, required=False, widget=forms.TextInput(attrs={"inputmode": "decimal"}))
    unit = forms.CharField(label="Of its unit", max_length=meters.UNIT_CHARS, required=False, help_text="Hours, km, cycles.")
    condition_at_most = forms.ChoiceField(
        label="When its condition is",
        required=False,
        choices=[("", "Choose"), *((str(n), f"{n} of 5 or less") for n in range(1, 6))],
    )
    lead_days = forms.CharField(label="Opens days before", max_length=4, initial="7", required=False)
    team = forms.CharField(max_length=100, required=False)
    instructions = forms.CharField(required=False, max_length=TEXT_CHARS, widget=AREA)
    checklist = forms.CharField(label="Steps", required=False, widget=AREA, help_text="One to a line.")
    version = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, by: Any, *args: Any, new: bool = False, **more: Any) -> None:
        super().__init__(*args, **more)
        if new:
            self.fields["asset"] = Picked(
                "asset", label="For an asset", action=Action.EDIT, required=False, empty="Name, number or code"
            )
            self.fields["model"] = Picked("model", label="Or all of a model", required=False, empty="Name of a model")
            self.fields["category"] = Picked("category", label="Or of a category", required=False, empty="Name of a category")
            self.order_fields(["name", "asset", "model", "category"])
        else:
            self.fields["active"] = forms.BooleanField(label="Goes on", required=False)
        bind(self, by)


@page()
def listing(request: HttpRequest) -> HttpResponse:
    by = acting(request)
    try:
        shown = cut(lists.plans(by), OLDEST_FIRST, request.GET.get("cursor"), PAGE_SIZE)
    except BadCursor:
        raise Http404 from None
    rows = [(plan, _words(plan)) for plan in shown.rows]
    context = {"area": "care", "rows": rows, "next": shown.next, "previous": shown.previous}
    return render(request, "care/plans.html", context)


@page("GET", "POST")
def new(request: HttpRequest) -> HttpResponse:
    by = acting(request)
    initial = {"asset": request.GET.get("asset", ""), "time_zone": str(time_zone(request)), "count": 1}
    form = PlanForm(by, request.POST if request.method == "POST" else None, new=True, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            of = {name: form.cleaned_data[name] for name in plans.OF}
            made = plans.make(by=by, **of, **_values(form))
        except Problem as problem:
            put_errors(form, problem)
        else:
            messages.success(request, f"{made.name} is planned.", "good")
            return redirect("maintenance-plans")
    return _form(request, form, {"title": "New plan", "button": "Plan it"})


@page("GET", "POST")
def edit(request: HttpRequest, maintenance_id: UUID) -> HttpResponse:
    by = acting(request)
    try:
        plan = plans.visible(by, maintenance_id)
    except NotFound:
        raise Http404 from None
    initial = {name: getattr(plan, name) for name in (*FIELDS, "active", "version")} | _rule(plan) | {
        "checklist": "\n".join(plan.checklist), "every": meters.plain(plan.every) if plan.every is not None else "",
    }  # fmt: skip
    form = PlanForm(by, request.POST if request.method == "POST" else None, initial=initial)
    if request.method == "POST" and form.is_valid():
        version = form.cleaned_data["version"]
        seen = int(version) if version.isascii() and version.isdigit() and len(version) < 10 else 0
        try:
            changes = _values(form) | {"active": form.cleaned_data["active"]}
            plans.change(by=by, plan_id=plan.pk, version=seen, changes=changes)
        except Problem as problem:
            put_errors(form, problem)
        else:
            messages.success(request, "Saved.", "good")
            return redirect("maintenance-plans")
    context = {
        "title": plan.name, "button": "Save" if plans.may_change(by, plan) else "", "plan": plan, "words": _words(plan),
        "next_days": _next_days(plan),
        "orders": lists.orders(by, "all").filter(plan=plan).order_by(F("closed_at").desc(nulls_first=True), "-pk")[:ORDERS_SHOWN],
    }  # fmt: skip
    return _form(request, form, context)


def _form(request: HttpRequest, form: PlanForm, context: dict[str, Any]) -> HttpResponse:
    shown = {"area": "care", "form": form} | context
    return render(request, "care/plan_form.html", shown, status=422 if form.errors else 200)


def _rule(plan: MaintenancePlan) -> dict[str, Any]:
    """As it was written: so many months, or a rule of its own."""
    plain = recurrence.plain(plan.rule, plan.starts_on) if plan.starts_on is not None else None
    return {"rule": plan.rule} if plain is None else {"count": plain[0], "step": plain[1]}


def _next_days(plan: MaintenancePlan) -> list[date]:
    """The days on which a plan by the calendar comes next."""
    if not plan.active or plan.trigger != MaintenancePlan.Trigger.CALENDAR or plan.starts_on is None:
        return []
    today = timezone.now().astimezone(ZoneInfo(plan.time_zone)).date()
    return recurrence.between(plan.rule, plan.starts_on, today, today + AHEAD)[:NEXT_SHOWN]


def _values(form: PlanForm) -> dict[str, Any]:
    values = form.cleaned_data
    found = {name: values[name] for name in FIELDS}
    rule = values["rule"]
    if not rule and values["count"] and values["starts_on"]:
        rule = recurrence.every(values["count"], values["step"], values["starts_on"])
    return found | {"rule": rule}


def _words(plan: MaintenancePlan) -> str:
    """When it comes, for people."""
    match plan.trigger:
        case "meter":
            return f"each {meters.plain(plan.every) if plan.every is not None else ''} {plan.unit}"
        case "condition":
            return f"at condition {plan.condition_at_most} or less"
    return recurrence.words(plan.rule)
