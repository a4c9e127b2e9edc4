"""Maintenance: what counts how long an asset ran, plans that say when work is due, and the orders for that work."""

from datetime import date

from django.db import models
from django.db.models import Q

from registry.access.actors import Action, Actor
from registry.access.models import Person, User
from registry.assets.models import NAME_CHARS, Asset, AssetModel, Category
from registry.assets.scope import of_each
from registry.db import uuid7

LARGEST = 10**11  # SQLite stores doubles: fifteen digits are exact
TEXT_CHARS = 5_000
OPEN = ("open", "in_progress", "waiting")


class Meter(models.Model):
    """What counts on an asset: hours, km, cycles. `total` is what it has counted in all, over every counter it had."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    asset = models.ForeignKey(Asset, on_delete=models.PROTECT, related_name="meters", db_index=False)
    unit = models.CharField(max_length=20)
    value = models.DecimalField(max_digits=15, decimal_places=4, default=0)
    total = models.DecimalField(max_digits=15, decimal_places=4, default=0)
    read_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["unit", "id"]
        constraints = [
            models.UniqueConstraint(fields=["asset", "unit"], name="meter_once"),
            models.CheckConstraint(condition=Q(value__gte=0, total__gte=0, total__lt=LARGEST), name="meter_counts_up"),
        ]

    def __str__(self) -> str:
        return f"{self.asset}, {self.unit}"


class MeterReading(models.Model):
    """What a meter showed. Never altered (triggers.py). `replaced`: a new counter that began at 0."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    meter = models.ForeignKey(Meter, on_delete=models.PROTECT, related_name="readings", db_index=False)
    at = models.DateTimeField()
    value = models.DecimalField(max_digits=15, decimal_places=4)
    total = models.DecimalField(max_digits=15, decimal_places=4)
    replaced = models.BooleanField(default=False)
    source = models.CharField(max_length=10)
    user = models.UUIDField(null=True)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["meter", "at"], name="meter_reading_of_meter")]


class PlanQuerySet(models.QuerySet["MaintenancePlan"]):
    def visible_to(self, by: Actor) -> "PlanQuerySet":
        """Of assets and categories in scope; those of models are everybody's who may see anything."""
        if by.may_everywhere(Action.VIEW):
            return self
        of_models = Q(model__isnull=False) if by.may_anywhere(Action.VIEW) else Q(pk__in=[])
        categories = Category.objects.visible_to(by).order_by().values("pk")
        return self.filter(of_models | Q(Q(asset__isnull=False) & of_each(by, "asset")) | Q(category__in=categories))


class MaintenancePlan(models.Model):
    """Work that comes again on an asset, or on every asset of a model or a category: by a rule of days (`rule` from `starts_on`,
    in `time_zone`), each `every` of a meter's `unit`, or when the condition is `condition_at_most`."""

    class Trigger(models.TextChoices):
        CALENDAR = "calendar"
        METER = "meter"
        CONDITION = "condition"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=NAME_CHARS)
    asset = models.ForeignKey(Asset, on_delete=models.PROTECT, null=True, related_name="plans")
    model = models.ForeignKey(AssetModel, on_delete=models.PROTECT, null=True, related_name="plans")
    category = models.ForeignKey(Category, on_delete=models.PROTECT, null=True, related_name="plans")
    trigger = models.CharField(max_length=10, choices=Trigger)
    rule = models.CharField(max_length=200, default="", blank=True)
    starts_on = models.DateField(null=True)
    time_zone = models.CharField(max_length=64, default="UTC")
    unit = models.CharField(max_length=20, default="", blank=True)
    every = models.DecimalField(max_digits=15, decimal_places=4, null=True)
    condition_at_most = models.PositiveSmallIntegerField(null=True)
    lead_days = models.PositiveSmallIntegerField(default=7)
    instructions = models.TextField(max_length=TEXT_CHARS, default="", blank=True)
    checklist = models.JSONField(default=list)
    team = models.CharField(max_length=100, default="", blank=True)
    active = models.BooleanField(default=True)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = PlanQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.CheckConstraint(condition=~Q(name=""), name="maintenance_plan_named"),
            models.CheckConstraint(
                condition=Q(asset__isnull=False, model__isnull=True, category__isnull=True)
                | Q(asset__isnull=True, model__isnull=False, category__isnull=True)
                | Q(asset__isnull=True, model__isnull=True, category__isnull=False),
                name="maintenance_plan_of_one",
            ),
            models.CheckConstraint(
                condition=Q(Q(trigger="calendar", starts_on__isnull=False) & ~Q(rule=""))
                | Q(Q(trigger="meter", every__gt=0) & ~Q(unit=""))
                | Q(trigger="condition", condition_at_most__gte=1, condition_at_most__lte=5),
                name="maintenance_plan_has_trigger",
            ),
        ]

    def __str__(self) -> str:
        return str(self.name)


class WorkOrderQuerySet(models.QuerySet["WorkOrder"]):
    def visible_to(self, by: Actor, action: Action = Action.VIEW) -> "WorkOrderQuerySet":
        return self.filter(of_each(by, "asset", action))

    def open(self) -> "WorkOrderQuerySet":
        return self.filter(state__in=OPEN)

    def overdue(self, today: date) -> "WorkOrderQuerySet":
        return self.open().filter(due_on__lt=today)


class WorkOrder(models.Model):
    """Work on an asset. One that a plan made names its `occurrence`: a day, a count of the meter, a judgement; there is one for
    each of an asset, whoever schedules. `checklist` is [{"text", "done"}]. `capitalise`: the books add its cost to the asset."""

    class State(models.TextChoices):
        OPEN = "open"
        IN_PROGRESS = "in_progress", "in progress"
        WAITING = "waiting"
        DONE = "done"
        CANCELLED = "cancelled"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    number = models.CharField(max_length=20, unique=True)
    asset = models.ForeignKey(Asset, on_delete=models.PROTECT, related_name="work_orders")
    plan = models.ForeignKey(MaintenancePlan, on_delete=models.PROTECT, null=True, related_name="work_orders", db_index=False)
    occurrence = models.CharField(max_length=60, default="", blank=True)
    title = models.CharField(max_length=NAME_CHARS)
    instructions = models.TextField(max_length=TEXT_CHARS, default="", blank=True)
    state = models.CharField(max_length=12, choices=State, default=State.OPEN)
    due_on = models.DateField(null=True)
    assignee = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, related_name="work_orders")
    team = models.CharField(max_length=100, default="", blank=True)
    checklist = models.JSONField(default=list)
    parts = models.TextField(max_length=TEXT_CHARS, default="", blank=True)
    result = models.TextField(max_length=TEXT_CHARS, default="", blank=True)
    cost = models.DecimalField(max_digits=20, decimal_places=4, null=True)
    currency = models.CharField(max_length=3, default="", blank=True)
    capitalise = models.BooleanField(default=False)
    downtime_hours = models.DecimalField(max_digits=10, decimal_places=2, null=True)
    opened_at = models.DateTimeField(auto_now_add=True)
    closed_at = models.DateTimeField(null=True)
    version = models.PositiveIntegerField(default=1)

    objects = WorkOrderQuerySet.as_manager()

    class Meta:
        ordering = ["due_on", "id"]
        indexes = [models.Index(fields=["state", "due_on"], name="work_order_due")]
        constraints = [
            models.UniqueConstraint(fields=["plan", "asset", "occurrence"], name="work_order_once"),
            models.CheckConstraint(condition=~Q(title=""), name="work_order_titled"),
            models.CheckConstraint(
                condition=Q(state__in=["open", "in_progress", "waiting", "done", "cancelled"]), name="work_order_state_known"
            ),
            models.CheckConstraint(condition=Q(cost__isnull=True) | Q(cost__gte=0, cost__lt=LARGEST), name="work_order_cost"),
            models.CheckConstraint(
                condition=Q(state__in=OPEN, closed_at__isnull=True) | Q(state__in=["done", "cancelled"], closed_at__isnull=False),
                name="work_order_closed_at",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.title}"


class CalendarFeed(models.Model):
    """The secret address of a person's calendar of work; only its digest is kept. Revoked by deleting it."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True, related_name="care_feed")
    digest = models.CharField(max_length=64, unique=True)
    made_at = models.DateTimeField(auto_now_add=True)
