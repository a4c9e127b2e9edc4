"""The list of assets: searched, narrowed, sorted, paged and exported, and everything of it in the address."""

import csv
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse, QueryDict, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from registry.access.actors import Actor
from registry.assets import finding
from registry.assets.finding import Criteria
from registry.assets.models import Asset, AssetQuerySet, Category, Location
from registry.assets.services import resolve_code
from registry.page import acting, is_htmx, page
from registry.paging import MAX_PAGE, BadCursor, Order, Page, cut
from registry.tracking.models import UnknownTag
from registry.web.facets import COUNTED_UP_TO, facets
from registry.web.where import for_assets

PAGE_SIZE = 50
CARRIED_ALONG = 1_000
HEADS = (
    ("name", "Name"),
    ("number", "Number"),
    ("category", "Category"),
    ("place", "Where"),
    ("seen", "Last seen"),
    ("status", "Status"),
)
NEWEST_FIRST = ("seen",)  # the first click on such a head sorts downwards


@dataclass(frozen=True, slots=True)
class Chip:
    name: str
    without: str


class Filters:
    """The address of the list, understood. What it does not know or cannot be is left out, never an error."""

    def __init__(self, by: Actor, given: QueryDict) -> None:
        self.q = given.get("q", "")[: finding.MAX_SEARCH_CHARS].replace("\0", "")
        category = _node(Category.objects.visible_to(by), given.get("category"))
        place = _node(Location.objects.visible_to(by), given.get("place"))
        status = given.get("status") if given.get("status") in Asset.Status.values else None
        seen = given.get("seen") if given.get("seen") in finding.SEEN else None
        self.criteria = Criteria(self.q, category, place, status, seen)
        self.sort = given.get("sort", "") if finding.order_of(given.get("sort", "")) else finding.DEFAULT_SORT
        self.cursor = given.get("cursor")
        self._plain = {
            "q": self.q or None,
            "place": str(place.pk) if place else None,
            "seen": seen,
            "category": str(category.pk) if category else None,
            "status": status,
            "sort": self.sort if self.sort != finding.DEFAULT_SORT else None,
        }

    @property
    def order(self) -> Order:
        order = finding.order_of(self.sort)
        assert order is not None
        return order

    @property
    def query(self) -> str:
        return self.with_()

    def with_(self, **changed: str | None) -> str:
        """The same list with these changed, from its first page."""
        query = QueryDict(mutable=True)
        for name, value in (self._plain | changed).items():
            if value is not None:
                query[name] = value
        return f"?{query.urlencode()}" if query else "?"

    @property
    def kept_with_search(self) -> list[tuple[str, str]]:
        return [(name, value) for name, value in self._plain.items() if value is not None and name != "q"]

    @property
    def chosen(self) -> list[Chip]:
        wanted = self.criteria
        said = {
            "q": f"“{wanted.q}”" if wanted.q else None,
            "place": wanted.place.name if wanted.place else None,
            "seen": f"Seen {finding.SEEN[wanted.seen]}" if wanted.seen else None,
            "category": wanted.category.name if wanted.category else None,
            "status": str(Asset.Status(wanted.status).label).capitalize() if wanted.status else None,
        }
        return [Chip(words, self.with_(**{name: None})) for name, words in said.items() if words is not None]

    @property
    def heads(self) -> list[dict[str, str]]:
        """The heads of the columns: what a click sorts by, and which one is sorted by now."""
        heads = []
        for name, title in HEADS:
            first = f"-{name}" if name in NEWEST_FIRST else name
            now = self.sort.removeprefix("-") == name
            other = self.sort.removeprefix("-") if self.sort.startswith("-") else f"-{name}"
            direction = ("descending" if self.sort.startswith("-") else "ascending") if now else ""
            heads.append({"title": title, "sorted": direction, "query": self.with_(sort=other if now else first)})
        return heads


@page()
def show(request: HttpRequest) -> HttpResponse:
    by = acting(request)
    filters = Filters(by, request.GET)
    searched, few = _searched(by, filters.q)
    found = finding.narrow(searched, filters.criteria)
    total = found.order_by()[: COUNTED_UP_TO + 1].count()
    shown = _page(found, filters)
    where = for_assets(by, shown.rows)
    context = {
        "area": "assets",
        "filters": filters,
        "sentence": _sentence(total, narrowed=bool(filters.chosen)),
        "facets": facets(searched, filters.criteria, filters.with_, counted=few and total <= COUNTED_UP_TO),
        "rows": [(asset, where[asset]) for asset in shown.rows],
        "page_size": PAGE_SIZE,
        "next": filters.with_(cursor=shown.next) if shown.next else None,
        "previous": filters.with_(cursor=shown.previous) if shown.previous else None,
        "unknown_tag": _unknown(by, filters) if not shown.rows else None,
        "any_at_all": bool(shown.rows) or bool(filters.chosen),
    }
    return render(request, "web/_found.html" if is_htmx(request) else "web/assets.html", context)


@page()
def go(request: HttpRequest) -> HttpResponse:
    """The one search field of all pages: a code or number of one asset opens it, anything else lists what matches."""
    filters = Filters(acting(request), request.GET)
    if filters.q.strip():
        exact = finding.by_code(Asset.objects.visible_to(acting(request)), filters.q.strip())
        hits = list(exact[:2]) if exact is not None else []
        if len(hits) == 1:
            return redirect("asset", hits[0].pk)
    response = redirect("assets")
    response["Location"] += filters.query
    return response


@page()
def export(request: HttpRequest) -> HttpResponse:
    """Exactly what the list shows, all pages of it, as CSV."""
    by = acting(request)
    filters = Filters(by, request.GET)
    name = f"assets-{timezone.now():%Y-%m-%d-%H%M}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingHttpResponse(  # type: ignore[return-value]
        _csv(finding.find(by, filters.criteria), filters.order), content_type="text/csv; charset=utf-8", headers=headers
    )


def _searched(by: Actor, text: str) -> tuple[AssetQuerySet, bool]:
    """What the search finds, and whether that is few enough to count it by facets. Looking through all names takes the longest of
    all that the page does, so it is done once where the result can be carried along."""
    found = finding.searched(by, text)
    if not text.strip():
        return found, True
    some = list(found.order_by().values_list("pk", flat=True)[: CARRIED_ALONG + 1])
    if len(some) > CARRIED_ALONG:
        return found, False
    return Asset.objects.visible_to(by).filter(pk__in=some), True


def _node(tree: Any, given: str | None) -> Any:
    try:
        return tree.filter(pk=UUID(given)).first() if given else None
    except ValueError:
        return None


def _page(found: AssetQuerySet, filters: Filters) -> Page[Asset]:
    rows = finding.for_rows(found)
    try:
        return cut(rows, filters.order, filters.cursor, PAGE_SIZE)
    except BadCursor:
        return cut(rows, filters.order, None, PAGE_SIZE)  # an old or foreign address: its first page


def _sentence(total: int, *, narrowed: bool) -> str:
    number = f"More than {COUNTED_UP_TO:,}" if total > COUNTED_UP_TO else f"{total:,}"
    noun = "asset" if total == 1 else "assets"
    return f"{number} {noun} {'matches' if total == 1 else 'match'}" if narrowed else f"{number} {noun}"


def _unknown(by: Actor, filters: Filters) -> UnknownTag | None:
    if not filters.q.strip():
        return None
    return UnknownTag.objects.visible_to(by).filter(identity=resolve_code(filters.q, by=by).identity.key).first()


COLUMNS = (
    "asset_no", "name", "kind", "status", "category", "home", "place", "place_name", "zone", "state", "since", "last_seen_at",
    "identifiers",
)  # fmt: skip


async def _csv(found: AssetQuerySet, order: Order) -> AsyncIterator[str]:
    """A page of rows at a time, so that a hundred thousand of them need no more memory than two hundred."""
    yield "\ufeff" + _line(COLUMNS)  # the mark tells spreadsheets that it is UTF-8
    cursor: str | None = None
    rows = finding.for_rows(found).prefetch_related("identifiers")
    while True:
        some = await sync_to_async(cut)(rows, order, cursor, MAX_PAGE)
        yield "".join(_line(_values(asset)) for asset in some.rows)
        if some.next is None:
            return
        cursor = some.next


def _values(asset: Asset) -> list[str]:
    position: Any = getattr(asset, "position", None)
    location = position.location if position is not None else None
    return [
        asset.asset_no,
        asset.name,
        asset.kind,
        asset.status,
        asset.category.name if asset.category else "",
        asset.home_location.code if asset.home_location else "",
        location.code if location else "",
        location.name if location else "",
        position.zone.name if position is not None and position.zone else "",
        position.state if position is not None else "",
        position.since.isoformat() if position is not None and position.since else "",
        position.last_seen_at.isoformat() if position is not None else "",
        " ".join(i.key for i in asset.identifiers.all() if i.state == "active"),
    ]


def _line(values: Any) -> str:
    text = io.StringIO()
    csv.writer(text).writerow([_harmless(value) for value in values])
    return text.getvalue()


def _harmless(value: str) -> str:
    """A cell that a spreadsheet would run as a formula gets an apostrophe in front."""
    return f"'{value}" if value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
