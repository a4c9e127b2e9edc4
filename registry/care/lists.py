"""What the lists of care show: one set of questions for pages and API."""

from collections.abc import Callable, Collection
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from registry.access.actors import Action, Actor
from registry.assets.models import Asset
from registry.care.models import LEADS, OPEN, Agreement, Assessment, MaintenancePlan, WorkOrder
from registry.paging import Order
from registry.tables.writing import WRITERS, Cell

DUE_FIRST: Final = Order("due", Coalesce(F("due_on"), Value(date(9999, 12, 31))), "day")  # those without an end last
JUDGED_LAST: Final = Order("judged", F("judged_on"), "day", descending=True)
MAX_SEARCH_CHARS: Final = 100


def agreements(
    by: Actor, show: str | int, *, today: date, kind: str = "", q: str = "", asset_id: UUID | None = None
) -> QuerySet[Agreement]:
    """`show`: running, ended, all; a number: those due within so many days. `q` stands in its name or
    the vendor's, or is its number. With their seats counted, in no order."""
    seen = Agreement.objects.visible_to(by)
    match show:
        case int():
            seen = seen.due_within(today, show)
        case "running":
            seen = seen.running(today)
        case "ended":
            seen = seen.ended(today)
    if kind:
        seen = seen.filter(kind=kind)
    if asset_id is not None:
        seen = seen.filter(covered__asset__in=Asset.objects.visible_to(by).filter(pk=asset_id))
    if text := q.replace("\0", "").strip()[:MAX_SEARCH_CHARS]:
        seen = seen.filter(Q(name__icontains=text) | Q(number__iexact=text) | Q(vendor__name__icontains=text))
    return with_counts(seen).order_by()


def with_counts(found: QuerySet[Agreement]) -> QuerySet[Any]:
    """With `used`, the seats in use, and the vendor."""
    return found.select_related("vendor").annotate(
        used=Count("seats_used", filter=Q(seats_used__to_at__isnull=True), distinct=True)
    )


def ladder(by: Actor, today: date) -> dict[int, int]:
    """Of how many agreements the end or the last day for notice is so many days off at most, by LEADS."""
    seen = Agreement.objects.visible_to(by)
    within = {f"within_{days}": Count("pk", filter=Q(due_on__lte=today + timedelta(days=days))) for days in LEADS}
    found = seen.due_within(today, max(LEADS)).aggregate(**within)
    return {days: found[f"within_{days}"] for days in sorted(LEADS)}


def assessments(by: Actor, *, score_at_most: int | None = None, updates: str = "", newest: bool = False) -> QuerySet[Assessment]:
    """`newest`: of each asset and scale the last one alone. With asset and photos, in no order."""
    found = Assessment.objects.visible_to(by)
    if newest:
        same = Assessment.objects.filter(asset=OuterRef("asset"), scale=OuterRef("scale"))
        found = found.filter(pk=Subquery(same.order_by("-judged_on", "-pk").values("pk")[:1]))
    if score_at_most is not None:
        found = found.filter(score__lte=score_at_most)
    if updates:
        found = found.filter(updates=updates)
    return found.select_related("asset").prefetch_related("photos").order_by()


def plans(by: Actor) -> QuerySet[MaintenancePlan]:
    return MaintenancePlan.objects.visible_to(by).select_related("asset", "model", "category").order_by()


def orders(by: Actor, show: str) -> QuerySet[WorkOrder]:
    """`show`: open, overdue, mine (assigned to who asks, and open), closed, all. In no order."""
    found = WorkOrder.objects.visible_to(by).select_related("asset", "plan", "assignee").order_by()
    match show:
        case "open":
            return found.open()
        case "overdue":
            return found.overdue(timezone.localdate())
        case "mine":
            return found.open().filter(assignee__user=by.user_id) if by.user_id is not None else found.none()
        case "closed":
            return found.exclude(state__in=OPEN)
    return found


def seen_assets(by: Actor, ids: Collection[UUID]) -> set[UUID]:
    """Those of them that they may see."""
    return set(Asset.objects.visible_to(by).filter(pk__in=ids).order_by().values_list("pk", flat=True)) if ids else set()


def agreements_file(by: Actor, rows: QuerySet[Any], form: str) -> tuple[bytes, str]:
    """The rows of `agreements` as `csv` or `xlsx`, with the content type; cost for those who may see it."""
    valued = by.may_anywhere(Action.VALUE)
    writer = WRITERS[form]()
    parts = [writer.rows([[title for title, _ in _COLUMNS]])]
    for one in rows.order_by("name", "pk").iterator(chunk_size=500):
        parts.append(writer.rows([[None if title in _MONEY and not valued else show(one) for title, show in _COLUMNS]]))
    return b"".join([*parts, writer.end()]), writer.content_type


_MONEY: Final = frozenset(("Cost", "Currency", "Paid"))
_COLUMNS: Final[tuple[tuple[str, Callable[[Any], Cell]], ...]] = (
    ("Name", lambda one: one.name),
    ("Kind", lambda one: one.get_kind_display()),
    ("With", lambda one: str(one.vendor) if one.vendor else None),
    ("Number", lambda one: one.number),
    ("Starts", lambda one: one.starts_on),
    ("Ends", lambda one: one.ends_on),
    ("Due", lambda one: one.due_on),
    ("Goes on by itself", lambda one: "yes" if one.auto_renew else "no"),
    ("Months each time", lambda one: one.renew_months),
    ("Days of notice", lambda one: one.notice_days),
    ("Notice given", lambda one: one.cancelled_on),
    ("Seats", lambda one: one.seats),
    ("Seats used", lambda one: one.used),
    ("Cost", lambda one: one.cost),
    ("Currency", lambda one: one.currency),
    ("Paid", lambda one: one.get_period_display()),
)
