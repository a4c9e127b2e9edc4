"""The codes an asset is known by, and from when to when."""

from datetime import datetime

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from registry.assets.models.assets import Asset
from registry.db import uuid7

KEY_CHARS = 512  # of an identity: what the wire carries at most


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
            models.Index(Lower("key"), "asset", condition=Q(state="active"), name="identifier_by_code"),  # the order of lists
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
