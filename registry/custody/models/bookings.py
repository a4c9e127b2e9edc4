"""Assets that somebody has asked for, for a span of time to come."""

from datetime import datetime

from django.contrib.postgres.fields import RangeOperators
from django.db import models
from django.db.models import Exists, F, OuterRef, Q

from registry.access.actors import Action, Actor
from registry.access.models import Person, User
from registry.assets.models import Asset
from registry.assets.scope import of_each
from registry.db import PostgresExclusion, span, uuid7


class BookingQuerySet(models.QuerySet["Booking"]):
    def visible_to(self, by: Actor, action: Action = Action.VIEW) -> "BookingQuerySet":
        """With an asset in scope."""
        if by.may_everywhere(action):
            return self
        return self.filter(Exists(BookingItem.objects.filter(of_each(by, "asset", action), booking=OuterRef("pk"))))

    def between(self, start: datetime, end: datetime) -> "BookingQuerySet":
        return self.filter(from_at__lt=end, to_at__gt=start)


class Booking(models.Model):
    """Some assets for one person from when to when. A request holds nothing; once confirmed its assets are held for it
    (`BookingItem.active`) until it is done or cancelled. `active`: they were handed out for it."""

    class State(models.TextChoices):
        REQUESTED = "requested"
        CONFIRMED = "confirmed"
        ACTIVE = "active", "handed out"
        DONE = "done"
        CANCELLED = "cancelled"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    title = models.CharField(max_length=200)
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="bookings")
    from_at = models.DateTimeField()
    to_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=State, default=State.REQUESTED)
    note = models.CharField(max_length=1_000, default="", blank=True)
    made_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    version = models.PositiveIntegerField(default=1)

    objects = BookingQuerySet.as_manager()

    class Meta:
        ordering = ["from_at", "id"]
        indexes = [models.Index(fields=["from_at", "to_at"], name="booking_span")]
        constraints = [
            models.CheckConstraint(condition=Q(to_at__gt=F("from_at")), name="booking_span_forward"),
            models.CheckConstraint(
                condition=Q(state__in=["requested", "confirmed", "active", "done", "cancelled"]), name="booking_state_known"
            ),
            models.CheckConstraint(condition=~Q(title=""), name="booking_named"),
        ]

    def __str__(self) -> str:
        return str(self.title)


class BookingItem(models.Model):
    """One asset of a booking, with the booking's span beside it so that the database can hold that no two active ones overlap."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    booking = models.ForeignKey(Booking, on_delete=models.CASCADE, related_name="items")
    asset = models.ForeignKey(Asset, on_delete=models.PROTECT, related_name="booked", db_index=False)
    from_at = models.DateTimeField()
    to_at = models.DateTimeField()
    active = models.BooleanField(default=False)

    class Meta:
        ordering = ["from_at", "id"]
        indexes = [models.Index(fields=["asset", "from_at"], name="booking_item_asset")]
        constraints = [
            models.UniqueConstraint(fields=["booking", "asset"], name="booking_item_once"),
            models.CheckConstraint(condition=Q(to_at__gt=F("from_at")), name="booking_item_forward"),
            PostgresExclusion(
                name="booking_no_overlap",
                expressions=[("asset", RangeOperators.EQUAL), (span("from_at", "to_at"), RangeOperators.OVERLAPS)],
                condition=Q(active=True),
            ),
        ]
