"""What the page of one asset says of its care."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from django.utils import timezone

from registry.access.actors import Actor
from registry.assets.models import Asset
from registry.care.models import Agreement

MOST_AGREEMENTS = 50


@dataclass(frozen=True, slots=True)
class OnAsset:
    """The context of care/_asset.html: each agreement with the class of its state."""

    agreements: list[tuple[Agreement, str]]


def of_asset(by: Actor, asset: Asset) -> OnAsset:
    """One query. Whoever sees the asset sees what covers it."""
    found = Agreement.objects.of_asset(asset).select_related("vendor").order_by("due_on", "pk")[:MOST_AGREEMENTS]
    today = timezone.localdate()
    return OnAsset([(one, _state(one, today)) for one in found])


def _state(one: Any, today: date) -> str:
    lead = one.lead_reached(today)
    if lead is not None:
        return "failed" if lead <= 7 else "attention"
    renewing = one.auto_renew and one.cancelled_on is None
    return "unknown" if one.ends_on is not None and one.ends_on < today and not renewing else "good"
