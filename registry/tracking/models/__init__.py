"""Gateways and what they tell, and what we make of it: where each asset is and was.

Location events are the truth: append-only (triggers.py; old sightings may go, pruning.py), each under two unique keys. Positions
and stays are projections of them, written by project.py alone, and can be rebuilt at any time. An event names an identity, not an
asset: whose it is follows from the identifiers and their times, so a tag claimed later brings its past along and no event is ever
rewritten.
"""

from registry.tracking.models.drawn import Position, PositionQuerySet, Stay, StayQuerySet
from registry.tracking.models.sites import (
    TEXT_CHARS,
    Gateway,
    GatewayBoot,
    GatewayEpoch,
    GatewayQuerySet,
    IngestWorker,
    ReadPoint,
    Retained,
    Zone,
    ZoneQuerySet,
)
from registry.tracking.models.summed import SeenMonth, SeenMonthQuerySet
from registry.tracking.models.told import (
    Gap,
    LocationEvent,
    LocationEventQuerySet,
    Quarantine,
    RawRecord,
    UnknownTag,
    attach_assets,
)

__all__ = [
    "TEXT_CHARS",
    "Gap",
    "Gateway",
    "GatewayBoot",
    "GatewayEpoch",
    "GatewayQuerySet",
    "IngestWorker",
    "LocationEvent",
    "LocationEventQuerySet",
    "Position",
    "PositionQuerySet",
    "Quarantine",
    "RawRecord",
    "ReadPoint",
    "Retained",
    "SeenMonth",
    "SeenMonthQuerySet",
    "Stay",
    "StayQuerySet",
    "UnknownTag",
    "Zone",
    "ZoneQuerySet",
    "attach_assets",
]
