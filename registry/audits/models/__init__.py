"""Audits: what one covers, what it expects (frozen when it opens), and how far each place is.

`Expected` is never changed but for what has been seen of it, and the database holds that (triggers.py).
"""

from registry.audits.models.campaigns import NAME_CHARS, Campaign, CampaignQuerySet, ScopeItem
from registry.audits.models.evidence import Evidence
from registry.audits.models.findings import Case, Finding, Resolution, Signature
from registry.audits.models.frozen import Expected, Outcome, Place

__all__ = [
    "NAME_CHARS",
    "Campaign",
    "CampaignQuerySet",
    "Case",
    "Evidence",
    "Expected",
    "Finding",
    "Outcome",
    "Place",
    "Resolution",
    "ScopeItem",
    "Signature",
]
