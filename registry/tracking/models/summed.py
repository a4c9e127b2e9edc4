"""What is left of sightings that were too old to keep one by one."""

from django.db import models
from django.db.models import F, Q

from registry.access.actors import Actor
from registry.assets.models import Asset
from registry.db import uuid7
from registry.tracking.models.sites import Zone


class SeenMonthQuerySet(models.QuerySet["SeenMonth"]):
    def at_places_of(self, by: Actor) -> "SeenMonthQuerySet":
        """Of an asset that they see: what was told of places in their scope."""
        return self if by.sees_all_places() else self.filter(zone__in=Zone.objects.visible_to(by))


class SeenMonth(models.Model):
    """How often a reader saw an asset somewhere in one month, of the sightings that were deleted since: they only confirmed what
    an event that is kept had told. `month` is its first day (UTC); without `zone` the events named none."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    asset = models.ForeignKey(Asset, on_delete=models.PROTECT, related_name="seen_months", db_index=False)
    zone = models.ForeignKey(Zone, on_delete=models.PROTECT, null=True, related_name="seen_months", db_index=False)
    month = models.DateField()
    count = models.PositiveBigIntegerField()
    first = models.DateTimeField()
    last = models.DateTimeField()

    objects = SeenMonthQuerySet.as_manager()

    class Meta:
        ordering = ["-month", "id"]
        constraints = [
            models.UniqueConstraint(fields=["asset", "month", "zone"], name="seen_month_once"),
            models.UniqueConstraint(fields=["asset", "month"], condition=Q(zone__isnull=True), name="seen_month_once_nowhere"),
            models.CheckConstraint(condition=Q(count__gt=0, last__gte=F("first")), name="seen_month_of_something"),
        ]

    def __str__(self) -> str:
        return f"{self.asset}, {self.month:%B %Y}"
