"""When to look at something again: a wheel of slots with lazy deletion and one live entry for each thing.

What is due within the slot that has begun lies in a heap; what is due later is only listed under its slot, which costs eight
bytes a thing: slots of a second for the next quarter of an hour, of a quarter of an hour beyond. A deadline that moves later
costs nothing: the old entry fires, the owner sees that it is early and asks again. Dead entries (of things forgotten, or asked
for earlier) are swept out when they outnumber the living: the wheel is bounded by the things it serves.
"""

import heapq
from collections.abc import Iterator
from typing import Generic, TypeVar

NEVER = 1 << 63  # later than any monotonic clock
FINE_NS, COARSE_NS = 1 << 30, 1 << 40  # how long slots are: 1.07 s and 18 minutes


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
        self.entries = 0  # dead ones among them
        self._begun_ns = 0  # until when everything is in the heap
        self._soon: list[tuple[int, int, Thing]] = []  # a heap
        self._pushed = 0  # makes entries of one moment fire in the order they were asked for
        self._slots: dict[int, list[Thing]] = {}  # by the time at which each begins
        self._begins: list[int] = []  # a heap of these

    def set(self, thing: Thing, due_ns: int) -> None:
        """Look at `thing` at `due_ns` or, when that was asked before, earlier."""
        if thing.due_ns <= due_ns:
            return
        if thing.due_ns == NEVER:
            self.live += 1
        thing.due_ns = due_ns
        self._put(thing, due_ns)
        if self.entries > 2 * self.live + 1000:
            self._sweep()

    def clear(self, thing: Thing) -> None:
        if thing.due_ns != NEVER:
            thing.due_ns = NEVER
            self.live -= 1

    def due(self, now_ns: int) -> Iterator[tuple[Thing, int]]:
        """Yield what is due by `now_ns` with its time, earliest first; the owner sets it again or lets it go."""
        while self.next_ns <= now_ns:
            if self._begins and (not self._soon or self._begins[0] <= self._soon[0][0]):
                self._begin(heapq.heappop(self._begins))
                continue
            due_ns, _, thing = heapq.heappop(self._soon)
            self.entries -= 1
            self._look_ahead()
            if thing.due_ns == due_ns:
                self.clear(thing)
                yield thing, due_ns

    def _put(self, thing: Thing, due_ns: int) -> None:
        self.entries += 1
        if due_ns < self._begun_ns:
            self._pushed += 1
            heapq.heappush(self._soon, (due_ns, self._pushed, thing))
        else:
            begins_ns = due_ns & -COARSE_NS
            if begins_ns < self._begun_ns:
                begins_ns = due_ns & -FINE_NS
            slot = self._slots.get(begins_ns)
            if slot is None:
                self._slots[begins_ns] = [thing]
                heapq.heappush(self._begins, begins_ns)
            else:
                slot.append(thing)
            due_ns = begins_ns
        if due_ns < self.next_ns:
            self.next_ns = due_ns

    def _begin(self, begins_ns: int) -> None:
        """Take the things of a slot to where they are now due: into the heap, or to the slots of a second."""
        things = self._slots.pop(begins_ns)
        self.entries -= len(things)
        self._begun_ns = begins_ns + FINE_NS
        for thing in _once(things):
            if begins_ns <= thing.due_ns < begins_ns + COARSE_NS:
                self._put(thing, thing.due_ns)
        self._look_ahead()

    def _look_ahead(self) -> None:
        soon_ns = self._soon[0][0] if self._soon else NEVER
        begins_ns = self._begins[0] if self._begins else NEVER
        self.next_ns = soon_ns if soon_ns < begins_ns else begins_ns

    def _sweep(self) -> None:
        things = [thing for due_ns, _, thing in sorted(self._soon) if thing.due_ns == due_ns]
        for begins_ns in sorted(self._slots):
            things += self._slots[begins_ns]
        self._soon, self._slots, self._begins = [], {}, []
        self.entries, self.next_ns = 0, NEVER
        for thing in _once(things):
            if thing.due_ns != NEVER:
                self._put(thing, thing.due_ns)


def _once(things: list[Thing]) -> Iterator[Thing]:
    """Yield each thing once, where it was asked for last."""
    last = {id(thing): number for number, thing in enumerate(things)}
    return (thing for number, thing in enumerate(things) if last[id(thing)] == number)
