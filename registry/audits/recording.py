"""Evidence into the rows: stored once, and what it comes to worked into what is expected and into the counts of places, in one
transaction that holds the audit."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Final
from uuid import UUID

from registry.audits.judging import Piece, fold, judge
from registry.audits.models import Campaign, Evidence, Expected, Outcome, Place
from registry.db import insert_new, update

_COLUMNS: Final = (
    "id", "campaign", "asset", "text", "key", "location", "at", "recorded_at", "kind", "event", "user", "custodian", "damaged",
    "note", "photo", "refused",
)  # fmt: skip
_OF_OTHERS: Final = ("campaign", "asset", "location", "custodian", "photo")
_ATTRIBUTES: Final = [f"{name}_id" if name in _OF_OTHERS else name for name in _COLUMNS]
RIGHT: Final = Outcome.FOUND


def hold(campaign_id: UUID) -> Campaign:
    """The audit, locked: evidence of one audit is worked in by one at a time, so its counts are right."""
    return Campaign.objects.select_for_update().get(pk=campaign_id)


def put(campaign: Campaign, rows: Sequence[Evidence]) -> int:
    """Store what is not known yet and work it in, in the caller's transaction, which holds the audit. Return how much was new."""
    values = [tuple(getattr(row, name) for name in _ATTRIBUTES) for row in rows]
    new = insert_new(Evidence, _COLUMNS, values)
    if new:
        work_in(campaign, {row.asset_id for row in rows if row.asset_id is not None and not row.refused})
    return new


def work_in(campaign: Campaign, assets: Collection[UUID]) -> None:
    """Make what is expected of these assets, and the counts of their places, what the evidence says."""
    expected = list(Expected.objects.filter(campaign=campaign, asset__in=assets).select_related("location").order_by("pk"))
    pieces = pieces_of(campaign, [one.asset_id for one in expected])
    changes, moved = [], defaultdict[UUID | None, list[int]](lambda: [0, 0])
    for one in expected:
        seen = fold(pieces.get(one.asset_id, []))
        if seen is None:
            continue
        outcome = judge(one.location.path if one.location is not None else None, one.custodian_id, seen)
        now = (outcome, seen.evidence, seen.at, seen.location)
        if now == (one.outcome, one.evidence_id, one.seen_at, one.seen_location_id):
            continue
        changes.append((one.pk, *now))
        counts = moved[one.location_id]
        counts[0] += one.evidence_id is None
        counts[1] += (outcome != RIGHT) - (one.evidence_id is not None and one.outcome != RIGHT)
    update(Expected, ("outcome", "evidence_id", "seen_at", "seen_location"), changes, key="id")
    _recount(campaign, {place: counts for place, counts in moved.items() if any(counts)})


def pieces_of(campaign: Campaign, assets: Collection[UUID]) -> dict[UUID, list[Piece]]:
    """The evidence that counts, by asset."""
    found: defaultdict[UUID, list[Piece]] = defaultdict(list)
    rows = Evidence.objects.filter(campaign=campaign, asset__in=assets, refused="").order_by()
    for pk, asset, at, location, path, custodian, damaged in rows.values_list(
        "pk", "asset", "at", "location", "location__path", "custodian", "damaged"
    ):
        found[asset].append(Piece(pk, at, location, path, custodian, damaged))
    return found


def _recount(campaign: Campaign, moved: dict[UUID | None, list[int]]) -> None:
    if not moved:
        return
    rows = [place for place in Place.objects.filter(campaign=campaign) if place.location_id in moved]
    update(
        Place, ("seen", "off"),
        [(row.pk, row.seen + moved[row.location_id][0], row.off + moved[row.location_id][1]) for row in rows], key="id",
    )  # fmt: skip
