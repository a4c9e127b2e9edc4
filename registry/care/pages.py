"""Pages: the agreements one sees, one of them with what it covers, its seats and papers, and the form that makes one."""

from datetime import date
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from registry.access.actors import Action, Actor
from registry.assets import serving
from registry.assets.models import NAME_CHARS, Asset
from registry.assets.pickers import Picked, bind
from registry.care import agreements, lists
from registry.care.models import Agreement
from registry.page import acting, changed_meanwhile, page, put_errors, said
from registry.paging import BadCursor, cut
from registry.people import log
from registry.problems import NotFound, Problem, Stale
from registry.tables.writing import WRITERS

PAGE_SIZE, SHOWN_ASSETS, SHOWN_SEATS = 50, 400, 200
SHOWN = {"running": "Running", "ended": "Ended", "all": "All"}
DAY = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
IN_FORM = (
    "name", "kind", "number", "vendor", "starts_on", "ends_on", "auto_renew", "renew_months", "notice_days", "cancelled_on",
    "lead_days", "seats", "cost", "currency", "period", "terms",
)  # fmt: skip


def _number(label: str, help_text: str = "") -> forms.CharField:
    widget = forms.TextInput(attrs={"inputmode": "numeric"})
    return forms.CharField(label=label, max_length=20, required=False, widget=widget, help_text=help_text)


class AgreementForm(forms.Form):
    name = forms.CharField(max_length=NAME_CHARS, help_text="What people call it: Fire insurance, Office licences.")
    kind = forms.ChoiceField(choices=[(value, str(label).capitalize()) for value, label in Agreement.Kind.choices])
    vendor = Picked("supplier", label="With", required=False, empty="Name of a supplier")
    number = forms.CharField(label="Their number", max_length=100, required=False)
    starts_on = forms.DateField(label="Starts", required=False, widget=DAY)
    ends_on = forms.DateField(label="Ends", required=False, widget=DAY, help_text="Its last day.")
    auto_renew = forms.BooleanField(label="Goes on by itself unless notice is given", required=False)
    renew_months = _number("For so many months each time")
    notice_days = _number("Days of notice", "So long before its end notice has to be given.")
    cancelled_on = forms.DateField(label="Notice was given on", required=False, widget=DAY)
    seats = _number("Seats", "Left empty: they are not counted.")
    cost = forms.CharField(max_length=20, required=False, widget=forms.TextInput(attrs={"inputmode": "decimal"}))
    currency = forms.CharField(max_length=3, required=False, help_text="Three letters, like EUR.")
    period = forms.ChoiceField(label="Paid", choices=[(v, str(label).capitalize()) for v, label in Agreement.Period.choices])
    lead_days = forms.CharField(label="Say so days before", max_length=60, required=False, help_text="Days, like 90, 60, 30, 7.")
    terms = forms.CharField(label="Terms and notes", required=False, widget=forms.Textarea(attrs={"rows": 4}))
    version = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, by: Actor, *args: Any, new: bool = False, **more: Any) -> None:
        super().__init__(*args, **more)
        if new:
            self.fields["asset"] = Picked(
                "asset", label="Covers", action=Action.EDIT, required=False, empty="Name, number or code",
                help_text="The first asset; the others are added on its page.",
            )  # fmt: skip
            self.order_fields(["name", "kind", "asset"])
        bind(self, by)


class CoverForm(forms.Form):
    asset = Picked("asset", label="Asset", action=Action.EDIT, empty="Name, number or code")

    def __init__(self, by: Actor, *args: Any, **more: Any) -> None:
        super().__init__(*args, **({"auto_id": "cover-%s"} | more))
        bind(self, by)


class SeatForm(forms.Form):
    person = Picked("person", required=False, empty="Name, staff number or e-mail")
    asset = Picked("asset", label="Or an asset", required=False, empty="Name, number or code")
    note = forms.CharField(max_length=200, required=False)

    def __init__(self, by: Actor, *args: Any, **more: Any) -> None:
        super().__init__(*args, **({"auto_id": "seat-%s"} | more))
        bind(self, by)


@page()
def listing(request: HttpRequest) -> HttpResponse:
    by, today = acting(request), timezone.localdate()
    ladder = lists.ladder(by, today)
    wanted = request.GET.get("show", "running")
    show: str | int = int(wanted) if wanted in {str(days) for days in ladder} else wanted if wanted in SHOWN else "running"
    q, kind = request.GET.get("q", "").strip()[: lists.MAX_SEARCH_CHARS], request.GET.get("kind", "")
    kind = kind if kind in Agreement.Kind.values else ""
    rows = lists.agreements(by, show, today=today, kind=kind, q=q)
    if (form := request.GET.get("form")) is not None:
        return _file(by, rows, form, today)
    try:
        shown = cut(rows, lists.DUE_FIRST, request.GET.get("cursor"), PAGE_SIZE)
    except BadCursor:
        raise Http404 from None
    tabs = [("running", SHOWN["running"], None), *((str(days), f"Within {days} days", count) for days, count in ladder.items())]
    context = {
        "area": "agreements", "show": str(show), "q": q, "kind": kind, "kinds": Agreement.Kind.choices, "ladder": ladder,
        "soon": ladder[30], "tabs": [*tabs, ("ended", "Ended", None), ("all", "All", None)],
        "rows": [_shown(by, one, today) for one in shown.rows], "next": shown.next, "previous": shown.previous,
    }  # fmt: skip
    return render(request, "care/agreements.html", context)


def _file(by: Actor, rows: Any, form: str, today: date) -> HttpResponse:
    if form not in WRITERS:
        raise Http404
    content, content_type = lists.agreements_file(by, rows, form)
    name = f"agreements-{today}.{form}"
    return HttpResponse(content, content_type=content_type, headers={"Content-Disposition": f'attachment; filename="{name}"'})


@page("GET", "POST")
def new(request: HttpRequest) -> HttpResponse:
    by = acting(request)
    initial = {"asset": request.GET.get("asset", ""), "lead_days": _leads(agreements.leads("", [90, 60, 30, 7]))}
    form = AgreementForm(by, request.POST if request.method == "POST" else None, new=True, initial=initial)
    if request.method == "POST" and form.is_valid():
        asset = form.cleaned_data["asset"]
        try:
            made = agreements.make(by=by, asset_ids=[asset.pk] if asset is not None else [], **_values(form))
        except Problem as problem:
            put_errors(form, problem)
        else:
            messages.success(request, f"{made.name} is kept.", "good")
            return redirect("agreement", made.pk)
    context = {"area": "agreements", "form": form, "agreement": None}
    return render(request, "care/agreement_form.html", context, status=422 if form.errors else 200)


@page("GET", "POST")
def edit(request: HttpRequest, agreement_id: UUID) -> HttpResponse:
    by, agreement = acting(request), _seen(request, agreement_id)
    initial = _initial(agreement)
    form = AgreementForm(by, request.POST if request.method == "POST" else None, initial=initial)
    meanwhile = None
    if request.method == "POST" and form.is_valid():
        version = form.cleaned_data["version"]
        seen = int(version) if version.isascii() and version.isdigit() and len(version) < 10 else 0
        try:
            agreements.change(by=by, agreement_id=agreement.pk, version=seen, changes=_values(form))
        except Stale:
            meanwhile = changed_meanwhile(form, _initial(_seen(request, agreement_id)))
        except Problem as problem:
            put_errors(form, problem)
        else:
            messages.success(request, "Saved.", "good")
            return redirect("agreement", agreement.pk)
    context = {"area": "agreements", "form": form, "agreement": agreement, "meanwhile": meanwhile}
    return render(request, "care/agreement_form.html", context, status=422 if form.errors or meanwhile is not None else 200)


@page("GET", "POST")
def one(request: HttpRequest, agreement_id: UUID) -> HttpResponse:
    """`do`: cover, uncover, seat, free, paper, unpaper, delete."""
    by, agreement = acting(request), _seen(request, agreement_id)
    do = request.POST.get("do", "") if request.method == "POST" else ""
    cover = CoverForm(by, request.POST if do == "cover" else None)
    seat = SeatForm(by, request.POST if do == "seat" else None)
    form = {"cover": cover, "seat": seat}.get(do)
    if request.method == "POST" and (form is None or form.is_valid()):
        try:
            text = _do(request, by, agreement, do, form.cleaned_data if form is not None else {})
        except Problem as problem:
            if form is not None:
                put_errors(form, problem)
            else:
                messages.error(request, said(problem), "attention")
                return redirect("agreement", agreement.pk)
        else:
            messages.success(request, text, "good")
            return redirect("agreements") if do == "delete" else redirect("agreement", agreement.pk)
    status = 422 if form is not None and form.errors else 200
    return render(request, "care/agreement.html", _context(by, agreement) | {"cover": cover, "seat": seat}, status=status)


@page()
def paper(request: HttpRequest, agreement_id: UUID, paper_id: UUID) -> HttpResponse:
    found = _seen(request, agreement_id).papers.select_related("file").filter(pk=paper_id).first()
    if found is None:
        raise Http404
    return serving.whole(found)


def _do(request: HttpRequest, by: Actor, agreement: Agreement, do: str, values: dict[str, Any]) -> str:
    """Do it and return what to say. Raises Problem."""
    named = _uuid(request.POST.get("one", ""))
    match do:
        case "cover":
            agreements.cover(by=by, agreement_id=agreement.pk, asset_ids=[values["asset"].pk])
            return f"It covers {values['asset'].name}."
        case "uncover" if named is not None:
            agreements.uncover(by=by, agreement_id=agreement.pk, asset_id=named)
            return "It covers that no more."
        case "seat":
            person, asset = values["person"], values["asset"]
            agreements.give_seat(
                by=by, agreement_id=agreement.pk, person_id=person.pk if person else None, asset_id=asset.pk if asset else None,
                note=values["note"],
            )  # fmt: skip
            return f"{person or asset} has a seat."
        case "free" if named is not None:
            agreements.free_seat(by=by, agreement_id=agreement.pk, seat_id=named)
            return "The seat is free."
        case "paper" if (file := request.FILES.get("file")) is not None:
            kept = agreements.add_paper(by=by, agreement_id=agreement.pk, file=file, name=file.name or "")  # type: ignore[arg-type]
            return f"{kept.name} is kept."
        case "unpaper" if named is not None and (found := agreement.papers.filter(pk=named).first()) is not None:
            agreements.remove_paper(by=by, paper=found)
            return f"{found.name} is deleted."
        case "delete":
            agreements.delete(by=by, agreement_id=agreement.pk)
            return f"{agreement.name} is deleted."
    raise NotFound("what this was about is not there any more")


def _context(by: Actor, agreement: Agreement) -> dict[str, Any]:
    today = timezone.localdate()
    counted = lists.with_counts(Agreement.objects.filter(pk=agreement.pk)).get()
    covered = agreement.covered.count()
    assets = list(Asset.objects.visible_to(by).filter(agreements__agreement=agreement).order_by("name", "pk")[:SHOWN_ASSETS])
    seats = list(agreement.seats_used.filter(to_at__isnull=True).select_related("person", "asset")[:SHOWN_SEATS])
    seen = lists.seen_assets(by, [one.asset_id for one in seats if one.asset_id])
    return {
        "area": "agreements", "agreement": agreement, "state": _shown(by, counted, today), "assets": assets,
        "elsewhere": covered - len(assets), "seats": [(one, one.person is not None or one.asset_id in seen) for one in seats],
        "papers": agreement.papers.select_related("file"), "may_change": agreements.may_change(by, agreement),
        "changes": log.of_object(by, "agreement", agreement.pk),
    }  # fmt: skip


def _shown(by: Actor, one: Any, today: date) -> dict[str, Any]:
    """An agreement with the words and colour of what comes next."""
    renewing = one.auto_renew and one.cancelled_on is None
    colour, word = "good", "runs"
    lead = one.lead_reached(today)
    if one.starts_on is not None and one.starts_on > today:
        colour, word = "waiting", "not begun"
    elif one.ends_on is not None and one.ends_on < today and not renewing:
        colour, word = "unknown", "ended"
    elif lead is not None:
        colour, word = "failed" if lead <= 7 else "attention", "cancel or keep" if renewing else "ends soon"
    elif renewing:
        word = "goes on by itself"
    elif one.cancelled_on is not None:
        word = "cancelled"
    over = one.seats is not None and one.used >= one.seats
    return {
        "one": one, "colour": colour, "word": word, "renewing": renewing, "used": one.used, "full": over,
        "cost": one.cost if by.may_anywhere(Action.VALUE) else None,
    }  # fmt: skip


def _seen(request: HttpRequest, agreement_id: UUID) -> Agreement:
    try:
        return agreements.visible(acting(request), agreement_id)
    except NotFound:
        raise Http404 from None


def _values(form: forms.Form) -> dict[str, Any]:
    return {name: form.cleaned_data[name] for name in IN_FORM}


def _initial(agreement: Agreement) -> dict[str, Any]:
    plain = {name: getattr(agreement, name) for name in IN_FORM}
    cost = agreement.cost
    return plain | {
        "cost": f"{cost.normalize():f}" if cost is not None else "", "lead_days": _leads(agreement.lead_days),
        "version": str(agreement.version),
    }  # fmt: skip


def _leads(days: list[int]) -> str:
    return ", ".join(map(str, days))


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
