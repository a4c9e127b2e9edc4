"""What holds for any reads: the cut of the lists and the looks at the clock change nothing, and the story is consistent."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.api import Kind, Read
from sync.wire import EventKind, LocationEvent, Passage
from tests.unit.gateway.location.on_paper import SITE, Paper, read

POINTS = ["hall:1", "hall:2", "store:1", "gate:1", "desk:1", "dock:1", "dock:2", "spare:1"]

steps = st.tuples(
    st.sampled_from([0, 1, 20, 100, 250, 400, 2100, 6000, 70_000]),  # milliseconds since the read before
    st.sampled_from(POINTS),
    st.sampled_from(["a", "b", "c", "class-x"]),
    st.integers(-80, -40),
    st.booleans(),
)


@st.composite
def reads(draw: st.DrawFn) -> list[Read]:
    at_ms, made = 0, []
    for gap_ms, point, tag, rssi, barcode in draw(st.lists(steps, max_size=80)):
        at_ms += gap_ms
        if barcode and point == "desk:1":
            made.append(read(at_ms / 1000, "cam:1", tag, None, kind=Kind.BARCODE))
        else:
            made.append(read(at_ms / 1000, point, tag, rssi))
    return made


def story(made: list[Read], cuts: list[int], looks: bool) -> list[LocationEvent]:
    paper = Paper()
    end_s = made[-1].rx_mono_ns / 1e9 if made else 0.0
    for start, stop in pairwise([0, *cuts, len(made)]):
        paper.take(made[start:stop])
        if looks and stop > start:
            paper.until(made[stop - 1].rx_mono_ns / 1e9)
    paper.until(end_s + 10_000)
    return paper.told


@settings(max_examples=150, deadline=None)
@given(made=reads(), data=st.data())
def test_the_cut_of_the_lists_changes_nothing(made: list[Read], data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(made)), max_size=20)))
    assert story(made, cuts, looks=data.draw(st.booleans())) == story(made, [], looks=False)


@settings(max_examples=150, deadline=None)
@given(made=reads())
def test_each_tags_story_is_consistent(made: list[Read]) -> None:
    """Where one event leaves a tag, the next one finds it; nothing leads to or from nowhere; times do not run ahead."""
    place: dict[str, str | None] = {}
    zones = {zone.name for zone in SITE.zones}
    for event in story(made, [], looks=True):
        before = place.get(event.identity)
        assert event.event_time <= event.decided_at
        assert not event.identity.startswith("class-")
        assert {event.zone_from, event.zone_to} <= zones | {None}
        match event.kind:
            case EventKind.ARRIVED:
                assert before is None
                assert event.zone_to is not None
            case EventKind.MOVED:
                assert event.zone_from == before != event.zone_to
            case EventKind.DEPARTED:
                assert event.zone_from == before is not None
            case EventKind.PASSED if event.direction is Passage.UNKNOWN:
                assert event.zone_from is event.zone_to is None
                continue
            case EventKind.PASSED:
                assert {event.zone_from, event.zone_to} == {"yard", "hall"}
        place[event.identity] = event.zone_to


@settings(max_examples=100, deadline=None)
@given(made=reads(), restarts=st.sets(st.integers(0, 80), max_size=6))
def test_restarts_from_saved_state_never_duplicate_an_arrival(made: list[Read], restarts: set[int]) -> None:
    paper = Paper()
    present: dict[str, str | None] = {}
    for number, one in enumerate(made):
        if number in restarts:
            paper = paper.restart(one.rx_mono_ns / 1e9)
        for event in paper.take([one]):
            assert event.kind is not EventKind.ARRIVED or present.get(event.identity) is None
            present[event.identity] = event.zone_to


@settings(max_examples=100, deadline=None)
@given(made=reads(), order=st.randoms(use_true_random=False))
def test_any_order_of_times_is_survived(made: list[Read], order: object) -> None:
    order.shuffle(made)  # type: ignore[attr-defined]
    paper = Paper()
    for one in made:
        paper.take([one])
    assert paper.engine.counters.reads == len(made)


@settings(max_examples=50, deadline=None)
@given(made=reads())
def test_every_read_is_accounted_for(made: list[Read]) -> None:
    """In a sighting, or dropped with a reason."""
    paper = Paper()
    paper.take(made)
    paper.until(100_000)
    counters = paper.engine.counters
    dropped = counters.repeats + counters.suppressed["weak"]
    assert counters.reads == len(made)
    assert counters.sightings <= len(made) - dropped
    if made and dropped < len(made):
        assert counters.sightings > 0
