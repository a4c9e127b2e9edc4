"""Assets on their way from one place to another, each confirmed where it arrives."""

from datetime import datetime
from functools import reduce
from operator import or_

from django.db import models
from django.db.models import Exists, OuterRef, Q

from registry.access.actors import Action, Actor
from registry.access.models import User
from registry.assets.models import Asset, Location
from registry.assets.scope import of_each
from registry.db import uuid7
from registry.tracking.models import LocationEvent


class TransferQuerySet(models.QuerySet["Transfer"]):
    def visible_to(self, by: Actor, action: Action = Action.VIEW) -> "TransferQuerySet":
        """From or to a place in scope, or with an asset in scope."""
        granted = by.granted(action)
        if any(grant.location_path is None and grant.category_path is None for grant in granted):
            return self
        paths = {grant.location_path for grant in granted if grant.location_path is not None and grant.category_path is None}
        ends = [Q(from_location__path__startswith=p) | Q(to_location__path__startswith=p) for p in paths]
        items = TransferItem.objects.filter(of_each(by, "asset", action), transfer=OuterRef("pk"))
        return self.filter(reduce(or_, ends, Q(Exists(items))))

    def open(self) -> "TransferQuerySet":
        return self.filter(state__in=["requested", "in_transit"])

    def on_the_way(self) -> "TransferQuerySet":
        return self.filter(state="in_transit")

    def overdue(self, now: datetime) -> "TransferQuerySet":
        return self.on_the_way().filter(due_at__lt=now)


class Transfer(models.Model):
    """Some assets from one place to another: asked for, sent off, arrived when the last of them has. `new_home`: where they
    arrive is their home from then on."""

    class State(models.TextChoices):
        REQUESTED = "requested"
        IN_TRANSIT = "in_transit", "in transit"
        ARRIVED = "arrived"
        CANCELLED = "cancelled"
        REFUSED = "refused"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    number = models.CharField(max_length=20, unique=True)
    from_location = models.ForeignKey(Location, on_delete=models.PROTECT, related_name="transfers_out")
    to_location = models.ForeignKey(Location, on_delete=models.PROTECT, related_name="transfers_in")
    state = models.CharField(max_length=10, choices=State, default=State.REQUESTED)
    new_home = models.BooleanField(default=True)
    requested_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    dispatched_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField(null=True)
    arrived_at = models.DateTimeField(null=True)
    note = models.CharField(max_length=1_000, default="", blank=True)
    version = models.PositiveIntegerField(default=1)

    objects = TransferQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["state", "due_at"], name="transfer_state_due")]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["requested", "in_transit", "arrived", "cancelled", "refused"]), name="transfer_state_known"
            ),
            models.CheckConstraint(condition=~Q(from_location=models.F("to_location")), name="transfer_goes_somewhere"),
        ]

    def __str__(self) -> str:
        return str(self.number)


class TransferItem(models.Model):
    """One asset of a transfer. `event` is the location event that showed its arrival, where one did."""

    class State(models.TextChoices):
        REQUESTED = "requested"
        IN_TRANSIT = "in_transit", "in transit"
        ARRIVED = "arrived"
        DROPPED = "dropped"  # with its transfer, or taken off it

    class Confirmed(models.TextChoices):
        READ = "read"
        SCAN = "scan"
        HAND = "hand"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    transfer = models.ForeignKey(Transfer, on_delete=models.CASCADE, related_name="items")
    asset = models.ForeignKey(Asset, on_delete=models.PROTECT, related_name="transferred")
    state = models.CharField(max_length=10, choices=State, default=State.REQUESTED)
    arrived_at = models.DateTimeField(null=True)
    confirmed_by = models.CharField(max_length=5, choices=Confirmed, default="", blank=True)
    event = models.ForeignKey(
        LocationEvent, on_delete=models.PROTECT, null=True, related_name="+", db_constraint=False, db_index=False
    )

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["id"], condition=Q(state="in_transit"), name="transfer_item_under_way")]
        constraints = [
            models.UniqueConstraint(fields=["transfer", "asset"], name="transfer_item_once"),
            models.UniqueConstraint(fields=["asset"], condition=Q(state__in=["requested", "in_transit"]), name="in_one_transfer"),
            models.CheckConstraint(
                condition=Q(state__in=["requested", "in_transit", "arrived", "dropped"]), name="transfer_item_state_known"
            ),
            models.CheckConstraint(
                condition=Q(confirmed_by__in=["", "read", "scan", "hand"]), name="transfer_item_confirmed_known"
            ),
        ]
