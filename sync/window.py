"""What is under way on one connection: how much more may be sent, and when to lose patience. Pure; time comes as an argument."""

from collections import deque
from dataclasses import dataclass

from sync.wire import MAX_RECORDS

WINDOW_BATCHES = 8
RTT_WEIGHT = 0.125  # of a new sample, as TCP has it


@dataclass(frozen=True, slots=True)
class _Flight:
    last: int
    sent_s: float


class Window:
    """Batches go in seq order; `acked` and `sent` are seqs of the present epoch, times are monotonic seconds."""

    def __init__(self, acked: int, credit: int, now_s: float, *, rtt_s: float, stall_s: float) -> None:
        """`credit`: records above `acked` that the registry takes. `stall_s`: the least time before no progress is a stall."""
        self.acked = acked
        self.sent = acked
        self.credit = credit
        self.rtt_s = rtt_s
        self.heard_s = now_s  # when the registry last said something that counts
        self._stall_s = stall_s
        self._progress_s = now_s
        self._batch_limit = MAX_RECORDS
        self._flights: deque[_Flight] = deque()  # bounded by WINDOW_BATCHES

    @property
    def in_flight(self) -> int:
        """Batches sent and not yet acknowledged."""
        return len(self._flights)

    def room(self) -> int:
        """Return how many records the next batch may have, 0 while the window or the registry's credit is used up."""
        if len(self._flights) >= WINDOW_BATCHES:
            return 0
        return max(0, min(self._batch_limit, self.credit - (self.sent - self.acked)))

    def send(self, last: int, now_s: float) -> None:
        """A batch up to `last` is on its way."""
        if last <= self.acked:
            return  # an ack overtook it
        if not self._flights:
            self._progress_s = now_s  # nothing was owed before
        self.sent = last
        self._flights.append(_Flight(last, now_s))

    def hear(self, acked: int, credit: int, now_s: float) -> None:
        """An ack that counts: the registry has everything up to `acked`."""
        self.heard_s = now_s
        self.credit = credit
        if acked <= self.acked:
            return
        self.acked = acked
        self.sent = max(self.sent, acked)
        self._progress_s = now_s
        self._batch_limit = min(MAX_RECORDS, self._batch_limit * 2)
        while self._flights and self._flights[0].last <= acked:
            sample_s = now_s - self._flights.popleft().sent_s
            self.rtt_s += RTT_WEIGHT * (sample_s - self.rtt_s)

    def patience_s(self, now_s: float) -> float | None:
        """Return how long to wait for the next ack before this is a stall (0 when it is one), None when nothing is owed."""
        if not self._flights and self.credit > 0:
            return None
        since_s = self._progress_s if self._flights else self.heard_s
        return max(0.0, since_s + max(2 * self.rtt_s, self._stall_s) - now_s)

    def is_silent(self) -> bool:
        """Whether nothing at all was heard since the last progress, or since something was first owed."""
        return not self._flights or self.heard_s <= self._progress_s

    def go_back(self, now_s: float) -> None:
        """Send again from `acked`, in smaller batches: so one that is lost each time, whatever the reason, ends up alone."""
        self.sent = self.acked
        self._flights.clear()
        self._progress_s = now_s
        self._batch_limit = max(1, self._batch_limit // 2)
