"""Which certificates gateways have. Each function works in the caller's transaction, who also holds the gateway's row."""

from collections.abc import Iterable
from datetime import datetime

from django.utils import timezone

from registry.problems import Taken
from registry.trust.authority import Issued
from registry.trust.models import GatewayCertificate


def note(gateway_id: str, issued: Issued) -> GatewayCertificate:
    """Remember that this gateway may use this certificate; twice is as good as once. Raises Taken: it is another gateway's."""
    row, _ = GatewayCertificate.objects.get_or_create(
        fingerprint=issued.fingerprint,
        defaults={
            "gateway_id": gateway_id,
            "serial": issued.serial,
            "not_before": issued.not_before,
            "not_after": issued.not_after,
        },
    )
    if row.gateway_id != gateway_id:
        raise Taken(f"certificate: it is the one of gateway {row.gateway_id}", field="certificate")
    if row.revoked_at is not None:
        raise Taken("certificate: it was revoked, and stays so; have another one issued", field="certificate")
    return row


def revoke_all(gateway_id: str, now: datetime, *, but: str = "") -> None:
    """Trust none of those that the gateway has so far, or only the one of the fingerprint `but`."""
    others = GatewayCertificate.objects.filter(gateway_id=gateway_id, revoked_at__isnull=True).exclude(fingerprint=but)
    others.update(revoked_at=now)


def revoked_serials() -> Iterable[str]:
    """Of the certificates that were revoked before their end, which is what a revocation list names."""
    revoked = GatewayCertificate.objects.filter(revoked_at__isnull=False, not_after__gt=timezone.now())
    return revoked.order_by("serial").values_list("serial", flat=True)
