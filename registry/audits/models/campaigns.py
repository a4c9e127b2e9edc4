"""An audit: what is to be found, from when to when, and how."""

from functools import reduce
from operator import or_

from django.db import models
from django.db.models import Exists, F, OuterRef, Q

from registry.access.actors import Action, Actor
from registry.access.models import Person
from registry.assets.models import Category, Location
from registry.db import uuid7

NAME_CHARS = 120


class CampaignQuerySet(models.QuerySet["Campaign"]):
    def visible_to(self, by: Actor, action: Action = Action.VIEW) -> "CampaignQuerySet":
        """All of them without limits; otherwise those whose places all lie in one's own."""
        if by.may_everywhere(action):
            return self
        paths = {grant.location_path for grant in by.granted(action) if grant.location_path and grant.category_path is None}
        own: Q = reduce(or_, (Q(location__path__startswith=path) for path in paths), Q(pk__in=[]))
        places = ScopeItem.objects.filter(campaign=OuterRef("pk"), location__isnull=False)
        return self.filter(Exists(places.filter(own)), ~Exists(places.exclude(own)))


class Campaign(models.Model):
    """One audit. What is seen from `window_from` until before `window_to` counts: the days `from_on` and `until_on`, both
    included, in `time_zone`. What it expects is frozen at `frozen_at`, when it opens; from then on nothing of it changes but its
    state.

    It is the `number`th of its `series`. Its findings are complete since `reviewed_at`. `run` is the long work in hand or done
    last (registry.work): opening it, writing its findings, doing what was decided."""

    class Method(models.TextChoices):
        PASSIVE = "passive", "reads alone"
        WALK = "walk", "a walk"
        MIXED = "mixed", "reads, then a walk for the rest"

    class Recurrence(models.TextChoices):
        NEVER = "never", "once"
        QUARTERLY = "quarterly", "every three months"
        YEARLY = "yearly", "every year"

    class State(models.TextChoices):
        DRAFT = "draft", "a draft"
        OPEN = "open", "open"
        REVIEW = "review", "in review"
        CLOSED = "closed", "closed"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=NAME_CHARS)
    note = models.CharField(max_length=1_000, default="", blank=True)
    method = models.CharField(max_length=10, choices=Method, default=Method.MIXED)
    recurrence = models.CharField(max_length=10, choices=Recurrence, default=Recurrence.NEVER)
    state = models.CharField(max_length=10, choices=State, default=State.DRAFT)
    from_on = models.DateField()
    until_on = models.DateField()
    time_zone = models.CharField(max_length=64, default="UTC")
    window_from = models.DateTimeField()
    window_to = models.DateTimeField()
    frozen_at = models.DateTimeField(null=True)
    reviewed_at = models.DateTimeField(null=True)
    series = models.UUIDField(default=uuid7)
    number = models.PositiveIntegerField(default=0)
    run = models.UUIDField(null=True)
    made_by = models.UUIDField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    version = models.PositiveIntegerField(default=1)

    objects = CampaignQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["state", "window_from"], name="audit_state_window")]
        constraints = [
            models.UniqueConstraint(fields=["series", "number"], name="audit_once_in_its_series"),
            models.CheckConstraint(condition=~Q(name=""), name="audit_named"),
            models.CheckConstraint(condition=Q(until_on__gte=F("from_on")), name="audit_days_forward"),
            models.CheckConstraint(condition=Q(window_to__gt=F("window_from")), name="audit_window_forward"),
            models.CheckConstraint(condition=Q(state__in=["draft", "open", "review", "closed"]), name="audit_state_known"),
            models.CheckConstraint(condition=Q(method__in=["passive", "walk", "mixed"]), name="audit_method_known"),
            models.CheckConstraint(condition=Q(recurrence__in=["never", "quarterly", "yearly"]), name="audit_recurrence_known"),
            models.CheckConstraint(condition=Q(state="draft") | Q(frozen_at__isnull=False), name="audit_frozen_when_open"),
        ]

    def __str__(self) -> str:
        return str(self.name)


class ScopeItem(models.Model):
    """One place, category or person that an audit covers. Those of one kind are added up, the kinds narrow each other; without
    any it covers everything."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="scope", db_index=False)
    location = models.ForeignKey(Location, on_delete=models.PROTECT, null=True, related_name="audited")
    category = models.ForeignKey(Category, on_delete=models.PROTECT, null=True, related_name="audited")
    person = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, related_name="audited")

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["campaign", "location"], name="audit_place_once"),
            models.UniqueConstraint(fields=["campaign", "category"], name="audit_category_once"),
            models.UniqueConstraint(fields=["campaign", "person"], name="audit_person_once"),
            models.CheckConstraint(
                condition=Q(location__isnull=False, category__isnull=True, person__isnull=True)
                | Q(location__isnull=True, category__isnull=False, person__isnull=True)
                | Q(location__isnull=True, category__isnull=True, person__isnull=False),
                name="audit_scope_of_one_kind",
            ),
        ]

    def __str__(self) -> str:
        return str(self.location or self.category or self.person)
