"""The cursor against the plainest model there is: a set of numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.cursor import MAX_SPANS, Cursor

spans = st.tuples(st.integers(1, 60), st.integers(0, 8)).map(lambda pair: (pair[0], pair[0] + pair[1]))


@given(st.lists(st.lists(spans, max_size=4), max_size=12))
def test_it_knows_what_a_set_knows(arrivals: list[list[tuple[int, int]]]) -> None:
    cursor, known = Cursor(), set[int]()
    for batch in arrivals:
        cursor = cursor.with_spans(batch)
        for first, last in batch:
            known |= set(range(first, last + 1))
        assert {seq for seq in range(1, 80) if cursor.has(seq)} == known
        assert cursor.through == next(seq for seq in range(80) if seq + 1 not in known)
        assert list(cursor.ranges) == sorted(cursor.ranges)
        ends = [cursor.through, *(last for _, last in cursor.ranges)]
        assert all(first > end + 1 for (first, _), end in zip(cursor.ranges, ends, strict=False))


def test_a_hole_holds_through_back_until_it_is_filled() -> None:
    cursor = Cursor().with_spans([(1, 3), (6, 9)])
    assert cursor == Cursor(3, ((6, 9),))
    assert cursor.with_spans([(4, 5)]) == Cursor(9)


def test_an_endless_number_of_holes_is_forgotten_from_the_top() -> None:
    cursor = Cursor().with_spans([(n, n) for n in range(3, 10_000, 2)])
    assert cursor.through == 0
    assert len(cursor.ranges) == MAX_SPANS
    assert cursor.ranges[0] == (3, 3)


@pytest.mark.parametrize("span", [(0, 1), (5, 4), (-3, -1)])
def test_what_is_no_span_is_an_error(span: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="no span"):
        Cursor().with_spans([span])


@given(st.lists(spans, max_size=12), st.integers(0, 70), st.integers(0, 10))
def test_holes_and_cover_are_what_a_set_says(held: list[tuple[int, int]], seq: int, more: int) -> None:
    cursor = Cursor().with_spans(held)
    after, until = cursor.hole_after(seq)
    assert after == next(n for n in range(seq, 99) if not cursor.has(n + 1))
    assert until == next((n - 1 for n in range(after + 1, 99) if cursor.has(n)), None)
    assert cursor.covers(seq + 1, seq + 1 + more) == all(map(cursor.has, range(seq + 1, seq + 2 + more)))
