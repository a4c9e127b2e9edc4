"""The two trees that sort assets: categories and places."""

from functools import reduce
from operator import or_
from typing import cast

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Length, Substr
from treebeard.mp_tree import MP_Node, MP_NodeManager, MP_NodeQuerySet

from registry.access.actors import Action, Actor
from registry.db import uuid7

NAME_CHARS = 200
LARGEST = 10**11  # SQLite stores doubles: fifteen digits are exact


def _one_name_among_siblings(name: str) -> models.UniqueConstraint:
    """A node's path is its parent's path and four characters more."""
    return models.UniqueConstraint(Substr("path", 1, Length("path") - MP_Node.steplen), F("name"), name=name)


class TreeQuerySet(MP_NodeQuerySet):
    """Of a tree: ordered by path, so parents come before their children."""

    def visible_to(self, by: Actor, action: Action = Action.VIEW) -> "TreeQuerySet":
        """The nodes in the scope of one of their grants. A place is in the scope of its part of the tree whatever the category,
        and a category whatever the place."""
        column = "location_path" if self.model is Location else "category_path"
        granted = by.granted(action)
        if any(getattr(grant, column) is None for grant in granted):
            return self
        paths = {getattr(grant, column) for grant in granted}
        return cast(TreeQuerySet, self.filter(reduce(or_, (Q(path__startswith=path) for path in paths), Q(pk__in=[]))))

    def within(self, node: "Category | Location") -> "TreeQuerySet":
        """The node and everything below it."""
        return cast(TreeQuerySet, self.filter(path__startswith=node.path))


class TreeManager(MP_NodeManager):
    def get_queryset(self) -> TreeQuerySet:  # from_queryset() would forget ours
        return cast(TreeQuerySet, TreeQuerySet(self.model, using=self._db).order_by("path"))

    def visible_to(self, by: Actor, action: Action = Action.VIEW) -> TreeQuerySet:
        return self.get_queryset().visible_to(by, action)

    def within(self, node: "Category | Location") -> TreeQuerySet:
        return self.get_queryset().within(node)


class Category(MP_Node):
    """What kind of thing it is. `defaults` are the values a new asset of it starts with, by the name of the field (`kind`,
    `status`, `currency`, `criticality`, `uom`, `storage_cost_month`) or `replace_after_months`; a category below overrides."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=NAME_CHARS)
    defaults = models.JSONField(default=dict)
    version = models.PositiveIntegerField(default=1)

    objects = TreeManager()

    class Meta:
        verbose_name_plural = "categories"
        constraints = [_one_name_among_siblings("category_name_once_per_parent")]

    def __str__(self) -> str:
        return str(self.name)


class Location(MP_Node):
    """A place in the company's tree of places.

    `latitude` and `longitude` are degrees (WGS 84). `plan` is the floor plan it is drawn on, `outline` its corners there as
    [[x, y], ...] between 0 and 1 of the plan's width and height. `storage_cost_month` is what keeping the place costs a month."""

    class Kind(models.TextChoices):
        SITE = "site"
        BUILDING = "building"
        FLOOR = "floor"
        ROOM = "room"
        ZONE = "zone"
        BIN = "bin"
        VEHICLE = "vehicle"
        VIRTUAL = "virtual"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    code = models.CharField(max_length=60, unique=True)
    name = models.CharField(max_length=NAME_CHARS)
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.ROOM)
    gln = models.CharField(max_length=13, default="", blank=True)
    latitude = models.FloatField(null=True)
    longitude = models.FloatField(null=True)
    coordinates_at = models.DateTimeField(null=True)  # of a place that moves: when it was there
    plan = models.ForeignKey("assets.FloorPlan", on_delete=models.SET_NULL, null=True, related_name="+")
    outline = models.JSONField(default=list)
    storage_cost_month = models.DecimalField(max_digits=20, decimal_places=4, null=True)
    currency = models.CharField(max_length=3, default="", blank=True)
    notes = models.TextField(max_length=10_000, default="", blank=True)
    version = models.PositiveIntegerField(default=1)

    objects = TreeManager()

    class Meta:
        constraints = [
            _one_name_among_siblings("location_name_once_per_parent"),
            models.CheckConstraint(
                condition=Q(kind__in=["site", "building", "floor", "room", "zone", "bin", "vehicle", "virtual"]),
                name="location_kind_known",
            ),
            models.CheckConstraint(
                condition=Q(latitude__isnull=True, longitude__isnull=True)
                | Q(latitude__gte=-90, latitude__lte=90, longitude__gte=-180, longitude__lte=180),
                name="location_on_earth",
            ),
            models.CheckConstraint(
                condition=Q(storage_cost_month__isnull=True) | Q(storage_cost_month__gte=0, storage_cost_month__lt=LARGEST),
                name="location_storage_cost",
            ),
        ]

    def __str__(self) -> str:
        return str(self.name)
