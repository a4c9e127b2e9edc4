"""What an audit comes to: a finding for each asset and unknown code, the sign-off, and what is missing again."""

from django.db import models
from django.db.models import Q

from registry.access.models import Person
from registry.assets.models import Asset, Location
from registry.audits.models.campaigns import Campaign, CampaignQuerySet
from registry.audits.models.frozen import OUTCOME_KNOWN, Outcome
from registry.db import uuid7


class Resolution(models.TextChoices):
    NONE = "none", "open"
    MOVE_ACCEPTED = "move_accepted", "move accepted"
    SEARCHED = "searched", "searched, not there"
    WRITTEN_OFF = "written_off", "written off"
    REGISTERED = "registered", "registered"
    IGNORED = "ignored", "left as it is"


class Finding(models.Model):
    """What came of one expected asset, of one that was not expected, or of a code that no asset has (`key`). Written when the
    review begins; from then on only its resolution changes, until the audit is signed. `consequence`: what the signing did."""

    id = models.BigAutoField(primary_key=True)
    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="findings", db_index=False)
    asset = models.ForeignKey(Asset, on_delete=models.PROTECT, null=True, related_name="audit_findings")
    asset_no = models.CharField(max_length=40, default="", blank=True)
    name = models.CharField(max_length=600)
    key = models.CharField(max_length=512, default="", blank=True)
    location = models.ForeignKey(Location, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    custodian = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    outcome = models.CharField(max_length=15, choices=Outcome)
    evidence_id = models.UUIDField(null=True)
    seen_at = models.DateTimeField(null=True)
    seen_location = models.ForeignKey(Location, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    resolution = models.CharField(max_length=15, choices=Resolution, default=Resolution.NONE)
    resolved_by = models.UUIDField(null=True)
    resolved_at = models.DateTimeField(null=True)
    note = models.CharField(max_length=500, default="", blank=True)
    consequence = models.CharField(max_length=200, default="", blank=True)

    class Meta:
        ordering = ["campaign", "name", "id"]
        indexes = [
            models.Index(fields=["campaign", "name", "id"], name="audit_finding_name"),
            models.Index(fields=["campaign", "outcome", "resolution", "name", "id"], name="audit_finding_outcome"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["campaign", "asset"], condition=Q(asset__isnull=False), name="audit_finding_once"),
            models.UniqueConstraint(
                fields=["campaign", "key"], condition=Q(asset__isnull=True), name="audit_finding_of_code_once"
            ),
            models.CheckConstraint(condition=OUTCOME_KNOWN, name="audit_finding_outcome_known"),
            models.CheckConstraint(
                condition=Q(resolution__in=[resolution.value for resolution in Resolution]), name="audit_resolution_known"
            ),
            models.CheckConstraint(
                condition=Q(resolution="none", resolved_at__isnull=True) | (~Q(resolution="none") & Q(resolved_at__isnull=False)),
                name="audit_resolved_when",
            ),
        ]

    def __str__(self) -> str:
        return str(self.name)


class Signature(models.Model):
    """The sign-off of an audit. `digest`: SHA-256 over what it expected and what was found (sealing.py)."""

    campaign = models.OneToOneField(Campaign, on_delete=models.PROTECT, primary_key=True, related_name="signature")
    digest = models.CharField(max_length=64)
    signed_as = models.CharField(max_length=200)
    user = models.UUIDField(null=True)
    at = models.DateTimeField()

    class Meta:
        ordering = ["at"]


class CaseQuerySet(models.QuerySet["Case"]):
    def visible_to(self, campaigns: CampaignQuerySet) -> "CaseQuerySet":
        """Those that came of one of these audits."""
        return self.filter(campaign__in=campaigns)


class Case(models.Model):
    """An asset that was missing in two audits one after the other: theft, loss, or books that are wrong. `campaign` is the later
    one."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    asset = models.ForeignKey(Asset, on_delete=models.PROTECT, related_name="audit_cases")
    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="cases")
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    closed_by = models.UUIDField(null=True)
    note = models.CharField(max_length=500, default="", blank=True)

    objects = CaseQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["asset"], condition=Q(closed_at__isnull=True), name="audit_case_open_once"),
        ]

    def __str__(self) -> str:
        return f"{self.asset} missing"
