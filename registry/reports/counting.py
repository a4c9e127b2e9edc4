"""What all reports count with: whose assets, exact sums of money, and the names of what they are grouped by."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.db.models import BigIntegerField, Case, CharField, Exists, F, OuterRef, Q, QuerySet, Sum, Value, When
from django.db.models.functions import Cast, Coalesce, ExtractYear, Round

from registry.access.actors import Action, Actor
from registry.assets.elsewhere import ELSEWHERE
from registry.assets.lifespan import months_later
from registry.assets.models import Asset, AssetQuerySet, Category, CostCenter, Location, Supplier
from registry.problems import Forbidden
from registry.reports.asking import Asked
from registry.tracking.models import Position

NONE: Final = "(none)"
PLACE: Final = Coalesce("position__location", "home_location")  # where it is; where nobody has told, where it belongs
SERVICE: Final = Coalesce("in_service_on", "acquired_on")
AGES: Final = ((12, "Under 1 year"), (36, "1 to 3 years"), (60, "3 to 5 years"), (120, "5 to 10 years"))


def owned(by: Actor, asked: Asked, action: Action = Action.VIEW) -> AssetQuerySet:
    """The assets in scope that are not disposed of, within what is asked for. In no order."""
    known = asked.place is not None and action == Action.VIEW and by.sees_all_kinds()  # all that is at a place they know of
    found: AssetQuerySet = Asset.objects.all() if known else Asset.objects.visible_to(by, action)
    found = found.exclude(status=Asset.Status.DISPOSED).order_by()
    if asked.category is not None:
        found = found.in_category(asked.category)
    if asked.place is not None:
        found = found.filter(pk__in=_at(asked.place))
    return found


def everything(by: Actor, asked: Asked) -> bool:
    """Is it about all there is? Then whole tables are counted, else one asset after the other."""
    return by.may_everywhere(Action.VIEW) and asked.category is None and asked.place is None


def _at(place: Location) -> QuerySet[Any, Any]:
    """The keys of what is there, and of what belongs there where nobody has told where it is."""
    inside = Location.objects.within(place).order_by().values("pk")
    told = Position.objects.order_by().filter(location__isnull=False)
    belongs = Asset.objects.order_by().filter(~Exists(told.filter(asset=OuterRef("pk"))), home_location__in=inside)
    return told.filter(location__in=inside).values("asset").union(belongs.values("pk"), all=True)


def must_see_values(by: Actor) -> None:
    """Raises Forbidden."""
    if not by.may_anywhere(Action.VALUE):
        raise Forbidden("your role does not show what things cost")


def valued(by: Actor) -> Q | None:
    """The assets whose value they may see; None: of all they see."""
    if by.may_everywhere(Action.VALUE):
        return None
    return Q(pk__in=Asset.objects.visible_to(by, Action.VALUE).order_by().values("pk"))


def cents(field: str, only: Q | None = None) -> Sum:
    """The sum of a money column in ten-thousandths, exact on either database."""
    return Sum(Cast(Round(F(field) * 10_000), BigIntegerField()), filter=only)


def money(ten_thousandths: int | None) -> Decimal | None:
    """With two decimals, more where there are more."""
    if ten_thousandths is None:
        return None
    exact = Decimal(ten_thousandths).scaleb(-4)
    return exact.quantize(Decimal("0.01")) if exact == exact.quantize(Decimal("0.01")) else exact


def group_by(group: str, today: date) -> Any:
    """The expression of a group; `names` says what its values are called."""
    match group:
        case "place":
            return PLACE
        case "age":
            steps = [When(service__gt=months_later(today, -months), then=Value(name)) for months, name in AGES]
            return Case(*steps, When(service__isnull=False, then=Value("Over 10 years")), default=Value("Unknown"),
                        output_field=CharField())  # fmt: skip
        case "year":
            return ExtractYear("service")
    return F(group)  # a column: category, cost_center, supplier, status, kind


def names(by: Actor, group: str, keys: Iterable[Any]) -> dict[Any, str]:
    """What each value of a group is called; a place out of scope is `elsewhere`, nothing is (none)."""
    wanted = {key for key in keys if key is not None}
    found: dict[Any, str] = {}
    match group:
        case "category":
            found = _paths(Category.objects.filter(pk__in=wanted), Category.objects.visible_to(by))
        case "place":
            found = dict.fromkeys(wanted, ELSEWHERE) | places(by, wanted)
        case "cost_center":
            found = {one.pk: str(one) for one in CostCenter.objects.filter(pk__in=wanted)}
        case "supplier":
            found = dict(Supplier.objects.filter(pk__in=wanted).values_list("pk", "name"))
        case "status":
            found = {key: str(Asset.Status(key).label).capitalize() for key in wanted}
        case "kind":
            found = {key: str(Asset.Kind(key).label).capitalize() for key in wanted}
        case _:
            found = {key: str(key) for key in wanted}
    return {None: NONE} | found


def places(by: Actor, pks: Iterable[UUID]) -> dict[UUID, str]:
    """The places of these that are in scope, as `Site / Building / Room`."""
    visible = Location.objects.visible_to(by)
    return _paths(visible.filter(pk__in=list(pks)), visible)


def _paths(wanted: Any, visible: Any) -> dict[UUID, str]:
    """With the names of the nodes above that may be seen; one question for both."""
    rows = {path: (pk, name) for pk, path, name in wanted.values_list("pk", "path", "name")}
    step = 4
    above = {path[:end] for path in rows for end in range(step, len(path), step)} - rows.keys()
    named = {path: name for path, (_, name) in rows.items()} | dict(_names_of(visible, above))
    return {
        pk: " / ".join(named[path[:end]] for end in range(step, len(path) + 1, step) if path[:end] in named)
        for path, (pk, _) in rows.items()
    }


def _names_of(visible: Any, paths: set[str]) -> Iterable[tuple[str, str]]:
    ordered = sorted(paths)
    for first in range(0, len(ordered), 500):
        yield from visible.filter(path__in=ordered[first : first + 500]).values_list("path", "name")
