"""What keeping things costs, and what is to be bought again."""

from collections import defaultdict
from datetime import date, timedelta
from uuid import UUID

from django.db.models import Case, Count, DateField, F, Q, When
from django.db.models.functions import TruncMonth
from django.utils import timezone

from registry.access.actors import Action, Actor
from registry.assets.elsewhere import ELSEWHERE
from registry.assets.models import Asset, Location
from registry.reports.answer import Answer, Bar, Cell, Column, bars
from registry.reports.asking import Asked
from registry.reports.counting import NONE, PLACE, cents, money, must_see_values, names, owned, places, valued

TO_REPLACE, WARRANTY = "to be replaced", "warranty ends"


def storage(by: Actor, asked: Asked) -> Answer:
    """What places cost a month, and what the assets at them cost there. Raises Forbidden."""
    must_see_values(by)
    rooms: defaultdict[tuple[str, str], int] = defaultdict(int)
    things: defaultdict[tuple[str, str], int] = defaultdict(int)
    number: defaultdict[tuple[str, str], int] = defaultdict(int)
    costly = Location.objects.visible_to(by, Action.VALUE).filter(storage_cost_month__gt=0)
    if asked.place is not None:
        costly = costly.filter(path__startswith=asked.place.path)
    paid = [] if asked.category is not None else list(costly.values_list("pk", "storage_cost_month", "currency"))
    assets = owned(by, asked, Action.VALUE).filter(storage_cost_month__gt=0).annotate(at=PLACE)
    summed = list(assets.values_list("at", "currency").annotate(number=Count("pk"), cost=cents("storage_cost_month")))
    pks = {pk for pk, *_ in paid} | {at for at, *_ in summed if at is not None}
    known = places(by, pks)

    def name_of(pk: UUID | None) -> str:
        return NONE if pk is None else known.get(pk, ELSEWHERE)

    for pk, cost, currency in paid:
        rooms[name_of(pk), currency or "no currency"] += int(cost * 10_000)
    for pk, currency, count, cost in summed:
        things[name_of(pk), currency or "no currency"] += cost
        number[name_of(pk), currency or "no currency"] += count
    month = {key: rooms[key] + things[key] for key in rooms.keys() | things.keys()}
    ordered = sorted(month, key=lambda key: (key[1], -month[key], key[0]))
    sums: defaultdict[str, int] = defaultdict(int)
    for (_, currency), cost in month.items():
        sums[currency] += cost
    said = " and ".join(f"{money(cost):,} {currency}" for currency, cost in sorted(sums.items()))
    return Answer(
        sentence=f"Keeping it costs {said} a month." if said else "Nobody has said what keeping things costs.",
        columns=[
            Column("place", "Place"),
            Column("assets", "Assets with a cost", "number"),
            Column("place_month", "Place a month", "money"),
            Column("assets_month", "Assets a month", "money"),
            Column("month", "Together a month", "money"),
            Column("year", "A year", "money"),
            Column("currency", "Currency"),
        ],
        rows=[
            [key[0], number[key], money(rooms[key]), money(things[key]), money(month[key]), money(12 * month[key]), key[1]]
            for key in ordered[: asked.limit]
        ],
        left_out=max(len(ordered) - asked.limit, 0),
        bars=bars([(key[0], month[key] / 10_000) for key in ordered], f" {ordered[0][1]}") if len(sums) == 1 else [],
        bars_of="cost a month",
        notes=["The cost a month is a field of the place and of the asset; give it there."],
    )


def replacement(by: Actor, asked: Asked) -> Answer:
    """What is due within so many days: its time is over, or its warranty ends. The cost is what it cost the last time."""
    today = timezone.now().date()
    until = today + timedelta(days=asked.days)
    due, covered = Q(replace_on__lte=until), Q(warranty_until__gte=today, warranty_until__lte=until)
    found = owned(by, asked).filter(due | covered)
    first = Case(
        When(due & ~covered, then=F("replace_on")),
        When(covered & ~due, then=F("warranty_until")),
        When(replace_on__lt=F("warranty_until"), then=F("replace_on")),
        default=F("warranty_until"),
        output_field=DateField(),
    )
    months = list(found.annotate(first=first).values_list(TruncMonth("first")).annotate(number=Count("pk")).order_by())
    number = sum(count for _, count in months)
    sees = by.may_anywhere(Action.VALUE)
    fields = ("pk", "asset_no", "name", "category", "first", "replace_on", "warranty_until", "purchase_cost", "currency")
    rows = list(found.annotate(first=first).order_by("first", "asset_no").values_list(*fields)[: asked.limit])
    may_see = _valued_among(by, [row[0] for row in rows]) if sees else set()
    sums = dict(
        found.filter(due, *([only] if (only := valued(by)) is not None else []))
        .filter(purchase_cost__isnull=False)
        .values_list("currency")
        .annotate(cost=cents("purchase_cost"))
        if sees
        else []
    )
    categories = names(by, "category", {row[3] for row in rows})
    table: list[list[Cell]] = []
    for pk, no, name, category, day, replace_on, warranty, cost, currency in rows:
        why = [TO_REPLACE] if replace_on and replace_on <= until else []
        why += [WARRANTY] if warranty and today <= warranty <= until else []
        shown = [cost, currency] if pk in may_see and cost is not None else [None, ""]
        table.append([no, name, categories[category], day, ", ".join(why), *(shown if sees else [])])
    costs = " and ".join(f"{money(cost):,} {currency}" for currency, cost in sorted(sums.items()))
    said = f"{number:,} asset{' is' if number == 1 else 's are'} due by {until:%-d %b %Y}"
    return Answer(
        sentence=(f"{said}; what is to be replaced was bought for {costs}." if costs else f"{said}.")
        if number
        else f"Nothing is due by {until:%-d %b %Y}.",
        columns=[
            Column("asset_no", "Number"),
            Column("name", "Name"),
            Column("category", "Category"),
            Column("due", "Due", "day"),
            Column("why", "Why"),
            *([Column("cost", "Cost", "money"), Column("currency", "Currency")] if sees else []),
        ],
        rows=table,
        links=[row[0] for row in rows],
        left_out=number - len(rows),
        bars=_by_month(months, today),
        bars_of="assets due, by month",
        notes=["When something is to be replaced follows from its model or category, or stands with the asset."],
    )


def _by_month(months: list[tuple[date | None, int]], today: date) -> list[Bar]:
    """In the order of time; what is overdue in one."""
    overdue = sum(count for month, count in months if month and month < today.replace(day=1))
    later = sorted((month, count) for month, count in months if month and month >= today.replace(day=1))
    found = [Bar("Overdue", float(overdue), f"{overdue:,}")] if overdue else []
    return [*found, *(Bar(f"{month:%b %Y}", float(count), f"{count:,}") for month, count in later[:24])]


def _valued_among(by: Actor, pks: list[UUID]) -> set[UUID]:
    if by.may_everywhere(Action.VALUE):
        return set(pks)
    return set(Asset.objects.visible_to(by, Action.VALUE).filter(pk__in=pks).order_by().values_list("pk", flat=True))
