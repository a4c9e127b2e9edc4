"""What the evidence of one asset comes to, in whatever order it comes."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as some

from registry.audits.judging import Piece, fold, judge

ANNA, BERT = UUID(int=1), UUID(int=2)
ROOM, HALL, YARD = "00010001", "0001", "0002"
START = datetime(2026, 3, 2, tzinfo=UTC)


def piece(minute: int, path: str | None = ROOM, **more: object) -> Piece:
    return Piece(UUID(int=minute + 100), START + timedelta(minutes=minute), path=path, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("pieces", "outcome"),
    [
        ([], "not_checked"),
        ([piece(1)], "found"),
        ([piece(1, ROOM + "0007")], "found"),  # inside the place
        ([piece(1, HALL)], "wrong_place"),  # somewhere around it is not there
        ([piece(1, YARD), piece(2)], "found"),
        ([piece(1), piece(2, YARD)], "wrong_place"),
        ([piece(1, YARD), piece(2, None)], "wrong_place"),  # a read that tells no place does not take one back
        ([piece(1, None)], "found"),
        ([piece(1, damaged=True), piece(2)], "damaged"),
        ([piece(1, custodian=ANNA)], "found"),
        ([piece(1, custodian=BERT)], "wrong_custodian"),
        ([piece(1, custodian=BERT), piece(2, custodian=ANNA)], "found"),
        ([piece(1, YARD, custodian=BERT)], "wrong_place"),
    ],
)
def test_outcomes(pieces: list[Piece], outcome: str) -> None:
    assert judge(ROOM, ANNA, fold(pieces)) == outcome


def test_only_what_somebody_looked_for_is_missing() -> None:
    assert judge(ROOM, ANNA, None, looked=True) == "missing"
    assert judge(None, None, fold([piece(1, YARD)])) == "found"  # it had no place to be away from


PIECES = some.builds(
    Piece,
    id=some.uuids(), at=some.integers(0, 5).map(lambda minute: START + timedelta(minutes=minute)),
    path=some.sampled_from([None, ROOM, HALL, YARD]), custodian=some.sampled_from([None, ANNA, BERT]), damaged=some.booleans(),
)  # fmt: skip


@given(
    some.lists(PIECES, max_size=6, unique_by=lambda one: one.id).flatmap(
        lambda all_: some.tuples(some.just(all_), some.permutations(all_))
    )
)
def test_the_order_in_which_it_comes_changes_nothing(both: tuple[list[Piece], list[Piece]]) -> None:
    assert fold(both[0]) == fold(both[1])
