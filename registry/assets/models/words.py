"""The words a company sorts its assets by: status labels, models, suppliers, cost centres, tags."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from registry.assets.models.trees import NAME_CHARS, Category
from registry.db import uuid7


class State(models.TextChoices):
    """The fixed states of an asset's life; status labels are free names over them."""

    PLANNED = "planned"
    IN_STOCK = "in_stock", "in stock"
    IN_USE = "in_use", "in use"
    IN_MAINTENANCE = "in_maintenance", "in maintenance"
    MISSING = "missing"
    DISPOSED = "disposed"


STATE_KNOWN = Q(status__in=["planned", "in_stock", "in_use", "in_maintenance", "missing", "disposed"])


class StatusLabel(models.Model):
    """A company's own word for a state: "lent to a customer" is in use."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=60)
    status = models.CharField(max_length=15, choices=State)
    active = models.BooleanField(default=True)  # one that is not stays where it stands and is offered no more
    version = models.PositiveIntegerField(default=1)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(Lower("name"), name="status_label_name_once"),
            models.CheckConstraint(condition=STATE_KNOWN, name="status_label_state_known"),
            models.CheckConstraint(condition=~Q(name=""), name="status_label_named"),
        ]

    def __str__(self) -> str:
        return str(self.name)


class AssetModel(models.Model):
    """A make of things: what a manufacturer calls them, and what they have in common."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=NAME_CHARS)
    manufacturer = models.CharField(max_length=NAME_CHARS, default="", blank=True)
    part_no = models.CharField(max_length=100, default="", blank=True)
    category = models.ForeignKey(Category, on_delete=models.PROTECT, null=True, related_name="models")
    replace_after_months = models.PositiveIntegerField(null=True)
    notes = models.TextField(max_length=10_000, default="", blank=True)
    active = models.BooleanField(default=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        ordering = ["manufacturer", "name"]
        constraints = [
            models.UniqueConstraint(Lower("manufacturer"), Lower("name"), Lower("part_no"), name="asset_model_once"),
            models.CheckConstraint(condition=~Q(name=""), name="asset_model_named"),
        ]

    def __str__(self) -> str:
        return f"{self.manufacturer} {self.name}".strip()


class Supplier(models.Model):
    """Who sold it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=NAME_CHARS)
    email = models.EmailField(max_length=254, default="", blank=True)
    phone = models.CharField(max_length=60, default="", blank=True)
    url = models.URLField(max_length=500, default="", blank=True)
    customer_no = models.CharField(max_length=60, default="", blank=True)  # ours, there
    notes = models.TextField(max_length=10_000, default="", blank=True)
    active = models.BooleanField(default=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(Lower("name"), name="supplier_name_once"),
            models.CheckConstraint(condition=~Q(name=""), name="supplier_named"),
        ]

    def __str__(self) -> str:
        return str(self.name)


class CostCenter(models.Model):
    """Whose books it stands in."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    code = models.CharField(max_length=40)
    name = models.CharField(max_length=NAME_CHARS)
    active = models.BooleanField(default=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        ordering = ["code"]
        constraints = [
            models.UniqueConstraint(Lower("code"), name="cost_center_code_once"),
            models.CheckConstraint(condition=~Q(code="") & ~Q(name=""), name="cost_center_named"),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


class Tag(models.Model):
    """A free word on assets."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=60)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(Lower("name"), name="tag_name_once"),
            models.CheckConstraint(condition=~Q(name=""), name="tag_named"),
        ]

    def __str__(self) -> str:
        return str(self.name)
