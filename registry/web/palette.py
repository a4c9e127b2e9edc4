"""The command palette: pages, things to do and what a search finds, by typing."""

from dataclasses import dataclass
from typing import Final

from django.db.models import Case, When
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import NoReverseMatch, reverse
from django.utils.http import urlencode

from registry.access.actors import Action, Actor
from registry.assets import finding, saved_views
from registry.assets.elsewhere import hide_elsewhere
from registry.assets.models import Location
from registry.page import acting, is_htmx, page
from registry.web import navigation

HITS: Final = 6
PLACES: Final = 4


@dataclass(frozen=True, slots=True)
class Deed:
    """Something to do, on the page `url_name`; offered to whoever may do `action` anywhere."""

    title: str
    url_name: str
    icon: str
    action: Action
    said: str = ""


DEEDS: Final = (
    Deed("New asset", "asset-new", "add", Action.EDIT, "register make"),
    Deed("New place", "place-new", "add", Action.EDIT, "location room"),
    Deed("Import a table", "imports", "add", Action.EDIT, "csv xlsx"),
    Deed("Check out", "check-out", "user", Action.HANDLE, "lend hand out"),
    Deed("Check in", "check-in", "check", Action.HANDLE, "return take back"),
    Deed("Unknown tags", "unknown-tags", "tag", Action.HANDLE, "claim"),
    Deed("All filters of the list of assets", "asset-filters", "filter", Action.VIEW, "search narrow"),
    Deed("Columns of the list of assets", "asset-columns", "settings", Action.VIEW, "choose"),
    Deed("Saved views", "asset-views", "list", Action.VIEW, "keep"),
    Deed("Change password", "password", "settings", Action.VIEW, "account"),
)


@dataclass(frozen=True, slots=True)
class Offer:
    title: str
    url: str
    icon: str
    beside: str = ""


@page()
def show(request: HttpRequest) -> HttpResponse:
    by = acting(request)
    q = request.GET.get("q", "").strip()[: finding.MAX_SEARCH_CHARS].replace("\0", "")
    groups = [(title, offers) for title, offers in _groups(by, q) if offers]
    template = "web/_palette.html" if is_htmx(request) else "web/palette.html"
    return render(request, template, {"groups": groups, "q": q, "area": ""})


def _groups(by: Actor, q: str) -> list[tuple[str, list[Offer]]]:
    pages = [Offer(link.entry.title, link.url, link.entry.icon, f"g {link.entry.key}") for link in navigation.links(by)
             if _fits(q, link.entry.title, link.entry.said)]  # fmt: skip
    deeds = [Offer(deed.title, url, deed.icon) for deed in DEEDS
             if by.may_anywhere(deed.action) and _fits(q, deed.title, deed.said) and (url := _url(deed.url_name))]  # fmt: skip
    views = [Offer(str(view.name), f"{reverse('assets')}?{view.query}", "list", "view") for view in saved_views.of(by, "assets")
             if q and _fits(q, str(view.name), "")]  # fmt: skip
    return [
        ("Assets", _assets(by, q)),
        ("Places", _places(by, q)),
        ("Go to", pages),
        ("Do", deeds),
        ("Saved views", views[:HITS]),
    ]


def _assets(by: Actor, q: str) -> list[Offer]:
    if len(q) < 2:
        return []
    named_so = Case(When(name__istartswith=q, then=0), When(name__icontains=q, then=1), default=2)
    first = finding.searched(by, q).order_by(named_so, "name").values_list("pk", flat=True)
    found = finding.rows_of(list(first[: HITS + 1]))
    hide_elsewhere(by, found)
    offers = [Offer(asset.name, reverse("asset", args=[asset.pk]), "asset", asset.asset_no) for asset in found[:HITS]]
    if len(found) > HITS:
        offers.append(Offer(f"All assets that match “{q}”", f"{reverse('assets')}?{urlencode({'q': q})}", "search"))
    return offers


def _places(by: Actor, q: str) -> list[Offer]:
    if len(q) < 2:
        return []
    found = Location.objects.visible_to(by).filter(name__icontains=q)[:PLACES]
    return [Offer(str(place.name), reverse("place", args=[place.pk]), "place", str(place.code)) for place in found]


def _fits(q: str, title: str, said: str) -> bool:
    text = f"{title} {said}".lower()
    return all(word in text for word in q.lower().split())


def _url(name: str) -> str | None:
    try:
        return reverse(name)
    except NoReverseMatch:
        return None
