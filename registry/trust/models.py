"""The certificates that gateways have, how far they have spoken, sessions that are to end, and the logins of subscribers."""

from django.db import models
from django.db.models import Q

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


class BootHeard(models.Model):
    """The monotonic clock of a gateway's boot at its latest hello (boots.py)."""

    id = models.BigAutoField(primary_key=True)
    gateway = models.ForeignKey("tracking.Gateway", on_delete=models.CASCADE, related_name="boots_heard", db_index=False)
    boot_id = models.CharField(max_length=512)
    mono_ms = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["gateway", "boot_id"], name="boot_heard_once")]


class SessionToEnd(models.Model):
    """A gateway that may still be connected by what is worth nothing any more, until ingest has ended that."""

    gateway = models.OneToOneField("tracking.Gateway", primary_key=True, on_delete=models.CASCADE, related_name="session_to_end")
    since = models.DateTimeField()


class Subscriber(models.Model):
    """A login for a program that listens: a dashboard, home automation. Its password is kept as a hash."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=40, unique=True)  # the user it logs in as
    password_hash = models.CharField(max_length=300)
    live = models.BooleanField()  # reads what gateways tell at the moment
    assets = models.BooleanField()  # reads where assets are and go
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        constraints = [models.CheckConstraint(condition=Q(live=True) | Q(assets=True), name="subscriber_reads_something")]

    def __str__(self) -> str:
        return self.name
