"""Who has an asset, from when, until when it is due, and until when they had it."""

from datetime import datetime

from django.contrib.postgres.fields import RangeOperators
from django.db import models
from django.db.models import F, Q

from registry.access.actors import Action, Actor
from registry.access.models import Person, User
from registry.assets.models import Asset, Location, StoredFile
from registry.assets.scope import of_each
from registry.custody.models.bookings import Booking
from registry.db import PostgresExclusion, span, uuid7

NOTE_CHARS = 1_000


class CustodyQuerySet(models.QuerySet["Custody"]):
    def visible_to(self, by: Actor, action: Action = Action.VIEW) -> "CustodyQuerySet":
        """Of assets in scope."""
        return self.filter(of_each(by, "asset", action))

    def out(self) -> "CustodyQuerySet":
        """What has not come back."""
        return self.filter(to_at__isnull=True)

    def overdue(self, now: datetime) -> "CustodyQuerySet":
        return self.out().filter(due_at__lt=now)


class Custody(models.Model):
    """One span in which one asset is with one holder: a person, a place, or another asset (a van). Not back without `to_at`.

    What was handed out together shares `batch`, and for a person one link to accept it (`token_hash`: SHA-256 of its secret).
    `accepted_as` is the name they signed with, `signature` what they drew. `reminded_for`: the due date they were reminded of."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    asset = models.ForeignKey(Asset, on_delete=models.PROTECT, related_name="custodies", db_index=False)
    person = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, related_name="custodies")
    location = models.ForeignKey(Location, on_delete=models.PROTECT, null=True, related_name="custodies")
    holder = models.ForeignKey(Asset, on_delete=models.PROTECT, null=True, related_name="holding")
    from_at = models.DateTimeField()
    due_at = models.DateTimeField(null=True)
    to_at = models.DateTimeField(null=True)
    batch = models.UUIDField(db_index=True)
    token_hash = models.CharField(max_length=64, default="", blank=True, db_index=True)
    accepted_at = models.DateTimeField(null=True)
    accepted_as = models.CharField(max_length=200, default="", blank=True)
    signature = models.ForeignKey(StoredFile, on_delete=models.PROTECT, null=True, related_name="+")
    note = models.CharField(max_length=NOTE_CHARS, default="", blank=True)
    note_in = models.CharField(max_length=NOTE_CHARS, default="", blank=True)
    condition_out = models.PositiveSmallIntegerField(null=True)
    condition_in = models.PositiveSmallIntegerField(null=True)
    returned_to = models.ForeignKey(Location, on_delete=models.PROTECT, null=True, related_name="+")
    booking = models.ForeignKey(Booking, on_delete=models.PROTECT, null=True, related_name="custodies")
    out_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    in_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    reminded_for = models.DateTimeField(null=True)

    objects = CustodyQuerySet.as_manager()

    class Meta:
        ordering = ["-from_at", "-id"]
        indexes = [
            models.Index(fields=["asset", "from_at"], name="custody_asset_from"),
            models.Index(fields=["due_at"], condition=Q(to_at__isnull=True), name="custody_due"),
            models.Index(fields=["from_at"], condition=Q(to_at__isnull=True), name="custody_out"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(person__isnull=False, location__isnull=True, holder__isnull=True)
                | Q(person__isnull=True, location__isnull=False, holder__isnull=True)
                | Q(person__isnull=True, location__isnull=True, holder__isnull=False),
                name="custody_one_holder",
            ),
            models.CheckConstraint(condition=~Q(asset=F("holder")), name="custody_not_of_itself"),
            models.CheckConstraint(condition=Q(to_at__isnull=True) | Q(to_at__gt=F("from_at")), name="custody_span_forward"),
            models.CheckConstraint(condition=Q(due_at__isnull=True) | Q(due_at__gt=F("from_at")), name="custody_due_forward"),
            models.CheckConstraint(
                condition=(Q(condition_out__isnull=True) | Q(condition_out__gte=1, condition_out__lte=5))
                & (Q(condition_in__isnull=True) | Q(condition_in__gte=1, condition_in__lte=5)),
                name="custody_condition_on_scale",
            ),
            PostgresExclusion(
                name="custody_no_overlap",
                expressions=[("asset", RangeOperators.EQUAL), (span("from_at", "to_at"), RangeOperators.OVERLAPS)],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.asset} with {self.held_by}"

    @property
    def held_by(self) -> Person | Location | Asset:
        found = self.person or self.location or self.holder
        assert found is not None  # the database holds that
        return found

    def is_overdue(self, now: datetime) -> bool:
        return self.to_at is None and self.due_at is not None and self.due_at < now
