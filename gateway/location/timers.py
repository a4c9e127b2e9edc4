"""When to look at something again: a heap with lazy deletion and one live entry for each thing.

A deadline that moves later costs nothing: the old entry fires, the owner sees that it is early and asks again. Dead entries (of
things forgotten, or asked for earlier) are swept out when they are a ninth of all: the heap is bounded by the things it serves.
"""

import heapq
from collections.abc import Iterator
from typing import Generic, TypeVar

NEVER = 1 << 63  # later than any monotonic clock


class Timed:
    """What a timer can serve. `due_ns` belongs to `Timers`."""

    __slots__ = ("due_ns",)

    def __init__(self) -> None:
        self.due_ns = NEVER


Thing = TypeVar("Thing", bound=Timed)


class Timers(Generic[Thing]):
    def __init__(self) -> None:
        self.next_ns = NEVER  # not later than the next live entry
        self.live = 0
        self._heap: list[tuple[int, int, Thing]] = []
        self._pushed = 0  # makes entries of one moment fire in the order they were asked for

    def set(self, thing: Thing, due_ns: int) -> None:
        """Look at `thing` at `due_ns` or, when that was asked before, earlier."""
        if thing.due_ns <= due_ns:
            return
        if thing.due_ns == NEVER:
            self.live += 1
        thing.due_ns = due_ns
        self._pushed += 1
        heapq.heappush(self._heap, (due_ns, self._pushed, thing))
        if len(self._heap) > self.live + self.live // 8 + 1000:
            self._heap = [entry for entry in self._heap if entry[2].due_ns == entry[0]]
            heapq.heapify(self._heap)
        self.next_ns = self._heap[0][0]

    def clear(self, thing: Thing) -> None:
        if thing.due_ns != NEVER:
            thing.due_ns = NEVER
            self.live -= 1

    def due(self, now_ns: int) -> Iterator[tuple[Thing, int]]:
        """Yield what is due by `now_ns` with its time, earliest first; the owner sets it again or lets it go."""
        while self.next_ns <= now_ns:
            due_ns, _, thing = heapq.heappop(self._heap)
            self.next_ns = self._heap[0][0] if self._heap else NEVER
            if thing.due_ns == due_ns:
                self.clear(thing)
                yield thing, due_ns
