"""Pages: the reports there are, each with its filters, its chart and its table, as a file, and by mail on a schedule."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from registry.access.actors import Actor
from registry.access.models import User
from registry.assets.pickers import Picked, bind, picker
from registry.page import acting, page, said
from registry.problems import Forbidden, NotFound, Problem
from registry.reports import services
from registry.reports.answer import Answer
from registry.reports.asking import FILTERS, MOST_DAYS, plain
from registry.reports.catalogue import REPORTS, Report, find, open_to
from registry.reports.files import FORMS, shown
from registry.reports.models import Schedule
from registry.work import outgoing


class Filters(forms.Form):
    category = Picked("category", required=False, empty="All categories")
    place = Picked("place", required=False, empty="All places")

    def __init__(self, by: Actor, report: Report, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        bind(self, by)
        day = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
        if report.groups:
            self.fields["group"] = forms.ChoiceField(label="By", choices=list(report.groups.items()))
        if report.period:
            self.fields["since"] = forms.DateField(label="From", widget=day)
            self.fields["until"] = forms.DateField(label="To", widget=day)
        if report.days:
            self.fields["days"] = forms.IntegerField(label=report.days_title, min_value=1, max_value=MOST_DAYS)


@page()
def listing(request: HttpRequest) -> HttpResponse:
    by = acting(request)
    own = [(one, REPORTS[one.report].title) for one in services.schedules_of(by) if one.report in REPORTS]
    return render(request, "reports/reports.html", {"area": "reports", "reports": open_to(by), "schedules": own})


@page()
def show(request: HttpRequest, key: str) -> HttpResponse:
    by = acting(request)
    report = _found(by, key)
    given = request.GET.dict()
    problem = ""
    try:
        given |= _picked(by, request.GET)
        asked = report.asked(by, given)
        answer = report.run(by, asked)
    except Forbidden as exc:
        return render(request, "403.html", {"reason": said(exc)}, status=403)
    except Problem as exc:
        problem = said(exc)
        asked = report.asked(by, {})
        answer = report.run(by, asked)
    if form := request.GET.get("form"):
        if form not in FORMS or problem:
            raise Http404
        return _file(by, report, given, form)
    initial = {
        "category": asked.category, "place": asked.place, "group": asked.group, "since": asked.since, "until": asked.until,
        "days": asked.days,
    }  # fmt: skip
    user = request.user
    context = {
        "area": "reports",
        "report": report,
        "answer": answer,
        "sentence": answer.sentence.removesuffix("."),
        "problem": problem,
        "filters": Filters(by, report, initial=initial),
        "query": urlencode(plain(given)),
        "bars": _drawn(answer),
        "rows": _rows(answer),
        "totals": [(shown(cell, c), c) for cell, c in zip(answer.totals, answer.columns, strict=False)],
        "every": Schedule.Every.choices,
        "forms": Schedule.Form.choices,
        "can_mail": outgoing.can_mail(),
        "address": user.email if isinstance(user, User) else "",
        "kept": plain(given).items(),
    }
    return render(request, "reports/report.html", context)


def _picked(by: Actor, given: Mapping[str, Any]) -> dict[str, str]:
    """The ids of what was picked or typed. Raises Invalid."""
    found = {}
    for name in ("category", "place"):
        row = picker(by, name).typed(given, name)
        if row is not None:
            found[name] = str(row.pk)
    return found


@page("POST")
def schedule(request: HttpRequest, key: str) -> HttpResponse:
    by = acting(request)
    report = _found(by, key)
    filters = {name: request.POST.get(name, "") for name in FILTERS}
    try:
        made = services.schedule(
            by=by, report=report.key, filters=filters, every=request.POST.get("every", ""), form=request.POST.get("form", "")
        )
    except Problem as problem:
        messages.error(request, said(problem), "failed")
        return redirect(f"{reverse('report', args=[key])}?{urlencode(plain(filters))}")
    messages.success(request, f"{report.title} goes to you {made.get_every_display()}.", "good")
    return redirect("reports")


@page("POST")
def end_schedule(request: HttpRequest, schedule_id: UUID) -> HttpResponse:
    try:
        services.end_schedule(by=acting(request), schedule_id=schedule_id)
    except NotFound:
        raise Http404 from None
    messages.success(request, "It is not sent any more.", "good")
    return redirect("reports")


def _found(by: Actor, key: str) -> Report:
    try:
        return find(by, key)
    except (NotFound, Forbidden):
        raise Http404 from None


def _file(by: Actor, report: Report, given: dict[str, Any], form: str) -> HttpResponse:
    file = services.as_file(by=by, report=report, asked=report.asked(by, given), form=form)
    headers = {"Content-Disposition": f'attachment; filename="{file.name}"'}
    return HttpResponse(file.content, content_type=file.content_type, headers=headers)


def _drawn(answer: Answer) -> list[dict[str, Any]]:
    """The bars with their lengths in percent of the longest."""
    most = max((bar.value for bar in answer.bars), default=0) or 1
    return [{"label": bar.label, "shown": bar.shown, "width": f"{max(0.5, 100 * bar.value / most):.1f}%"} for bar in answer.bars]


def _rows(answer: Answer) -> list[dict[str, Any]]:
    links: list[UUID | None] = [*answer.links] if answer.links else [None] * len(answer.rows)
    return [
        {"link": link, "cells": [(shown(cell, column), column) for cell, column in zip(row, answer.columns, strict=True)]}
        for row, link in zip(answer.rows, links, strict=True)
    ]
