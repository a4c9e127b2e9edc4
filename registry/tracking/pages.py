"""The live page: what gateways tell just now, and what only a person can add: which place a zone is, whose a code is."""

from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.contrib import messages
from django.db import connections
from django.db.models import F, TextField, Value
from django.db.models.functions import Concat
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from registry.access.actors import Action, Actor
from registry.assets import finding, trees
from registry.assets.models import Asset, Location
from registry.assets.pickers import picker, typed_in
from registry.page import acting, is_htmx, page, private, said, stopped
from registry.paging import BadCursor, Order, Page, cut
from registry.problems import Problem
from registry.tracking import fleet, services, watching
from registry.tracking.live_stream import Pulse, as_events
from registry.tracking.models import UnknownTag, Zone

pulse = Pulse(watching.versions)
NEW_PLACE = "new"
ASSETS_OFFERED = 8
TAGS_PER_PAGE = 50
ZONES_PER_PAGE = 100
BY_GATEWAY = Order("zone", Concat(F("gateway"), Value(" "), F("name"), output_field=TextField()))
NEWEST_TAGS = Order("first", F("first_seen"), "time", descending=True)


@page()
def live(request: HttpRequest) -> HttpResponse:
    versions = dict(watching.versions())  # before what they are the versions of: at worst something is shown twice
    return render(request, "web/live.html", {"area": "live", "versions": versions, **_shown(request, watching.PARTS)})


@page()
def parts(request: HttpRequest) -> HttpResponse:
    """The parts that the page has been told are old."""
    wanted = [part for part in request.GET.get("parts", "").split(",") if part in watching.PARTS]
    context = {"parts": [f"web/_live_{part}.html" for part in wanted], **_shown(request, wanted)}
    return render(request, "web/_live_parts.html", context)


async def stream(request: HttpRequest) -> HttpResponseBase:
    """Server-sent events: which parts are at which version."""
    refused = await sync_to_async(_refused)(request)
    if refused is not None:
        return refused
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingHttpResponse(as_events(pulse), content_type="text/event-stream", headers=headers)


@page("GET", "POST")
def map_zone(request: HttpRequest, zone_id: UUID) -> HttpResponse:
    """Which place of the tree a zone is; `new` makes one with the zone's name."""
    by = acting(request)
    zone = get_object_or_404(Zone.objects.visible_to(by).valid().select_related("gateway", "location"), pk=zone_id)
    error = ""
    if request.method == "POST":
        chosen = request.POST.get("place", "")
        place: Location | None
        try:
            if chosen == NEW_PLACE:
                place = trees.create_location(
                    by=acting(request), name=request.POST.get("name") or watching.readable(zone.name), kind=Location.Kind.ZONE
                )
            else:
                place = picker(by, "place").typed(request.POST, "place")
            zone = services.map_zone(by=acting(request), zone=zone, location=place)
        except Problem as problem:
            error = said(problem)
        else:
            if is_htmx(request):
                return render(request, "web/_zone_row.html", {"row": watching.zone_rows(by, [zone])[0], "just_mapped": True})
            told = f"{zone.name} is {place.name} now." if place is not None else f"{zone.name} is no place now."
            messages.success(request, told, "good")
            return redirect("live")
    shown = typed_in(request.POST, "place") if error else zone.location
    control = picker(by, "place", empty="Name or code").control("place", shown)
    context = {"area": "live", "zone": zone, "picker": control, "new_name": watching.readable(zone.name), "error": error}
    return render(request, "web/zone_map.html", context, status=422 if error else 200)


@page()
def zones(request: HttpRequest) -> HttpResponse:
    """All zones: those without a place, or those that have one."""
    by = acting(request)
    seen = watching.zones_of(by)
    unmapped = request.GET.get("show") == "unmapped"
    rows = seen.filter(location__isnull=unmapped)
    try:
        found: Page[Zone] = cut(rows, BY_GATEWAY, request.GET.get("cursor"), ZONES_PER_PAGE)
    except BadCursor:
        found = cut(rows, BY_GATEWAY, None, ZONES_PER_PAGE)
    waiting = watching.unmapped_count(by)
    context: dict[str, Any] = {
        "area": "live",
        "show": "unmapped" if unmapped else "mapped",
        "tabs": [("mapped", "With a place", None), ("unmapped", "Without a place", waiting)],
        "next": found.next,
        "previous": found.previous,
        "places": [],
    }
    if unmapped:
        context["places"], context["rows"] = _with_guesses(by, found.rows)
    else:
        context["rows"] = watching.zone_rows(by, found.rows)
    return render(request, "web/zones.html", context)


@page()
def unknown_tags(request: HttpRequest) -> HttpResponse:
    shown = UnknownTag.objects.visible_to(acting(request)).select_related("read_point", "zone__location")
    try:
        found: Page[UnknownTag] = cut(shown, NEWEST_TAGS, request.GET.get("cursor"), TAGS_PER_PAGE)
    except BadCursor:
        found = cut(shown, NEWEST_TAGS, None, TAGS_PER_PAGE)
    context = {
        "area": "live",
        "tags": found.rows,
        "tag_count": shown.count(),
        "next": found.next,
        "previous": found.previous,
    }
    return render(request, "web/unknown_tags.html", context)


@page("GET", "POST")
def claim(request: HttpRequest, tag_id: UUID) -> HttpResponse:
    """Whose code this is: search, then one click."""
    by = acting(request)
    tag = UnknownTag.objects.visible_to(by).select_related("read_point", "zone__location").filter(pk=tag_id).first()
    if tag is None:
        messages.info(request, "This code is not unknown any more.", "unknown")
        return HttpResponse(headers={"HX-Redirect": "/live/"}) if is_htmx(request) else redirect("live")
    error = ""
    if request.method == "POST":
        asset = get_object_or_404(Asset.objects.visible_to(by), pk=_uuid(request.POST.get("asset", "")))
        try:
            services.claim_unknown_tag(by=by, identity=tag.identity, asset=asset)
        except Problem as problem:
            error = said(problem)
        else:
            if is_htmx(request):
                return render(request, "web/_claimed.html", {"tag": tag, "asset": asset})
            messages.success(request, f"{tag.identity} is {asset.name}.", "good")
            return redirect("asset", asset.pk)
    q = request.GET.get("q", "").replace("\0", "")
    offered = finding.searched(by, q).select_related("category", "home_location").order_by("name", "pk")
    if not q.strip():  # an asset without any code is the likeliest owner of one that nobody has
        offered = offered.filter(identifiers__isnull=True)
    context = {"area": "live", "tag": tag, "q": q, "offered": list(offered[:ASSETS_OFFERED]), "error": error}
    return render(request, "web/_claim.html" if is_htmx(request) else "web/claim.html", context, status=422 if error else 200)


def _refused(request: HttpRequest) -> HttpResponse | None:
    """As pages refuse, but a script that listens is not sent elsewhere. The connection goes back: the stream needs none."""
    try:
        return private(HttpResponse(status=401)) if stopped(request) is not None else (None if pulse.room() else _full())
    finally:
        connections.close_all()


def _full() -> HttpResponse:
    return HttpResponse("too many open streams\n", status=503, content_type="text/plain", headers={"Retry-After": "30"})


def _shown(request: HttpRequest, wanted: Any) -> dict[str, Any]:
    """What the wanted parts need, and nothing else."""
    by = acting(request)
    shown: dict[str, Any] = {}
    if "gateways" in wanted or "summary" in wanted:
        shown["gateways"] = fleet.gateway_rows(by)
    if "ingest" in wanted or "summary" in wanted:
        shown["ingest"] = watching.ingest(by)
        shown["may_administer"] = by.may_everywhere(Action.ADMINISTER)
    if "summary" in wanted:
        shown["summary"] = watching.summary(by, shown["gateways"], shown["ingest"])
    zones = watching.zones_of(by)
    if "zones" in wanted:
        mapped = zones.filter(location__isnull=False)
        shown["mapped"] = watching.zone_rows(by, list(mapped.order_by("gateway", "name")[: watching.ZONES_SHOWN]))
        shown["mapped_count"] = mapped.count()
    if "unmapped" in wanted:
        unmapped = list(zones.filter(location__isnull=True).order_by("gateway", "name")[: watching.ZONES_SHOWN])
        shown["places"], shown["unmapped"] = _with_guesses(by, unmapped)
        shown["unmapped_count"] = watching.unmapped_count(by)
    if "unknown" in wanted:
        shown["tags"], shown["tag_count"] = watching.unknown_tags(by)
    if "events" in wanted:
        shown["told"] = watching.latest_events(by)
    return shown


def _with_guesses(by: Actor, unmapped: list[Zone]) -> tuple[list[Location] | None, list[watching.ZoneRow]]:
    """The places that an unmapped zone may be given in its row (None: too many for a list in each), and the rows."""
    if not unmapped:
        return [], []
    places = list(Location.objects.visible_to(by, Action.EDIT)[: watching.PLACES_TO_CHOOSE + 1])
    few = len(places) <= watching.PLACES_TO_CHOOSE and len(places) * len(unmapped) <= watching.MOST_CHOICES
    return places if few else None, watching.zone_rows(by, unmapped, places)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
