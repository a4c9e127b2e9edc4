"""What an audit expects, as it stood in the books when it opened, and how far each place is."""

from django.db import models
from django.db.models import Q

from registry.access.models import Person
from registry.assets.models import Asset, Location
from registry.assets.models.words import State
from registry.audits.models.campaigns import Campaign


class Outcome(models.TextChoices):
    """What came of one asset or code. `not_checked`: not seen, and nobody has looked."""

    FOUND = "found", "found"
    WRONG_PLACE = "wrong_place", "in another place"
    WRONG_CUSTODIAN = "wrong_custodian", "with somebody else"
    MISSING = "missing", "missing"
    UNEXPECTED = "unexpected", "not expected here"
    UNKNOWN_CODE = "unknown_code", "unknown code"
    DAMAGED = "damaged", "damaged"
    NOT_CHECKED = "not_checked", "not checked"


OUTCOME_KNOWN = Q(outcome__in=[outcome.value for outcome in Outcome])


class Expected(models.Model):
    """One asset as it stood when the audit opened: what it was called, its place (its home; without one where it was), who had
    it, its status. Of what was seen of it since `evidence` is what counts: its time, its place, and what it comes to."""

    id = models.BigAutoField(primary_key=True)
    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="expected", db_index=False)
    asset = models.ForeignKey(Asset, on_delete=models.PROTECT, related_name="audited")
    asset_no = models.CharField(max_length=40)
    name = models.CharField(max_length=255)
    location = models.ForeignKey(Location, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    custodian = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    status = models.CharField(max_length=15, choices=State)
    outcome = models.CharField(max_length=15, choices=Outcome, default=Outcome.NOT_CHECKED)
    evidence_id = models.UUIDField(null=True)
    seen_at = models.DateTimeField(null=True)
    seen_location = models.ForeignKey(
        Location, on_delete=models.PROTECT, null=True, related_name="+", db_index=False, db_constraint=False
    )

    class Meta:
        ordering = ["campaign", "name", "id"]
        indexes = [
            models.Index(fields=["campaign", "name", "id"], name="audit_expected_name"),
            models.Index(fields=["campaign", "location", "outcome"], name="audit_expected_place"),
            models.Index(fields=["campaign", "outcome", "name", "id"], name="audit_expected_outcome"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["campaign", "asset"], name="audit_expected_once"),
            models.CheckConstraint(condition=OUTCOME_KNOWN, name="audit_expected_outcome_known"),
            models.CheckConstraint(
                condition=Q(evidence_id__isnull=True, seen_at__isnull=True, outcome="not_checked")
                | Q(evidence_id__isnull=False, seen_at__isnull=False),
                name="audit_seen_by_evidence",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.asset_no} {self.name}"


class Place(models.Model):
    """How much one place (None: no place) of an audit holds: how many are expected there, how many of those were seen, and how
    many of the seen ones are not as they should be. Kept with every piece of evidence, so that nothing is counted for a page."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="places", db_index=False)
    location = models.ForeignKey(Location, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    expected = models.PositiveIntegerField()
    seen = models.PositiveIntegerField(default=0)
    off = models.PositiveIntegerField(default=0)
    walked_at = models.DateTimeField(null=True)  # when somebody said that they looked all over it
    walked_by = models.UUIDField(null=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["campaign", "location"], name="audit_count_of_place"),
            models.UniqueConstraint(fields=["campaign"], condition=Q(location__isnull=True), name="audit_count_of_no_place"),
            models.CheckConstraint(condition=Q(seen__lte=models.F("expected")), name="audit_seen_of_expected"),
            models.CheckConstraint(condition=Q(off__lte=models.F("seen")), name="audit_off_of_seen"),
        ]
