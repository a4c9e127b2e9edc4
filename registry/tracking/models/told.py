"""What gateways told: location events, which nobody ever changes, and what is no location event."""

from collections import defaultdict
from collections.abc import Sequence
from functools import reduce
from operator import or_
from typing import Any

from django.db import models
from django.db.models import Exists, F, OuterRef, Q

from registry.access.actors import Action, Actor
from registry.assets.models import Asset, Identifier, Location
from registry.assets.scope import of_each
from registry.db import uuid7
from registry.tracking.models.sites import TEXT_CHARS, Gateway, GatewayBoot, GatewayEpoch, ReadPoint, Zone


class LocationEventQuerySet(models.QuerySet["LocationEvent"]):
    def visible_to(self, by: Actor, action: Action = Action.VIEW) -> "LocationEventQuerySet":
        """What was told of places in scope about assets in scope; about what is nobody's, to those whom no category limits."""
        granted = by.granted(action)
        if any(grant.everywhere for grant in granted):
            return self
        owned = Identifier.objects.filter(
            Q(valid_from__isnull=True) | Q(valid_from__lte=OuterRef("happened_at")),
            Q(valid_to__isnull=True) | Q(valid_to__gt=OuterRef("happened_at")),
            key=OuterRef("identity"),
        ).order_by()
        theirs = self._at({grant.location_path for grant in granted}) & Q(Exists(owned.filter(of_each(by, "asset", action))))
        nobodys = self._at({grant.location_path for grant in granted if grant.category_path is None}) & ~Q(Exists(owned))
        return self.filter(theirs | nobodys)

    def at_places_of(self, by: Actor) -> "LocationEventQuerySet":
        """Of an asset that they see: what was told of places in their scope."""
        return self.filter(self._at({grant.location_path for grant in by.granted(Action.VIEW)}))

    @staticmethod
    def _at(paths: set[str | None]) -> Q:
        """From, to or at a place below one of these paths; None: anywhere."""
        if None in paths:
            return ~Q(pk__in=[])
        below = reduce(or_, (Q(path__startswith=path) for path in paths), Q(pk__in=[]))
        places = Location.objects.order_by().filter(below).values("pk")
        zones = Zone.objects.order_by().filter(location__in=places).values("pk")
        return Q(zone_to__in=zones) | Q(zone_from__in=zones) | Q(location__in=places)

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


UNCHECKED: dict[str, Any] = {"db_constraint": False, "db_index": False}


class LocationEvent(models.Model):
    """What a gateway told of one identity, or a person at the registry: such an event has no gateway, outbox and number, and
    names its place itself (`location`) instead of a zone. Never updated, never deleted.

    `event_time` is as told; `happened_at` is the time we go by: the same, unless it lay more than five minutes ahead of
    `recorded_time`, which then stands in for it.

    Foreign keys are UNCHECKED by the database where what they name is never deleted, and made in the same transaction at the
    latest: six look-ups cost as much as storing the event.
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
    gateway = models.ForeignKey(Gateway, on_delete=models.PROTECT, null=True, related_name="+", **UNCHECKED)
    epoch = models.ForeignKey(GatewayEpoch, on_delete=models.PROTECT, null=True, related_name="+", **UNCHECKED)
    seq = models.BigIntegerField(null=True)
    kind = models.CharField(max_length=10, choices=Kind)
    direction = models.CharField(max_length=10, choices=Direction, null=True)
    identity = models.CharField(max_length=TEXT_CHARS)
    raw = models.TextField()
    symbology = models.CharField(max_length=TEXT_CHARS, null=True)
    zone_from = models.ForeignKey(Zone, on_delete=models.PROTECT, null=True, related_name="+", **UNCHECKED)
    zone_to = models.ForeignKey(Zone, on_delete=models.PROTECT, null=True, related_name="+", **UNCHECKED)
    location = models.ForeignKey(Location, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    read_point = models.ForeignKey(ReadPoint, on_delete=models.PROTECT, null=True, related_name="+", **UNCHECKED)
    door = models.CharField(max_length=TEXT_CHARS, null=True)
    event_time = models.DateTimeField()
    happened_at = models.DateTimeField()
    decided_at = models.DateTimeField()
    stored_at = models.DateTimeField()  # wall clock of the gateway at the outbox's insert
    recorded_time = models.DateTimeField()
    boot = models.ForeignKey(GatewayBoot, on_delete=models.PROTECT, null=True, related_name="+", **UNCHECKED)
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
            models.Index(fields=["happened_at"], name="event_happened"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["epoch", "seq"], name="event_seq_once"),
            models.CheckConstraint(
                condition=Q(kind__in=["arrived", "moved", "departed", "passed", "seen"]), name="event_kind_known"
            ),
            models.CheckConstraint(
                condition=Q(direction__isnull=True) | Q(direction__in=["in", "out", "unknown"]), name="event_direction_known"
            ),
            models.CheckConstraint(
                condition=Q(source__in=["gateway", "scan", "import", "api", "audit", "manual"]), name="event_source_known"
            ),
            models.CheckConstraint(
                condition=Q(gateway__isnull=False, epoch__isnull=False, seq__isnull=False)
                | Q(gateway__isnull=True, epoch__isnull=True, seq__isnull=True) & ~Q(source="gateway"),
                name="event_numbered_by_its_gateway",
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
        indexes = [models.Index(fields=["declared_at"], name="gap_declared")]
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


class QuarantineQuerySet(models.QuerySet["Quarantine"]):
    def open(self) -> "QuarantineQuerySet":
        """What nobody has decided on yet."""
        return self.filter(settled_at__isnull=True)


class Quarantine(models.Model):
    """What we refused, as it came. `code` says why in one word: `conflict` (the key is taken by other content: a clone or a
    rollback), `bad_shape`, `too_many_names`, `refused`. `rejected`: the gateway was told, and the number is accounted for.
    `whole`: `payload` is the record with its frame (its times, its boot); of older versions it is the body alone. Once settled,
    `note` is the reason for which it was discarded."""

    class Outcome(models.TextChoices):
        TAKEN_IN = "taken_in", "taken in"
        KNOWN = "known", "known already"
        DISCARDED = "discarded"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    gateway = models.ForeignKey(Gateway, on_delete=models.PROTECT, related_name="quarantined")
    epoch = models.CharField(max_length=TEXT_CHARS)
    seq = models.PositiveBigIntegerField()
    event_id = models.UUIDField(null=True)
    rejected = models.BooleanField(default=False)
    code = models.CharField(max_length=40)
    text = models.CharField(max_length=TEXT_CHARS)
    payload = models.BinaryField()
    whole = models.BooleanField(default=False)
    received_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=10, choices=Outcome, default="", blank=True)
    note = models.CharField(max_length=300, default="", blank=True)

    objects = QuarantineQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["gateway", "epoch", "seq"], name="quarantine_key")]
        constraints = [
            models.CheckConstraint(
                condition=Q(settled_at__isnull=True, outcome="") | Q(settled_at__isnull=False) & ~Q(outcome=""),
                name="quarantine_settled_with_outcome",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.gateway_id} {self.epoch[:8]} #{self.seq}"


class UnknownTagQuerySet(models.QuerySet["UnknownTag"]):
    def visible_to(self, by: Actor, action: Action = Action.VIEW) -> "UnknownTagQuerySet":
        """Read last at a place in scope, of those whom no category limits; where nobody has mapped, those who see all places."""
        paths = {grant.location_path for grant in by.granted(action) if grant.category_path is None}
        if None in paths:
            return self
        scope = Q(pk__in=[])
        for path in paths:
            scope |= Q(zone__location__path__startswith=path) | Q(location__path__startswith=path)
        return self.filter(scope)


class UnknownTag(models.Model):
    """An identity that events named and no asset has. The longest unseen go when there are too many (ingest.unknown_tags)."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    identity = models.CharField(max_length=TEXT_CHARS, unique=True)
    raw = models.TextField()
    symbology = models.CharField(max_length=TEXT_CHARS, null=True)
    gateway = models.ForeignKey(Gateway, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    read_point = models.ForeignKey(ReadPoint, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    zone = models.ForeignKey(Zone, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    location = models.ForeignKey(Location, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)  # of a scan
    first_seen = models.DateTimeField()
    last_seen = models.DateTimeField()
    count = models.PositiveBigIntegerField(default=0)

    objects = UnknownTagQuerySet.as_manager()

    class Meta:
        ordering = ["-last_seen"]
        indexes = [models.Index(fields=["last_seen"], name="unknown_tag_last_seen")]

    def __str__(self) -> str:
        return str(self.identity)
