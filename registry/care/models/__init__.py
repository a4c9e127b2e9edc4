"""Agreements about assets, how assets are, and the work on them."""

from registry.care.models.agreements import LEADS, Agreement, AgreementAsset, AgreementQuerySet, Paper, Seat
from registry.care.models.condition import Assessment, AssessmentPhoto
from registry.care.models.maintenance import OPEN, CalendarFeed, MaintenancePlan, Meter, MeterReading, WorkOrder

__all__ = [
    "LEADS",
    "OPEN",
    "Agreement",
    "AgreementAsset",
    "AgreementQuerySet",
    "Assessment",
    "AssessmentPhoto",
    "CalendarFeed",
    "MaintenancePlan",
    "Meter",
    "MeterReading",
    "Paper",
    "Seat",
    "WorkOrder",
]
