"""Days of room, by what came and what went in the last hours."""

import dataclasses

import pytest

from gateway.room_left import ROW_BYTES, RoomLeft
from sync.outbox_stat import OutboxStat

MB = 1_000_000
STAT = OutboxStat("e", 1, 0, 0, None, 0, None, 0, 0, 0, 512 * MB, (), (), (), "")


class Day:
    """Five events a second come; `acked_per_s` go."""

    def __init__(self) -> None:
        self.s = 0
        self.stat = STAT
        self.room = RoomLeft(lambda: self.s * 10**9, STAT)

    def passes(self, hours: float, acked_per_s: int) -> None:
        for _ in range(int(hours * 60)):
            self.s += 60
            self.room.stored(300)
            last, acked = self.stat.last + 300, self.stat.acked + acked_per_s * 60
            self.stat = dataclasses.replace(self.stat, last=last, acked=acked, used_bytes=last * ROW_BYTES)
            self.room.look(self.stat)

    def days(self, *, delivering: bool) -> float | None:
        return self.room.days(self.stat.last - self.stat.acked, delivering=delivering)


def test_a_registry_that_keeps_up_leaves_nothing_to_say() -> None:
    day = Day()
    assert day.days(delivering=False) is None
    day.passes(3, acked_per_s=5)
    assert day.days(delivering=True) is None


def test_while_it_is_away_the_quota_counts_without_what_waits() -> None:
    day = Day()
    day.passes(10, acked_per_s=5)  # all was well
    day.passes(1, acked_per_s=0)
    full_s = (512 * MB * 0.98 / ROW_BYTES - 5 * 3600) / 5
    assert day.days(delivering=False) == pytest.approx(full_s / 86400, rel=0.02)
    day.passes(24, acked_per_s=0)
    assert day.days(delivering=False) == pytest.approx((full_s - 86400) / 86400, rel=0.02)


def test_a_registry_that_falls_behind_fills_it_too() -> None:
    day = Day()
    day.passes(6, acked_per_s=4)
    left = 512 * MB * 0.98 / ROW_BYTES - 6 * 3600
    assert day.days(delivering=True) == pytest.approx(left / 86400, rel=0.02)


def test_a_full_one_has_none_left() -> None:
    day = Day()
    day.stat = dataclasses.replace(STAT, quota_bytes=16 * MB)
    day.passes(12, acked_per_s=0)
    assert day.days(delivering=False) == 0
