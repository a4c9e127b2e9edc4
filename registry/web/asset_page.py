"""The page of one asset: where it is, how we know, what it is, and by which codes it is known."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone

from registry.access.actors import Actor
from registry.assets import finding, services
from registry.assets.models import Asset, Identifier
from registry.page import acting, is_htmx, page, said
from registry.paging import BadCursor
from registry.problems import Problem
from registry.tracking.services import claim_unknown_tag, project_changed_identifiers
from registry.tracking.telling import told
from registry.web import timeline
from registry.web.drawing import SPANS
from registry.web.where import for_assets

GONE = (Asset.Status.MISSING, Asset.Status.DISPOSED)


@page()
def show(request: HttpRequest, asset_id: UUID) -> HttpResponse:
    asset = seen_by(request, asset_id)
    part = request.GET.get("part") if is_htmx(request) else None
    template = {"events": "web/_events.html", "picture": "web/_picture.html"}.get(part or "", "web/asset.html")
    return render(request, template, context_of(request, asset))


@page("POST")
def add_identifier(request: HttpRequest, asset_id: UUID) -> HttpResponse:
    """One more code: what was told of it so far is this asset's past from now on, at once."""
    asset = seen_by(request, asset_id)
    text = request.POST.get("code", "")
    try:
        identifier = claim_unknown_tag(by=acting(request), identity=text, asset=asset)
    except Problem as problem:
        error = {"typed": text, "code_error": said(problem)}
        template = "web/_identifiers.html" if is_htmx(request) else "web/asset.html"
        return render(request, template, context_of(request, asset) | error, status=200 if is_htmx(request) else 422)
    messages.success(request, f"{asset.name} is now known by {identifier.key}.", "good")
    return done(request, asset)


@page("POST")
def retire_identifier(request: HttpRequest, identifier_id: UUID) -> HttpResponse:
    own = Identifier.objects.filter(asset__in=Asset.objects.visible_to(acting(request))).select_related("asset")
    identifier = get_object_or_404(own, pk=identifier_id)
    try:
        services.retire_identifier(by=acting(request), identifier_id=identifier.pk)
        project_changed_identifiers()
        messages.success(request, f"{identifier.key} is retired. Its history stays; the code is free for another asset.", "good")
    except Problem as problem:
        messages.error(request, said(problem), "attention")
    return done(request, identifier.asset)


def seen_by(request: HttpRequest, asset_id: UUID) -> Asset:
    shown = finding.for_rows(Asset.objects.visible_to(acting(request)))
    return get_object_or_404(shown.select_related("position__last_event__read_point"), pk=asset_id)


def _here(by: Actor, position: Any) -> bool:
    """Was it seen last where they may know of?"""
    return by.sees_all_places() or (position.location is not None and position.location.pk is not None)


def done(request: HttpRequest, asset: Asset) -> HttpResponse:
    """Back to the asset's page, whole: what was changed may show in any part of it."""
    there = reverse("asset", args=[asset.pk])
    return HttpResponse(headers={"HX-Redirect": there}) if is_htmx(request) else redirect(there)


def context_of(request: HttpRequest, asset: Asset) -> dict[str, Any]:
    by = acting(request)
    try:
        events = timeline.events_of(by, asset, request.GET.get("cursor"))
    except BadCursor:
        events = timeline.events_of(by, asset, None)
    codes = list(asset.identifiers.all())
    position: Any = getattr(asset, "position", None)
    picture = timeline.picture(by, asset, request.GET.get("span"), timezone.localtime())
    return {
        "area": "assets",
        "asset": asset,
        "where": for_assets(by, [asset])[asset],
        "read_point": position.last_event.read_point if position is not None and _here(by, position) else None,
        "active": [code for code in codes if code.state == Identifier.State.ACTIVE],
        "retired": [code for code in codes if code.state == Identifier.State.RETIRED],
        "contradiction": position is not None and asset.status in GONE and position.last_seen_at > asset.changed_at,
        "told": told(events.rows, by),
        "older": events.next,
        "spans": list(SPANS),
        "span": picture[0] if picture else None,
        "drawing": picture[1] if picture else None,
    }
