"""Pages: the audits there are, planning one, and one audit: its draft, or how far it is."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from registry.access.actors import Action, Actor
from registry.assets.models import Location
from registry.assets.pickers import Picked, bind
from registry.audits import coverage, opening, reviewing, services
from registry.audits.models import NAME_CHARS, Campaign, Outcome
from registry.page import acting, page, put_errors, said, time_zone
from registry.paging import OLDEST_FIRST, BadCursor, cut
from registry.problems import NotFound, Problem
from registry.work.models import Run

PAGE_SIZE = 50
SHOWN = {"now": "Now", "closed": "Closed", "all": "All"}
STATES = {"draft": "unknown", "open": "waiting", "review": "attention", "closed": "good"}
NEWEST = OLDEST_FIRST.reversed()
DAY = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
KINDS = {"place": "places", "category": "categories", "person": "people"}


class PlanForm(forms.Form):
    """What an audit is called, when, and how."""

    name = forms.CharField(max_length=NAME_CHARS)
    from_on = forms.DateField(label="From", widget=DAY)
    until_on = forms.DateField(label="To", widget=DAY)
    method = forms.ChoiceField(
        label="How", choices=[(value, str(label).capitalize()) for value, label in Campaign.Method.choices]
    )
    recurrence = forms.ChoiceField(
        label="How often", choices=[(value, str(label).capitalize()) for value, label in Campaign.Recurrence.choices]
    )
    note = forms.CharField(max_length=1_000, required=False, widget=forms.Textarea(attrs={"rows": 2}))


class NewForm(PlanForm):
    """With the first of what it covers; more of it is added to the draft."""

    field_order = ("name", "place", "category", "person", "from_on", "until_on", "method", "recurrence", "note")
    place = Picked("place", label="Place", action=Action.AUDIT, required=False, empty="All places")
    category = Picked("category", required=False, empty="All categories")
    person = Picked("person", label="Who has them", required=False, empty="Anybody")

    def __init__(self, by: Actor, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        bind(self, by)


class ScopeForm(forms.Form):
    """One more place, category or person."""

    place = Picked("place", label="Place", action=Action.AUDIT, required=False, empty="Name or code")
    category = Picked("category", required=False, empty="Name")
    person = Picked("person", label="Who has them", required=False, empty="Name")

    def __init__(self, by: Actor, *args: Any, **more: Any) -> None:
        super().__init__(*args, **({"auto_id": "more-%s"} | more))
        bind(self, by)


@page()
def listing(request: HttpRequest) -> HttpResponse:
    by = acting(request)
    show = request.GET.get("show", "now")
    show = show if show in SHOWN else "now"
    seen = Campaign.objects.visible_to(by)
    rows = {"now": seen.exclude(state="closed"), "closed": seen.filter(state="closed")}.get(show, seen)
    try:
        shown = cut(rows, NEWEST, request.GET.get("cursor"), PAGE_SIZE)
    except BadCursor:
        raise Http404 from None
    counted = coverage.with_counts(Campaign.objects.filter(pk__in=[one.pk for one in shown.rows])).in_bulk()
    context = {
        "area": "audits", "show": show, "tabs": list(SHOWN.items()),
        "under_way": seen.filter(state__in=["open", "review"]).count(),
        "rows": [(counted[one.pk], _count(counted[one.pk]), STATES[one.state]) for one in shown.rows if one.pk in counted],
        "next": shown.next, "previous": shown.previous, "may_audit": by.may_anywhere(Action.AUDIT),
    }  # fmt: skip
    return render(request, "audits/audits.html", context)


@page("GET", "POST")
def new(request: HttpRequest) -> HttpResponse:
    by = acting(request)
    today = timezone.now().astimezone(time_zone(request)).date()
    initial = {"from_on": today, "until_on": today + timedelta(days=13), "method": "mixed", "place": request.GET.get("place", "")}
    form = NewForm(by, request.POST if request.method == "POST" else None, initial=initial)
    if request.method == "POST" and form.is_valid():
        values = dict(form.cleaned_data)
        picked = {many: values.pop(kind) for kind, many in KINDS.items()}
        scope = services.Scope(**{many: [one.pk] if one is not None else [] for many, one in picked.items()})
        try:
            made = services.plan(by=by, scope=scope, time_zone=time_zone(request).key, **values)
        except Problem as problem:
            put_errors(form, problem)
        else:
            return redirect("audit", made.pk)
    return render(request, "audits/new.html", {"area": "audits", "form": form}, status=422 if form.errors else 200)


@page("GET", "POST")
def one(request: HttpRequest, audit_id: UUID) -> HttpResponse:
    """`do`, with the `version` that was seen: save, cover, uncover, open, discard of a draft; review of an open
    one; once: it does not come again."""
    by = acting(request)
    campaign = found(by, audit_id)
    may_lead = Campaign.objects.visible_to(by, Action.AUDIT).filter(pk=campaign.pk).exists()
    form = None
    if request.method == "POST":
        do = request.POST.get("do", "")
        form = PlanForm(request.POST) if do == "save" else None
        try:
            if form is None or form.is_valid():
                if _do(request, by, campaign, do, form.cleaned_data if form is not None else {}):
                    return redirect("audits")
                return redirect("audit", campaign.pk)
        except Problem as problem:
            if form is not None:
                put_errors(form, problem)
            else:
                messages.error(request, said(problem), "failed")
                return redirect("audit", campaign.pk)
    run = services.run_of(campaign)
    context: dict[str, Any] = {
        "area": "audits", "campaign": campaign, "state": STATES[campaign.state], "may_lead": may_lead, "run": run,
        "busy": run is not None and run.state in services.UNDER_WAY, "failed": run is not None and run.state == Run.State.FAILED,
        "scope": [(name, *item) for name in KINDS.values() for item in _items(campaign, name)],
    }  # fmt: skip
    if campaign.state == Campaign.State.DRAFT:
        initial = {name: getattr(campaign, name) for name in PlanForm.base_fields}
        context |= {
            "form": form or PlanForm(initial=initial), "more": ScopeForm(by), "number": opening.preview(campaign).assets,
            "over": services.over(campaign),
        }  # fmt: skip
        return render(request, "audits/draft.html", context, status=422 if form is not None and form.errors else 200)
    return render(request, "audits/one.html", context | _coverage(request, by, campaign))


def _coverage(request: HttpRequest, by: Actor, campaign: Campaign) -> dict[str, Any]:
    """How far it is: of everything, or of one place (`place`) and what is inside it."""
    below = None
    if wanted := request.GET.get("place", ""):
        try:
            below = Location.objects.visible_to(by).filter(pk=UUID(wanted)).first()
        except ValueError:
            below = None
        if below is None:
            raise Http404
    return {
        "count": coverage.count_of(campaign, below), "branches": coverage.branches(campaign, below), "below": below,
        "above": coverage.around(below) if below is not None else [], "signature": coverage.signature_of(campaign),
        "outcomes": [
            (name, Outcome(name).label, number)
            for name, number, _ in (coverage.findings_by_outcome(campaign) if campaign.reviewed_at is not None else ())
        ],
    }  # fmt: skip


def _do(request: HttpRequest, by: Actor, campaign: Campaign, do: str, values: dict[str, Any]) -> bool:
    """Return whether the audit is gone. Raises Problem."""
    version = version_in(request.POST)
    match do:
        case "save":
            services.change(by=by, campaign_id=campaign.pk, version=version, **values)
            messages.success(request, "Saved.", "good")
        case "cover":
            form = ScopeForm(by, request.POST)
            if form.is_valid():
                _cover(by, campaign, version, {many: form.cleaned_data[kind] for kind, many in KINDS.items()})
            else:
                messages.error(request, " ".join(str(text) for texts in form.errors.values() for text in texts), "failed")
        case "uncover":
            _uncover(by, campaign, version, request.POST.get("item", ""))
        case "open":
            opened = opening.open_campaign(by=by, campaign_id=campaign.pk, version=version)
            if opened.state == Campaign.State.OPEN:
                messages.success(request, "It is open: what it expects is frozen.", "good")
        case "review":
            reviewing.begin(by=by, campaign_id=campaign.pk, version=version)
        case "once":
            services.change(by=by, campaign_id=campaign.pk, version=version, recurrence="never")
            messages.success(request, "It does not come again.", "good")
        case "discard":
            services.discard(by=by, campaign_id=campaign.pk)
            messages.success(request, f"{campaign.name} is deleted.", "good")
            return True
        case _:
            raise Http404
    return False


def _cover(by: Actor, campaign: Campaign, version: int | None, more: dict[str, Any]) -> None:
    now = services.scope_of(campaign)
    wider = {many: [*getattr(now, many), *([more[many].pk] if more[many] is not None else [])] for many in KINDS.values()}
    services.change(by=by, campaign_id=campaign.pk, version=version, scope=services.Scope(**wider))


def _uncover(by: Actor, campaign: Campaign, version: int | None, item: str) -> None:
    now = services.scope_of(campaign)
    left = {many: [pk for pk in getattr(now, many) if str(pk) != item] for many in KINDS.values()}
    services.change(by=by, campaign_id=campaign.pk, version=version, scope=services.Scope(**left))


def _items(campaign: Campaign, kind: str) -> list[tuple[UUID, str]]:
    field = {"places": "location", "categories": "category", "people": "person"}[kind]
    rows = campaign.scope.filter(**{f"{field}__isnull": False}).select_related(field)
    return [(getattr(row, field).pk, str(getattr(row, field))) for row in rows]


def _count(campaign: Any) -> coverage.Count:
    return coverage.Count(campaign.expected_count, campaign.seen_count, campaign.off_count)


def found(by: Actor, audit_id: UUID) -> Campaign:
    try:
        return services.visible(by, audit_id)
    except NotFound:
        raise Http404 from None


def version_in(posted: Any) -> int | None:
    """The version that a form was made with."""
    seen = posted.get("version", "")
    return int(seen) if seen.isascii() and seen.isdigit() and len(seen) < 10 else None
