"""The scan page, the worker that keeps it without a network, and what is done with all that was scanned."""

from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.contrib.staticfiles import finders
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone

from identity.resolve import resolve_text
from registry.access.actors import Action, Actor
from registry.assets.bulk import MOST
from registry.assets.elsewhere import hide_elsewhere
from registry.assets.models import Asset, Location
from registry.assets.services import resolve_code
from registry.db import uuid7
from registry.page import acting, page, said
from registry.problems import NotFound, Problem, Several
from registry.scanning import services, together
from registry.tracking.models import UnknownTag
from registry.tracking.scans import Scan

_PLACE = "scan_place"  # of a person without scripts: where they scanned last


_MODULES: Final = tuple(  # loaded side by side: found one in the other, each would wait for the one before
    f"scanning/{name}.js"
    for name in (
        "camera",
        "card",
        "codes",
        "epc",
        "ids",
        "list",
        "offline",
        "places",
        "register",
        "sound",
        "store",
        "sync",
        "wedge",
    )
)


@page("GET", "POST")
def show(request: HttpRequest) -> HttpResponse:
    """With scripts all of it happens in the browser; without them this form takes one scan after the other."""
    context: dict[str, Any] = {"area": "scan", "modules": _MODULES, "place": request.session.get(_PLACE, "")}
    if request.method == "POST":
        context |= _taken(request)
    context["event_id"] = uuid7()  # stands in the form: sent twice it counts once
    return render(request, "scanning/scan.html", context, status=422 if context.get("error") else 200)


@page()
def unknown(request: HttpRequest) -> HttpResponse:
    """Where a code that no asset has is given to one: to claiming it, or to a new asset."""
    found = resolve_code(request.GET.get("code", "").replace("\0", "")[:4096], by=acting(request))
    if found.asset is not None:
        messages.info(request, f"This code is {found.asset.name}'s meanwhile.", "good")
        return redirect("asset", found.asset.pk)
    tag = UnknownTag.objects.visible_to(acting(request)).filter(identity=found.identity.key).first()
    if tag is not None:
        return redirect("claim", tag.pk)
    return render(request, "scanning/unknown.html", {"area": "scan", "code": found.identity.key})


@page("GET", "POST")
def drawer(request: HttpRequest) -> HttpResponse:
    """All that was scanned (`assets`: ids with commas between), and what can be done with it at once."""
    by = acting(request)
    ids = _ids(request.POST.get("assets", ""))
    seen = Asset.objects.visible_to(by).select_related("home_location", "position__location", "position__zone").in_bulk(ids)
    assets = [seen[pk] for pk in ids if pk in seen]
    context: dict[str, Any] = {"area": "scan", "assets": assets, "ids": ",".join(str(one.pk) for one in assets)}
    context |= {name: request.POST.get(name, "").strip()[:200] for name in ("place", "container")}
    act = request.POST.get("act", "")
    if act in _ACTS and assets:
        try:
            messages.success(request, _ACTS[act](by, [one.pk for one in assets], context), "good")
        except Several as several:
            context["wrong"], context["errors"] = act, list(dict.fromkeys(said(one) for one in several.problems))[:20]
        except Problem as problem:
            context["wrong"], context["errors"] = act, [said(problem)]
        else:
            return redirect(f"{reverse('scan')}?done={act}")
    hide_elsewhere(by, assets)
    return render(request, "scanning/drawer.html", context, status=422 if "wrong" in context else 200)


def _home(by: Actor, ids: list[UUID], given: dict[str, Any]) -> str:
    place = place_by_code(Location.objects.visible_to(by, Action.EDIT), given["place"])
    if place is None:
        raise NotFound("place: there is no such place where you may change assets; write its code", field="place")
    changed = together.set_home(by=by, asset_ids=ids, place=place)
    return f"{place.name} is the home of {_assets(len(ids))} now{'' if changed else ', as before'}."


def _container(by: Actor, ids: list[UUID], given: dict[str, Any]) -> str:
    container = together.container_called(by, given["container"])
    put = together.put_into(by=by, asset_ids=ids, container=container)
    return f"{_assets(put)} put into {container.name}." if put else f"All of it lay in {container.name} already."


_ACTS: Final[dict[str, Callable[[Actor, list[UUID], dict[str, Any]], str]]] = {"home": _home, "container": _container}


def _assets(count: int) -> str:
    return f"{count} asset{'' if count == 1 else 's'}"


def worker(request: HttpRequest) -> HttpResponse:
    """The service worker. Under /scan/, so that it may answer for that page and for no other."""
    path = finders.find("scanning/worker.js")
    if path is None:
        raise Http404
    with open(path, "rb") as script:  # noqa: PTH123 - a path that Django found
        return HttpResponse(script.read(), content_type="text/javascript", headers={"Cache-Control": "no-cache"})


def _taken(request: HttpRequest) -> dict[str, Any]:
    """What one scan without scripts came to: `done`, or an `error` beside what was typed."""
    by = acting(request)
    typed, text = request.POST.get("place", "").strip()[:200], request.POST.get("text", "").strip()
    place = place_by_code(Location.objects.visible_to(by, Action.HANDLE), typed)
    if place is None:
        return {
            "place": typed,
            "text": text,
            "error": "There is no such place where you may scan. Write its code.",
            "wrong": "place",
        }
    request.session[_PLACE] = place.code
    event_id = _uuid(request.POST.get("event_id", "")) or uuid7()
    try:
        [done], _ = services.take(by=by, scans=[Scan(event_id, text, place.pk, timezone.now())])
    except Problem as problem:
        return {"place": place.code, "text": text, "error": said(problem), "wrong": "text"}
    if done.state == services.REFUSED:
        return {"place": place.code, "text": text, "error": done.why, "wrong": "text"}
    return {"place": place.code, "done": done, "at": place, "scanned": text}


def place_by_code(among: Any, typed: str) -> Location | None:
    """The place with this code, GLN or, where there is only one, name."""
    if not typed:
        return None
    found: Location | None = among.filter(code__iexact=typed).first()
    gln = resolve_text(f"414:{typed}" if typed.isdigit() else typed).key.removeprefix("414:")
    if found is None and len(gln) == 13 and gln.isdigit():
        found = among.filter(gln=gln).first()
    if found is None and len(named := among.filter(name__iexact=typed)[:2]) == 1:
        found = named[0]
    return found


def _ids(text: str) -> list[UUID]:
    """Each once, in their order; what is no id is passed over."""
    found = [_uuid(one.strip()) for one in text[: 37 * (MOST + 1)].split(",")]
    return list(dict.fromkeys(one for one in found if one is not None))


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
