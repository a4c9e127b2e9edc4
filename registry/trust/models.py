"""The certificates that gateways have, and the logins of subscribers."""

from django.db import models

from registry.db import uuid7


class GatewayCertificate(models.Model):
    """A certificate that a gateway may log in to the broker with, until it ends or is revoked."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    gateway = models.ForeignKey("tracking.Gateway", on_delete=models.PROTECT, related_name="certificates")
    fingerprint = models.CharField(max_length=64, unique=True)  # SHA-256 of the DER in hex
    serial = models.CharField(max_length=40)  # in hex, as its authority counts
    not_before = models.DateTimeField()
    not_after = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["gateway", "-not_after"]

    def __str__(self) -> str:
        return self.fingerprint[:16]
