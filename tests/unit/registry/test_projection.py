"""The table "what each event does", row by row, and the one order that makes delivery order irrelevant."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.tracking.projection import PEOPLE, Fact, Span, Where, Whereabouts, in_order, laid_into, replay, told_at

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
HALL, YARD, DESK = (Where(UUID(int=n)) for n in (1, 2, 3))


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def fact(seq: int, kind: str, where: Where | None = None, seconds: float | None = None, **more: Any) -> Fact:
    told: dict[str, Any] = {"gateway": "g", "ordinal": 1, "direction": None, "deliberate": False, "confidence": None} | more
    return Fact(
        UUID(int=hash((told["gateway"], told["ordinal"], seq)) & (2**128 - 1)),
        told["gateway"],
        (told["ordinal"], seq),
        at(seq if seconds is None else seconds),
        kind,
        told["direction"],
        where or Where(),
        told["deliberate"],
        "gateway",
        told["confidence"],
    )


def spans(whereabouts: Whereabouts) -> list[tuple[Where, datetime, datetime | None]]:
    return [(s.where, s.from_ts, s.to_ts) for s in whereabouts.spans]


BEFORE = fact(1, "arrived", HALL)


@pytest.mark.parametrize(
    "event",
    [
        fact(2, "arrived", YARD),
        fact(2, "moved", YARD),
        fact(2, "passed", YARD, direction="in"),
        fact(2, "passed", YARD, direction="out"),
        fact(2, "seen", YARD, deliberate=True),
    ],
    ids=lambda f: f"{f.kind} {f.direction or ''}",
)
def test_it_sets_the_position_closes_the_stay_before_and_opens_one(event: Fact) -> None:
    after = replay([BEFORE, event])
    assert (after.present, after.where, after.since, after.last_seen_at) == (True, YARD, at(2), at(2))
    assert spans(after) == [(HALL, at(1), at(2)), (YARD, at(2), None)]


@pytest.mark.parametrize("event", [fact(2, "passed", YARD, direction="unknown"), fact(2, "seen", YARD)], ids=lambda f: f.kind)
def test_it_moves_last_seen_only(event: Fact) -> None:
    after = replay([BEFORE, event])
    assert (after.present, after.where, after.since, after.last_seen_at) == (True, HALL, at(1), at(2))
    assert spans(after) == [(HALL, at(1), None)]
    assert after.last_event == event.event_id


def test_departed_keeps_the_place_as_unknown_and_closes_the_stay_at_last_seen() -> None:
    after = replay([BEFORE, fact(2, "departed", None, 90)])
    assert (after.present, after.where, after.since, after.last_seen_at) == (False, HALL, at(1), at(90))
    assert spans(after) == [(HALL, at(1), at(90))]


def test_seen_of_a_fixed_read_point_opens_a_stay_only_if_there_is_none() -> None:
    after = replay([BEFORE, fact(2, "departed"), fact(3, "seen", YARD)])
    assert (after.present, after.where, after.since) == (True, YARD, at(3))
    assert spans(after) == [(HALL, at(1), at(2)), (YARD, at(3), None)]


def test_the_first_event_may_be_any() -> None:
    unknown = replay([fact(1, "passed", YARD, direction="unknown")])
    assert (unknown.present, unknown.where, unknown.since, unknown.last_seen_at) == (False, Where(), None, at(1))
    departed = replay([fact(1, "departed")])
    assert (departed.present, departed.where, departed.last_seen_at, spans(departed)) == (False, Where(), at(1), [])


def test_arriving_where_it_is_goes_on_with_the_stay() -> None:
    after = replay([BEFORE, fact(2, "arrived", HALL), fact(3, "seen", HALL, deliberate=True)])
    assert (after.since, after.last_seen_at, spans(after)) == (at(1), at(3), [(HALL, at(1), None)])


def test_an_event_without_a_zone_says_only_that_it_was_seen() -> None:
    assert spans(replay([BEFORE, fact(2, "moved", None)])) == [(HALL, at(1), None)]


def test_one_gateway_counts_in_the_order_it_told_whatever_its_clock_said() -> None:
    """Its clock stepped back an hour between the two."""
    after = replay([fact(2, "moved", YARD, -3600), BEFORE])
    assert after.where == YARD
    assert spans(after) == [(HALL, at(1), at(1)), (YARD, at(1), None)]


def test_a_newer_outbox_of_a_gateway_comes_after_an_older_one() -> None:
    after = replay([fact(1, "arrived", YARD, 5, ordinal=2), fact(900, "moved", HALL, 50, ordinal=1)])
    assert after.where == YARD


def test_different_gateways_count_by_time() -> None:
    after = replay(
        [
            fact(9, "arrived", YARD, 10, gateway="a"),
            fact(1, "arrived", HALL, 20, gateway="b"),
            fact(10, "departed", None, 15, gateway="a"),
        ]
    )
    assert (after.where, after.present) == (HALL, True)
    assert spans(after) == [(YARD, at(10), at(15)), (HALL, at(20), None)]


facts = st.builds(
    lambda gateway, ordinal, seq, kind, seconds, deliberate: fact(
        seq, kind[0], kind[1], seconds, gateway=gateway, ordinal=ordinal, direction=kind[2], deliberate=deliberate
    ),
    st.sampled_from("ab"),
    st.integers(1, 2),
    st.integers(1, 12),
    st.sampled_from(
        [
            ("arrived", HALL, None), ("moved", YARD, None), ("moved", DESK, None), ("departed", None, None), ("seen", HALL, None),
            ("seen", YARD, None), ("passed", YARD, "in"), ("passed", HALL, "out"), ("passed", HALL, "unknown"),
        ]
    ),
    st.integers(0, 12),
    st.booleans(),
)  # fmt: skip
histories = st.lists(facts, max_size=14, unique_by=lambda f: (f.gateway, f.told))


@given(histories, st.randoms())
def test_every_set_of_events_has_one_order(history: list[Fact], rng: Any) -> None:
    shuffled = list(history)
    rng.shuffle(shuffled)
    assert in_order(shuffled) == in_order(history)


@given(histories)
def test_the_order_keeps_to_what_each_gateway_told(history: list[Fact]) -> None:
    ordered = in_order(history)
    for gateway in "ab":
        told = [f.told for _, f in ordered if f.gateway == gateway]
        assert told == sorted(told)
    assert [at for at, _ in ordered] == sorted(at for at, _ in ordered)


@given(histories, st.data())
def test_what_continues_can_be_appended(history: list[Fact], data: st.DataObject) -> None:
    """Appending whatever `continues_with` lets pass gives what a replay of everything gives."""
    whereabouts = Whereabouts()
    taken: list[Fact] = []
    rest = list(history)
    while rest:
        count = data.draw(st.integers(1, len(rest)))
        some, rest = rest[:count], rest[count:]
        if all(whereabouts.continues_with(f) for f in some):
            for moment, one in whereabouts.order(some):
                whereabouts.take(moment, one)
            taken += some
    assert _plain(whereabouts) == _plain(replay(taken))


def _plain(whereabouts: Whereabouts) -> Sequence[Any]:
    w = whereabouts
    stays: list[Span] = w.spans
    return (
        w.present,
        w.where,
        w.since,
        w.last_seen_at,
        w.last_event,
        w.confidence,
        w.worked_in_to,
        w.tips,
        list(w.tips),
        spans(w),
        len(stays),
    )


# ---- what people tell, and containers ------------------------------------------------------------------------------------------


def scan(seconds: float, place: Where, number: int = 1) -> Fact:
    event_id = UUID(int=10_000 + number)
    return Fact(event_id, PEOPLE, told_at(at(seconds), event_id), at(seconds), "seen", None, place, True, "scan", None)


ROOM = Where(None, UUID(int=99))


def test_a_scan_places_a_thing_between_what_a_gateway_told() -> None:
    after = replay([fact(1, "arrived", HALL), scan(5, ROOM), fact(2, "moved", YARD, 9)])
    assert spans(after) == [(HALL, at(1), at(5)), (ROOM, at(5), at(9)), (YARD, at(9), None)]


@given(st.permutations([scan(n, ROOM if n % 2 else DESK, n) for n in range(1, 7)]))
def test_scans_of_phones_that_were_away_count_at_their_time(scans: list[Fact]) -> None:
    assert spans(replay(scans)) == spans(replay(sorted(scans, key=lambda s: s.happened_at)))


def test_a_scan_that_comes_late_needs_a_replay_and_a_newer_one_does_not() -> None:
    known = replay([scan(10, ROOM, 1)])
    assert not known.continues_with(scan(5, DESK, 2))
    assert known.continues_with(scan(11, DESK, 3))


def test_what_is_laid_into_a_container_is_where_that_is() -> None:
    laid = laid_into(replay([fact(1, "arrived", HALL)]), at(7))
    assert laid is not None
    assert spans(replay([laid])) == [(HALL, at(7), None)]
    assert laid_into(replay([fact(1, "arrived", HALL), fact(2, "departed")]), at(7)) is None
