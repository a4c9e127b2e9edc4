"""The bounded way from readers to the engine."""

import asyncio

from drivers.api import Kind, Read
from gateway.intake import Intake, Link
from gateway.location.site import Instant


def reads(count: int, reader: str = "dock-1") -> list[Read]:
    return [Read(reader, 1, bytes([n % 256]), Kind.UHF, n, n) for n in range(count)]


def link(reader: str, up: bool, at: int = 0) -> Link:
    return Link(reader, up, Instant(at, at))


def test_what_came_first_leaves_first_and_links_keep_their_place() -> None:
    intake = Intake(100)
    first, second = reads(3), reads(2)
    intake.put(first)
    intake.put_link(link("dock-1", up=False))
    intake.put(second)
    assert intake.waiting == 6
    assert intake.take(100) == [first, link("dock-1", up=False), second]
    assert intake.waiting == 0


def test_when_full_the_newest_are_refused_and_counted() -> None:
    intake = Intake(10)
    kept = reads(8)
    assert intake.put(kept)
    assert not intake.put(reads(3))
    assert intake.put(reads(2))
    assert intake.refused == 3
    assert intake.take(1) == [kept]
    assert intake.put(reads(8))


def test_when_full_each_reader_keeps_its_last_link() -> None:
    intake = Intake(2)
    intake.put(reads(2))
    for at in range(1000):
        intake.put_link(link("dock-1", up=at % 2 == 0, at=at))
    intake.put_link(link("dock-2", up=True, at=1000))
    taken = intake.take(100)
    assert taken[1:] == [link("dock-1", up=False, at=999), link("dock-2", up=True, at=1000)]
    assert intake.take(100) == []


def test_no_link_overtakes_a_late_one() -> None:
    intake = Intake(4)
    intake.put(reads(4))
    intake.put_link(link("dock-1", up=False, at=1))
    assert len(intake.take(1)) == 2
    intake.put_link(link("dock-1", up=True, at=2))
    assert intake.take(1) == [link("dock-1", up=True, at=2)]


async def test_whoever_takes_is_woken() -> None:
    intake = Intake(10)
    waiting = asyncio.create_task(intake.wait(30))
    await asyncio.sleep(0)
    intake.put(reads(1))
    await asyncio.wait_for(waiting, 1)
    await asyncio.wait_for(intake.wait(30), 1)  # still something there
    intake.take(10)
    await intake.wait(0.001)  # nothing: returns after its time
