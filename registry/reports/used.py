"""How things are used: what moves, what does not, and what is free."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

from django.db.models import Case, CharField, Count, Exists, F, OuterRef, Q, QuerySet, Value, When
from django.db.models.functions import Coalesce
from django.utils import timezone

from registry.access.actors import Action, Actor
from registry.assets import finding
from registry.assets.models import Asset, AssetQuerySet
from registry.custody.models import BookingItem, Custody
from registry.reports.answer import Answer, Cell, Column, bars
from registry.reports.asking import Asked
from registry.reports.counting import PLACE, everything, names, owned
from registry.tracking.models import Position, Stay

STATES = {"free": "Free", "out": "Handed out", "booked": "Booked", "in_maintenance": "In maintenance", "missing": "Missing",
          "planned": "Planned"}  # fmt: skip


def utilisation(by: Actor, asked: Asked) -> Answer:
    """Of each category, how many moved or were handed out in the days asked for."""
    start, end = _moments(asked)
    assets = owned(by, asked)
    within: dict[str, Any] = {}
    if not everything(by, asked):
        assets = finding.carried(assets).rows.order_by()  # asked three times
        within = {"asset__in": assets.values("pk")}
    total = dict(assets.values_list("category").annotate(number=Count("pk")))
    stays = Stay.objects.filter(from_ts__gte=start, from_ts__lt=end, **within).order_by().exclude(asset__status="disposed")
    moved = {
        category: (assets_moved, moves)
        for category, assets_moved, moves in stays.values_list("asset__category").annotate(
            a=Count("asset", distinct=True), m=Count("pk")
        )
    }
    out = Custody.objects.filter(Q(to_at__isnull=True) | Q(to_at__gte=start), from_at__lt=end, **within).order_by()
    lent = dict(
        out.exclude(asset__status="disposed").values_list("asset__category").annotate(number=Count("asset", distinct=True))
    )
    called = names(by, "category", total)
    rows: list[list[Cell]] = []
    for category, number in sorted(total.items(), key=lambda item: -item[1]):
        some, moves = moved.get(category, (0, 0))
        rows.append([called[category], number, some, moves, lent.get(category, 0), round(100 * some / number)])
    all_moved, all_moves = sum(a for a, _ in moved.values()), sum(m for _, m in moved.values())
    number = sum(total.values())
    share = round(100 * all_moved / number) if number else 0
    return Answer(
        sentence=f"{all_moved:,} of {number:,} assets ({share} %) moved from {asked.since:%-d %b %Y} to {asked.until:%-d %b %Y}."
        if number
        else "There is nothing of that.",
        columns=[
            Column("name", "Category"),
            Column("assets", "Assets", "number"),
            Column("moved", "Moved", "number"),
            Column("moves", "Moves", "number"),
            Column("handed_out", "Handed out", "number"),
            Column("moved_percent", "Moved, %", "percent"),
        ],
        rows=rows,
        totals=["All", number, all_moved, all_moves, sum(lent.values()), share],
        bars=bars([(str(row[0]), float(str(row[5]))) for row in rows], " %"),
        bars_of="share that moved",
    )


def idle(by: Actor, asked: Asked) -> Answer:
    """What has stood still for so many days, the longest first."""
    now = timezone.now()
    before = now - timedelta(days=asked.days)
    assets = owned(by, asked).filter(status__in=[Asset.Status.IN_USE, Asset.Status.IN_STOCK])
    found = assets.filter(pk__in=_still(before))
    all_of_them, counted = assets.count(), dict(found.values_list("category").annotate(number=Count("pk")))
    number = sum(counted.values())
    still = Coalesce("position__since", "position__last_seen_at", "created_at")
    columns = ("pk", "asset_no", "name", "category", "at", "still")
    listed = found.annotate(still=still, at=PLACE).order_by("still", "pk").values_list(*columns)
    shown = list(listed[: asked.limit]) if number else []
    places = names(by, "place", {row[4] for row in shown})
    categories = names(by, "category", {row[3] for row in shown})
    called = names(by, "category", counted)
    return Answer(
        sentence=f"{number:,} of {all_of_them:,} assets have stood still for {asked.days} days or more."
        if number
        else f"Nothing has stood still for {asked.days} days or more.",
        columns=[
            Column("asset_no", "Number"),
            Column("name", "Name"),
            Column("category", "Category"),
            Column("place", "Place"),
            Column("since", "Since", "day"),
            Column("days", "Days", "number"),
        ],
        rows=[
            [no, name, categories[category], places[at], since.date(), (now - since).days]
            for _, no, name, category, at, since in shown
        ],
        links=[row[0] for row in shown],
        left_out=number - len(shown),
        bars=bars([(called[category], float(count)) for category, count in counted.items()]),
        bars_of="assets that stand still, by category",
        notes=["What was never seen by a reader or a scan counts from the day it was registered."],
    )


def _still(before: datetime) -> QuerySet[Any, Any]:
    """The keys of what has not moved since then: by its position, or registered before then and never seen."""
    positions = Position.objects.order_by().annotate(still=Coalesce("since", "last_seen_at")).filter(still__lt=before)
    never = Asset.objects.order_by().filter(~Exists(Position.objects.filter(asset=OuterRef("pk"))), created_at__lt=before)
    return positions.values("asset").union(never.values("pk"), all=True)


def logistics(by: Actor, asked: Asked) -> Answer:
    """Where everything is, and whether it is free now."""
    now = timezone.now()
    assets = _with_availability(owned(by, asked), now).annotate(at=PLACE)
    if everything(by, asked):
        counts = _availability(owned(by, asked), now)
    else:
        counts = dict(assets.values_list("availability").annotate(number=Count("pk")))
    number = sum(counts.values())
    rows = list(
        assets.order_by("asset_no").values_list(
            "pk", "asset_no", "name", "availability", "at", "position__last_seen_at", "custodian__name"
        )[: asked.limit]
    )
    places = names(by, "place", {row[4] for row in rows})
    sees_people = by.may_anywhere(Action.HANDLE)
    return Answer(
        sentence=f"{counts.get('free', 0):,} of {number:,} assets are free now." if number else "There is nothing of that.",
        columns=[
            Column("asset_no", "Number"),
            Column("name", "Name"),
            Column("availability", "Now"),
            Column("place", "Place"),
            Column("last_seen", "Last seen", "day"),
            Column("with", "With"),
        ],
        rows=[
            [
                no,
                name,
                STATES[state],
                places[at],
                seen.date() if seen else None,
                person if sees_people or not person else "somebody",
            ]
            for _, no, name, state, at, seen, person in rows
        ],
        links=[row[0] for row in rows],
        left_out=number - len(rows),
        bars=bars([(STATES[state], float(count)) for state, count in counts.items()]),
        bars_of="number of assets",
    )


KEPT = (Asset.Status.IN_MAINTENANCE, Asset.Status.MISSING, Asset.Status.PLANNED)


def _availability(assets: AssetQuerySet, now: datetime) -> dict[str, int]:
    """How many there are of each of STATES: as _with_availability() says of each, asking only of what is out or booked."""
    by_status = dict(assets.values_list("status").annotate(number=Count("pk")))
    others = assets.exclude(status__in=KEPT)
    out, booked = _out(), _booked(now)
    taken = {
        "out": others.filter(pk__in=out.values("asset")).count(),
        "booked": others.filter(~Exists(out.filter(asset=OuterRef("pk"))), pk__in=booked.values("asset")).count(),
    }
    found = {str(status): by_status.pop(status) for status in KEPT if status in by_status}
    free = sum(by_status.values()) - sum(taken.values())
    return {state: number for state, number in ({"free": free} | taken | found).items() if number > 0}


def _with_availability(assets: AssetQuerySet, now: datetime) -> AssetQuerySet:
    return assets.annotate(
        availability=Case(
            When(status__in=KEPT, then=F("status")),
            When(Exists(_out().filter(asset=OuterRef("pk"))), then=Value("out")),
            When(Exists(_booked(now).filter(asset=OuterRef("pk"))), then=Value("booked")),
            default=Value("free"),
            output_field=CharField(),
        )
    )


def _out() -> QuerySet[Custody]:
    return Custody.objects.out().order_by()


def _booked(now: datetime) -> QuerySet[BookingItem]:
    return BookingItem.objects.filter(active=True, from_at__lte=now, to_at__gt=now).order_by()


def _moments(asked: Asked) -> tuple[datetime, datetime]:
    start = datetime.combine(asked.since, time(), UTC)
    return start, datetime.combine(asked.until, time(), UTC) + timedelta(days=1)
