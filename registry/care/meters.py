"""Reading meters: HANDLE for the asset is asked for. What was read is never altered."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from registry.access import changes as log
from registry.access.actors import Action, Actor
from registry.assets import values
from registry.assets.models import Asset
from registry.assets.services import own
from registry.care.models import Meter, MeterReading
from registry.problems import Invalid, NotFound
from registry.texts import line

MOST_METERS: Final = 20
MOST: Final = Decimal(10) ** 11
UNIT_CHARS: Final = 20
AHEAD: Final = timedelta(minutes=5)  # so wrong a clock may be


@transaction.atomic
def read(*, by: Actor, asset_id: UUID, unit: str, value: Any, at: datetime | None = None, replaced: bool = False) -> MeterReading:
    """What the asset's meter of this unit shows; the first reading makes the meter. `replaced`: the counter is a new one.
    Raises Invalid, NotFound, Forbidden."""
    asset = own(by, asset_id, Action.HANDLE)
    unit = line(unit, field="unit", most=UNIT_CHARS).lower()
    shown, now = values.money("value", value), timezone.now()
    if shown is None:
        raise Invalid("value: write what it shows", field="value")
    at = at or now
    if at > now + AHEAD:
        raise Invalid("at: lies in the future", field="at")
    Asset.objects.select_for_update().get(pk=asset.pk)
    meter = Meter.objects.filter(asset=asset, unit=unit).first()
    if meter is None:
        if Meter.objects.filter(asset=asset).count() >= MOST_METERS:
            raise Invalid(f"unit: an asset has {MOST_METERS} meters at most", field="unit")
        meter = Meter.objects.create(asset=asset, unit=unit)
    if meter.read_at is not None and at < meter.read_at:
        raise Invalid(f"at: it was read later already, on {meter.read_at:%-d %b %Y %H:%M} UTC", field="at")
    if shown < meter.value and not replaced:
        raise Invalid(f"value: it showed {plain(meter.value)} before; say so if the counter was replaced", field="value")
    before = meter.total
    meter.total += shown if replaced else shown - meter.value
    if meter.total >= MOST:
        raise Invalid(f"value: {plain(meter.total)} in all is more than can be kept", field="value")
    meter.value, meter.read_at = shown, at
    meter.save(update_fields=["value", "total", "read_at"])
    source = "hand" if by.through == "page" else by.through[:10]
    found = MeterReading.objects.create(
        meter=meter, at=at, value=shown, total=meter.total, replaced=replaced, source=source, user=by.user_id
    )
    log.record(by, asset, "meter read", {unit: before}, **{unit: meter.total})
    return found


def visible(by: Actor, meter_id: UUID) -> Meter:
    """Raises NotFound."""
    found = Meter.objects.filter(asset__in=Asset.objects.visible_to(by), pk=meter_id).select_related("asset").first()
    if found is None:
        raise NotFound("there is no such meter")
    return found


def plain(amount: Decimal) -> str:
    return format(amount.normalize(), "f")
