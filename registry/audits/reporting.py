"""The report of an audit as CSV, XLSX or PDF: how it came out, each finding, who signed it, and its seal."""

from datetime import datetime
from itertools import islice
from typing import Final

from registry.access.actors import Actor
from registry.access.models import User
from registry.audits import coverage
from registry.audits.models import Campaign, Finding, Outcome, Resolution, Signature
from registry.reports.answer import Answer, Cell, Column, bars
from registry.reports.files import Head, Written, write

MOST: Final = 20_000  # rows of a PDF; the tables have them all
_COLUMNS: Final = (
    Column("asset_no", "Number"), Column("name", "Asset or code"), Column("place", "Should be"), Column("seen", "Seen in"),
    Column("at", "Seen at (UTC)"), Column("outcome", "Finding"), Column("resolution", "Resolution"), Column("note", "Note"),
    Column("consequence", "Done"),
)  # fmt: skip


def report(by: Actor, campaign: Campaign, form: str, now: datetime) -> Written:
    """`form` is one of reports.files.FORMS. What was found as it should be stands in the tables alone: a PDF is for reading."""
    found = (
        Finding.objects.filter(campaign=campaign).select_related("location", "seen_location").order_by("outcome", "name", "pk")
    )
    number = found.count()
    if form == "pdf":
        found = found.exclude(outcome=Outcome.FOUND)
    rows = [_row(by, one) for one in islice(found.iterator(chunk_size=2_000), MOST if form == "pdf" else None)]
    left_out = max(0, found.count() - len(rows)) if form == "pdf" else 0
    counts = _counts(campaign)
    answer = Answer(
        sentence=_sentence(campaign, counts), columns=_COLUMNS, rows=rows, left_out=left_out,
        bars=bars([(str(Outcome(outcome).label), float(count)) for outcome, count in counts.items()]), bars_of="findings",
        notes=_signed(campaign),
    )  # fmt: skip
    scope = ", ".join(str(item) for item in campaign.scope.select_related("location", "category", "person"))
    lines = [
        f"Audit of {scope or 'everything'}, {campaign.get_method_display()}",
        f"What was seen from {campaign.from_on} to {campaign.until_on} ({campaign.time_zone}) counts",
        f"{number:,} findings; what was expected was frozen at {campaign.frozen_at:%Y-%m-%d %H:%M} UTC",
    ]
    return write(form, "audit", Head(campaign.name, lines), answer, now)


def _row(by: Actor, one: Finding) -> list[Cell]:
    there = one.seen_location
    where = "" if there is None else there.name if by.sees_place(there.path) else "elsewhere"
    return [
        one.asset_no, one.name, one.location.name if one.location is not None else "", where,
        f"{one.seen_at:%Y-%m-%d %H:%M}" if one.seen_at is not None else "", str(Outcome(one.outcome).label),
        "" if one.outcome == Outcome.FOUND else str(Resolution(one.resolution).label), one.note, one.consequence,
    ]  # fmt: skip


def _counts(campaign: Campaign) -> dict[str, int]:
    return {outcome: count for outcome, count, _ in coverage.findings_by_outcome(campaign)}


def _sentence(campaign: Campaign, counts: dict[str, int]) -> str:
    count = coverage.count_of(campaign)
    return f"{counts.get('found', 0):,} of {count.expected:,} found as they should be, {counts.get('missing', 0):,} missing."


def _signed(campaign: Campaign) -> list[str]:
    signature = Signature.objects.filter(campaign=campaign).first()
    if signature is None:
        return ["Not signed yet."]
    user = User.objects.filter(pk=signature.user).first() if signature.user is not None else None
    account = f" ({user.get_username()})" if user is not None else ""
    return [
        f"Signed by {signature.signed_as}{account} at {signature.at:%Y-%m-%d %H:%M:%S} UTC.",
        f"SHA-256 over what was expected and what was found: {signature.digest}",
    ]
