"""Agreements: what was agreed with whom, from when to when, about which assets, and who uses its seats."""

from datetime import date, timedelta
from typing import Final

from django.db import models
from django.db.models import Exists, F, OuterRef, Q

from registry.access.actors import Action, Actor
from registry.access.models import Person, User
from registry.assets.models import NAME_CHARS, Asset, StoredFile, Supplier
from registry.assets.scope import of_each
from registry.db import uuid7

LEADS: Final = (90, 60, 30, 7)  # days before something is due at which people want to hear of it
MOST_LEAD: Final = 730
LARGEST: Final = 10**11  # SQLite stores doubles: fifteen digits are exact
TERM_CHARS: Final = 10_000


def usual_leads() -> list[int]:
    return list(LEADS)


class AgreementQuerySet(models.QuerySet["Agreement"]):
    def visible_to(self, by: Actor, action: Action = Action.VIEW) -> "AgreementQuerySet":
        """Those that cover an asset with which `by` may do this; for whoever has no limits all of them."""
        if by.may_everywhere(action):
            return self
        covered = AgreementAsset.objects.filter(of_each(by, "asset", action), agreement=OuterRef("pk"))
        return self.filter(Exists(covered))

    def running(self, today: date) -> "AgreementQuerySet":
        return self.filter(Q(ends_on__isnull=True) | Q(ends_on__gte=today) | Q(auto_renew=True, cancelled_on__isnull=True))

    def ended(self, today: date) -> "AgreementQuerySet":
        return self.filter(ends_on__lt=today).exclude(auto_renew=True, cancelled_on__isnull=True)

    def due_within(self, today: date, days: int) -> "AgreementQuerySet":
        """That end, or have to be cancelled if they are not to go on, on one of the next `days` days."""
        return self.filter(due_on__gte=today, due_on__lte=today + timedelta(days=days))

    def of_asset(self, asset: Asset) -> "AgreementQuerySet":
        return self.filter(covered__asset=asset)


class Agreement(models.Model):
    """`ends_on` is its last day. One that renews itself goes on for `renew_months` more unless notice is given `notice_days`
    before; `cancelled_on` is when that was done. `due_on` is the next day by which somebody has to decide: the last one for
    notice, or the end (agreements.due_on; the services keep it). `ends_day` is the day of the month that ends return to after a
    shorter one. `cost` is for each `period`. `lead_days`: so long before `due_on` people want to hear of it."""

    class Kind(models.TextChoices):
        WARRANTY = "warranty"
        CONTRACT = "contract"
        LICENCE = "licence"
        SUBSCRIPTION = "subscription"
        INSURANCE = "insurance"
        DOMAIN = "domain"
        CERTIFICATE = "certificate"

    class Period(models.TextChoices):
        ONCE = "once"
        MONTH = "month", "a month"
        QUARTER = "quarter", "a quarter"
        YEAR = "year", "a year"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=NAME_CHARS)
    kind = models.CharField(max_length=12, choices=Kind)
    number = models.CharField(max_length=100, default="", blank=True)  # the vendor's
    vendor = models.ForeignKey(Supplier, on_delete=models.PROTECT, null=True, related_name="agreements")
    starts_on = models.DateField(null=True)
    ends_on = models.DateField(null=True)
    ends_day = models.PositiveSmallIntegerField(null=True)
    auto_renew = models.BooleanField(default=False)
    renew_months = models.PositiveSmallIntegerField(null=True)
    notice_days = models.PositiveSmallIntegerField(null=True)
    cancelled_on = models.DateField(null=True)
    due_on = models.DateField(null=True)
    lead_days = models.JSONField(default=usual_leads)
    seats = models.PositiveIntegerField(null=True)
    cost = models.DecimalField(max_digits=20, decimal_places=4, null=True)
    currency = models.CharField(max_length=3, default="", blank=True)
    period = models.CharField(max_length=8, choices=Period, default=Period.ONCE)
    terms = models.TextField(max_length=TERM_CHARS, default="", blank=True)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = AgreementQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]
        indexes = [
            models.Index(fields=["due_on"], name="agreement_due_on"),
            models.Index(fields=["ends_on"], name="agreement_ends_on"),
        ]
        constraints = [
            models.CheckConstraint(condition=~Q(name=""), name="agreement_named"),
            models.CheckConstraint(
                condition=Q(kind__in=["warranty", "contract", "licence", "subscription", "insurance", "domain", "certificate"]),
                name="agreement_kind_known",
            ),
            models.CheckConstraint(condition=Q(period__in=["once", "month", "quarter", "year"]), name="agreement_period_known"),
            models.CheckConstraint(
                condition=Q(starts_on__isnull=True) | Q(ends_on__isnull=True) | Q(ends_on__gte=F("starts_on")),
                name="agreement_forward",
            ),
            models.CheckConstraint(
                condition=Q(auto_renew=False) | Q(ends_on__isnull=False, renew_months__gte=1), name="agreement_renews_until"
            ),
            models.CheckConstraint(condition=Q(cost__isnull=True) | Q(cost__gte=0, cost__lt=LARGEST), name="agreement_cost"),
        ]

    def __str__(self) -> str:
        return str(self.name)

    def lead_reached(self, today: date) -> int | None:
        """The smallest of its lead times that has begun: 7 in its last week, None while it is too early or nothing is due."""
        if self.due_on is None or self.due_on < today:
            return None
        left = (self.due_on - today).days
        return min((lead for lead in self.lead_days if left <= lead), default=None)


class AgreementAsset(models.Model):
    """An asset that an agreement covers."""

    agreement = models.ForeignKey(Agreement, on_delete=models.CASCADE, related_name="covered", db_index=False)
    asset = models.ForeignKey(Asset, on_delete=models.CASCADE, related_name="agreements")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["agreement", "asset"], name="agreement_covers_once")]


class Seat(models.Model):
    """Who or what uses one seat of an agreement, and had it until when."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    agreement = models.ForeignKey(Agreement, on_delete=models.CASCADE, related_name="seats_used")
    person = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, related_name="seats")
    asset = models.ForeignKey(Asset, on_delete=models.CASCADE, null=True, related_name="seats")
    note = models.CharField(max_length=200, default="", blank=True)
    from_at = models.DateTimeField(auto_now_add=True)
    to_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(person__isnull=False, asset__isnull=True) | Q(person__isnull=True, asset__isnull=False),
                name="seat_of_one",
            ),
            models.UniqueConstraint(fields=["agreement", "person"], condition=Q(to_at__isnull=True), name="one_seat_of_a_person"),
            models.UniqueConstraint(fields=["agreement", "asset"], condition=Q(to_at__isnull=True), name="one_seat_of_an_asset"),
        ]

    def __str__(self) -> str:
        return str(self.person or self.asset)


class Paper(models.Model):
    """A file kept with an agreement."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    agreement = models.ForeignKey(Agreement, on_delete=models.CASCADE, related_name="papers")
    file = models.ForeignKey(StoredFile, on_delete=models.PROTECT, related_name="papers")
    name = models.CharField(max_length=NAME_CHARS)
    added_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    added_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return str(self.name)
