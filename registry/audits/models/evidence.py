"""What speaks for an asset being somewhere. Never altered (triggers.py): what was wrong is corrected by more evidence."""

from django.db import models
from django.db.models import Q

from registry.access.models import Person
from registry.assets.models import Asset, Location, StoredFile
from registry.audits.models.campaigns import Campaign
from registry.db import uuid7

NOTE_CHARS = 500
TEXT_CHARS = 4096


class Evidence(models.Model):
    """One read, scan, photo or tick. `text` is what was scanned, `key` what that means; without `asset` no asset has it. `event`
    is the location event that it was taken from. `custodian`: who was found to have it. `refused` says why it does not count."""

    class Kind(models.TextChoices):
        READ = "read", "read"
        SCAN = "scan", "scan"
        PHOTO = "photo", "photo"
        MANUAL = "manual", "seen by a person"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="evidence", db_index=False)
    asset = models.ForeignKey(Asset, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    text = models.CharField(max_length=TEXT_CHARS, default="", blank=True)
    key = models.CharField(max_length=512, default="", blank=True)
    location = models.ForeignKey(Location, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    kind = models.CharField(max_length=10, choices=Kind)
    event = models.UUIDField(null=True)
    user = models.UUIDField(null=True)
    custodian = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    damaged = models.BooleanField(default=False)
    note = models.CharField(max_length=NOTE_CHARS, default="", blank=True)
    photo = models.ForeignKey(StoredFile, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    refused = models.CharField(max_length=200, default="", blank=True)

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index(fields=["campaign", "asset", "at"], name="audit_evidence_asset"),
            models.Index(fields=["campaign", "id"], name="audit_evidence_order"),
            models.Index(fields=["campaign", "key"], condition=Q(asset__isnull=True), name="audit_evidence_unknown"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["campaign", "asset", "event"], condition=Q(event__isnull=False), name="audit_event_once"
            ),
            models.CheckConstraint(condition=Q(kind__in=["read", "scan", "photo", "manual"]), name="audit_evidence_kind_known"),
            models.CheckConstraint(condition=Q(asset__isnull=False) | ~Q(key=""), name="audit_evidence_of_something"),
        ]
