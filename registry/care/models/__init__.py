"""Agreements about assets, and how assets are."""

from registry.care.models.agreements import LEADS, Agreement, AgreementAsset, AgreementQuerySet, Paper, Seat
from registry.care.models.condition import Assessment, AssessmentPhoto

__all__ = ["LEADS", "Agreement", "AgreementAsset", "AgreementQuerySet", "Assessment", "AssessmentPhoto", "Paper", "Seat"]
