"""One gateway with everything there is to know of it: what its page and the API show."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.db.models import F, Sum
from django.utils import timezone

from registry.access.actors import Action, Actor
from registry.tracking import watching
from registry.tracking.fleet import GatewayRow, one_row
from registry.tracking.models import Gap, Gateway, GatewayEpoch, LocationEvent, ReadPoint, attach_assets
from registry.tracking.telling import Told, told
from registry.tracking.watching import ZoneRow

EPOCHS_SHOWN: Final = 10
GAPS_SHOWN: Final = 20
ZONES_SHOWN: Final = 100
EVENTS_SHOWN: Final = 20
LOOK_BACK: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class EpochRow:
    """One outbox: how far it is committed here, and what of it never comes."""

    epoch: GatewayEpoch
    missing: int

    @property
    def open_ranges(self) -> int:
        """Committed ranges above `through`: what lies between them is still on its way."""
        return len(self.epoch.ranges)


@dataclass(frozen=True, slots=True)
class GapRow:
    gap: Gap
    count: int


@dataclass(frozen=True, slots=True)
class GatewayView:
    """`whole`: with what is shown only to those who see all places."""

    row: GatewayRow
    whole: bool
    zones: list[ZoneRow]
    zone_count: int
    events: list[Told]
    epochs: list[EpochRow]
    epoch_count: int
    gaps: list[GapRow]
    clock: str
    reasons: bool  # a reader says why it is as it is
    machines: list[str]
    replaced_by: Gateway | None
    boots: int
    read_points: int


def _clock(off_s: float | None) -> str:
    if off_s is None:
        return ""
    return "within 1 s" if abs(off_s) < 1 else f"{abs(off_s):,.0f} s {'ahead of' if off_s > 0 else 'behind'} ours"


def gateway_view(by: Actor, gateway: Gateway) -> GatewayView:
    whole = by.sees_all_places()
    zones = watching.zones_of(by).filter(gateway=gateway)
    shown = watching.zone_rows(by, list(zones.order_by("name")[:ZONES_SHOWN]))
    epochs = list(gateway.epochs.order_by("-ordinal")) if whole else []
    row = one_row(by, gateway)
    return GatewayView(
        row=row,
        clock=_clock(row.health.clock_off_s),
        reasons=any(reader.why and reader.why != reader.word for reader in row.readers),
        whole=whole,
        zones=shown,
        zone_count=zones.count() if len(shown) == ZONES_SHOWN else len(shown),
        events=latest_events(by, gateway),
        epochs=_epoch_rows(epochs[:EPOCHS_SHOWN]),
        epoch_count=len(epochs),
        gaps=gap_rows(gateway) if whole else [],
        machines=[m for m in (gateway.machine, gateway.other_machine, *gateway.refused_machines) if m] if whole else [],
        replaced_by=Gateway.objects.visible_to(by).filter(replaces=gateway).first(),
        boots=gateway.boots.count() if whole else 0,
        read_points=ReadPoint.objects.filter(gateway=gateway).count() if whole else 0,
    )


def latest_events(by: Actor, gateway: Gateway) -> list[Told]:
    """The newest of its present outbox: by their numbers, which an index holds."""
    newest = gateway.epochs.order_by("-ordinal").values("pk")[:1]
    found = LocationEvent.objects.filter(epoch__in=list(newest.values_list("pk", flat=True)))
    if not by.may_everywhere(Action.VIEW):
        found = found.visible_to(by).filter(recorded_time__gte=timezone.now() - LOOK_BACK)
    related = ("read_point", "zone_from__location", "zone_to__location", "gateway")
    events = list(found.select_related(*related).order_by("-seq")[:EVENTS_SHOWN])
    attach_assets(events)
    return told(events, by)


def gap_rows(gateway: Gateway) -> list[GapRow]:
    gaps = Gap.objects.filter(epoch__gateway=gateway).select_related("epoch").order_by("-declared_at", "-pk")[:GAPS_SHOWN]
    return [GapRow(gap, gap.last - gap.first + 1) for gap in gaps]


def _epoch_rows(epochs: Sequence[GatewayEpoch]) -> list[EpochRow]:
    gaps = Gap.objects.filter(epoch__in=epochs).order_by().values_list("epoch")
    missing: Mapping[Any, int] = dict(gaps.annotate(number=Sum(F("last") - F("first") + 1)))
    return [EpochRow(epoch, missing.get(epoch.pk, 0)) for epoch in epochs]
