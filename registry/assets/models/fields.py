"""Fields a company adds to its assets, typed, per category; and their values."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from registry.assets.models.assets import Asset
from registry.assets.models.trees import Category
from registry.db import uuid7

VALUE_CHARS = 4_000


class CustomField(models.Model):
    """One field: its type and what a value may be. It applies to the assets of its categories and those below them; of all
    without any. `key` names it in the API, import and export, and never changes."""

    class Type(models.TextChoices):
        TEXT = "text"
        LONG_TEXT = "long_text", "long text"
        NUMBER = "number"
        INTEGER = "integer", "whole number"
        BOOLEAN = "boolean", "yes or no"
        DATE = "date"
        CHOICE = "choice", "one of a list"
        URL = "url", "web address"
        EMAIL = "email", "e-mail address"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    key = models.CharField(max_length=40, unique=True)  # a-z, 0-9 and _
    name = models.CharField(max_length=80)
    type = models.CharField(max_length=10, choices=Type)
    required = models.BooleanField(default=False)
    choices = models.JSONField(default=list)  # of type choice: the texts
    minimum = models.DecimalField(max_digits=20, decimal_places=4, null=True)
    maximum = models.DecimalField(max_digits=20, decimal_places=4, null=True)
    pattern = models.CharField(max_length=200, default="", blank=True)  # of type text: a regular expression for the whole value
    unit = models.CharField(max_length=20, default="", blank=True)
    help = models.CharField(max_length=300, default="", blank=True)
    position = models.PositiveIntegerField(default=0)
    active = models.BooleanField(default=True)  # one that is not keeps its values and is offered no more
    categories = models.ManyToManyField(Category, related_name="custom_fields", blank=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        ordering = ["position", "name"]
        constraints = [
            models.UniqueConstraint(Lower("name"), name="custom_field_name_once"),
            models.CheckConstraint(condition=~Q(key="") & ~Q(name=""), name="custom_field_named"),
            models.CheckConstraint(
                condition=Q(type__in=["text", "long_text", "number", "integer", "boolean", "date", "choice", "url", "email"]),
                name="custom_field_type_known",
            ),
        ]

    def __str__(self) -> str:
        return str(self.name)


class CustomValue(models.Model):
    """What one field of one asset says: as text in its canonical form (`true`, `2025-03-14`, `12.5`), and as what a range or an
    order needs. Rows and not JSON, because people filter by them."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    asset = models.ForeignKey(Asset, on_delete=models.CASCADE, related_name="custom_values")
    field = models.ForeignKey(CustomField, on_delete=models.PROTECT, related_name="values", db_index=False)
    text = models.CharField(max_length=VALUE_CHARS)
    start = models.CharField(max_length=100)  # of the text in lower case: what is indexed
    number = models.DecimalField(max_digits=20, decimal_places=4, null=True)
    day = models.DateField(null=True)

    class Meta:
        ordering = ["field__position", "field__name"]
        indexes = [
            models.Index(fields=["field", "start"], name="custom_value_text"),
            models.Index(fields=["field", "number"], name="custom_value_number"),
            models.Index(fields=["field", "day"], name="custom_value_day"),
        ]
        constraints = [models.UniqueConstraint(fields=["asset", "field"], name="custom_value_once")]

    def __str__(self) -> str:
        return str(self.text)
