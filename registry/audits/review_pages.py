"""Pages: the findings of an audit and what becomes of each, the sign-off, the report as a file, and cases."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import F
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from registry.access.actors import Action, Actor
from registry.audits import coverage, reviewing, signing
from registry.audits.models import Campaign, Case, Finding, Outcome, Resolution
from registry.audits.pages import STATES, found, version_in
from registry.audits.review_api import as_file
from registry.page import acting, page, said
from registry.paging import OLDEST_FIRST, BadCursor, Order, cut
from registry.problems import Problem
from registry.reports.files import FORMS

PAGE_SIZE = 100
BY_NAME = Order("name", F("name"))
NEWEST = OLDEST_FIRST.reversed()
COLOURS = {"found": "good", "missing": "failed", "unknown_code": "failed", "not_checked": "unknown"}


@page("GET", "POST")
def findings(request: HttpRequest, audit_id: UUID) -> HttpResponse:
    """`outcome`: the findings of one kind. `do`: resolve the chosen `finding`s, sign, reopen."""
    by = acting(request)
    campaign = found(by, audit_id)
    if request.method == "POST":
        try:
            gone = _do(request, by, campaign)
        except Problem as problem:
            messages.error(request, said(problem), "failed")
            gone = False
        return redirect("audit", campaign.pk) if gone else redirect(request.get_full_path())
    counts = coverage.findings_by_outcome(campaign) if campaign.reviewed_at is not None else []
    wanted = request.GET.get("outcome") or next((name for name, _, left in counts if left and name != "found"), "")
    shown = wanted if wanted in Outcome.values else next((name for name, *_ in counts), "found")
    rows = Finding.objects.filter(campaign=campaign, outcome=shown).select_related("location", "seen_location")
    try:
        some = cut(rows, BY_NAME, request.GET.get("cursor"), PAGE_SIZE)
    except BadCursor:
        raise Http404 from None
    for one in some.rows:
        there = one.seen_location
        one.seen_in = "" if there is None else there.name if by.sees_place(there.path) else "elsewhere"  # type: ignore[attr-defined]
    in_review = campaign.state == Campaign.State.REVIEW
    may_lead = Campaign.objects.visible_to(by, Action.AUDIT).filter(pk=campaign.pk).exists()
    context: dict[str, Any] = {
        "area": "audits", "campaign": campaign, "state": STATES[campaign.state], "may_lead": may_lead, "in_review": in_review,
        "tabs": [(name, Outcome(name).label, number, left if name != "found" else 0) for name, number, left in counts],
        "shown": shown, "colour": COLOURS.get(shown, "attention"), "label": Outcome(shown).label, "rows": some.rows,
        "next": some.next, "previous": some.previous, "left": signing.unresolved(campaign) if in_review else 0,
        "choices": [(one.value, one.label) for one in map(Resolution, reviewing.ALLOWED.get(shown, ()))],
        "may_resolve": may_lead and in_review and shown in reviewing.ALLOWED,
    }  # fmt: skip
    return render(request, "audits/findings.html", context)


def _do(request: HttpRequest, by: Actor, campaign: Campaign) -> bool:
    """Return whether the audit itself is to be looked at next. Raises Problem."""
    posted = request.POST
    match posted.get("do", ""):
        case "resolve":
            chosen = [int(text) for text in posted.getlist("finding")[: reviewing.MOST + 1] if text.isascii() and text.isdigit()]
            number = reviewing.resolve(
                by=by,
                campaign_id=campaign.pk,
                findings=chosen,
                resolution=posted.get("resolution", ""),
                note=posted.get("note", ""),
            )
            messages.success(request, f"{number} resolved.", "good")
            return False
        case "sign":
            name = posted.get("signed_as", "")[:1_000]
            signing.sign(by=by, campaign_id=campaign.pk, signed_as=name, version=version_in(posted))
            messages.success(request, f"{campaign.name} is signed and closed.", "good")
            return True
        case "reopen":
            reviewing.reopen(by=by, campaign_id=campaign.pk, version=version_in(posted))
            return True
    raise Http404


@page()
def report(request: HttpRequest, audit_id: UUID) -> HttpResponse:
    by = acting(request)
    campaign, form = found(by, audit_id), request.GET.get("form", "pdf")
    if form not in FORMS:
        raise Http404
    return as_file(by, campaign, form)


@page("GET", "POST")
def cases(request: HttpRequest) -> HttpResponse:
    """What was missing in two audits in a row. POST closes a `case` with a `note`."""
    by = acting(request)
    if request.method == "POST":
        try:
            signing.close_case(by=by, case_id=_uuid(request.POST.get("case", "")), note=request.POST.get("note", "")[:1_000])
        except Problem as problem:
            messages.error(request, said(problem), "failed")
        return redirect("audit-cases")
    rows = Case.objects.visible_to(Campaign.objects.visible_to(by)).select_related("asset", "campaign")
    try:
        shown = cut(rows, NEWEST, request.GET.get("cursor"), PAGE_SIZE)
    except BadCursor:
        raise Http404 from None
    context = {
        "area": "audits", "rows": shown.rows, "next": shown.next, "previous": shown.previous,
        "number": rows.filter(closed_at=None).count(), "may_audit": by.may_anywhere(Action.AUDIT),
    }  # fmt: skip
    return render(request, "audits/cases.html", context)


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Http404 from None
