"""Page: places and vehicles on a map that needs nothing from outside, or the tiles of the company's own server."""

from math import isfinite
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from registry.access.actors import Actor
from registry.assets.models import Asset, Location
from registry.page import acting, is_htmx, page
from registry.places import geo
from registry.tracking.ages import age_of

MOST_MARKERS = 2_000
STEP = 0.4  # of the picture, at one press of an arrow


@page()
def show(request: HttpRequest) -> HttpResponse:
    """`lat`, `lon` and `z`; without them everything that has coordinates."""
    by = acting(request)
    markers = markers_of(by)
    view = _view(request) or geo.fitting(markers)
    width, height = geo.WIDTH * STEP, geo.HEIGHT * STEP
    template = settings.CONFIGURATION.map.tiles_url
    label, length = geo.scale(view)
    context = {
        "area": "places",
        "view": view,
        "width": geo.WIDTH,
        "height": geo.HEIGHT,
        "drawn": geo.drawn(view, markers),
        "markers": markers,
        "lines": [] if template else geo.graticule(view),
        "tiles": geo.tiles(view, template) if template else [],
        "attribution": settings.CONFIGURATION.map.attribution,
        "scale": label,
        "length": length,
        "moves": [
            ("Left", "←", view.moved(-width, 0).query),
            ("Right", "→", view.moved(width, 0).query),
            ("Up", "↑", view.moved(0, -height).query),
            ("Down", "↓", view.moved(0, height).query),
            ("Nearer", "+", view.zoomed(1).query),
            ("Further away", "\N{MINUS SIGN}", view.zoomed(-1).query),
        ],
        "cut": len(markers) == MOST_MARKERS,
    }
    return render(request, "places/_map.html" if is_htmx(request) else "places/map.html", context)


def markers_of(by: Actor) -> list[geo.Marker]:
    """Places and assets in scope that have coordinates."""
    columns = ("pk", "name", "latitude", "longitude", "coordinates_at")
    places = Location.objects.visible_to(by).filter(latitude__isnull=False).values_list(*columns)[:MOST_MARKERS]
    url = _address("place")
    found = [geo.Marker(lat, lon, name, url.format(pk), "", True) for pk, name, lat, lon, _ in places]
    assets = Asset.objects.visible_to(by).filter(latitude__isnull=False).order_by("name").values_list(*columns)
    url = _address("asset")
    for pk, name, lat, lon, at in assets[: MOST_MARKERS - len(found)]:
        found.append(geo.Marker(lat, lon, name, url.format(pk), age_of(at)))
    return found


def _address(page: str) -> str:
    """Of the pages of places or assets, with braces where the key goes: looked up once, not for each of two thousand."""
    nobody = UUID(int=0)
    return reverse(page, args=[nobody]).replace(str(nobody), "{}")


def _view(request: HttpRequest) -> geo.View | None:
    try:
        latitude, longitude = float(request.GET["lat"]), float(request.GET["lon"])
        zoom = int(request.GET["z"])
    except (KeyError, ValueError):
        return None
    if not (isfinite(latitude) and isfinite(longitude) and geo.LEAST_ZOOM <= zoom <= geo.MOST_ZOOM):
        return None
    return geo.View(min(max(latitude, -geo.EDGE), geo.EDGE), min(max(longitude, -180.0), 180.0), zoom)
