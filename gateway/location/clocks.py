"""Readers with clocks of their own: when their reads were, in what order, and what comes too late to be news.

Such a reader says when it read, on a clock that is some seconds off and drifts. The lowest transport delay of the last minute
ties that clock to ours. Its reads wait for the lateness allowance and come out in the order in which they were: each reaches the
engine `LATENESS_NS` after it was, however long it was under way, and every time that is told has that taken off again. Readers
that share a zone or a door are held alike, or one side of a door would run ahead of the other.

All on the gateway's monotonic clock: whatever its wall clock is set to changes nothing here.
"""

import heapq
from collections.abc import Iterable, Mapping

from drivers.api import Read
from gateway.location.timers import NEVER, Timed

MS_NS = 1_000_000
S_NS = 1_000_000_000
LATENESS_NS = 2 * S_NS  # a read that comes no later than this after it was still takes its place in the order
JUMP_NS = S_NS  # beyond this the clock was set, it has not drifted
WINDOW_NS, SLOT_NS = 60 * S_NS, 10 * S_NS  # the lowest delay of so long counts; kept for so long each
DRIFT = 1e-4  # of a clock nobody has heard for a while: twice what a cheap quartz does
LEARNS_NS = S_NS  # the first reads wait for so long: a reader that has stored some sends those first
SET_AFTER_NS = 5 * S_NS  # a clock that stays behind for so long and goes on as fast as ours was set back ...
SET_DURING_OUTAGE_NS = 60 * S_NS  # ... or for so long, where it says that the reads were before the link came up
CATCHES_UP = 1.5  # what was stored is sent faster than it was read; a clock that was set back goes on as fast as ours
UNSYNCED_NS = 60 * S_NS  # a clock that was set is not trusted for so long
FLOOR_MS = 1_577_836_800_000  # 2020-01-01: a clock that says less was never set
BACKLOG_QUIET_NS = S_NS  # what came late is taken in, oldest first, once no more of it comes for so long ...
BACKLOG_LONGEST_NS = 10 * S_NS  # ... or after so long
MAX_HELD = 100_000  # reads that wait for their turn, and as many that came late; beyond that they go on early

Key = tuple[str, int, bytes, int, int | None]
Entry = tuple[int, str, int, bytes, int, int, Read]  # when it is due; the rest puts those of one moment in one order


class ReaderClock:
    """One reader's clock held against ours. `reckon` is told of every read as it comes."""

    __slots__ = (
        "_behind_ms", "_behind_ns", "_heard_ns", "_lows", "_newest_ms", "_offset_ns", "_ticked_ns", "_unsynced_until_ns",
        "learns_until_ns", "up_ns",
    )  # fmt: skip

    def __init__(self) -> None:
        self.up_ns = 0  # when its link last came up
        self.learns_until_ns = NEVER
        self._offset_ns: int | None = None  # to add to its times; None while nothing is known
        self._lows: list[tuple[int, int]] = []  # (slot, lowest offset in it) of the last minute
        self._heard_ns = 0  # when the offset was last confirmed
        self._behind_ns = self._behind_ms = 0  # since when it has been behind, on our clock and on its own
        self._newest_ms, self._ticked_ns = 0, 0
        self._unsynced_until_ns = -1

    def unsynced(self, now_ns: int) -> bool:
        return now_ns < self._unsynced_until_ns

    def stands_still(self, stamp_ms: int, rx_ns: int) -> bool:
        """True when a clock that is not trusted has not moved for a second: equal times then do not mean equal records."""
        if stamp_ms > self._newest_ms or rx_ns - self._ticked_ns > WINDOW_NS:
            self._newest_ms, self._ticked_ns = stamp_ms, rx_ns
        return self.unsynced(rx_ns) and rx_ns - self._ticked_ns > S_NS

    def reckon(self, stamp_ms: int, rx_ns: int, half_fold_ns: int) -> int | None:
        """Return when a read was, by our monotonic clock; None while that is not known yet (ask `place` from `learns_until_ns`).

        A clock that was never set, or was set in the last minute, says nothing: then it was just before it came.
        """
        if stamp_ms < FLOOR_MS:
            self._begin(None, rx_ns)
            return rx_ns - half_fold_ns
        offset_ns = rx_ns - stamp_ms * MS_NS
        if self._offset_ns is None:
            if self.unsynced(rx_ns):  # it has just been set for the first time
                self._begin(offset_ns, rx_ns)
            else:
                if self.learns_until_ns == NEVER:
                    self.learns_until_ns = rx_ns + LEARNS_NS
                self._note(offset_ns, rx_ns)
                if rx_ns < self.learns_until_ns:
                    return None
                self.learned()
        self._follow(stamp_ms, offset_ns, rx_ns)
        return rx_ns - half_fold_ns if self.unsynced(rx_ns) else self.place(stamp_ms)

    def place(self, stamp_ms: int | None) -> int | None:
        """Return when a read of that time was, as far as that is known."""
        return None if stamp_ms is None or self._offset_ns is None else stamp_ms * MS_NS + self._offset_ns

    def learned(self) -> None:
        """The first reads are in: the one with the lowest delay says how the clocks stand."""
        self.learns_until_ns = NEVER
        if self._offset_ns is None and self._lows:
            self._offset_ns = min(low for _, low in self._lows)

    def _follow(self, stamp_ms: int, offset_ns: int, rx_ns: int) -> None:
        known_ns = self._offset_ns
        if known_ns is None:
            return
        delay_ns, unheard_ns = offset_ns - known_ns, rx_ns - self._heard_ns
        if unheard_ns > WINDOW_NS and abs(delay_ns) <= DRIFT * unheard_ns:
            self._lows.clear()  # it has only drifted
            delay_ns = 0
        if -JUMP_NS <= delay_ns <= JUMP_NS:
            self._behind_ns = 0
            self._heard_ns = max(self._heard_ns, rx_ns)
            self._note(offset_ns, rx_ns)
            self._offset_ns = min(low for _, low in self._lows)
        elif delay_ns < 0:
            self._begin(offset_ns, rx_ns)
        elif not self._behind_ns:
            self._behind_ns, self._behind_ms = rx_ns, stamp_ms
        else:
            behind_ns = rx_ns - self._behind_ns
            patience_ns = SET_DURING_OUTAGE_NS if stamp_ms * MS_NS + known_ns < self.up_ns else SET_AFTER_NS
            if behind_ns >= patience_ns and (stamp_ms - self._behind_ms) * MS_NS < CATCHES_UP * behind_ns:
                self._begin(offset_ns, rx_ns)

    def _note(self, offset_ns: int, rx_ns: int) -> None:
        lows, slot = self._lows, rx_ns // SLOT_NS
        if lows and lows[-1][0] >= slot:
            if offset_ns < lows[-1][1]:
                lows[-1] = (lows[-1][0], offset_ns)
        else:
            lows.append((slot, offset_ns))
            while lows[0][0] <= slot - WINDOW_NS // SLOT_NS:
                del lows[0]

    def _begin(self, offset_ns: int | None, rx_ns: int) -> None:
        """The clock was set, or never was: what was known of it is void."""
        self._offset_ns = offset_ns
        self._lows.clear()
        self._behind_ns = 0
        self._heard_ns = rx_ns
        self._unsynced_until_ns = rx_ns + UNSYNCED_NS
        self.learns_until_ns = NEVER
        if offset_ns is not None:
            self._note(offset_ns, rx_ns)


class Clocks(Timed):
    """The clocks of all readers, and the reads that wait for their turn. `next_ns`: when `advance` has something to do."""

    def __init__(self, together: Mapping[str, frozenset[str]]) -> None:
        """`together`: every reader of the site with those that share a zone or a door with it, itself included."""
        super().__init__()
        self.next_ns = NEVER
        self.held: set[str] = set()  # readers whose reads wait
        self._together = together
        self._clocks: dict[str, ReaderClock] = {}
        self._turns: list[Entry] = []  # a heap
        self._keys: set[Key] = set()  # of what waits
        self._learning: dict[str, list[Read]] = {}
        self._late: list[Entry] = []
        self._late_since_ns = self._late_last_ns = NEVER
        self._pushed = 0

    def knows(self, reader: str) -> bool:
        return reader in self._together

    def lag_ns(self, reader: str) -> int:
        """How long after it was a read of `reader` reaches the engine."""
        return LATENESS_NS if reader in self.held else 0

    def unsynced(self, reader: str, now_ns: int) -> bool:
        clock = self._clocks.get(reader)
        return clock is not None and clock.unsynced(now_ns)

    def reader_up(self, reader: str, now_ns: int) -> None:
        if reader in self._together:
            self._clock(reader).up_ns = now_ns

    def joins(self, read: Read) -> Iterable[str]:
        """Return the readers that are held from now on because this one has a clock of its own; mostly none."""
        if read.reader_ts_ms is None or read.reader in self.held:
            return ()
        self.held |= self._together[read.reader]
        return self._together[read.reader]

    def hold(self, read: Read, half_fold_ns: int) -> bool:
        """Let a read wait for its turn. False: it repeats one that waits."""
        rx_ns, stamp_ms = read.rx_mono_ns, read.reader_ts_ms
        if stamp_ms is None:
            self._place(read, rx_ns)
            return True
        clock = self._clock(read.reader)
        key = _key(read)
        if clock.stands_still(stamp_ms, rx_ns):
            key = (*key[:3], rx_ns, read.rssi_dbm)
        if key in self._keys:
            return False
        self._keys.add(key)
        at_ns = clock.reckon(stamp_ms, rx_ns, half_fold_ns)
        if at_ns is None and len(self._learning.setdefault(read.reader, [])) < MAX_HELD:
            self._learning[read.reader].append(read)
            self.next_ns = min(self.next_ns, clock.learns_until_ns)
        else:
            self._place(read, at_ns)
        return True

    def turns(self, now_ns: int) -> list[tuple[int, Read]]:
        """Return the reads whose turn has come by `now_ns` with their times, in order."""
        for reader in [reader for reader in self._learning if self._clocks[reader].learns_until_ns <= now_ns]:
            self._clocks[reader].learned()
        for reader in [reader for reader in self._learning if self._clocks[reader].learns_until_ns == NEVER]:
            for read in self._learning.pop(reader):
                self._place(read, self._clocks[reader].place(read.reader_ts_ms))
        turns: list[tuple[int, Read]] = []
        while self._turns and (self._turns[0][0] <= now_ns or len(self._turns) > MAX_HELD):
            due_ns, *_, read = heapq.heappop(self._turns)
            self._forget(read)
            turns.append((due_ns, read))
        self._look_ahead()
        return turns

    def backlog(self, now_ns: int) -> list[tuple[int, Read]]:
        """Return what came late, oldest first, once it is all there."""
        if not self._late or now_ns < self._late_due_ns():
            return []
        late, self._late = sorted(self._late), []
        self._late_since_ns = self._late_last_ns = NEVER
        for entry in late:
            self._forget(entry[-1])
        self._look_ahead()
        return [(due_ns, read) for due_ns, *_, read in late]

    def _place(self, read: Read, at_ns: int | None) -> None:
        rx_ns = read.rx_mono_ns
        at_ns = rx_ns if at_ns is None else at_ns
        self._pushed += 1
        strength = -1000 if read.rssi_dbm is None else read.rssi_dbm
        entry = (at_ns + LATENESS_NS, read.reader, read.antenna, read.raw, strength, self._pushed, read)
        if entry[0] >= rx_ns:
            heapq.heappush(self._turns, entry)
            self.next_ns = min(self.next_ns, entry[0] if len(self._turns) <= MAX_HELD else rx_ns)
        else:
            self._late.append(entry)
            self._late_last_ns = rx_ns
            if self._late_since_ns == NEVER:
                self._late_since_ns = rx_ns
            self._look_ahead()

    def _late_due_ns(self) -> int:
        if len(self._late) >= MAX_HELD:
            return 0
        return min(self._late_last_ns + BACKLOG_QUIET_NS, self._late_since_ns + BACKLOG_LONGEST_NS)

    def _look_ahead(self) -> None:
        self.next_ns = min((self._clocks[reader].learns_until_ns for reader in self._learning), default=NEVER)
        if self._turns:
            self.next_ns = min(self.next_ns, self._turns[0][0])
        if self._late:
            self.next_ns = min(self.next_ns, self._late_due_ns())

    def _forget(self, read: Read) -> None:
        if read.reader_ts_ms is not None:
            self._keys.discard(_key(read))
            self._keys.discard((read.reader, read.antenna, read.raw, read.rx_mono_ns, read.rssi_dbm))

    def _clock(self, reader: str) -> ReaderClock:
        clock = self._clocks.get(reader)
        if clock is None:
            clock = self._clocks[reader] = ReaderClock()  # as many as the site has readers
        return clock


def _key(read: Read) -> Key:
    return read.reader, read.antenna, read.raw, read.reader_ts_ms or 0, None
