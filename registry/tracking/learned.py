"""Zones, read points and boots, learned from what gateways say. In ingest's transaction, which holds the gateways' rows.

A gateway may invent names, so there is a limit to how many are learned of one; what names more is refused.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from uuid import UUID

from django.db.models import Count

from registry.tracking.models import Gateway, GatewayBoot, ReadPoint, Zone

MAX_ZONES = 1_000  # of one gateway
MAX_READ_POINTS = 5_000
MAX_BOOTS = 100_000

Named = tuple[str, str]
"""(gateway id, name)"""


def zones(named: Iterable[Named]) -> dict[Named, UUID]:
    """Return the ids of these zones, made where they are new; beyond the limit a name is missing."""
    wanted = set(named)
    known = _of_zones(wanted)
    fresh = _within_limit(wanted - known.keys(), "zones", MAX_ZONES)
    if not fresh:
        return known
    Zone.objects.bulk_create([Zone(gateway_id=gateway, name=name) for gateway, name in fresh], ignore_conflicts=True)
    return _of_zones(wanted)


def read_points(named: Mapping[Named, UUID | None]) -> dict[Named, UUID]:
    """Return the ids of these read points, made where they are new; each learns its zone where one is given."""
    known = _of_read_points(named)
    fresh = _within_limit(named.keys() - known.keys(), "read_points", MAX_READ_POINTS)
    if fresh:
        ReadPoint.objects.bulk_create(
            [ReadPoint(gateway_id=gateway, name=name, zone_id=named[gateway, name]) for gateway, name in fresh],
            ignore_conflicts=True,
        )
        known = _of_read_points(named)
    for key, (pk, zone) in known.items():
        if named[key] is not None and named[key] != zone:
            ReadPoint.objects.filter(pk=pk).update(zone=named[key])
    return {key: pk for key, (pk, _) in known.items()}


def boots(named: Iterable[Named]) -> dict[Named, int]:
    """Return the ids of these boots, made where they are new; beyond the limit one is missing."""
    wanted = set(named)
    known = _of_boots(wanted)
    fresh = _within_limit(wanted - known.keys(), "boots", MAX_BOOTS)
    if not fresh:
        return known
    GatewayBoot.objects.bulk_create(
        [GatewayBoot(gateway_id=gateway, boot_id=boot) for gateway, boot in fresh], ignore_conflicts=True
    )
    return _of_boots(wanted)


def _of_zones(wanted: set[Named]) -> dict[Named, UUID]:
    rows = Zone.objects.valid().filter(gateway__in={g for g, _ in wanted}, name__in={n for _, n in wanted})
    return {(g, n): pk for g, n, pk in rows.values_list("gateway", "name", "pk") if (g, n) in wanted}


def _of_read_points(wanted: Mapping[Named, object]) -> dict[Named, tuple[UUID, UUID | None]]:
    rows = ReadPoint.objects.filter(gateway__in={g for g, _ in wanted}, name__in={n for _, n in wanted})
    return {(g, n): (pk, z) for g, n, pk, z in rows.values_list("gateway", "name", "pk", "zone") if (g, n) in wanted}


def _of_boots(wanted: set[Named]) -> dict[Named, int]:
    rows = GatewayBoot.objects.filter(gateway__in={g for g, _ in wanted}, boot_id__in={b for _, b in wanted})
    return {(g, b): pk for g, b, pk in rows.values_list("gateway", "boot_id", "pk") if (g, b) in wanted}


def _within_limit(fresh: set[Named], relation: str, most: int) -> list[Named]:
    """Return those new names for which their gateway still has room."""
    if not fresh:
        return []
    counts = Gateway.objects.filter(pk__in={g for g, _ in fresh}).annotate(count=Count(relation)).values_list("pk", "count")
    room: defaultdict[str, int] = defaultdict(int, {gateway: most - count for gateway, count in counts})
    allowed = []
    for gateway, name in sorted(fresh):
        if room[gateway] > 0:
            room[gateway] -= 1
            allowed.append((gateway, name))
    return allowed
