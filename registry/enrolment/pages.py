"""The page on which gateways are let in: a code is given out, whoever used one is compared and approved. For administrators."""

from collections.abc import Callable
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from registry.enrolment import services
from registry.enrolment.models import Enrolment
from registry.page import acting, page, put_errors, said
from registry.problems import Forbidden, Problem
from registry.tracking.models import Gateway

DECIDED_SHOWN = 20


class CodeForm(forms.Form):
    gateway = forms.CharField(label="Id of the gateway", max_length=40)
    name = forms.CharField(label="Name", max_length=200, required=False)
    at_once = forms.BooleanField(label="Believe whoever uses the code, without asking me again", required=False)


@page("GET", "POST")
def listing(request: HttpRequest) -> HttpResponse:
    """A new code is shown in the answer to the form, and nowhere kept."""
    by = acting(request)
    form = CodeForm(request.POST or None, initial={"gateway": request.GET.get("gateway", "")[:40]})
    opened: services.Opened | None = None
    try:
        waiting = services.enrolments(by).filter(state=Enrolment.State.WAITING)
        decided = services.enrolments(by).exclude(state=Enrolment.State.WAITING).order_by("-decided_at")[:DECIDED_SHOWN]
        windows = services.open_windows(by)
        if request.method == "POST" and form.is_valid():
            given = form.cleaned_data
            try:
                opened = services.open_window(
                    by=by, gateway_id=given["gateway"], name=given["name"] or None, at_once=given["at_once"],
                    new=not Gateway.objects.filter(pk=given["gateway"]).exists(),
                )  # fmt: skip
            except Forbidden:
                raise
            except Problem as problem:
                put_errors(form, problem)
            else:
                form = CodeForm()
    except Forbidden:
        raise PermissionDenied from None
    context = {
        "area": "enrolment", "form": form, "opened": opened, "waiting": list(waiting), "decided": list(decided),
        "windows": list(windows), "minutes": int(services.OPEN_FOR.total_seconds() // 60),
        "local": settings.CONFIGURATION.enrolment.is_local,
    }  # fmt: skip
    response = render(request, "enrolment/enrolment.html", context, status=422 if form.errors else 200)
    response["Cache-Control"] = "no-store"
    return response


@page("POST")
def take_back(request: HttpRequest, window_id: UUID) -> HttpResponse:
    return _done(
        request, lambda: f"The code of {services.close_window(by=acting(request), window_id=window_id).gateway_id} is taken back."
    )


@page("POST")
def decide(request: HttpRequest, enrolment_id: UUID) -> HttpResponse:
    """`do`: approve or refuse."""

    def deciding() -> str:
        if request.POST.get("do") == "approve":
            one = services.approve(by=acting(request), enrolment_id=enrolment_id)
            return f"{one.gateway_id} is believed from now on."
        one = services.refuse(by=acting(request), enrolment_id=enrolment_id)
        return f"The machine is kept out; {one.gateway_id} needs another code."

    return _done(request, deciding)


def _done(request: HttpRequest, do: Callable[[], str]) -> HttpResponse:
    try:
        messages.success(request, do(), "good")
    except Forbidden:
        raise PermissionDenied from None
    except Problem as problem:
        messages.error(request, said(problem), "attention")
    return redirect("enrolment")
