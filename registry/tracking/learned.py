"""Zones, read points and boots, learned from what gateways say. In ingest's transaction, which holds the gateways' rows.

A gateway may invent names, so there is a limit to how many are learned of one; what names more is refused.
"""

from collections.abc import Mapping, Set
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import QuerySet

from registry.db import rows_where
from registry.tracking.models import GatewayBoot, ReadPoint, Zone
from registry.tracking.parsing import plain

MAX_ZONES = 1_000  # of one gateway
MAX_READ_POINTS = 5_000
MAX_BOOTS = 100_000


class Boot(NamedTuple):
    """A boot of a gateway; once it has said so, `fixed_at` was the right time when its monotonic clock said `fixed_mono_ms`."""

    id: int
    fixed_at: datetime | None = None
    fixed_mono_ms: int | None = None

    def right_time(self, mono_ms: int | None) -> datetime | None:
        """Return what time it was by the monotonic clock; None while nobody knows. Raises OverflowError."""
        if self.fixed_at is None or self.fixed_mono_ms is None or mono_ms is None:
            return None
        return self.fixed_at + timedelta(milliseconds=mono_ms - self.fixed_mono_ms)


def zones(gateway: str, names: Set[str]) -> dict[str | None, UUID]:
    """Return the ids of these zones, made where they are new; beyond the limit a name is missing."""
    valid = {"gateway": gateway, "valid_to": None}
    known: dict[str | None, UUID] = dict(rows_where(Zone, ("name", "id"), key="name", among=names, where=valid))
    if fresh := _within_limit(names - known.keys(), Zone.objects.filter(gateway=gateway), MAX_ZONES):
        Zone.objects.bulk_create([Zone(gateway_id=gateway, name=name) for name in fresh], ignore_conflicts=True)
        known |= dict(rows_where(Zone, ("name", "id"), key="name", among=fresh, where=valid))
    return known


def read_points(gateway: str, zone_of: Mapping[str, UUID | None]) -> dict[str | None, UUID]:
    """Return the ids of these read points, made where they are new; each learns its zone where one is given."""
    of_gateway = ReadPoint.objects.filter(gateway=gateway)
    rows = rows_where(ReadPoint, ("name", "id", "zone"), key="name", among=zone_of, where={"gateway": gateway})
    known: dict[str | None, UUID] = {name: pk for name, pk, _ in rows}
    for name, pk, zone in rows:
        if zone_of[name] is not None and zone_of[name] != zone:
            ReadPoint.objects.filter(pk=pk).update(zone=zone_of[name])
    if fresh := _within_limit(zone_of.keys() - known.keys(), of_gateway, MAX_READ_POINTS):
        ReadPoint.objects.bulk_create(
            [ReadPoint(gateway_id=gateway, name=name, zone_id=zone_of[name]) for name in fresh], ignore_conflicts=True
        )
        known |= of_gateway.filter(name__in=fresh).values_list("name", "pk")
    return known


def boots(gateway: str, boot_ids: Set[str]) -> dict[str, Boot]:
    """Return these boots, made where they are new; beyond the limit one is missing."""
    of_gateway = GatewayBoot.objects.filter(gateway=gateway)
    stored = {plain(boot): boot for boot in boot_ids}
    columns = ("boot_id", "id", "fixed_at", "fixed_mono_ms")
    rows = rows_where(GatewayBoot, columns, key="boot_id", among=stored, where={"gateway": gateway})
    known = {boot_id: Boot(*boot) for boot_id, *boot in rows}
    if fresh := _within_limit(stored.keys() - known.keys(), of_gateway, MAX_BOOTS):
        GatewayBoot.objects.bulk_create([GatewayBoot(gateway_id=gateway, boot_id=boot) for boot in fresh], ignore_conflicts=True)
        known |= {boot_id: Boot(pk) for boot_id, pk in of_gateway.filter(boot_id__in=fresh).values_list("boot_id", "pk")}
    return {stored[boot_id]: boot for boot_id, boot in known.items()}


def fix_boot(gateway: str, boot_id: str, fixed_at: datetime, fixed_mono_ms: int, *, epoch: int, seq: int) -> None:
    """A gateway has learned the right time in this boot, and told it as number `seq`: what is stored below is to be corrected."""
    if boot := boots(gateway, {boot_id}).get(boot_id):
        GatewayBoot.objects.filter(pk=boot.id).update(
            fixed_at=fixed_at, fixed_mono_ms=fixed_mono_ms, correcting_epoch=epoch, correcting_below=seq
        )


def _within_limit(fresh: Set[str], there: QuerySet[Any], most: int) -> list[str]:
    """Return those new names for which there is still room."""
    return sorted(fresh)[: max(0, most - there.count())] if fresh else []
