"""What follows from the events: where each asset is and was. Written by project.py alone, and rebuilt by replay."""

from datetime import datetime

from django.db import models
from django.db.models import Case, F, Q, Value, When

from registry.access.actors import Action, Actor
from registry.assets.models import Asset, Location
from registry.db import uuid7
from registry.tracking.models.sites import Zone
from registry.tracking.models.told import UNCHECKED, LocationEvent


class PositionQuerySet(models.QuerySet["Position"]):
    def visible_to(self, by: Actor, action: Action = Action.VIEW) -> "PositionQuerySet":
        """Of assets in scope."""
        if by.may_everywhere(action):
            return self
        return self.filter(asset__in=Asset.objects.visible_to(by, action).order_by())

    def at_places_of(self, by: Actor) -> "PositionQuerySet":
        """Of assets in scope that are at a place which `by` may know of."""
        found = self if by.sees_all_kinds() else self.visible_to(by)
        if by.sees_all_places():
            return found.filter(location__isnull=False)
        return found.filter(location__in=Location.objects.visible_to(by).order_by().values("pk"))

    def present(self) -> "PositionQuerySet":
        return self.filter(state=Position.State.PRESENT)

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

    It is rewritten at every event, so what changes with each is in no index: PostgreSQL leaves the indexes alone until the asset
    moves. Nor does the database look at every move for what is there anyway: zones and events are never deleted, and a place
    neither, while a zone or the event of a scan names it.
    """

    class State(models.TextChoices):
        PRESENT = "present"
        UNKNOWN = "unknown"

    asset = models.OneToOneField(Asset, on_delete=models.PROTECT, primary_key=True, related_name="position")
    location = models.ForeignKey(Location, on_delete=models.PROTECT, null=True, related_name="positions", **UNCHECKED)
    zone = models.ForeignKey(Zone, on_delete=models.PROTECT, null=True, related_name="positions", **UNCHECKED)
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
        indexes = [models.Index(fields=["location", "state", "asset"], name="position_whereabouts")]
        constraints = [models.CheckConstraint(condition=Q(state__in=["present", "unknown"]), name="position_state_known")]


class StayQuerySet(models.QuerySet["Stay"]):
    def within(self, location: Location) -> "StayQuerySet":
        return self.filter(location__path__startswith=location.path)

    def at(self, moment: datetime) -> "StayQuerySet":
        """Who was where at that moment."""
        return self.filter(Q(to_ts__isnull=True) | Q(to_ts__gt=moment), from_ts__lte=moment)


class Stay(models.Model):
    """One span of time of an asset in one zone, or at the place where a person scanned it; still open without `to_ts`.

    An asset that is present has one open stay, which began at its position's `since` (project.py holds that). `to_ts` is in no
    index on PostgreSQL, so closing a stay leaves them alone: migration 0004. The asset is there as long as its position.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    asset = models.ForeignKey(Asset, on_delete=models.PROTECT, related_name="stays", **UNCHECKED)
    zone = models.ForeignKey(Zone, on_delete=models.PROTECT, null=True, related_name="stays", db_constraint=False)
    location = models.ForeignKey(Location, on_delete=models.PROTECT, null=True, related_name="stays", **UNCHECKED)
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
            models.CheckConstraint(condition=Q(to_ts__isnull=True) | Q(to_ts__gte=F("from_ts")), name="stay_forward"),
        ]
