"""Photos, documents and floor plans. Bytes lie in data_dir/files under their hash; only a view that checks hands them out."""

from django.db import models
from django.db.models import Q

from registry.access.actors import Action, Actor
from registry.access.models import User
from registry.assets.models.assets import Asset
from registry.assets.models.trees import NAME_CHARS, Location
from registry.db import uuid7


class StoredFile(models.Model):
    """Some bytes, once whatever the number of things they are attached to. The media type is what the bytes are, not what an
    upload said."""

    sha256 = models.CharField(primary_key=True, max_length=64)
    size = models.PositiveBigIntegerField()
    media_type = models.CharField(max_length=100)
    width = models.PositiveIntegerField(null=True)  # of pictures, in pixels
    height = models.PositiveIntegerField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=~Q(sha256=""), name="stored_file_hashed")]


class AttachmentQuerySet(models.QuerySet["Attachment"]):
    def visible_to(self, by: Actor, action: Action = Action.VIEW) -> "AttachmentQuerySet":
        """Of assets and places in scope."""
        return self.filter(
            Q(asset__in=Asset.objects.visible_to(by, action)) | Q(location__in=Location.objects.visible_to(by, action))
        )


class Attachment(models.Model):
    """A file on an asset or a place."""

    class Kind(models.TextChoices):
        PHOTO = "photo"
        DOCUMENT = "document"
        SIGNATURE = "signature"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    asset = models.ForeignKey(Asset, on_delete=models.CASCADE, null=True, related_name="attachments")
    location = models.ForeignKey(Location, on_delete=models.CASCADE, null=True, related_name="attachments")
    file = models.ForeignKey(StoredFile, on_delete=models.PROTECT, related_name="attachments")
    kind = models.CharField(max_length=10, choices=Kind)
    name = models.CharField(max_length=NAME_CHARS)
    added_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    added_at = models.DateTimeField(auto_now_add=True)
    main = models.BooleanField(default=False)  # the photo that stands for the asset

    objects = AttachmentQuerySet.as_manager()

    class Meta:
        ordering = ["-main", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(asset__isnull=False, location__isnull=True) | Q(asset__isnull=True, location__isnull=False),
                name="attachment_on_one_thing",
            ),
            models.CheckConstraint(condition=Q(kind__in=["photo", "document", "signature"]), name="attachment_kind_known"),
            models.UniqueConstraint(fields=["asset"], condition=Q(main=True), name="one_main_photo"),
        ]

    def __str__(self) -> str:
        return str(self.name)


class FloorPlan(models.Model):
    """A drawing of a place, on which the places inside it are outlined. `metres_per_pixel` is its scale, where it is known."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    location = models.OneToOneField(Location, on_delete=models.CASCADE, related_name="floor_plan")
    file = models.ForeignKey(StoredFile, on_delete=models.PROTECT, related_name="floor_plans")
    metres_per_pixel = models.FloatField(null=True)
    version = models.PositiveIntegerField(default=1)
    changed_at = models.DateTimeField(auto_now=True)
