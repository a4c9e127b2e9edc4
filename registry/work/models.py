"""What is done later by the work process: messages that go out, long runs, and what is due at a time."""

from django.db import models
from django.db.models import Q

from registry.db import uuid7


class Outgoing(models.Model):
    """One message for somebody outside, written in the transaction of the change it tells of. It goes once that is committed, in
    the order of its `key`, and its row is gone once it has arrived. Of rows with the same `key` and `replaces` only the newest
    counts (a position)."""

    class Sink(models.TextChoices):
        MQTT = "mqtt"
        MAIL = "mail"
        WEBHOOK = "webhook"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    sink = models.CharField(max_length=10, choices=Sink)
    topic = models.CharField(max_length=500)  # of MQTT; the address of a mail or webhook
    key = models.CharField(max_length=200)  # what keeps its order: an asset, a recipient
    payload = models.JSONField(null=True)  # none: the broker is to forget what it keeps under the topic
    retain = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    attempts = models.PositiveIntegerField(default=0)
    next_at = models.DateTimeField()
    handed_over_at = models.DateTimeField(null=True)  # set and committed before a mail leaves: see sinks
    dead = models.BooleanField(default=False)  # nobody will take it; kept to be looked at
    error = models.CharField(max_length=500, default="", blank=True)

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index(fields=["next_at", "id"], condition=Q(dead=False), name="outgoing_due"),
            models.Index(fields=["sink", "key", "id"], name="outgoing_key"),
        ]
        constraints = [models.CheckConstraint(condition=Q(sink__in=["mqtt", "mail", "webhook"]), name="outgoing_sink_known")]

    def __str__(self) -> str:
        return str(self.get_sink_display())  # not the address: the log of changes outlasts the person


class Run(models.Model):
    """A piece of work too large for one transaction: an import, a bulk edit. Its kind's function does one step a transaction and
    puts how far it is into `cursor`, so a process that dies loses nothing; what it made becomes visible as it says."""

    class State(models.TextChoices):
        WAITING = "waiting"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"
        CANCELLED = "cancelled"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=40)
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    user = models.UUIDField(null=True)  # who asked for it, and with which rights it is done
    token = models.UUIDField(null=True)
    request_id = models.UUIDField()  # of everything it changes
    parameters = models.JSONField(default=dict)
    cursor = models.JSONField(default=dict)
    total = models.PositiveIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    starts = models.PositiveSmallIntegerField(default=0)  # since it last got anywhere: one that kills the process is ended
    message = models.CharField(max_length=500, default="", blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["state", "id"], name="run_state")]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["waiting", "running", "done", "failed", "cancelled"]), name="run_state_known"
            )
        ]

    def __str__(self) -> str:
        return str(self.kind).replace("_", " ")


class WorkProcess(models.Model):
    """How the work process is, written by itself: what /readyz, /metrics and the pages know of it."""

    name = models.CharField(primary_key=True, max_length=20)
    pid = models.PositiveIntegerField()
    started_at = models.DateTimeField()
    heartbeat_at = models.DateTimeField()
    why = models.CharField(max_length=500, default="", blank=True)
    counters = models.JSONField(default=dict)
