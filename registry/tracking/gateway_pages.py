"""The pages of the gateways: all of them, worst first, and one with its path, as its own page shows it."""

from typing import Final

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from registry.access.actors import Action
from registry.page import acting, page, said
from registry.problems import Forbidden, Problem
from registry.tracking import fleet, machines, watching
from registry.tracking.gateway_view import gateway_view
from registry.tracking.models import Gateway, Quarantine

PAGE_SIZE: Final = 100
PARTS: Final = ("gateways", "events")


@page()
def listed(request: HttpRequest) -> HttpResponse:
    """`show` is one of fleet.SHOWN, `q` a part of a name."""
    by = acting(request)
    versions = dict(watching.versions())
    q, show = request.GET.get("q", "")[:200], request.GET.get("show", "all")
    show = show if show in fleet.SHOWN else "all"
    rows = fleet.wanted(by, show=show, q=q)
    at = request.GET.get("cursor", "")
    first = min(int(at), len(rows)) if at.isdecimal() and len(at) < 7 else 0
    troubled = sum(row.state not in ("good", "unknown") for row in rows)
    context = {
        "area": "gateways",
        "version": versions["gateways"],
        "q": q,
        "show": show,
        "any": bool(rows) or Gateway.objects.visible_to(by).exists(),
        "rows": rows[first : first + PAGE_SIZE],
        "number": len(rows),
        "troubled": troubled,
        "tabs": [("all", "All"), ("troubled", "In trouble"), ("revoked", "Revoked")],
        "whole": by.sees_all_places(),
        "may_administer": by.may_everywhere(Action.ADMINISTER),
        "quarantined": Quarantine.objects.open().count() if by.may_everywhere(Action.ADMINISTER) else 0,
        "next": str(first + PAGE_SIZE) if first + PAGE_SIZE < len(rows) else None,
        "previous": str(max(0, first - PAGE_SIZE)) if first else None,
    }
    only = request.GET.get("parts")
    return render(request, "tracking/_gateways.html" if only is not None else "tracking/gateways.html", context)


@page("POST")
def trust(request: HttpRequest, gateway_id: str) -> HttpResponse:
    """Which of the machines that speak under its name the gateway is."""
    by = acting(request)
    gateway = get_object_or_404(Gateway.objects.visible_to(by), pk=gateway_id)
    try:
        machines.trust_machine(by=by, gateway_id=gateway.pk, machine=request.POST.get("machine", ""))
    except Forbidden:
        raise PermissionDenied from None
    except Problem as problem:
        messages.error(request, said(problem), "attention")
    else:
        messages.success(request, f"{gateway.name} is that machine; others are refused. Give it new credentials soon.", "good")
    return redirect("gateway", gateway.pk)


@page()
def one(request: HttpRequest, gateway_id: str) -> HttpResponse:
    by = acting(request)
    versions = dict(watching.versions())
    gateway = get_object_or_404(Gateway.objects.visible_to(by), pk=gateway_id)
    wanted = request.GET.get("parts")
    context = {
        "area": "gateways",
        "versions": versions,
        "gateway": gateway,
        "view": gateway_view(by, gateway),
        "may_administer": by.may_everywhere(Action.ADMINISTER),
    }
    if wanted is None:
        return render(request, "tracking/gateway.html", context)
    shown = [part for part in wanted.split(",") if part in PARTS]
    context["parts"] = [f"tracking/_gateway_{part}.html" for part in shown]
    return render(request, "web/_live_parts.html", context)
