"""Times told by a clock that was wrong, once the gateway knows by how much: its `clock_fix` says what the right time was at one
moment of the boot's monotonic clock, and every record says when it was stored on both clocks. So each time of that boot can be
set right, however often the wall clock was set meanwhile.

What comes after the fix is stored right at once (rows.py). What is stored already is corrected here, a slice per transaction:
`happened_at`, the time we go by, and `clock_quality`, which then says `corrected`; `event_time` stays as it was told. Positions
and stays are drawn anew like those of changed identifiers.
"""

from collections.abc import Collection
from typing import Any

from django.db import transaction
from django.db.models import Max, Min

from registry.assets.models import Identifier
from registry.db import update
from registry.tracking import project
from registry.tracking.learned import Boot
from registry.tracking.models import GatewayBoot, GatewayEpoch, LocationEvent, UnknownTag
from registry.tracking.rows import CORRECTED, happened

ROWS_AT_ONCE = 500
BEYOND = 2**63 - 1


def correct_some_times() -> bool:
    """Set the times of the next events of a boot right; return whether there was something to do."""
    pk = GatewayBoot.objects.filter(correcting_epoch__isnull=False).order_by("id").values_list("pk", flat=True).first()
    if pk is not None:
        _correct_some(pk)
    return pk is not None


@transaction.atomic
def _correct_some(pk: int) -> None:
    """From the fix back in the order that the gateway numbered. A boot's records stand together, but for what was imported: a
    whole slice without any ends it."""
    project.hold_ingest()
    stored = GatewayBoot.objects.select_related("correcting_epoch").get(pk=pk)
    epoch, below = stored.correcting_epoch, stored.correcting_below
    if epoch is None or stored.fixed_at is None:
        return
    boot = Boot(stored.pk, stored.fixed_at, stored.fixed_mono_ms)
    rows: list[tuple[Any, ...]] = list(
        LocationEvent.objects.filter(epoch=epoch, seq__lt=below)
        .order_by("-seq")
        .values_list(
            "seq",
            "boot",
            "event_id",
            "event_time",
            "happened_at",
            "clock_quality",
            "stored_at",
            "mono_ms",
            "recorded_time",
            "identity",
        )[:ROWS_AT_ONCE]
    )
    corrected = []
    identities = set[str]()
    for _, of_boot, event_id, told, went_by, quality, stored_at, mono_ms, recorded, identity in rows:
        if of_boot != pk or quality == CORRECTED:
            continue
        at, now_quality = happened(told, quality, stored_at, mono_ms, boot, recorded)
        if now_quality == CORRECTED and at != went_by:
            corrected.append((event_id, at, now_quality))
            identities.add(identity)
    update(LocationEvent, ["happened_at", "clock_quality"], corrected, key="event_id")
    _draw_anew(identities)
    if rows and not any(row[1] == pk for row in rows):
        stored.correcting_epoch = stored.correcting_below = None
    elif len(rows) == ROWS_AT_ONCE:
        stored.correcting_below = rows[-1][0]
    else:
        stored.correcting_epoch = _before(epoch)
        stored.correcting_below = BEYOND if stored.correcting_epoch else None
    stored.save(update_fields=["correcting_epoch", "correcting_below"])


def _before(epoch: GatewayEpoch) -> GatewayEpoch | None:
    """An outbox may have parted from its past in the middle of the boot."""
    older = GatewayEpoch.objects.filter(gateway=epoch.gateway_id, ordinal__lt=epoch.ordinal)
    return older.order_by("-ordinal").first()


def _draw_anew(identities: Collection[str]) -> None:
    Identifier.objects.filter(key__in=identities).update(projected=False)  # services.project_changed_identifiers does the rest
    unknown = list(UnknownTag.objects.filter(identity__in=identities).order_by("identity").values_list("pk", "identity"))
    for pk, identity in unknown:
        span = LocationEvent.objects.filter(identity=identity).aggregate(
            first_seen=Min("happened_at"), last_seen=Max("happened_at")
        )
        UnknownTag.objects.filter(pk=pk).update(**span)
