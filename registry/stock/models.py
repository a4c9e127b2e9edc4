"""How much of an asset lies at a place, and every movement that made it so."""

from datetime import date, timedelta

from django.db import models
from django.db.models import F, Q

from registry.access.actors import Action, Actor
from registry.access.models import User
from registry.assets.models import Asset, Location
from registry.assets.scope import of_each
from registry.db import uuid7

LOT_CHARS = 60
LARGEST = 10**11  # SQLite stores doubles: fifteen digits are exact
EXPIRES_WITHIN = timedelta(days=30)


class StockQuerySet(models.QuerySet["StockLine"]):
    def visible_to(self, by: Actor, action: Action = Action.VIEW) -> "StockQuerySet":
        """Of assets and at places in scope."""
        if by.may_everywhere(action):
            return self
        return self.filter(of_each(by, "asset", action), location__in=Location.objects.visible_to(by, action).order_by())

    def low(self) -> "StockQuerySet":
        """Of which there is less than there should be."""
        return self.filter(minimum__isnull=False, quantity__lt=F("minimum"))

    def expiring(self, today: date) -> "StockQuerySet":
        """Of which there is something that has expired or does so soon."""
        return self.filter(quantity__gt=0, expires_on__lte=today + EXPIRES_WITHIN)


class StockLine(models.Model):
    """One lot of an asset at one place. There should be `minimum` at least; what is ordered brings it to `target`."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    asset = models.ForeignKey(Asset, on_delete=models.PROTECT, related_name="stock")
    location = models.ForeignKey(Location, on_delete=models.PROTECT, related_name="stock")
    lot = models.CharField(max_length=LOT_CHARS, default="", blank=True)
    quantity = models.DecimalField(max_digits=15, decimal_places=4, default=0)
    minimum = models.DecimalField(max_digits=15, decimal_places=4, null=True)
    target = models.DecimalField(max_digits=15, decimal_places=4, null=True)
    expires_on = models.DateField(null=True)
    counted_at = models.DateTimeField(null=True)
    version = models.PositiveIntegerField(default=1)

    objects = StockQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["expires_on"], name="stock_expires_on")]
        constraints = [
            models.UniqueConstraint(fields=["asset", "location", "lot"], name="stock_line_once"),
            models.CheckConstraint(condition=Q(quantity__gte=0, quantity__lt=LARGEST), name="stock_quantity"),
            models.CheckConstraint(
                condition=Q(minimum__isnull=True) | Q(minimum__gte=0, minimum__lt=LARGEST), name="stock_minimum"
            ),
            models.CheckConstraint(
                condition=Q(target__isnull=True) | Q(target__lt=LARGEST, minimum__isnull=False, target__gte=F("minimum")),
                name="stock_target_above_minimum",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.asset}, {self.location}{f', lot {self.lot}' if self.lot else ''}"


class StockMovement(models.Model):
    """What changed a line by how much, and what there was then. Never altered (triggers.py): a count corrects a mistake."""

    class Kind(models.TextChoices):
        RECEIVE = "receive", "received"
        TAKE = "take", "taken"
        COUNT = "count", "counted"
        MOVE = "move", "moved"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    line = models.ForeignKey(StockLine, on_delete=models.PROTECT, related_name="movements", db_index=False)
    kind = models.CharField(max_length=10, choices=Kind)
    change = models.DecimalField(max_digits=15, decimal_places=4)
    after = models.DecimalField(max_digits=15, decimal_places=4)
    other = models.ForeignKey(StockLine, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)  # of a move
    note = models.CharField(max_length=200, default="", blank=True)
    at = models.DateTimeField()
    user = models.UUIDField(null=True)
    request_id = models.UUIDField()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["line", "id"], name="stock_movement_line")]
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=["receive", "take", "count", "move"]), name="stock_movement_kind_known")
        ]


class StockWatch(models.Model):
    """Somebody who gets a mail when stock they see falls below its minimum or expires soon."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True, related_name="stock_watch")
    since = models.DateTimeField(auto_now_add=True)


class StockTold(models.Model):
    """Whom a condition was told, in the transaction that put the mail: once, until it is over and comes again."""

    class Condition(models.TextChoices):
        LOW = "low"
        EXPIRING = "expiring"

    line = models.ForeignKey(StockLine, on_delete=models.CASCADE, related_name="told")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    condition = models.CharField(max_length=10, choices=Condition)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["line", "user", "condition"], name="stock_told_once"),
            models.CheckConstraint(condition=Q(condition__in=["low", "expiring"]), name="stock_told_condition_known"),
        ]
