"""How assets are: dated judgements that are never altered. The newest of the whole is copied to the asset."""

from django.db import models
from django.db.models import Q

from registry.access.actors import Actor
from registry.assets.models import Asset, Attachment
from registry.assets.scope import of_each
from registry.db import uuid7

NOTE_CHARS = 2_000
VERSION_CHARS = 100


class AssessmentQuerySet(models.QuerySet["Assessment"]):
    def visible_to(self, by: Actor) -> "AssessmentQuerySet":
        return self.filter(of_each(by, "asset"))


class Assessment(models.Model):
    """What somebody found on a day: a score from 1 (worn out) to 5 (as new) on one scale, how many months it will last, and of
    software its version and whether it is up to date. A mistake is corrected by another one (triggers.py)."""

    class Scale(models.TextChoices):
        WHOLE = "whole", "as a whole"
        FUNCTION = "function", "how it works"
        SAFETY = "safety", "how safe it is"
        LOOKS = "looks", "how it looks"

    class Updates(models.TextChoices):
        CURRENT = "current", "up to date"
        AVAILABLE = "available", "an update is there"
        UNSUPPORTED = "unsupported", "no more updates"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    asset = models.ForeignKey(Asset, on_delete=models.PROTECT, related_name="assessments", db_index=False)
    judged_on = models.DateField()
    scale = models.CharField(max_length=10, choices=Scale, default=Scale.WHOLE)
    score = models.PositiveSmallIntegerField(null=True)
    remaining_life_months = models.PositiveSmallIntegerField(null=True)
    software_version = models.CharField(max_length=VERSION_CHARS, default="", blank=True)
    updates = models.CharField(max_length=12, choices=Updates, default="", blank=True)
    notes = models.TextField(max_length=NOTE_CHARS, default="", blank=True)
    user = models.UUIDField(null=True)
    request_id = models.UUIDField()
    recorded_at = models.DateTimeField(auto_now_add=True)

    objects = AssessmentQuerySet.as_manager()

    class Meta:
        ordering = ["-judged_on", "-id"]
        indexes = [models.Index(fields=["asset", "judged_on", "id"], name="assessment_of_asset")]
        constraints = [
            models.CheckConstraint(
                condition=Q(scale__in=["whole", "function", "safety", "looks"]), name="assessment_scale_known"
            ),
            models.CheckConstraint(
                condition=Q(updates__in=["", "current", "available", "unsupported"]), name="assessment_updates_known"
            ),
            models.CheckConstraint(condition=Q(score__isnull=True) | Q(score__gte=1, score__lte=5), name="assessment_on_scale"),
            models.CheckConstraint(
                condition=Q(score__isnull=False) | ~Q(software_version="") | ~Q(updates=""), name="assessment_says_something"
            ),
        ]


class AssessmentPhoto(models.Model):
    """A photo of the asset that shows what was found."""

    assessment = models.ForeignKey(Assessment, on_delete=models.CASCADE, related_name="photos")
    attachment = models.ForeignKey(Attachment, on_delete=models.CASCADE, related_name="assessments")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["assessment", "attachment"], name="assessment_photo_once")]
