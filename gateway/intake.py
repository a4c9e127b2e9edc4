"""Reads on their way to the engine: bounded, in the order they came.

When it is full the newest reads are refused and counted: what came first decides a door's direction, and a tag that stays will be
read again. Whoever puts never waits, so a slow disk cannot hold up a reader.
"""

import asyncio
import contextlib
from collections import deque
from dataclasses import dataclass

from drivers.api import Read
from gateway.location.site import Instant


@dataclass(frozen=True, slots=True)
class Link:
    """A reader came up or went down, in its place among the reads."""

    reader: str
    up: bool
    now: Instant


class Intake:
    """For one event loop: whoever puts and whoever takes run on it."""

    def __init__(self, limit_reads: int) -> None:
        self._limit_reads = limit_reads
        self._items: deque[list[Read] | Link] = deque()
        self._late_links: dict[str, Link] = {}  # bounded by the readers: of what did not fit the last state is what counts
        self._something = asyncio.Event()
        self.waiting = 0  # reads, and one for each link
        self.refused = 0  # reads, since the start

    def put(self, reads: list[Read]) -> bool:
        """Keep the list, or refuse it as a whole when it does not fit."""
        if self.waiting + len(reads) > self._limit_reads:
            return self.refuse(reads)
        self._items.append(reads)
        self.waiting += len(reads)
        self._something.set()
        return True

    def refuse(self, reads: list[Read]) -> bool:
        """Count the list as refused; return that it was not kept."""
        self.refused += len(reads)
        return False

    def put_link(self, link: Link) -> None:
        if self.waiting >= self._limit_reads or self._late_links:
            self._late_links[link.reader] = link
            return
        self._items.append(link)
        self.waiting += 1
        self._something.set()

    def take(self, at_most: int) -> list[list[Read] | Link]:
        """Return what has waited longest: about `at_most` reads (whole lists), none when there are none."""
        taken: list[list[Read] | Link] = []
        count = 0
        while self._items and count < at_most:
            item = self._items.popleft()
            taken.append(item)
            count += 1 if isinstance(item, Link) else len(item)
        self.waiting -= count
        if not self._items:
            taken += self._late_links.values()
            self._late_links.clear()
            self._something.clear()
        return taken

    async def wait(self, at_most_s: float) -> None:
        """Return when something can be taken, or after `at_most_s`."""
        if not self._something.is_set() and at_most_s > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._something.wait(), at_most_s)

    def wake(self) -> None:
        """Let `wait` return once although nothing came."""
        self._something.set()
