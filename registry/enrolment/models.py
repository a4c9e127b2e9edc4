"""Codes that were given out, and who came in by them."""

from django.db import models
from django.db.models import Q

from registry.db import uuid7
from registry.tracking.models import Gateway
from sync.enrolment import in_groups

TEXT_CHARS = 512  # what a gateway may say of its machine and software


class WindowQuerySet(models.QuerySet["Window"]):
    def open_at(self, now: object) -> "WindowQuerySet":
        return self.filter(closed_at__isnull=True, expires_at__gt=now)


class Window(models.Model):
    """A one-time code: until `expires_at` one machine may become this gateway. Of the code only a hash is kept.

    `closed_at`: it was used, taken back, or another one was given out for the same gateway. `at_once`: whoever uses it is
    believed without another word."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    gateway = models.ForeignKey(Gateway, on_delete=models.PROTECT, related_name="windows")
    secret_hash = models.CharField(max_length=64, unique=True)  # SHA-256 of 80 random bits, in hex
    at_once = models.BooleanField(default=False)
    opened_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)

    objects = WindowQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["gateway"], condition=Q(closed_at__isnull=True), name="window_open_once"),
        ]
        indexes = [models.Index(fields=["expires_at"], condition=Q(closed_at__isnull=True), name="window_open")]

    def __str__(self) -> str:
        return f"window of {self.gateway_id}"


class Enrolment(models.Model):
    """A machine that has used a code. What it signs with `key_serial` is believed once an administrator has approved it.

    `key_hash` is that of its public key: whoever asks again with the same key has not got our answer. `used_again_at`: somebody
    else has shown the same code since, from `used_again_from`."""

    class State(models.TextChoices):
        WAITING = "waiting", "waits for approval"
        APPROVED = "approved"
        REFUSED = "refused"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    window = models.OneToOneField(Window, on_delete=models.PROTECT, related_name="enrolment")
    gateway = models.ForeignKey(Gateway, on_delete=models.PROTECT, related_name="enrolments")
    key_hash = models.CharField(max_length=64)
    key_serial = models.PositiveIntegerField()
    certificate = models.TextField()  # PEM
    fingerprint = models.CharField(max_length=64)
    machine = models.CharField(max_length=TEXT_CHARS)
    software = models.CharField(max_length=TEXT_CHARS)
    address = models.CharField(max_length=45)
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    enrolled_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)
    used_again_at = models.DateTimeField(null=True)
    used_again_from = models.CharField(max_length=45, default="")

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["gateway", "key_serial"], name="enrolment_key_serial_once"),
            models.CheckConstraint(condition=Q(state__in=["waiting", "approved", "refused"]), name="enrolment_state_known"),
        ]
        indexes = [models.Index(fields=["state", "id"], name="enrolment_state")]

    def __str__(self) -> str:
        return f"enrolment of {self.gateway_id}"

    @property
    def shown_fingerprint(self) -> str:
        return in_groups(self.fingerprint)


class Renewal(models.Model):
    """A certificate that a gateway asked for itself, for a key that it made for it. Asked again with the same key, the registry
    says the same again."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    gateway = models.ForeignKey(Gateway, on_delete=models.CASCADE, related_name="renewals")
    key_hash = models.CharField(max_length=64)
    certificate = models.TextField()  # PEM
    at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["gateway", "key_hash"], name="renewal_once_a_key")]

    def __str__(self) -> str:
        return f"renewal of {self.gateway_id}"
