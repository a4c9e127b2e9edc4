"""What people read first: one sentence and its colour, and at each hop the reason and the next step."""

from dataclasses import replace

import pytest

from drivers.api import AntennaState
from gateway.health import Light, OutboxRow, ReaderRow, ReaderState
from gateway.sentences import Delivery, Sorting, Storing, Way, hops, sentence

UP = ReaderRow("dock-3", "r2000", "/dev/x", ReaderState.UP, "", 0)
DOWN = replace(UP, name="hall-a", state=ReaderState.DOWN, why="/dev/y is not there")
WRONG = replace(UP, name="gate", state=ReaderState.MISCONFIGURED, why="options.region: 'XX' does not fit")
CONNECTING = replace(UP, name="cam", state=ReaderState.CONNECTING, why="")
OUTBOX = OutboxRow("e", 4120, 4120, 0, None, 1_000_000, None, 0, 1.234)
FULL = replace(OUTBOX, acked=0, waiting=4120, days_left=41.7)
STORING = Storing("", 0.0, 0)
DELIVERING = Delivery(Way.DELIVERING, "", 500.0, 2.4, 12.0, 30.0)
GONE = Delivery(Way.NO_BROKER, "connection refused", 3 * 3600.0, 3 * 3600.0)
SORTING = Sorting(120.0, 6.0, 412, 0, 0)


@pytest.mark.parametrize(
    ("readers", "outbox", "storing", "delivery", "said", "light"),
    [
        ((UP,), OUTBOX, STORING, DELIVERING, "Working. 0 waiting, last delivered 2 s ago.", Light.GOOD),
        ((UP,), OUTBOX, STORING, replace(DELIVERING, last_ack_s=None), "Working. 0 waiting, nothing delivered yet.", Light.GOOD),
        ((UP, CONNECTING), OUTBOX, STORING, DELIVERING, "Working. 0 waiting, last delivered 2 s ago.", Light.GOOD),
        (
            (UP,), FULL, STORING, GONE,
            "Registry unreachable for 3 h: 4,120 events safe on disk, 41 days of room left.", Light.ATTENTION,
        ),
        ((UP,), OUTBOX, STORING, replace(GONE, for_s=3), "Connecting to the registry: 0 events safe on disk.", Light.WAITING),
        (
            (UP,), FULL, STORING, Delivery(Way.NO_ANSWER, "", 600.0, None),
            "Registry silent for 10 min: 4,120 events safe on disk, 41 days of room left.", Light.ATTENTION,
        ),
        (
            (UP,), OUTBOX, STORING, Delivery(Way.HELD, "two machines; decide", 600.0, None),
            "The registry takes nothing from here until somebody there decides: 0 events safe on disk.", Light.FAILED,
        ),
        (
            (UP,), OUTBOX, STORING, Delivery(Way.NO_CREDENTIALS, "there is no file", 600.0, None),
            "Not delivering, no registry credentials: 0 events safe on disk.", Light.ATTENTION,
        ),
        (
            (UP, DOWN, WRONG), OUTBOX, STORING, DELIVERING,
            "2 of 3 readers are down (hall-a, gate). 0 waiting, last delivered 2 s ago.", Light.ATTENTION,
        ),
        ((DOWN,), OUTBOX, STORING, DELIVERING, "The reader is down (hall-a). 0 waiting, last delivered 2 s ago.", Light.FAILED),
        (
            (DOWN,) * 5, OUTBOX, STORING, DELIVERING,
            "All readers are down (hall-a, hall-a, hall-a and 2 more). 0 waiting, last delivered 2 s ago.", Light.FAILED,
        ),
        (
            (), OUTBOX, STORING, DELIVERING,
            "Nothing to read: no reader is configured. 0 waiting, last delivered 2 s ago.", Light.ATTENTION,
        ),
        (
            (DOWN,), replace(OUTBOX, dropped_reads=1), Storing("no room is left", 90.0, 5), GONE,
            "Not storing for 1 min: no room is left; 5 events held in memory, 1 read refused.", Light.FAILED,
        ),
    ],
)  # fmt: skip
def test_the_sentence(
    readers: tuple[ReaderRow, ...], outbox: OutboxRow, storing: Storing, delivery: Delivery, said: str, light: Light
) -> None:
    assert sentence(readers, outbox, storing, delivery) == (said, light)


def test_when_all_is_well_every_hop_is_good_and_asks_for_nothing() -> None:
    path = hops((UP, UP), SORTING, OUTBOX, STORING, DELIVERING)
    assert [hop.name for hop in path] == ["readers", "dedup", "outbox", "broker", "registry"]
    assert {hop.light for hop in path} == {Light.GOOD}
    assert {hop.next_step for hop in path} == {""}
    assert [hop.rate for hop in path] == ["120 reads/min", "6 events/min", "0 waiting", "12 ms", "30 events/min"]


@pytest.mark.parametrize(
    ("name", "readers", "sorting", "outbox", "storing", "delivery", "light", "reason"),
    [
        ("readers", (UP, DOWN), SORTING, OUTBOX, STORING, DELIVERING, Light.ATTENTION, "1 of 2 up; hall-a: /dev/y is not there"),
        ("readers", (DOWN,), SORTING, OUTBOX, STORING, DELIVERING, Light.FAILED, "0 of 1 up; hall-a: /dev/y is not there"),
        ("readers", (UP, WRONG), SORTING, OUTBOX, STORING, DELIVERING, Light.ATTENTION, "gate: options.region: 'XX'"),
        ("readers", (), SORTING, OUTBOX, STORING, DELIVERING, Light.ATTENTION, "no reader is configured"),
        (
            "readers", (replace(UP, antennas=(AntennaState(2, ok=False),)),), SORTING, OUTBOX, STORING, DELIVERING,
            Light.ATTENTION, "antenna 2 of dock-3: not connected",
        ),
        ("readers", (replace(UP, why="refuses x: no"),), SORTING, OUTBOX, STORING, DELIVERING, Light.ATTENTION, "refuses x"),
        ("dedup", (UP,), replace(SORTING, unassigned=31), OUTBOX, STORING, DELIVERING, Light.ATTENTION, "31 reads at antennas"),
        ("dedup", (UP,), replace(SORTING, unconfirmed=30_000), OUTBOX, STORING, DELIVERING, Light.ATTENTION, "30,000 codes"),
        ("dedup", (UP,), SORTING, replace(OUTBOX, dropped_reads=9), STORING, DELIVERING, Light.ATTENTION, "9 reads refused"),
        ("outbox", (UP,), SORTING, OUTBOX, Storing("no room is left", 5.0, 3), DELIVERING, Light.FAILED, "no room is left"),
        (
            "outbox", (UP,), SORTING, OUTBOX, Storing("the disk is full; free space on it", 5.0, 3), DELIVERING,
            Light.FAILED, "the disk is full",
        ),
        (
            "outbox", (UP,), SORTING, replace(FULL, dropped=(("quota", 7), ("seen", 5)), dropped_lately=True), STORING, GONE,
            Light.ATTENTION, "12 older events dropped",
        ),
        ("outbox", (UP,), SORTING, replace(FULL, days_left=1.5), STORING, GONE, Light.ATTENTION, "room for 36 h left"),
        ("broker", (UP,), SORTING, FULL, STORING, GONE, Light.FAILED, "connection refused"),
        (
            "broker", (UP,), SORTING, FULL, STORING, Delivery(Way.NO_CREDENTIALS, "there is no c.json", 1.0, None),
            Light.ATTENTION, "there is no c.json",
        ),
        ("registry", (UP,), SORTING, FULL, STORING, Delivery(Way.NO_ANSWER, "", 100.0, None), Light.FAILED, "not heard of yet"),
    ],
)  # fmt: skip
def test_a_hop_that_is_not_well_says_why_and_what_to_do(
    name: str,
    readers: tuple[ReaderRow, ...],
    sorting: Sorting,
    outbox: OutboxRow,
    storing: Storing,
    delivery: Delivery,
    light: Light,
    reason: str,
) -> None:
    (hop,) = [hop for hop in hops(readers, sorting, outbox, storing, delivery) if hop.name == name]
    assert hop.light is light
    assert reason in hop.reason
    assert hop.next_step


@pytest.mark.parametrize("delivery", [replace(GONE, for_s=5.0), Delivery(Way.NO_ANSWER, "", 5.0, None)])
def test_a_short_interruption_is_waiting_and_asks_for_nothing(delivery: Delivery) -> None:
    path = hops((UP,), SORTING, FULL, STORING, delivery)
    assert Light.WAITING in {hop.light for hop in path}
    assert Light.FAILED not in {hop.light for hop in path}
    assert {hop.next_step for hop in path} == {""}


def test_what_was_dropped_for_room_is_not_called_safe() -> None:
    outbox = replace(FULL, dropped=(("quota", 7),), dropped_lately=True)
    said, light = sentence((UP,), outbox, STORING, GONE)
    assert "4,120 events waiting, of which those that newer ones replaced were dropped for room" in said
    assert light is Light.ATTENTION


def test_what_the_outbox_says_is_to_do_is_the_next_step() -> None:
    storing = Storing("the disk is full; free space on it", 5.0, 3)
    assert sentence((UP,), OUTBOX, storing, DELIVERING)[0] == "Not storing for 5 s: the disk is full; 3 events held in memory."
    (hop,) = [hop for hop in hops((UP,), SORTING, OUTBOX, storing, DELIVERING) if hop.name == "outbox"]
    assert hop.next_step == "free space on it; it is tried again"
    set_aside = replace(STORING, alarm="the store before was set aside as x", set_aside=1)
    (hop,) = [hop for hop in hops((UP,), SORTING, OUTBOX, set_aside, DELIVERING) if hop.name == "outbox"]
    assert "sightpost outbox recover" in hop.next_step


def test_what_a_driver_says_is_to_do_is_the_next_step() -> None:
    gone = replace(DOWN, why="/dev/y: no such device; plug it in, or correct the name")
    hop = hops((UP, gone), SORTING, OUTBOX, STORING, DELIVERING)[0]
    assert hop.reason == "1 of 2 up; hall-a: /dev/y: no such device"
    assert hop.next_step == "plug it in, or correct the name; it is tried again"
