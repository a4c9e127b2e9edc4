"""What outlives a window: what was under way when we said hello, what is suspected not to get through, where to go on. Pure."""

from collections.abc import Iterable

from sync.cursor import Cursor, Span
from sync.outbox import OutboxStat
from sync.suspects import Suspects
from sync.window import NEWEST_FIRST, Window
from sync.wire import Ack

LATE_S = 5.0  # what waits at the hello for longer is told late, and so is all when it is more than goes at once


class Resumption:
    """One per uplink; times are monotonic seconds."""

    def __init__(self, stall_s: float) -> None:
        self.epoch = ""
        self.suspects = Suspects(stall_s)
        self._stall_s = stall_s
        self._owed: list[Span] = []
        self._proves = False
        self._last = 0
        self._oldest_wall_ms: int | None = None

    def leave(self, window: Window | None, *, silent: bool) -> None:
        """It is time for another hello. `silent`: nothing came back on this connection, so its answer proves what was lost."""
        if window is not None:
            self._owed = window.under_way
        self._proves = silent

    def registry_began_anew(self) -> None:
        """It said so: what it lost then, it did not refuse."""
        self._proves = False

    def greet(self, outbox: OutboxStat) -> None:
        """A hello says this of the outbox."""
        if outbox.epoch != self.epoch:  # parted, or the store had to be set aside
            self.epoch = outbox.epoch
            self.suspects = Suspects(self._stall_s)
            self._owed = []
        self._last, self._oldest_wall_ms = outbox.last, outbox.oldest_wall_ms

    def answered(self, ack: Ack, acked: int, *, now_s: float, now_wall_ms: int, rtt_s: float) -> Window:
        """The registry has said where to go on: behind `acked`."""
        for first, last in self._owed:
            self.suspects.failed(first, last, now_s, proven=self._proves)
        self._owed = []
        # The wall clock may have been set meanwhile.
        waited_s = 0.0 if self._oldest_wall_ms is None else abs(now_wall_ms - self._oldest_wall_ms) / 1000
        late = self._last - acked > NEWEST_FIRST or waited_s > LATE_S
        return Window(
            Cursor(acked).with_spans(committed_ranges(ack)),
            ack.credit,
            now_s,
            last=self._last,
            waited_to=self._last if late else 0,
            rtt_s=rtt_s,
            stall_s=self._stall_s,
            suspects=self.suspects,
        )


def committed_ranges(ack: Ack) -> tuple[Span, ...]:
    """What the registry has committed above `through`, as far as it proves it: the outbox has checked the ids."""
    return tuple(span for span, _ in zip(ack.ranges, ack.range_ids, strict=False) if span[0] <= span[1])


def worth_taking(acks: Iterable[Ack]) -> list[Ack]:
    """Of acks in the order they came, return those that say something that the one behind them does not."""
    kept: list[Ack] = []
    for ack in acks:
        if kept and _repeats(ack, kept[-1]):
            kept.pop()
        kept.append(ack)
    return kept


def _repeats(ack: Ack, older: Ack) -> bool:
    only_counts = older.nonce is None and not older.rejected and not older.held
    return only_counts and older.epoch == ack.epoch and older.through <= ack.through
