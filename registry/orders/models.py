"""Orders to gateways and what came of them."""

from datetime import datetime, timedelta

from django.db import models
from django.db.models import Q

from registry.db import uuid7
from registry.tracking.models import Gateway

TEXT_CHARS = 512
OPEN_PER_GATEWAY = 20  # that wait for an answer
KEPT_PER_GATEWAY = 500
LEFT = timedelta(seconds=10)  # for an answer that is under way when the time is over
NEVER_TOLD = "it was not connected before the time was over, so it never heard of it; order it again"
NOT_ANSWERED = "it was told and has not answered: whether it was done is not known, and now it will not be"
LONGEST = timedelta(minutes=50)  # a gateway remembers what it was told for an hour


class GatewayOrder(models.Model):
    """One command. Ingest says it again until there is an answer or its time is over; the gateway does it once."""

    class State(models.TextChoices):
        WAITING = "waiting"
        DONE = "done"
        REFUSED = "refused"  # nothing was done
        FAILED = "failed"  # it was begun
        EXPIRED = "expired", "no answer"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    gateway = models.ForeignKey(Gateway, on_delete=models.PROTECT, related_name="orders", db_index=False)
    verb = models.CharField(max_length=20)
    arguments = models.JSONField(default=dict)  # never a secret
    placed_at = models.DateTimeField(auto_now_add=True)
    user = models.UUIDField(null=True)
    through = models.CharField(max_length=10)
    not_after = models.DateTimeField()
    said_at = models.DateTimeField(null=True)
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    text = models.CharField(max_length=TEXT_CHARS, default="", blank=True)  # the gateway's words; without an answer, ours
    answered_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["gateway", "-id"], name="order_gateway"),
            models.Index(fields=["id"], condition=Q(state="waiting"), name="order_waiting"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["waiting", "done", "refused", "failed", "expired"]), name="order_state_known"
            )
        ]

    def __str__(self) -> str:
        return f"{self.verb} for {self.gateway_id}"

    def settle(self, now: datetime) -> "GatewayOrder":
        """Without an answer when its time is over, say so: also while no ingest is there to write it down."""
        if self.state == self.State.WAITING and self.not_after < now - LEFT:
            self.state = self.State.EXPIRED
            self.text = NEVER_TOLD if self.said_at is None else NOT_ANSWERED
        return self


class GatewayConfiguration(models.Model):
    """What a gateway is to have over its gateway.toml. `number` counts what was set; each hello names the one in force."""

    class State(models.TextChoices):
        WAITING = "waiting"  # not heard of by the gateway, or on trial there
        HOLDS = "holds"
        REFUSED = "refused"
        TAKEN_BACK = "taken_back", "taken back"

    gateway = models.OneToOneField(Gateway, on_delete=models.PROTECT, primary_key=True, related_name="configuration")
    number = models.PositiveBigIntegerField()
    told_as = models.UUIDField(default=uuid7)  # the id under which this number is said and answered
    content = models.JSONField(default=dict)  # zones, doors, site, commit_interval_ms; never a secret
    set_at = models.DateTimeField()
    user = models.UUIDField(null=True)
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    text = models.CharField(max_length=TEXT_CHARS, default="", blank=True)  # the gateway's words
    said_at = models.DateTimeField(null=True)
    in_force = models.PositiveBigIntegerField(default=0)  # as the gateway's last hello had it

    class Meta:
        ordering = ["gateway"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["waiting", "holds", "refused", "taken_back"]), name="configuration_state_known"
            )
        ]

    def __str__(self) -> str:
        return f"configuration {self.number} of {self.gateway_id}"
