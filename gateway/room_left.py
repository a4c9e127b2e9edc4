"""How long the outbox has room: by how it has filled up in the last hours. The sent ring gives way and does not count."""

from collections.abc import Callable

from gateway.feed import Rate
from sync.outbox_stat import OutboxStat
from sync.store import RESERVE

ROW_BYTES = 460  # of an event on disk, until there are enough rows to measure it
ENOUGH_ROWS = 1_000
SLOT_S, SLOTS = 300, 72  # six hours


class RoomLeft:
    def __init__(self, mono_ns: Callable[[], int], stat: OutboxStat) -> None:
        self._stored = Rate(mono_ns, slot_s=SLOT_S, slots=SLOTS)
        self._acked = Rate(mono_ns, slot_s=SLOT_S, slots=SLOTS)
        self._stat = stat

    def stored(self, events: int) -> None:
        """So many have been committed."""
        self._stored.add(events)

    def look(self, stat: OutboxStat) -> None:
        if stat.epoch == self._stat.epoch:
            self._acked.add(max(0, stat.acked - self._stat.acked))
        self._stat = stat

    def days(self, waiting: int, *, delivering: bool) -> float | None:
        """Return the days until the quota is full; None while it is not filling."""
        per_min = self._stored.per_min()
        if delivering:  # else nothing leaves now, whatever did before
            if waiting < per_min:  # less than a minute's worth is on its way, not filling anything
                return None
            per_min -= self._acked.per_min()
        if per_min <= 0:
            return None
        stat = self._stat
        rows = stat.last - stat.first + 1
        row_bytes = stat.used_bytes / rows if rows >= ENOUGH_ROWS else ROW_BYTES
        return max(0.0, stat.quota_bytes * (1 - RESERVE) / row_bytes - waiting) / per_min / (24 * 60)
