"""The log of changes: who changed what, when, through what, from what to what."""

from typing import Any
from uuid import UUID

from django.db import models
from django.db.models import Q

from registry.db import uuid7


class ChangeQuerySet(models.QuerySet["Change"]):
    def of(self, object_type: str, object_id: Any) -> "ChangeQuerySet":
        return self.filter(object_type=object_type, object_id=str(object_id))

    def of_request(self, request_id: UUID) -> "ChangeQuerySet":
        """All that one request, import or run changed."""
        return self.filter(request_id=request_id)


class Change(models.Model):
    """One change of one object; written by changes.record() in the transaction of the change, never altered (triggers.py).

    People stand here by id alone, so that erasing one touches no row. `before` and `after` hold the fields that differ: texts,
    numbers, or `{"id", "kind", "name"}` of what is referred to, without the name where that is somebody."""

    class Through(models.TextChoices):
        PAGE = "page"
        API = "api"
        CLI = "cli"
        IMPORT = "import"
        WORK = "work"  # by the work process, of itself
        SYSTEM = "system"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    at = models.DateTimeField()
    user = models.UUIDField(null=True)
    token = models.UUIDField(null=True)
    through = models.CharField(max_length=10, choices=Through)
    request_id = models.UUIDField()
    object_type = models.CharField(max_length=40)  # "asset", "location", ...: the model's name in lower case
    object_id = models.CharField(max_length=40)
    object_name = models.CharField(max_length=300)
    action = models.CharField(max_length=40)  # "created", "changed", "deleted", or the service's own verb: "checked out"
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)

    objects = ChangeQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["object_type", "object_id", "id"], name="change_object"),
            models.Index(fields=["object_type", "id"], name="change_type"),
            models.Index(fields=["request_id"], name="change_request"),
            models.Index(fields=["user", "id"], name="change_user"),
            models.Index(fields=["at"], name="change_at"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(through__in=["page", "api", "cli", "import", "work", "system"]), name="change_through_known"
            )
        ]

    def __str__(self) -> str:
        return f"{self.object_type} {self.object_name} {self.action}"
