"""What somebody ticked in the list of assets, and what is done with it: labels, a file, a change (bulk.py)."""

from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import redirect
from django.urls import reverse

from registry.access.actors import Actor
from registry.assets.columns import around
from registry.assets.models import Asset
from registry.labels.pages import choose
from registry.page import acting, page, said
from registry.problems import Invalid, Problem
from registry.tables.writing import WRITERS
from registry.web.asset_export import download
from registry.web.asset_list import CHOSEN_COLUMNS
from registry.web.listing import Listing

MOST: Final = 5_000


def listing_behind(request: HttpRequest) -> Listing:
    """The list in which somebody ticked."""
    return Listing(
        acting(request),
        QueryDict(request.POST.get("query", "").removeprefix("?")[:4000]),
        request.session.get(CHOSEN_COLUMNS, ()),
    )


def chosen(request: HttpRequest, by: Actor) -> list[UUID]:
    """The assets that were ticked, or with `all` those that the list shows, each of them in sight. Raises Invalid."""
    if "all" in request.POST:
        listing = listing_behind(request)
        order = f"{'-' if listing.order.descending else ''}sort_key"
        found = listing.order.keyed(listing.found()).order_by(order, "pk").values_list("pk", flat=True)
        keys = list(found[: MOST + 1])
        if len(keys) > MOST:
            raise Invalid(f"More than {MOST:,} assets at once are too many; narrow the list first")
    else:
        keys = _ids([*request.POST.getlist("asset"), *request.POST.get("assets", "").split(",")])
        seen = set(Asset.objects.visible_to(by).order_by().filter(pk__in=keys).values_list("pk", flat=True))
        keys = [key for key in keys if key in seen]
    if not keys:
        raise Invalid("Tick some assets first")
    return keys


def _ids(texts: list[str]) -> list[UUID]:
    if len(texts) > MOST + 1:
        raise Invalid(f"More than {MOST:,} assets at once are too many; narrow the list first")
    found: dict[UUID, None] = {}
    for text in texts:
        try:
            found[UUID(text)] = None
        except ValueError:
            continue
    return list(found)


def back_to_list(request: HttpRequest, problem: Problem | None = None) -> HttpResponse:
    """To the list somebody comes from, with what was wrong above it."""
    if problem is not None:
        messages.error(request, said(problem), "attention")
    return redirect(f"{reverse('assets')}{listing_behind(request).query}")


@page("POST")
def labels(request: HttpRequest) -> HttpResponse:
    by = acting(request)
    try:
        keys = chosen(request, by)
    except Problem as problem:
        return back_to_list(request, problem)
    return choose(request, QueryDict(), ",".join(map(str, keys)))


@page("POST")
def export(request: HttpRequest) -> HttpResponseBase:
    """The ticked assets alone, with the columns and in the order of the list."""
    by = acting(request)
    try:
        keys = chosen(request, by)
    except Problem as problem:
        return back_to_list(request, problem)
    listing = listing_behind(request)
    ending: Any = request.POST.get("ending")
    found = Asset.objects.visible_to(by).filter(pk__in=keys)
    return download(found, listing.order, listing.columns, around(by), ending if ending in WRITERS else "csv")
