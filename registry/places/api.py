"""REST: what was at a place on a date, what belongs there against what is there, how much is where, and what lies on the map."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from django.db.models.functions import Lower
from django.http import HttpRequest
from django.utils import timezone
from ninja import Path, Query, Router, Schema
from pydantic import AwareDatetime, Field

from registry.assets import finding
from registry.assets.elsewhere import hide_elsewhere
from registry.assets.models import Asset, Location
from registry.assets.schemas import AssetRef, PlaceRef, Whereabouts, asset_ref, place_ref, whereabouts
from registry.assets.trees_api import TREE_ORDER, location_or_404
from registry.operations import Cursor, Limit, Paged, acting
from registry.paging import MAX_PAGE, OLDEST_FIRST, Order, Page, cut, cut_by_key
from registry.places import contents
from registry.places.plans_api import router as plans_router
from registry.tracking.models import Stay

router = Router(tags=["locations"])
router.add_router("", plans_router)
BY_NAME = Order("name", Lower("asset__name"))


class StayOut(Schema):
    asset_id: UUID
    asset_no: str
    name: str
    location: UUID
    location_name: str
    since: datetime
    until: datetime | None = Field(description="Null: still there")


class ContentsPage(Paged):
    at: datetime
    items: list[StayOut]


class ExpectedOut(Schema):
    asset: AssetRef
    home: PlaceRef | None
    position: Whereabouts | None


class ExpectedPage(Paged):
    items: list[ExpectedOut]


class CountOut(Schema):
    """How many assets are there or at a place inside it, by the age of their last sighting."""

    location: UUID
    name: str
    depth: int
    total: int
    ages: dict[str, int]


class CountPage(Paged):
    items: list[CountOut]


class MarkerOut(Schema):
    id: UUID
    name: str
    latitude: float
    longitude: float
    at: datetime | None = Field(description="When it was there")


class MarkerPage(Paged):
    items: list[MarkerOut]


@router.get(
    "/locations/{location_id}/contents",
    response=ContentsPage,
    operation_id="list_place_contents",
    summary="What is, or was at a moment, in a place and everything inside it",
)
def list_contents(
    request: HttpRequest,
    location_id: Path[UUID],
    at: Annotated[AwareDatetime | None, Query()] = None,
    cursor: Cursor = None,
    limit: Limit = MAX_PAGE,
) -> Any:
    by = acting(request)
    moment = min(at, timezone.now()) if at is not None else timezone.now()
    page: Page[Stay] = cut_by_key(
        contents.at(by, location_or_404(by, location_id), moment), contents.shown(), BY_NAME, cursor, limit
    )
    items = []
    for stay in page.rows:
        assert stay.location is not None  # of a place
        items.append(
            StayOut(
                asset_id=stay.asset_id,
                asset_no=stay.asset.asset_no,
                name=stay.asset.name,
                location=stay.location.pk,
                location_name=stay.location.name,
                since=stay.from_ts,
                until=stay.to_ts,
            )
        )
    return ContentsPage(at=moment, items=items, next=page.next, previous=page.previous)


@router.get(
    "/locations/{location_id}/expected",
    response=ExpectedPage,
    operation_id="list_expected",
    summary="What belongs to a place and everything inside it, against what is there",
)
def list_expected(
    request: HttpRequest,
    location_id: Path[UUID],
    show: Annotated[
        Literal["here", "elsewhere", "unknown", "guests"],
        Query(
            description="`here`: belongs there and is; `elsewhere`: belongs there, is at another place; `unknown`: belongs "
            "there, has left or was never seen; `guests`: is there, belongs elsewhere or nowhere"
        ),
    ] = "elsewhere",
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Any:
    by = acting(request)
    found = finding.for_rows(getattr(contents.compared(by, location_or_404(by, location_id)), show))
    order = finding.order_of(finding.DEFAULT_SORT)
    assert order is not None
    page: Page[Asset] = cut(found, order, cursor, limit)
    hide_elsewhere(by, page.rows)
    items = [
        ExpectedOut(
            asset=asset_ref(one),
            home=place_ref(one.home_location),
            position=whereabouts(position) if (position := getattr(one, "position", None)) is not None else None,
        )
        for one in page.rows
    ]
    return ExpectedPage(items=items, next=page.next, previous=page.previous)


@router.get(
    "/locations/{location_id}/counts",
    response=CountPage,
    operation_id="list_place_counts",
    summary="How much is in a place, and in each place inside it, by the age of the last sighting",
)
def list_place_counts(request: HttpRequest, location_id: Path[UUID], cursor: Cursor = None, limit: Limit = MAX_PAGE) -> Any:
    by = acting(request)
    place = location_or_404(by, location_id)
    rolled = _rolled_up(contents.ages_by_place(by, place))
    page: Page[Location] = cut(Location.objects.visible_to(by).within(place), TREE_ORDER, cursor, limit)
    items = [
        CountOut(
            location=one.pk,
            name=one.name,
            depth=one.depth,
            total=sum(rolled[one.path].values()),
            ages={age: rolled[one.path][age] for age in contents.AGES},
        )
        for one in page.rows
    ]
    return CountPage(items=items, next=page.next, previous=page.previous)


@router.get("/map/{what}", response=MarkerPage, operation_id="list_markers", summary="What has coordinates: places, or assets")
def list_markers(request: HttpRequest, what: Literal["places", "assets"], cursor: Cursor = None, limit: Limit = MAX_PAGE) -> Any:
    by = acting(request)
    model: Any = Location if what == "places" else Asset
    page: Page[Any] = cut(model.objects.visible_to(by).filter(latitude__isnull=False), OLDEST_FIRST, cursor, limit)
    items = [
        MarkerOut(id=one.pk, name=one.name, latitude=one.latitude, longitude=one.longitude, at=one.coordinates_at)
        for one in page.rows
    ]
    return MarkerPage(items=items, next=page.next, previous=page.previous)


def _rolled_up(counted: Mapping[str, Counter[str]]) -> defaultdict[str, Counter[str]]:
    """By path of each place: what is there or at a place inside it."""
    total: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for path, ages in counted.items():
        for end in range(Location.steplen, len(path) + 1, Location.steplen):
            total[path[:end]].update(ages)
    return total
