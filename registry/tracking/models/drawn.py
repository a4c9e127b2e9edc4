"""What follows from the events: where each asset is and was. Written by project.py alone, and rebuilt by replay."""

from datetime import datetime

from django.db import models
from django.db.models import Case, F, Q, Value, When

from registry.assets.models import Asset, Location
from registry.db import uuid7
from registry.tracking.models.sites import Zone
from registry.tracking.models.told import UNCHECKED, LocationEvent


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
    far the events are worked in: the time by which gateways compare, and per gateway (epoch ordinal, seq). Zones and events are
    never deleted, so the database does not look for them at every move.
    """

    class State(models.TextChoices):
        PRESENT = "present"
        UNKNOWN = "unknown"

    asset = models.OneToOneField(Asset, on_delete=models.PROTECT, primary_key=True, related_name="position")
    location = models.ForeignKey(Location, on_delete=models.PROTECT, null=True, related_name="positions")
    zone = models.ForeignKey(Zone, on_delete=models.PROTECT, null=True, related_name="positions", db_constraint=False)
    since = models.DateTimeField(null=True)
    last_seen_at = models.DateTimeField()
    last_event = models.ForeignKey(LocationEvent, on_delete=models.PROTECT, related_name="+", **UNCHECKED)
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
    """One span of time of an asset in one zone, or at the place where a person scanned it; still open without `to_ts`."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    asset = models.ForeignKey(Asset, on_delete=models.PROTECT, related_name="stays", db_index=False)
    zone = models.ForeignKey(Zone, on_delete=models.PROTECT, null=True, related_name="stays", db_constraint=False)
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
