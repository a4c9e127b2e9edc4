"""Gateways and what belongs to them: their outboxes and boots, zones, read points; and the workers that take them in."""

from django.db import models
from django.db.models import Q

from registry.access.actors import Action, Actor
from registry.assets.models import Location
from registry.db import uuid7

MAX_GENERATIONS = 100
TEXT_CHARS = 512  # what the wire carries of a name, a reason or an identity at most


class GatewayQuerySet(models.QuerySet["Gateway"]):
    def visible_to(self, by: Actor, action: Action = Action.VIEW) -> "GatewayQuerySet":
        """With a zone in scope; all of them to those who may see everything."""
        if any(grant.location_path is None for grant in by.granted(action)):
            return self
        return self.filter(pk__in=Zone.objects.visible_to(by, action).values("gateway"))


class Gateway(models.Model):
    """The daemon of one site. Its broker password is kept as a hash, its MAC key nowhere: it is derived (secret_files.py).

    `machine` is the hash of the machine it runs on. Two that are up at the same time under its name (`other_machine` is the
    newcomer) are held from `held_at` on: nothing is taken of either until somebody has said which one goes on (machines.py)."""

    class State(models.TextChoices):
        NEVER = "never", "never seen"
        ONLINE = "online"
        OFFLINE = "offline"
        STOPPED = "stopped"

    id = models.CharField(primary_key=True, max_length=40)
    name = models.CharField(max_length=200)
    broker_password_hash = models.CharField(max_length=300)
    key_serial = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(auto_now_add=True)
    revoked_at = models.DateTimeField(null=True)
    state = models.CharField(max_length=10, choices=State, default=State.NEVER)
    state_reason = models.CharField(max_length=TEXT_CHARS, default="")
    state_at = models.DateTimeField(null=True)
    last_hello_at = models.DateTimeField(null=True)
    last_batch_at = models.DateTimeField(null=True)
    clock_quality = models.CharField(max_length=10, default="")
    software = models.CharField(max_length=TEXT_CHARS, default="")
    health = models.JSONField(null=True)  # the last health message: waiting, oldest_age_s, readers, ...
    health_at = models.DateTimeField(null=True)
    machine = models.CharField(max_length=TEXT_CHARS, default="")
    other_machine = models.CharField(max_length=TEXT_CHARS, default="")
    refused_machines = models.JSONField(default=list)  # those that somebody decided against, newest last
    held_at = models.DateTimeField(null=True)
    replaces = models.OneToOneField("self", on_delete=models.PROTECT, null=True, related_name="replaced_by")

    objects = GatewayQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=["never", "online", "offline", "stopped"]), name="gateway_state_known")
        ]

    def __str__(self) -> str:
        return str(self.name)

    def generations(self) -> list[str]:
        """Return its id and those of the gateways in whose place it is, newest first."""
        found, before = [self.pk], self.replaces_id
        while before is not None and before not in found and len(found) < MAX_GENERATIONS:
            found.append(before)
            before = Gateway.objects.values_list("replaces", flat=True).get(pk=before)
        return found


class GatewayEpoch(models.Model):
    """The cursor: how far an outbox of a gateway is committed here. `ordinal` counts the gateway's outboxes as they came."""

    gateway = models.ForeignKey(Gateway, on_delete=models.PROTECT, related_name="epochs")
    epoch = models.CharField(max_length=TEXT_CHARS)
    ordinal = models.PositiveIntegerField()
    through = models.PositiveBigIntegerField(default=0)
    through_id = models.UUIDField(null=True)
    ranges = models.JSONField(default=list)  # committed above `through`: [first, last, event_id at last]
    boot_id = models.CharField(max_length=TEXT_CHARS, default="")
    machine_hash = models.CharField(max_length=TEXT_CHARS, default="")
    last_hello_at = models.DateTimeField()

    class Meta:
        ordering = ["gateway", "ordinal"]
        constraints = [
            models.UniqueConstraint(fields=["gateway", "epoch"], name="gateway_epoch_once"),
            models.UniqueConstraint(fields=["gateway", "ordinal"], name="gateway_ordinal_once"),
        ]


class GatewayBoot(models.Model):
    """A boot of a gateway: the span in which its monotonic clock means something.

    `fixed_at` was the right time when that clock said `fixed_mono_ms`, once the gateway knew it. Until the times of events stored
    before are right (correcting.py), `correcting_epoch` and `correcting_below` say below which number they are still to be looked
    at."""

    gateway = models.ForeignKey(Gateway, on_delete=models.PROTECT, related_name="boots")
    boot_id = models.CharField(max_length=TEXT_CHARS)
    first_seen_at = models.DateTimeField(auto_now_add=True)
    fixed_at = models.DateTimeField(null=True)
    fixed_mono_ms = models.BigIntegerField(null=True)
    correcting_epoch = models.ForeignKey(GatewayEpoch, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    correcting_below = models.BigIntegerField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["gateway", "boot_id"], name="gateway_boot_once")]
        indexes = [models.Index(fields=["id"], condition=Q(correcting_epoch__isnull=False), name="boot_being_corrected")]


class ZoneQuerySet(models.QuerySet["Zone"]):
    def visible_to(self, by: Actor, action: Action = Action.VIEW) -> "ZoneQuerySet":
        """Mapped to a place in scope; of those nobody has mapped, to those who may see everything."""
        granted = by.granted(action)
        if any(grant.location_path is None for grant in granted):
            return self
        scope = Q(pk__in=[])
        for path in {grant.location_path for grant in granted}:
            scope |= Q(location__path__startswith=path)
        return self.filter(scope)

    def valid(self) -> "ZoneQuerySet":
        return self.filter(valid_to__isnull=True)

    def unmapped(self) -> "ZoneQuerySet":
        """Zones that gateways tell of and nobody has given a place yet."""
        return self.valid().filter(location__isnull=True)


class Zone(models.Model):
    """Where a thing is, in a gateway's words; mapped to a place it moves assets in the tree. Made by the first event naming it.

    `remapping` stands while stays still get the new place (services.map_zone)."""

    class Kind(models.TextChoices):
        UNKNOWN = "unknown"
        STORAGE = "storage"
        DOOR = "door"
        EXIT = "exit"
        DESK = "desk"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    gateway = models.ForeignKey(Gateway, on_delete=models.PROTECT, related_name="zones")
    name = models.CharField(max_length=TEXT_CHARS)
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.UNKNOWN)
    location = models.ForeignKey(Location, on_delete=models.PROTECT, null=True, related_name="zones")
    valid_from = models.DateTimeField(auto_now_add=True)
    valid_to = models.DateTimeField(null=True)
    remapping = models.BooleanField(default=False)

    objects = ZoneQuerySet.as_manager()

    class Meta:
        ordering = ["gateway", "name"]
        constraints = [
            models.UniqueConstraint(
                fields=["gateway", "name"], condition=Q(valid_to__isnull=True), name="zone_name_once_while_valid"
            ),
            models.CheckConstraint(condition=Q(kind__in=["unknown", "storage", "door", "exit", "desk"]), name="zone_kind_known"),
        ]

    def __str__(self) -> str:
        return str(self.name)


class ReadPoint(models.Model):
    """A named antenna, camera or scanner, learned from events and health."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    gateway = models.ForeignKey(Gateway, on_delete=models.PROTECT, related_name="read_points")
    name = models.CharField(max_length=TEXT_CHARS)
    zone = models.ForeignKey(Zone, on_delete=models.PROTECT, null=True, related_name="read_points")
    first_seen_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["gateway", "name"]
        constraints = [models.UniqueConstraint(fields=["gateway", "name"], name="read_point_name_once")]

    def __str__(self) -> str:
        return str(self.name)


class IngestWorker(models.Model):
    """How an ingest process is, written by itself every second: what /readyz, /metrics and the live page know of it."""

    worker = models.CharField(primary_key=True, max_length=20)
    pid = models.PositiveIntegerField()
    started_at = models.DateTimeField()
    heartbeat_at = models.DateTimeField()
    connected = models.BooleanField(default=False)
    why = models.CharField(max_length=TEXT_CHARS, default="")
    queued = models.PositiveIntegerField(default=0)
    counters = models.JSONField(default=dict)  # totals since started_at, by name

    class Meta:
        ordering = ["worker"]


class Retained(models.Model):
    """What the registry has given the broker to keep of gateways, readers and doors, by topic; `told_at` is when last."""

    topic = models.CharField(primary_key=True, max_length=400)
    payload = models.JSONField()
    told_at = models.DateTimeField()

    class Meta:
        ordering = ["topic"]

    def __str__(self) -> str:
        return str(self.topic)
