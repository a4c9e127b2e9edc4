"""The list of assets: searched, narrowed, sorted, paged, and everything of it in the address."""

from typing import Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from registry.access.actors import Actor
from registry.assets import finding, saved_views
from registry.assets.finding import Found
from registry.assets.models import Asset, AssetQuerySet
from registry.assets.services import resolve_code
from registry.page import acting, is_htmx, page
from registry.paging import BadCursor, Page
from registry.tracking.models import UnknownTag
from registry.web import facets as beside
from registry.web.cells import rows
from registry.web.listing import Listing

PAGE_SIZE: Final = 50
TOLD_UP_TO: Final = 200_000  # beyond it the headline says "more than"
CHOSEN_COLUMNS: Final = "asset_columns"  # in the session: what this person chose last


def listing_of(request: HttpRequest) -> Listing:
    return Listing(acting(request), request.GET, request.session.get(CHOSEN_COLUMNS, ()))


@page()
def show(request: HttpRequest) -> HttpResponse:
    by = acting(request)
    listing = listing_of(request)
    searched = _searched(by, listing.q)
    found = finding.narrowed(searched, listing.criteria)
    total = _total(found)
    shown = _page(found.rows, listing)
    views = saved_views.of(by, "assets")
    context = {
        "area": "assets",
        "filters": listing,
        "total": total,
        "sentence": _sentence(total, narrowed=bool(listing.chosen)),
        "facets": beside.facets(searched.rows, found.rows, listing, total),
        "facets_later": beside.later(by, listing),
        "rows": rows(by, shown.rows, listing.columns),
        "page_size": PAGE_SIZE,
        "next": listing.with_(cursor=shown.next) if shown.next else None,
        "previous": listing.with_(cursor=shown.previous) if shown.previous else None,
        "unknown_tag": _unknown(by, listing) if not shown.rows else None,
        "views": views,
        "view": next((view for view in views if f"?{view.query}" == listing.whole), None),
    }
    return render(request, "web/_found.html" if is_htmx(request) else "web/assets.html", context)


@page()
def facet(request: HttpRequest, name: str) -> HttpResponse:
    """The choices of one facet, when somebody opens it. Without a script it is a page of its own."""
    listing = listing_of(request)
    if name not in beside.LATER:
        return redirect(f"{reverse('assets')}{listing.query}")
    found = facet_of(listing, name)
    template = "web/_facet.html" if is_htmx(request) else "web/asset_facet.html"
    return render(request, template, {"area": "assets", "facet": found, "filters": listing})


def facet_of(listing: Listing, name: str) -> beside.Facet:
    """The choices of one facet of AT_ONCE or LATER, counted unless that would cost more than the list itself."""
    searched = _searched(listing.by, listing.q)
    total = _total(finding.narrowed(searched, listing.criteria))
    return beside.facet(name, searched.rows, listing, counted=beside.countable(listing, total))


@page()
def go(request: HttpRequest) -> HttpResponse:
    """The one search field of all pages: a code or number of one asset opens it, anything else lists what matches."""
    listing = listing_of(request)
    if listing.q.strip():
        exact = finding.by_code(Asset.objects.visible_to(listing.by), listing.q.strip())
        hits = list(exact[:2]) if exact is not None else []
        if len(hits) == 1:
            return redirect("asset", hits[0].pk)
    return redirect(f"{reverse('assets')}{listing.query}")


def _searched(by: Actor, text: str) -> Found:
    """What the search finds in their scope. Looking through all names, or for what lies in a scope, takes longest of all that the
    page does: it is done once where the result can be carried along."""
    return finding.search(by, text) if text.strip() else finding.in_scope(by)


def _total(found: Found) -> int:
    return found.rows.order_by()[: TOLD_UP_TO + 1].count() if found.total is None else found.total


def _page(found: AssetQuerySet, listing: Listing) -> Page[Asset]:
    try:
        return finding.page_of(found, listing.order, listing.cursor, PAGE_SIZE, listing.columns)
    except BadCursor:  # an old or foreign address: its first page
        return finding.page_of(found, listing.order, None, PAGE_SIZE, listing.columns)


def _sentence(total: int, *, narrowed: bool) -> str:
    number = f"More than {TOLD_UP_TO:,}" if total > TOLD_UP_TO else f"{total:,}"
    noun = "asset" if total == 1 else "assets"
    return f"{number} {noun} {'matches' if total == 1 else 'match'}" if narrowed else f"{number} {noun}"


def _unknown(by: Actor, listing: Listing) -> UnknownTag | None:
    if not listing.q.strip():
        return None
    return UnknownTag.objects.visible_to(by).filter(identity=resolve_code(listing.q, by=by).identity.key).first()
