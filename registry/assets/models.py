"""Assets, the codes they are known by, and the two trees that sort them: categories and locations."""

import re
from datetime import datetime
from typing import Any, cast

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Length, Substr
from treebeard.mp_tree import MP_Node, MP_NodeManager, MP_NodeQuerySet

from registry.db import uuid7

NAME_CHARS = 200
KEY_CHARS = 512  # of an identity: what the wire carries at most


class TreeQuerySet(MP_NodeQuerySet):
    """Of a tree: ordered by path, so parents come before their children."""

    def visible_to(self, user: Any) -> "TreeQuerySet":
        return cast(TreeQuerySet, self if user.is_active else self.none())

    def within(self, node: "Category | Location") -> "TreeQuerySet":
        """The node and everything below it."""
        return cast(TreeQuerySet, self.filter(path__startswith=node.path))


class TreeManager(MP_NodeManager):
    def get_queryset(self) -> TreeQuerySet:  # from_queryset() would forget ours
        return cast(TreeQuerySet, TreeQuerySet(self.model, using=self._db).order_by("path"))

    def visible_to(self, user: Any) -> TreeQuerySet:
        return self.get_queryset().visible_to(user)

    def within(self, node: "Category | Location") -> TreeQuerySet:
        return self.get_queryset().within(node)


def _one_name_among_siblings(name: str) -> models.UniqueConstraint:
    """A node's path is its parent's path and four characters more."""
    return models.UniqueConstraint(Substr("path", 1, Length("path") - MP_Node.steplen), F("name"), name=name)


class Category(MP_Node):
    """What kind of thing it is."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=NAME_CHARS)

    objects = TreeManager()

    class Meta:
        verbose_name_plural = "categories"
        constraints = [_one_name_among_siblings("category_name_once_per_parent")]

    def __str__(self) -> str:
        return str(self.name)


class Location(MP_Node):
    """A place in the company's tree of places."""

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

    objects = TreeManager()

    class Meta:
        constraints = [
            _one_name_among_siblings("location_name_once_per_parent"),
            models.CheckConstraint(
                condition=Q(kind__in=["site", "building", "floor", "room", "zone", "bin", "vehicle", "virtual"]),
                name="location_kind_known",
            ),
        ]

    def __str__(self) -> str:
        return str(self.name)


class AssetQuerySet(models.QuerySet["Asset"]):
    def visible_to(self, user: Any) -> "AssetQuerySet":
        """The only way a page, an API operation or an export gets at assets."""
        return self if user.is_active else self.none()

    def in_category(self, category: Category) -> "AssetQuerySet":
        """Of this category or one below it."""
        return self.filter(category__path__startswith=category.path)

    def at_home_in(self, location: Location) -> "AssetQuerySet":
        """Whose home is this place or one inside it."""
        return self.filter(home_location__path__startswith=location.path)

    def matching(self, text: str) -> "AssetQuerySet":
        """Every word of `text` stands in the name, the number or a code of the asset (codes: beginning or end, any state)."""
        found = self
        for word in text.split()[:8]:
            bare = word.upper()
            coded = Q(key__iendswith=word) | Q(key__istartswith=word) | Q(raw__iexact=word)
            if re.fullmatch(r"[0-9A-F]{8,}", bare):
                coded |= Q(raw__istartswith=bare)
            owners = Identifier.objects.filter(coded).values("asset")
            found = found.filter(Q(name__icontains=word) | Q(asset_no__icontains=word) | Q(pk__in=owners))
        return found


class Asset(models.Model):
    """A thing we own. `version` grows with every change: whoever changes it says which version they saw."""

    class Kind(models.TextChoices):
        PHYSICAL = "physical"
        DIGITAL = "digital"
        IP = "ip", "intellectual property"
        REAL_ESTATE = "real_estate", "real estate"
        VEHICLE = "vehicle"
        CONSUMABLE = "consumable"

    class Status(models.TextChoices):
        PLANNED = "planned"
        IN_STOCK = "in_stock", "in stock"
        IN_USE = "in_use", "in use"
        IN_MAINTENANCE = "in_maintenance", "in maintenance"
        MISSING = "missing"
        DISPOSED = "disposed"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    asset_no = models.CharField(max_length=40, unique=True)
    name = models.CharField(max_length=NAME_CHARS)
    kind = models.CharField(max_length=12, choices=Kind, default=Kind.PHYSICAL)
    status = models.CharField(max_length=15, choices=Status, default=Status.IN_USE)
    category = models.ForeignKey(Category, on_delete=models.PROTECT, null=True, related_name="assets")
    home_location = models.ForeignKey(Location, on_delete=models.PROTECT, null=True, related_name="at_home")
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now_add=True)  # by the services, with `version`

    objects = AssetQuerySet.as_manager()

    class Meta:
        ordering = ["asset_no"]
        indexes = [models.Index(fields=["status"], name="asset_status"), models.Index(fields=["name"], name="asset_name")]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=["physical", "digital", "ip", "real_estate", "vehicle", "consumable"]),
                name="asset_kind_known",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["planned", "in_stock", "in_use", "in_maintenance", "missing", "disposed"]),
                name="asset_status_known",
            ),
            models.CheckConstraint(condition=~Q(asset_no="") & ~Q(name=""), name="asset_named"),
        ]

    def __str__(self) -> str:
        return f"{self.asset_no} {self.name}"


class IdentifierQuerySet(models.QuerySet["Identifier"]):
    def active(self) -> "IdentifierQuerySet":
        return self.filter(state=Identifier.State.ACTIVE)


class Identifier(models.Model):
    """One code an asset is known by, as the canonical key of identity.resolve. What a tag or label says while it is on the asset:
    from `valid_from` (None: since ever) to `valid_to`, events of that key are events of this asset.

    `projected` is False from a change on until the tracking app has drawn positions and stays anew.
    """

    class Kind(models.TextChoices):
        EPC = "epc", "RFID tag"
        TID = "tid", "chip number"
        BARCODE = "barcode"
        SERIAL = "serial", "serial number"
        MANUAL = "manual", "typed in"

    class State(models.TextChoices):
        ACTIVE = "active"
        RETIRED = "retired"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    asset = models.ForeignKey(Asset, on_delete=models.PROTECT, related_name="identifiers")
    key = models.CharField(max_length=KEY_CHARS)
    raw = models.CharField(max_length=KEY_CHARS)
    kind = models.CharField(max_length=10, choices=Kind)
    state = models.CharField(max_length=10, choices=State, default=State.ACTIVE)
    valid_from = models.DateTimeField(null=True)
    valid_to = models.DateTimeField(null=True)
    projected = models.BooleanField(default=False)

    objects = IdentifierQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index(fields=["key"], name="identifier_key"),
            models.Index(fields=["id"], condition=Q(projected=False), name="identifier_unprojected"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["key"], condition=Q(state="active"), name="one_active_identifier"),
            models.CheckConstraint(
                condition=Q(state="active", valid_to__isnull=True) | Q(state="retired", valid_to__isnull=False),
                name="identifier_retired_has_an_end",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["epc", "tid", "barcode", "serial", "manual"]), name="identifier_kind_known"
            ),
            models.CheckConstraint(condition=~Q(key=""), name="identifier_has_a_key"),
        ]

    def __str__(self) -> str:
        return str(self.key)

    def covers(self, moment: datetime) -> bool:
        """Was the code on the asset then?"""
        return (self.valid_from is None or self.valid_from <= moment) and (self.valid_to is None or moment < self.valid_to)


class Numbering(models.Model):
    """The last number given out of each series."""

    series = models.CharField(primary_key=True, max_length=20)
    last = models.PositiveBigIntegerField(default=0)
