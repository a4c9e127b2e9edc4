"""What may be done with stock: receive, take, count, move, and say how much there should be. Each is one transaction; HANDLE for
the asset and the place is asked for, EDIT for the numbers there should be. Every movement stands in a log of its own."""

from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from registry.access import changes as log
from registry.access.actors import Action, Actor
from registry.assets import values
from registry.assets.models import Asset, Location
from registry.assets.services import own
from registry.problems import Forbidden, Invalid, NotFound, Stale
from registry.stock.models import LOT_CHARS, StockLine, StockMovement
from registry.texts import line as one_line

Kind = StockMovement.Kind
LARGEST: Final = Decimal(10) ** 9
STEP: Final = Decimal("0.0001")


@transaction.atomic
def receive(
    *, by: Actor, asset_id: UUID, location_id: UUID, quantity: Any, lot: str = "", expires_on: Any = None, note: str = ""
) -> StockLine:
    """Put so much more there; the line is made when there is none. Raises Invalid, NotFound, Forbidden."""
    asset = own(by, asset_id, Action.HANDLE)
    place = _place(by, location_id)
    amount = _amount(quantity)
    lot = one_line(lot, field="lot", most=LOT_CHARS, required=False)
    day = values.day("expires_on", expires_on)
    found = _line_at(asset, place, lot)
    if day is not None and found.quantity > 0 and found.expires_on not in (None, day):
        raise Invalid(f"expires_on: this lot expires on {found.expires_on}; another date is another lot", field="expires_on")
    if day is not None:
        found.expires_on = day
    return _change(by, found, Kind.RECEIVE, amount, note)


@transaction.atomic
def take(*, by: Actor, line_id: UUID, quantity: Any, note: str = "") -> StockLine:
    """Take so much away. Raises Invalid when there is less, NotFound, Forbidden."""
    found, amount = _held(by, line_id), _amount(quantity)
    if amount > found.quantity:
        raise Invalid(f"quantity: there are {_plain(found.quantity)} only; count it if that is wrong", field="quantity")
    return _change(by, found, Kind.TAKE, -amount, note)


@transaction.atomic
def count(*, by: Actor, line_id: UUID, quantity: Any, version: int | None = None, note: str = "") -> StockLine:
    """Say how much there is. `version`: as it was when they began to count. Raises Invalid, Stale, NotFound, Forbidden."""
    found, amount = _held(by, line_id), _amount(quantity, zero=True)
    if version is not None and version != found.version:
        raise Stale(f"it was moved meanwhile: there should be {_plain(found.quantity)} now; look, then count again")
    found.counted_at = timezone.now()
    return _change(by, found, Kind.COUNT, amount - found.quantity, note)


@transaction.atomic
def move(*, by: Actor, line_id: UUID, location_id: UUID, quantity: Any, note: str = "") -> tuple[StockLine, StockLine]:
    """Bring so much of a line to another place, with its lot and date. Raises Invalid, NotFound, Forbidden."""
    place = _place(by, location_id)
    row = visible(by, line_id)
    if row.location_id == place.pk:
        raise Invalid("location: it is there already", field="location")
    target = _line_at(row.asset, place, row.lot)
    locked = {one.pk: one for one in StockLine.objects.select_for_update().filter(pk__in=[row.pk, target.pk]).order_by("pk")}
    source, target = locked[row.pk], locked[target.pk]
    amount = _amount(quantity)
    if amount > source.quantity:
        raise Invalid(f"quantity: there are {_plain(source.quantity)} only", field="quantity")
    if target.quantity > 0 and target.expires_on != source.expires_on:
        raise Invalid("location: the same lot lies there with another date of expiry; count it there first", field="location")
    target.expires_on = source.expires_on
    return (
        _change(by, source, Kind.MOVE, -amount, note, other=target),
        _change(by, target, Kind.MOVE, amount, note, other=source),
    )


@transaction.atomic
def set_levels(*, by: Actor, line_id: UUID, minimum: Any, target: Any, version: int | None = None) -> StockLine:
    """How much there should be at least, and after an order. None: nobody cares. Raises Invalid, Stale, NotFound, Forbidden."""
    found = visible(by, line_id)
    if not StockLine.objects.visible_to(by, Action.EDIT).filter(pk=found.pk).exists():
        raise Forbidden("your role does not allow saying how much there should be")
    found = StockLine.objects.select_for_update().get(pk=found.pk)
    if version is not None and version != found.version:
        now = f"at least {_plain(found.minimum or Decimal(0))}, up to {_plain(found.target or Decimal(0))}"
        raise Stale(f"somebody changed it meanwhile: {now} now; save once more to put yours in its place")
    least = None if minimum in (None, "") else _amount(minimum, "minimum", zero=True)
    most = None if target in (None, "") else _amount(target, "target", zero=True)
    if most is not None and (least is None or most < least):
        raise Invalid("target: not below the minimum, which has to be there", field="target")
    before = {"minimum": found.minimum, "target": found.target}
    found.minimum, found.target, found.version = least, most, found.version + 1
    found.save(update_fields=["minimum", "target", "version"])
    log.record(by, found, "changed", before, minimum=least, target=most)
    return found


def visible(by: Actor, line_id: UUID) -> StockLine:
    """Raises NotFound."""
    found = StockLine.objects.visible_to(by).select_related("asset", "location").filter(pk=line_id).first()
    if found is None:
        raise NotFound("there is no such stock")
    return found


def _held(by: Actor, line_id: UUID) -> StockLine:
    """The line, locked, with which they may. Raises NotFound, Forbidden."""
    found = visible(by, line_id)
    if not StockLine.objects.visible_to(by, Action.HANDLE).filter(pk=found.pk).exists():
        raise Forbidden("your role does not allow moving stock here")
    return StockLine.objects.select_for_update().get(pk=found.pk)


def _place(by: Actor, location_id: UUID) -> Location:
    """Raises NotFound, Forbidden."""
    place: Location | None = Location.objects.visible_to(by).filter(pk=location_id).first()
    if place is None:
        raise NotFound("there is no such place", field="location")
    if not Location.objects.visible_to(by, Action.HANDLE).filter(pk=place.pk).exists():
        raise Forbidden("your role does not allow moving stock there")
    return place


def _line_at(asset: Asset, place: Location, lot: str) -> StockLine:
    """The line, made when there is none, and locked."""
    key: dict[str, Any] = {"asset": asset, "location": place, "lot": lot}
    found = StockLine.objects.select_for_update().filter(**key).first()
    if found is None:
        try:
            with transaction.atomic():
                StockLine.objects.create(**key)
        except IntegrityError:  # somebody was faster
            pass
        found = StockLine.objects.select_for_update().get(**key)
    return found


def _change(by: Actor, found: StockLine, kind: str, change: Decimal, note: str, other: StockLine | None = None) -> StockLine:
    """Write what a movement makes of a line that is held, and the movement."""
    note = one_line(note, field="note", most=200, required=False)
    after = found.quantity + change
    if after >= LARGEST:
        raise Invalid(f"quantity: {_plain(after)} is more than can be kept", field="quantity")
    found.quantity = after
    found.version += 1
    found.save(update_fields=["quantity", "version", "expires_on", "counted_at"])
    StockMovement.objects.create(
        line=found, kind=kind, change=change, after=after, other=other, note=note, at=timezone.now(), user=by.user_id,
        request_id=by.request_id,
    )  # fmt: skip
    log.record(by, found, Kind(kind).label, {"quantity": after - change}, quantity=after)
    return found


def _amount(value: Any, field: str = "quantity", *, zero: bool = False) -> Decimal:
    try:
        amount = Decimal(str(value).strip().replace(",", "."))
    except InvalidOperation:
        raise Invalid(f"{field}: write a number", field=field) from None
    if not amount.is_finite() or amount < 0 or (amount == 0 and not zero) or amount >= LARGEST or amount % STEP:
        least = "0 or more" if zero else "more than 0"
        raise Invalid(f"{field}: {least}, less than {LARGEST:,}, with four decimals at most", field=field)
    return amount


def _plain(amount: Decimal) -> str:
    return format(amount.normalize(), "f")


def conditions(by: Actor, today: date) -> tuple[int, int]:
    """How many lines in scope are below their minimum, and how many expire soon."""
    seen = StockLine.objects.visible_to(by)
    return seen.low().count(), seen.expiring(today).count()
