"""Sessions at the broker that are to end: it checks who somebody is when they connect, and never again."""

from django.utils import timezone

from registry.trust.models import SessionToEnd


def end(gateway_id: str) -> None:
    """Have whatever session the gateway has ended, once the caller's transaction is committed (tracking/takeovers.py does it)."""
    SessionToEnd.objects.update_or_create(gateway_id=gateway_id, defaults={"since": timezone.now()})


def due() -> list[SessionToEnd]:
    return list(SessionToEnd.objects.order_by("since"))


def ended(one: SessionToEnd) -> None:
    """Unless it was asked for once more meanwhile."""
    SessionToEnd.objects.filter(pk=one.pk, since=one.since).delete()
