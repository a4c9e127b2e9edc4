"""A code that is given out and a machine that has used one, as rows: for tests in which nobody has to come by TLS."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from registry.enrolment.models import Enrolment, Window


def code_and_machine(gateway_id: str, said: str = "SECRET") -> dict[str, Any]:
    """Return the ids, by the names that addresses have for them. `said` is what nobody else may hear of."""
    now = timezone.now()
    used, given = (
        Window.objects.create(
            gateway_id=gateway_id, secret_hash=f"{gateway_id}-{n}", opened_at=now, expires_at=now + timedelta(minutes=30),
            closed_at=closed,
        )
        for n, closed in enumerate((now, None))
    )  # fmt: skip
    machine = Enrolment.objects.create(
        window=used, gateway_id=gateway_id, key_hash="0" * 64, key_serial=2**30, certificate="", fingerprint="ab" * 32,
        machine=said, software=said, address="192.0.2.9", enrolled_at=now,
    )  # fmt: skip
    return {"window_id": given.pk, "enrolment_id": machine.pk}
