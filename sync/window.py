"""What is under way on one connection: what to send next, and when to lose patience. Pure; time comes as an argument.

While a backlog is delivered two lanes take turns: the backlog up to the seq `backlog_to`, and what is newer, live. Each sends the
lowest numbers that are neither committed nor under way, so within a lane batches leave in seq order, what was lost goes again
first, and nothing that the registry has said it holds is sent again. The newest of what waits is live from the beginning: it says
where things are.
"""

import enum
from collections.abc import Iterable
from dataclasses import dataclass

from sync.cursor import Cursor, Span
from sync.suspects import Suspects
from sync.wire import MAX_RECORDS

WINDOW_BATCHES = 8
SOON_S = 0.5  # with answers that take longer, a backlog leaves a batch of the window to what is new; else a place is free soon
LIVE_WITHIN_S = 2.0  # with answers that take longer, a backlog has less under way: what is new waits behind it
LIVE_BEHIND = 1_600  # records not sent yet: if the live lane has more, they join the backlog, and the newest go at once
NEWEST_FIRST = 400  # records that go at once, however much waits: two batches
MAX_APART = 8  # committed ranges above a hole: with more, the live lane does not run ahead any further
RTT_WEIGHT = 0.125  # of a new sample, as TCP has it


class Lane(enum.StrEnum):
    LIVE = "live"
    BACKLOG = "backlog"


@dataclass(frozen=True, slots=True)
class Slot:
    """The next batch: of the numbers above `after` up to `until` (None: all there are), at most `room` records. `late`: they have
    waited long."""

    lane: Lane
    after: int
    until: int | None
    room: int
    late: bool = False


@dataclass(slots=True)
class _Flight:
    lane: Lane
    first: int
    last: int
    sent_s: float
    overtaken: bool = False  # something sent later has arrived


class Window:
    """All seqs are of the present epoch, times are monotonic seconds."""

    def __init__(
        self,
        known: Cursor,
        credit: int,
        now_s: float,
        *,
        last: int,
        waited_to: int,
        rtt_s: float,
        stall_s: float,
        suspects: Suspects,
    ) -> None:
        """`known`: what the registry has. `credit`: records it takes. `last`: the newest seq; up to `waited_to` they have
        waited long, and are told late. `stall_s`: the least time without progress that is a stall."""
        self.known = known
        self.credit = credit
        self.last = last
        self.waited_to = waited_to
        self.backlog_to = max(0, waited_to - NEWEST_FIRST)
        self.rtt_s = rtt_s
        self.heard_s = now_s  # when the registry last said something that counts
        self._stall_s = stall_s
        self._suspects = suspects
        self._progress_s = {Lane.LIVE: now_s, Lane.BACKLOG: now_s}
        self._next_lane = Lane.LIVE
        self._live_rests_until_s = now_s
        self._flights: list[_Flight] = []  # in the order they were sent; bounded by WINDOW_BATCHES
        suspects.clear(known)

    @property
    def in_flight(self) -> int:
        """Batches sent and not yet acknowledged."""
        return len(self._flights)

    @property
    def under_way(self) -> list[Span]:
        return [(flight.first, flight.last) for flight in self._flights]

    def reach(self, last: int) -> None:
        """The outbox holds records up to `last`. With more of them than the live lane can keep up with, the newest go first."""
        self.last = max(self.last, last)
        after, _ = self._taken(()).hole_after(self.backlog_to)
        if self.last - after > LIVE_BEHIND and len(self.known.ranges) < MAX_APART:
            self.backlog_to = self.last - NEWEST_FIRST
            self.waited_to = max(self.waited_to, self.backlog_to)

    def next_slot(self, now_s: float, *, more: bool) -> Slot | None:
        """Return what to send now, None while the window or the credit is used up, or nothing waits. `more`: there may be records
        above `last`."""
        if len(self._flights) >= WINDOW_BATCHES:
            return None
        of_backlog = sum(flight.lane is Lane.BACKLOG for flight in self._flights)
        for lane in (self._next_lane, Lane.BACKLOG if self._next_lane is Lane.LIVE else Lane.LIVE):
            if lane is Lane.BACKLOG and of_backlog >= self._most_of_backlog():
                continue
            if (slot := self._slot(lane, now_s, more)) is not None:
                return slot
        return None

    def next_of_backlog(self, now_s: float) -> Slot | None:
        """Return what the backlog sends next, also while the window has no place for it: to have it ready then."""
        return self._slot(Lane.BACKLOG, now_s, more=False)

    def send(self, slot: Slot, last: int, now_s: float) -> None:
        """The batch for `slot` is on its way and goes up to `last`."""
        self._next_lane = Lane.BACKLOG if slot.lane is Lane.LIVE else Lane.LIVE
        self.last = max(self.last, last)
        if self.known.covers(slot.after + 1, last):
            return  # an ack overtook it
        if not any(flight.lane is slot.lane for flight in self._flights):
            self._progress_s[slot.lane] = now_s  # nothing was owed before
        self._flights.append(_Flight(slot.lane, slot.after + 1, last, now_s))

    def rest(self, until_s: float) -> None:
        """The live lane has sent all there was: what comes until then shares a batch."""
        self._live_rests_until_s = until_s

    def hear(self, acked: int, ranges: Iterable[Span], credit: int, now_s: float) -> None:
        """An ack that counts: the registry has everything up to `acked`, and `ranges`."""
        self.heard_s = now_s
        self.credit = credit
        known = self.known.with_spans([*([(1, acked)] if acked else []), *ranges])
        if known == self.known:
            return
        for flight in self._flights:
            if known.hole_after(flight.first - 1)[0] > self.known.hole_after(flight.first - 1)[0]:
                self._progress_s[flight.lane] = now_s
        self.known = known
        self.last = max(self.last, acked)
        arrived = [known.covers(flight.first, flight.last) for flight in self._flights]
        for place, flight in enumerate(self._flights):
            if arrived[place]:
                self.rtt_s += RTT_WEIGHT * (now_s - flight.sent_s - self.rtt_s)
            flight.overtaken = flight.overtaken or any(arrived[place + 1 :])
        self._flights = [flight for flight, there in zip(self._flights, arrived, strict=True) if not there]
        self._suspects.clear(known)

    def is_stalled(self, now_s: float) -> bool:
        """Whether the registry owes us a word for too long."""
        due_s = self._due_s()
        return due_s is not None and due_s <= now_s

    def wait_s(self, now_s: float) -> float | None:
        """Return how long to wait for news before there is something to do all the same; None: for ever."""
        moments = [self._due_s(), self._suspects.next_end_of_rest_s(now_s)]
        if self._live_rests_until_s > now_s:
            moments.append(self._live_rests_until_s)
        return min((max(0.0, moment - now_s) for moment in moments if moment is not None), default=None)

    def is_silent(self, now_s: float) -> bool:
        """Whether nothing at all was heard for the whole of a stall."""
        return not self._flights or now_s - self.heard_s >= self._patience_s

    def give_up(self, now_s: float) -> None:
        """Take what did not arrive in time for lost: it is sent again, in smaller batches, so that one that is lost each time,
        whatever the reason, ends up alone."""
        stalled = {lane for lane, since_s in self._progress_s.items() if now_s >= since_s + self._patience_s}
        lost = [f for f in self._flights if f.lane in stalled or (f.overtaken and now_s >= f.sent_s + self._patience_s)]
        self._flights = [flight for flight in self._flights if flight not in lost]
        for flight in lost:
            self._progress_s[flight.lane] = now_s
            self._suspects.failed(flight.first, flight.last, now_s, proven=flight.overtaken)

    @property
    def _patience_s(self) -> float:
        return max(2 * self.rtt_s, self._stall_s)

    def _due_s(self) -> float | None:
        """When the next word is due; None when nothing is owed."""
        if not self._flights:
            return None if self.credit > 0 else self.heard_s + self._patience_s
        of_lanes = (self._progress_s[flight.lane] for flight in self._flights)
        overtaken = (flight.sent_s for flight in self._flights if flight.overtaken)
        return min([*of_lanes, *overtaken]) + self._patience_s

    def _most_of_backlog(self) -> int:
        """How many batches of the backlog may be under way. Live has the next turn when one of them has arrived."""
        if self.rtt_s <= SOON_S:
            return WINDOW_BATCHES
        return max(1, round((WINDOW_BATCHES - 1) * min(1.0, LIVE_WITHIN_S / self.rtt_s)))

    def _taken(self, more: Iterable[Span]) -> Cursor:
        return self.known.with_spans([*self.under_way, *more])

    def _slot(self, lane: Lane, now_s: float, more: bool) -> Slot | None:
        room = min(MAX_RECORDS, self.credit - sum(flight.last - flight.first + 1 for flight in self._flights))
        hole = self._hole(lane, self._taken(self._suspects.resting(now_s)), now_s, more)
        if room <= 0 or hole is None:
            return None
        after, until = hole
        late = after < self.waited_to
        ends = (until, self._suspects.end_of_batch(after + 1), self.waited_to if late else None)
        until = min((end for end in ends if end is not None), default=None)
        return Slot(lane, after, until, room if until is None else min(room, until - after), late)

    def _hole(self, lane: Lane, taken: Cursor, now_s: float, more: bool) -> tuple[int, int | None] | None:
        if lane is Lane.BACKLOG:
            after, until = taken.hole_after(0)
            return None if after >= self.backlog_to else (after, min(until or self.backlog_to, self.backlog_to))
        after, until = taken.hole_after(self.backlog_to)
        if self._live_rests_until_s > now_s or (after >= self.last and not more):
            return None
        return after, until
