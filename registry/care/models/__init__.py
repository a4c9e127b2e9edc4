"""Agreements: warranties, contracts, licences and the like, with what they cover, who has their seats, and their papers."""

from registry.care.models.agreements import LEADS, Agreement, AgreementAsset, AgreementQuerySet, Paper, Seat

__all__ = ["LEADS", "Agreement", "AgreementAsset", "AgreementQuerySet", "Paper", "Seat"]
