"""What is known of a tag that nobody hears is packed away: the story is the same however few tags stay unpacked."""

import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings

from drivers.api import Read
from gateway.location import packed, tags
from sync.wire import LocationEvent
from tests.unit.gateway.location.on_paper import Paper, read
from tests.unit.gateway.location.test_location_doors import stand
from tests.unit.gateway.location.test_location_properties import reads

Story = tuple[list[LocationEvent], dict[str, bytes], dict[str, int], int]


def story(made: Sequence[Read], unpacked: int) -> Story:
    """Return what is told, stored, counted and parked while only so many tags are unpacked at a time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tags, "MAX_UNPACKED", unpacked)
        paper = Paper()
        paper.take(made)
        parked = paper.engine.parked_at("dock")
        paper.until((made[-1].rx_mono_ns / 1e9 if made else 0) + 10_000)
        return paper.told, paper.saved, dict(paper.engine.counters.suppressed), parked


@settings(max_examples=60, deadline=None)
@given(made=reads())
def test_the_story_does_not_depend_on_who_is_packed(made: list[Read]) -> None:
    assert story(made, 1) == story(made, 1_000)


def test_a_crowd_at_a_door_and_in_two_stores_is_told_alike() -> None:
    """Reads of forty tags in turns, some of them parked, some going through, all long enough for full rings of evidence."""
    rng = random.Random(5)
    points = ["hall:1", "hall:2", "store:1", "dock:1", "dock:2", "gate:1"]
    made, at_s = [], 0.0
    homes = {f"tag{number}": rng.sample(points, rng.randrange(1, 5)) for number in range(40)}
    for _ in range(6_000):
        at_s += rng.choice((0.001, 0.01, 0.02, 0.1)) if rng.random() < 0.999 else 45.0
        tag = rng.choice(list(homes))
        made.append(read(at_s, rng.choice(homes[tag]), tag, rng.randrange(-70, -45), read_count=rng.choice((1, 1, 3))))
    few, all_of_them = story(made, 2), story(made, 1_000)
    assert few == all_of_them
    assert {event.kind.value for event in few[0]} >= {"arrived", "moved", "passed", "departed"}


def test_a_parked_tag_stays_parked_while_it_is_packed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tags, "MAX_UNPACKED", 1)
    paper = Paper()
    stand(paper, 0, 50, 0.5, seed=3)
    paper.read(50.5, "store:1", "another")
    paper.read(51, "store:1", "a third")
    tag = paper.engine._tags.known["drill"]
    assert tag.packed
    assert (len(tag.doors), tag.evidence, tag.windows) == (0, (), ())
    assert paper.engine.parked_at("dock") == 1
    assert len(tag.packed) < 500
    stand(paper, 52, 60, 0.5, seed=4)
    assert paper.engine.parked_at("dock") == 1
    assert paper.engine.counters.suppressed["parked"] > 10


def test_a_crowd_whose_sessions_have_ended_is_packed_while_it_is_heard_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tags, "MAX_UNPACKED", 5)
    paper = Paper()
    for second in range(100):
        paper.take([read(second + number / 100, f"dock:{1 + second % 2}", f"tag{number}") for number in range(30)])
        if second == 10:
            assert all(tag.packed is None for tag in paper.engine._tags.known.values())
    assert paper.engine.parked_at("dock") == 30
    assert sum(tag.packed is None for tag in paper.engine._tags.known.values()) <= 5


def test_a_session_keeps_its_tag_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tags, "MAX_UNPACKED", 1)
    paper = Paper()
    paper.read(1, "dock:1")
    for number in range(20):
        paper.read(1.01 + number / 100, "store:1", f"tag{number}")
    known = paper.engine._tags.known
    assert known["drill"].packed is None
    assert packed.pack(known["drill"], 0) is None
    assert sum(tag.packed is None for tag in known.values()) <= 2 + tags.LOOKED_AT
    assert len(paper.engine._tags.windows) <= 20, "open windows come back with their tag"
