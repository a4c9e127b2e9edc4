"""The page of one asset: where it is, how we know, what it is, what it holds, what is kept of it, by which codes it is known."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import Exists, OuterRef
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone

from registry.access.actors import Action, Actor
from registry.assets import containers, custom, services
from registry.assets.elsewhere import hide_elsewhere
from registry.assets.models import Asset, AssetLink, Attachment, Containment, CustomValue, Identifier
from registry.assets.schemas import with_record
from registry.care import on_asset as care
from registry.custody import on_asset
from registry.page import acting, is_htmx, page, said
from registry.paging import BadCursor, Page
from registry.people import log
from registry.problems import Problem
from registry.tracking.models import LocationEvent, SeenMonth
from registry.tracking.services import claim_unknown_tag, project_changed_identifiers
from registry.tracking.telling import Told, told
from registry.web import timeline
from registry.web.drawing import SPANS
from registry.web.where import for_assets

GONE = (Asset.Status.MISSING, Asset.Status.DISPOSED)
MOST_PARTS = 200
CHANGES_SHOWN = 15
CONDITIONS = {1: "worn out", 2: "poor", 3: "fair", 4: "good", 5: "as new"}


@dataclass(frozen=True, slots=True)
class Line:
    """One entry of the timeline: what readers told, what is left of it by month, or what people did."""

    at: datetime
    told: Told | None = None
    done: on_asset.Entry | care.Entry | None = None
    summed: SeenMonth | None = None


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
    """Off, or with `code` another in its place."""
    own = Identifier.objects.filter(asset__in=Asset.objects.visible_to(acting(request))).select_related("asset")
    identifier = get_object_or_404(own, pk=identifier_id)
    by, text = acting(request), request.POST.get("replacement", "").strip()
    try:
        if text:
            new = services.replace_identifier(by=by, identifier_id=identifier.pk, text=text)
            messages.success(request, f"{new.key} has taken the place of {identifier.key}.", "good")
        else:
            services.retire_identifier(by=by, identifier_id=identifier.pk)
            messages.success(
                request, f"{identifier.key} is retired. Its history stays; the code is free for another asset.", "good"
            )
        project_changed_identifiers()
    except Problem as problem:
        messages.error(request, said(problem), "attention")
    return done(request, identifier.asset)


def seen_by(request: HttpRequest, asset_id: UUID) -> Asset:
    """The asset with all that its page shows, places out of scope as `elsewhere`."""
    by = acting(request)
    shown = with_record(Asset.objects.visible_to(by)).select_related("position__last_event__read_point")
    asset: Asset = get_object_or_404(shown, pk=asset_id)
    hide_elsewhere(by, [asset])
    return asset


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
    position: Any = getattr(asset, "position", None)
    picture = timeline.picture(by, asset, request.GET.get("span"), timezone.localtime())
    cared = care.of_asset(by, asset)
    here = position is not None and (by.sees_all_places() or (position.location is not None and position.location.pk is not None))
    return {
        "area": "assets",
        "asset": asset,
        "rights": {str(action): _may(by, action, asset) for action in (Action.HANDLE, Action.EDIT, Action.VALUE)},
        "where": for_assets(by, [asset])[asset],
        "read_point": position.last_event.read_point if here and position.last_event is not None else None,
        "contradiction": position is not None and asset.status in GONE and position.last_seen_at > asset.changed_at,
        "today": timezone.localdate(),
        "condition": CONDITIONS.get(asset.condition or 0, ""),
        "of": on_asset.of_asset(by, asset),
        "care": cared,
        "lines": _lines(by, asset, cared, events, first=not request.GET.get("cursor")),
        "older": events.next,
        "spans": list(SPANS),
        "span": picture[0] if picture else None,
        "drawing": picture[1] if picture else None,
        "own_fields": _own_fields(asset),
        "changes": log.find(by, log.Wanted(kind="asset", object_id=str(asset.pk)), size=CHANGES_SHOWN).entries
        if by.may_anywhere(Action.CHANGES)
        else None,
        **_codes(asset),
        **_files(asset),
        **_parts(by, asset),
    }


def _may(by: Actor, action: Action, asset: Asset) -> bool:
    """By what was read of the asset: a place that was hidden from them is in no scope of theirs."""
    position: Any = getattr(asset, "position", None)
    places = [asset.home_location, position.location if position is not None else None]
    return by.may(
        action,
        location_paths=[place.path for place in places if place is not None],
        category_path=asset.category.path if asset.category is not None else None,
    )


def _lines(by: Actor, asset: Asset, cared: care.OnAsset, events: Page[LocationEvent], *, first: bool) -> list[Line]:
    """What was told and what was done, newest first, as far back as this page of events goes."""
    rows = told(events.rows, by)
    lines = [Line(row.event.happened_at, told=row) for row in rows]
    newest = None if first or not events.rows else events.rows[0].happened_at
    oldest = events.rows[-1].happened_at if events.rows and events.next else None
    done: list[on_asset.Entry | care.Entry] = [*on_asset.entries(by, asset), *care.entries(cared)]
    for entry in done:
        if (newest is None or entry.at <= newest) and (oldest is None or entry.at >= oldest):
            lines.append(Line(entry.at, done=entry))
    for month in timeline.months_of(by, asset):
        if (newest is None or month.last <= newest) and (oldest is None or month.last >= oldest):
            lines.append(Line(month.last, summed=month))
    return sorted(lines, key=lambda line: line.at, reverse=True)


def _own_fields(asset: Asset) -> list[tuple[str, str, CustomValue]]:
    return [(str(value.field.name), custom.shown(value), value) for value in asset.custom_values.all()]


def _codes(asset: Asset) -> dict[str, Any]:
    codes = list(asset.identifiers.all())
    return {
        "active": [code for code in codes if code.state == Identifier.State.ACTIVE],
        "retired": [code for code in codes if code.state == Identifier.State.RETIRED],
    }


def _files(asset: Asset) -> dict[str, Any]:
    attachments = list(Attachment.objects.filter(asset=asset).select_related("file"))
    photos = [one for one in attachments if one.kind == Attachment.Kind.PHOTO]
    return {
        "photo": next((one for one in photos if one.main), None),
        "photos": photos,
        "file_count": len(attachments),
        "documents": [one for one in attachments if one.kind != Attachment.Kind.PHOTO],
    }


def _parts(by: Actor, asset: Asset) -> dict[str, Any]:
    inside = _of_seen(by, Containment.objects.filter(container=asset, to_ts__isnull=True), "asset")
    ids = containers.around(asset)
    around = {one.pk: one for one in Asset.objects.visible_to(by).filter(pk__in=ids)} if ids else {}
    out = _of_seen(by, AssetLink.objects.filter(from_asset=asset), "to_asset")
    into = _of_seen(by, AssetLink.objects.filter(to_asset=asset), "from_asset")
    return {
        "contents": inside[:MOST_PARTS],
        "around": [around[pk] for pk in ids if pk in around],
        "links_out": out[:MOST_PARTS],
        "links_in": into[:MOST_PARTS],
        "container_kinds": Containment.Kind.choices,
        "link_types": AssetLink.Type.choices,
    }


def _of_seen(by: Actor, rows: Any, name: str) -> Any:
    """Those of the rows whose `name` is an asset in their scope, and it along; looked up one by one, for they are few."""
    if not by.may_everywhere(Action.VIEW):
        rows = rows.filter(Exists(Asset.objects.visible_to(by).filter(pk=OuterRef(name))))
    return rows.select_related(name)
