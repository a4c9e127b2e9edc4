"""What the evidence of one asset comes to. Pure: no row is asked for or written."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from registry.audits.models.frozen import Outcome


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece of evidence that counts. `path` is where in the tree of places, None: nobody said where."""

    id: UUID
    at: datetime
    location: UUID | None = None
    path: str | None = None
    custodian: UUID | None = None
    damaged: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """All of it together: `evidence` is the piece that tells the place."""

    evidence: UUID
    at: datetime
    location: UUID | None
    path: str | None
    custodian: UUID | None
    damaged: bool


def fold(pieces: Sequence[Piece]) -> Seen | None:
    """The newest that tells a place says where it is, the newest that names somebody who has it; damage stays seen. In whatever
    order they come they come to the same."""
    if not pieces:
        return None
    in_order = sorted(pieces, key=lambda piece: (piece.at, piece.id))
    placed = [piece for piece in in_order if piece.path is not None]
    telling = (placed or in_order)[-1]
    had_by = [piece.custodian for piece in in_order if piece.custodian is not None]
    return Seen(
        evidence=telling.id, at=in_order[-1].at, location=telling.location, path=telling.path,
        custodian=had_by[-1] if had_by else None, damaged=any(piece.damaged for piece in in_order),
    )  # fmt: skip


def judge(path: str | None, custodian: UUID | None, seen: Seen | None, *, looked: bool = False) -> Outcome:
    """What an asset comes to that should be at the place of this path (None: it has none) with this custodian. `looked`: somebody
    or something was there to see it."""
    if seen is None:
        return Outcome.MISSING if looked else Outcome.NOT_CHECKED
    if seen.damaged:
        return Outcome.DAMAGED
    if path is not None and seen.path is not None and not seen.path.startswith(path):
        return Outcome.WRONG_PLACE
    if seen.custodian is not None and seen.custodian != custodian:
        return Outcome.WRONG_CUSTODIAN
    return Outcome.FOUND
