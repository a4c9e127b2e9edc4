"""What a broken reader may send: bounded memory, a counter for each thing that leads to nothing, and the real tags still told."""

import random
from collections import Counter

import pytest

from gateway.location.site import Site
from sync.wire import EventKind, Passage
from tests.unit.gateway.location.on_paper import Paper, read, zone

PALLET = [f"real{number}" for number in range(20)]


def made_up(rng: random.Random, prefix: str = "x") -> str:
    return f"{prefix}{rng.getrandbits(64):016x}"


def pass_amid_noise(paper: Paper, codes_a_step: int, begins_s: float, ends_s: float, sides: int = 1, seed: int = 3) -> None:
    """A pallet goes in within three seconds from 4 s on, while the door's reader makes up codes every 5 ms."""
    rng = random.Random(seed)
    for step in range(round((ends_s - begins_s) * 200)):
        at_s = begins_s + step * 0.005
        reads = [read(at_s, f"dock:{1 + rng.randrange(sides)}", made_up(rng)) for _ in range(codes_a_step)]
        if 4 <= at_s < 7 and step % 20 == 0:  # ten times a second the door hears some of the pallet
            near = "dock:1" if at_s < 5.5 else "dock:2"
            reads += [read(at_s, near, tag, -50) for tag in PALLET if rng.random() < 0.5]
        paper.take(reads)
    paper.until(ends_s + 60)


def passed(paper: Paper) -> dict[str, Passage | None]:
    return {event.identity: event.direction for event in paper.told if event.kind is EventKind.PASSED}


@pytest.mark.parametrize("sides", [1, 2])
def test_a_reader_that_makes_up_codes_at_a_door_hides_no_pallet_and_invents_none(sides: int) -> None:
    paper = Paper(max_glimpsed=2_000)
    pass_amid_noise(paper, 5, 0, 9, sides)
    assert passed(paper) == dict.fromkeys(PALLET, Passage.IN)
    engine = paper.engine
    assert engine.unconfirmed <= 2_000
    assert engine.counters.suppressed["crowded"] > 5_000
    (gate,) = engine._doors._gates.values()
    assert not gate.open
    assert not gate.waiting


def test_what_waits_at_a_door_is_bounded_and_the_door_recovers() -> None:
    """Codes that are forgotten before their sessions close must not keep the places of those who come afterwards."""
    paper = Paper(max_glimpsed=500)
    rng = random.Random(5)
    for step in range(600):
        paper.take([read(1 + step * 0.001, "dock:1", made_up(rng)) for _ in range(10)])
    (gate,) = paper.engine._doors._gates.values()
    assert len(gate.open) + len(gate.waiting) <= 4_096
    paper.until(20)
    for at_s, point in ((30, "dock:1"), (30.3, "dock:1"), (31.5, "dock:2"), (31.8, "dock:2")):
        heard = PALLET[: 6 if at_s == 31.5 else 5]  # the sixth is heard once: its company speaks for it
        paper.take([read(at_s, point, tag, -50) for tag in heard])
    paper.until(60)
    assert passed(paper) == dict.fromkeys(PALLET[:6], Passage.IN)


def test_a_tag_that_is_there_is_spared_while_made_up_codes_come_and_go() -> None:
    """A hundred tags in a zone that asks for more than they have shown so far; the pool is renewed many times meanwhile."""
    paper = Paper(Site.of([zone("shelf", "storage", "shelf:1", confirm_sightings=20, confirm_s=60.0)]), max_glimpsed=1_000)
    rng = random.Random(9)
    tags = [f"real{number}" for number in range(100)]
    for step in range(300):
        at_s = 1 + step * 0.05
        paper.take([read(at_s, "shelf:1", made_up(rng)) for _ in range(40)])
        if step % 10 == 0:
            paper.take([read(at_s, "shelf:1", tag) for tag in tags])
    assert sorted(event.identity for event in paper.told) == sorted(tags)
    assert paper.engine.counters.suppressed["crowded"] > 10_000


def test_reads_without_strength_antenna_or_time_still_say_that_a_tag_is_there() -> None:
    paper = Paper()
    for step in range(4):
        paper.read(1 + step * 0.3, "hall:1", "mute", rssi=None)
        paper.read(1.1 + step * 0.3, "hall:0", "nowhere")
        paper.read(1.2 + step * 0.3, "hall:1", "timeless", reader_ts_ms=None)
    assert {event.identity for event in paper.told} == {"mute", "timeless"}
    assert paper.engine.counters.unassigned == 4


@pytest.mark.parametrize("rssi", [-32_768, -129, 21, 127, 65_535, 1 << 70])
def test_a_strength_that_no_receiver_reports_is_counted(rssi: int) -> None:
    paper = Paper()
    paper.stay("hall:1", 1, 3, rssi=rssi)
    assert paper.told == []
    assert paper.engine.counters.suppressed["rssi"] == 21
    paper.stay("hall:1", 4, 6)
    assert paper.kinds == [EventKind.ARRIVED]


@pytest.mark.parametrize("read_count", [-1, 0, 70_000, 1 << 80])
def test_a_reader_that_counts_wrongly_weighs_no_more_than_a_sighting_can(read_count: int) -> None:
    paper = Paper()
    for step in range(100):
        paper.read(1 + step * 0.3, "hall:1", read_count=read_count)
        paper.read(1.1 + step * 0.3, "store:1", rssi=-58, read_count=read_count)
    assert Counter(paper.kinds) == {EventKind.ARRIVED: 1}
