"""How far the wall clock is to be trusted."""

from gateway.clock import FLOOR_WALL_MS, SYSTEM, boot_id, quality
from sync.wire import ClockQuality


def test_a_clock_before_the_floor_was_never_set() -> None:
    assert quality(0) is ClockQuality.UNSET
    assert quality(FLOOR_WALL_MS - 1) is ClockQuality.UNSET


def test_a_set_clock_is_synced_or_holds_over() -> None:
    assert quality(SYSTEM.wall_ms()) in {ClockQuality.SYNCED, ClockQuality.HOLDOVER}


def test_the_boot_id_lasts_for_the_boot() -> None:
    assert len(boot_id()) == 36
    assert boot_id() == boot_id()


def test_a_clock_behind_what_was_stored_is_not_trusted_until_it_is_synchronised() -> None:
    now = SYSTEM.wall_ms()
    assert quality(now, now + 60_000) in {ClockQuality.UNSET, ClockQuality.SYNCED}
    assert (quality(now, now + 60_000) is ClockQuality.SYNCED) == (quality(now) is ClockQuality.SYNCED)
    assert quality(now, now) is quality(now)
