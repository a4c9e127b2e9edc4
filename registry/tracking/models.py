"""Gateways and what they tell, and what we make of it: where each asset is and was.

Location events are the truth: append-only (triggers.py), each under two unique keys. Positions and stays are projections of
them, written by project.py alone, and can be rebuilt at any time. An event names an identity, not an asset: whose it is follows
from the identifiers and their times, so a tag claimed later brings its past along and no event is ever rewritten.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import Case, F, Q, Value, When

from registry.assets.models import Asset, Identifier, Location
from registry.db import uuid7

TEXT_CHARS = 512  # what the wire carries of a name, a reason or an identity at most


class Gateway(models.Model):
    """The daemon of one site. Its broker password is kept as a hash, its MAC key nowhere: it is derived (secret_files.py)."""

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

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=["never", "online", "offline", "stopped"]), name="gateway_state_known")
        ]

    def __str__(self) -> str:
        return str(self.name)


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
    """A boot of a gateway: the span in which its monotonic clock means something."""

    gateway = models.ForeignKey(Gateway, on_delete=models.PROTECT, related_name="boots")
    boot_id = models.CharField(max_length=TEXT_CHARS)
    first_seen_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["gateway", "boot_id"], name="gateway_boot_once")]


class ZoneQuerySet(models.QuerySet["Zone"]):
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


class LocationEventQuerySet(models.QuerySet["LocationEvent"]):
    def visible_to(self, user: Any) -> "LocationEventQuerySet":
        return self if user.is_active else self.none()

    def of_asset(self, asset: Asset) -> "LocationEventQuerySet":
        """Everything told of the asset: by each of its codes, while that code was on it. Newest first by `-happened_at`."""
        own = Q(pk__in=[])
        for identifier in asset.identifiers.all():
            span = Q(identity=identifier.key)
            if identifier.valid_from is not None:
                span &= Q(happened_at__gte=identifier.valid_from)
            if identifier.valid_to is not None:
                span &= Q(happened_at__lt=identifier.valid_to)
            own |= span
        return self.filter(own)


def attach_assets(events: Sequence["LocationEvent"]) -> Sequence["LocationEvent"]:
    """Give each event its `asset` (None for an unknown tag) with one query, and return them."""
    by_key: defaultdict[str, list[Identifier]] = defaultdict(list)
    for identifier in Identifier.objects.filter(key__in={e.identity for e in events}).select_related("asset"):
        by_key[identifier.key].append(identifier)
    for event in events:
        owners = (i.asset for i in by_key[event.identity] if i.covers(event.happened_at))
        event.asset = next(owners, None)
    return events


class LocationEvent(models.Model):
    """What a gateway told of one identity. Never updated, never deleted.

    `event_time` is as told; `happened_at` is the time we go by: the same, unless it lay more than five minutes ahead of
    `recorded_time`, which then stands in for it.
    """

    class Kind(models.TextChoices):
        ARRIVED = "arrived"
        MOVED = "moved"
        DEPARTED = "departed"
        PASSED = "passed"
        SEEN = "seen"

    class Direction(models.TextChoices):
        IN = "in"
        OUT = "out"
        UNKNOWN = "unknown"

    class Source(models.TextChoices):
        GATEWAY = "gateway"
        SCAN = "scan"
        IMPORT = "import"
        API = "api"
        AUDIT = "audit"
        MANUAL = "manual"

    event_id = models.UUIDField(primary_key=True, editable=False)
    gateway = models.ForeignKey(Gateway, on_delete=models.PROTECT, related_name="+", db_index=False)
    epoch = models.ForeignKey(GatewayEpoch, on_delete=models.PROTECT, related_name="+", db_index=False)
    seq = models.BigIntegerField()
    kind = models.CharField(max_length=10, choices=Kind)
    direction = models.CharField(max_length=10, choices=Direction, null=True)
    identity = models.CharField(max_length=TEXT_CHARS)
    raw = models.TextField()
    symbology = models.CharField(max_length=TEXT_CHARS, null=True)
    zone_from = models.ForeignKey(Zone, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    zone_to = models.ForeignKey(Zone, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    read_point = models.ForeignKey(ReadPoint, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    door = models.CharField(max_length=TEXT_CHARS, null=True)
    event_time = models.DateTimeField()
    happened_at = models.DateTimeField()
    decided_at = models.DateTimeField()
    stored_at = models.DateTimeField()  # wall clock of the gateway at the outbox's insert
    recorded_time = models.DateTimeField()
    boot = models.ForeignKey(GatewayBoot, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    mono_ms = models.BigIntegerField(null=True)
    time_uncertainty_ms = models.BigIntegerField(default=0)
    clock_quality = models.CharField(max_length=10)
    late = models.BooleanField(default=False)
    source = models.CharField(max_length=10, choices=Source, default=Source.GATEWAY)
    deliberate = models.BooleanField(default=False)  # a handheld's or camera's sighting
    operator = models.CharField(max_length=TEXT_CHARS, null=True)
    reads = models.BigIntegerField(default=0)
    rssi_max = models.IntegerField(null=True)
    confidence = models.FloatField(null=True)
    reason = models.CharField(max_length=TEXT_CHARS, null=True)
    evidence = models.JSONField(null=True)
    parameters = models.CharField(max_length=TEXT_CHARS, default="")

    asset: Asset | None  # by attach_assets()
    objects = LocationEventQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["identity", "happened_at"], name="event_identity_time"),
            models.Index(fields=["recorded_time"], name="event_recorded"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["gateway", "epoch", "seq"], name="event_seq_once"),
            models.CheckConstraint(
                condition=Q(kind__in=["arrived", "moved", "departed", "passed", "seen"]), name="event_kind_known"
            ),
            models.CheckConstraint(
                condition=Q(direction__isnull=True) | Q(direction__in=["in", "out", "unknown"]), name="event_direction_known"
            ),
            models.CheckConstraint(
                condition=Q(source__in=["gateway", "scan", "import", "api", "audit", "manual"]), name="event_source_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.identity}"


class Gap(models.Model):
    """Sequence numbers of which the gateway has declared that they will never come."""

    epoch = models.ForeignKey(GatewayEpoch, on_delete=models.PROTECT, related_name="gaps", db_index=False)
    first = models.PositiveBigIntegerField()
    last = models.PositiveBigIntegerField()
    reason = models.CharField(max_length=TEXT_CHARS)
    declared_at = models.DateTimeField()

    class Meta:
        ordering = ["epoch", "first"]
        constraints = [
            models.UniqueConstraint(fields=["epoch", "first", "last"], name="gap_once"),
            models.CheckConstraint(condition=Q(last__gte=F("first")), name="gap_forward"),
        ]


class RawRecord(models.Model):
    """A record of a kind this version does not know, kept as it came for the one that does."""

    event_id = models.UUIDField(primary_key=True, editable=False)
    gateway = models.ForeignKey(Gateway, on_delete=models.PROTECT, related_name="+", db_index=False)
    epoch = models.ForeignKey(GatewayEpoch, on_delete=models.PROTECT, related_name="+", db_index=False)
    seq = models.PositiveBigIntegerField()
    kind = models.CharField(max_length=TEXT_CHARS)
    body = models.TextField()
    stored_at = models.DateTimeField()
    recorded_time = models.DateTimeField()
    boot = models.ForeignKey(GatewayBoot, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    mono_ms = models.BigIntegerField(null=True)

    class Meta:
        ordering = ["-recorded_time"]
        constraints = [models.UniqueConstraint(fields=["gateway", "epoch", "seq"], name="raw_seq_once")]


class Quarantine(models.Model):
    """What we refused, as it came. `code` says why in one word: `conflict` (the key is taken by other content: a clone or a
    rollback), `bad_shape`, `too_many_names`, `refused`. `rejected`: the gateway was told, and the number is accounted for."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    gateway = models.ForeignKey(Gateway, on_delete=models.PROTECT, related_name="quarantined")
    epoch = models.CharField(max_length=TEXT_CHARS)
    seq = models.PositiveBigIntegerField()
    event_id = models.UUIDField(null=True)
    rejected = models.BooleanField(default=False)
    code = models.CharField(max_length=40)
    text = models.CharField(max_length=TEXT_CHARS)
    payload = models.BinaryField()
    received_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["gateway", "epoch", "seq"], name="quarantine_key")]


class PositionQuerySet(models.QuerySet["Position"]):
    def with_whereabouts(self) -> "PositionQuerySet":
        """Annotate `whereabouts`: `unknown`, `away` (at another place than its home or one inside it) or `home`; where no home is
        set or the place is not mapped there is nothing to be away from."""
        elsewhere = ~Q(location__path__startswith=F("asset__home_location__path"))
        return self.annotate(
            whereabouts=Case(
                When(state=Position.State.UNKNOWN, then=Value("unknown")),
                When(elsewhere, asset__home_location__isnull=False, location__isnull=False, then=Value("away")),
                default=Value("home"),
            )
        )

    def within(self, location: Location) -> "PositionQuerySet":
        """At this place or one inside it."""
        return self.filter(location__path__startswith=location.path)


class Position(models.Model):
    """Where an asset is now, as far as we were told. `zone` without `location`: a zone that nobody has mapped yet.

    `unknown` keeps the last place. `last_event` is the newest event of the asset, whatever its kind. The last two fields are how
    far the events are worked in: the time by which gateways compare, and per gateway (epoch ordinal, seq).
    """

    class State(models.TextChoices):
        PRESENT = "present"
        UNKNOWN = "unknown"

    asset = models.OneToOneField(Asset, on_delete=models.PROTECT, primary_key=True, related_name="position")
    location = models.ForeignKey(Location, on_delete=models.PROTECT, null=True, related_name="positions")
    zone = models.ForeignKey(Zone, on_delete=models.PROTECT, null=True, related_name="positions")
    since = models.DateTimeField(null=True)
    last_seen_at = models.DateTimeField()
    last_event = models.ForeignKey(LocationEvent, on_delete=models.PROTECT, related_name="+", db_index=False)
    source = models.CharField(max_length=10, choices=LocationEvent.Source)
    confidence = models.FloatField(null=True)
    state = models.CharField(max_length=10, choices=State)
    worked_in_to = models.DateTimeField()
    tips = models.JSONField(default=dict)

    objects = PositionQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["state", "last_seen_at"], name="position_state_seen")]
        constraints = [models.CheckConstraint(condition=Q(state__in=["present", "unknown"]), name="position_state_known")]


class StayQuerySet(models.QuerySet["Stay"]):
    def within(self, location: Location) -> "StayQuerySet":
        return self.filter(location__path__startswith=location.path)

    def at(self, moment: datetime) -> "StayQuerySet":
        """Who was where at that moment."""
        return self.filter(Q(to_ts__isnull=True) | Q(to_ts__gt=moment), from_ts__lte=moment)


class Stay(models.Model):
    """One span of time of an asset in one zone; still open without `to_ts`."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    asset = models.ForeignKey(Asset, on_delete=models.PROTECT, related_name="stays", db_index=False)
    zone = models.ForeignKey(Zone, on_delete=models.PROTECT, related_name="stays")
    location = models.ForeignKey(Location, on_delete=models.PROTECT, null=True, related_name="stays", db_index=False)
    from_ts = models.DateTimeField()
    to_ts = models.DateTimeField(null=True)

    objects = StayQuerySet.as_manager()

    class Meta:
        ordering = ["from_ts", "id"]
        indexes = [
            models.Index(fields=["asset", "from_ts"], name="stay_asset_from"),
            models.Index(fields=["location", "from_ts", "to_ts"], name="stay_location_span"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["asset"], condition=Q(to_ts__isnull=True), name="one_open_stay"),
            models.CheckConstraint(condition=Q(to_ts__isnull=True) | Q(to_ts__gte=F("from_ts")), name="stay_forward"),
        ]


class UnknownTag(models.Model):
    """An identity that events named and no asset has. The longest unseen go when there are too many (ingest.unknown_tags)."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    identity = models.CharField(max_length=TEXT_CHARS, unique=True)
    raw = models.TextField()
    symbology = models.CharField(max_length=TEXT_CHARS, null=True)
    gateway = models.ForeignKey(Gateway, on_delete=models.PROTECT, related_name="+", db_index=False)
    read_point = models.ForeignKey(ReadPoint, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    zone = models.ForeignKey(Zone, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    first_seen = models.DateTimeField()
    last_seen = models.DateTimeField()
    count = models.PositiveBigIntegerField(default=0)

    class Meta:
        ordering = ["-last_seen"]
        indexes = [models.Index(fields=["last_seen"], name="unknown_tag_last_seen")]

    def __str__(self) -> str:
        return str(self.identity)


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
