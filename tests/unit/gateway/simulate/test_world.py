"""The demo's site keeps its word: enough passages both ways, and a place for everything at every moment."""

import math

from gateway.simulate.radio import Air, Place
from gateway.simulate.world import INSIDE, OUTSIDE, Role, World, label_shown, labels_shown, things

SITE = things()
CROSSERS = [thing for thing in SITE if thing.role is Role.CROSSER]
LABELLED = [thing for thing in SITE if thing.role is Role.LABELLED]


def test_twenty_seconds_hold_twenty_passages_in_both_directions() -> None:
    told = World(ends_s=20).passages(CROSSERS, 20)
    assert len(told) >= 20
    assert min(sum(1 for p in told if p.direction == way) for way in ("in", "out")) >= 10


def test_a_passage_is_where_the_thing_crosses_the_line() -> None:
    world = World()
    for passage in world.passages(CROSSERS, 60):
        thing = next(t for t in CROSSERS if t.key == passage.key)
        before, after = world.where(thing, passage.at_s - 0.1), world.where(thing, passage.at_s + 0.1)
        assert before is not None
        assert after is not None
        assert (before.x < 0 < after.x) == (passage.direction == "in")


def test_nobody_is_in_the_door_when_the_world_ends() -> None:
    assert all(World(ends_s=20).where(thing, at) is None for thing in CROSSERS for at in (20.0, 20.5, 23.0))


def test_a_day_in_the_world_costs_no_more_than_its_first_minute() -> None:
    assert len(World().passages(CROSSERS, 36)) * 2 == len(World().passages(CROSSERS, 72))
    assert World().where(CROSSERS[0], 86_400 + 1.0) == World().where(CROSSERS[0], 86_400 % 18 + 1.0)


def test_every_label_is_shown_within_twenty_seconds() -> None:
    assert len(labels_shown(LABELLED, 20)) == 10
    assert {label_shown(LABELLED, at / 10) for at in range(180)} == {None, *LABELLED}


def test_an_antenna_hears_what_is_before_it_and_little_of_what_is_behind() -> None:
    air, tag = Air(seed=1), SITE[0].epc
    ahead = sum(len(air.round(INSIDE, [(tag, Place(2.0, 0))])) for _ in range(100))
    behind = sum(len(air.round(OUTSIDE, [(tag, Place(2.0, 0))])) for _ in range(100))
    assert ahead > 80
    assert behind < 20


def test_the_same_seed_hears_the_same() -> None:
    tags = [(thing.epc, Place(1 + thing.index / 10, 0)) for thing in CROSSERS]
    rounds = [[Air(seed=7).round(INSIDE, tags) for _ in range(3)] for _ in range(2)]
    assert rounds[0] == rounds[1]
    assert not math.isnan(rounds[0][0][0].rssi_dbm)
