"""A clock that was wrong, and what the registry is told of it once it is right."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from drivers.api import Clock
from gateway.clock_watch import ClockWatch
from sync.outbox import OutboxUnavailable
from sync.wire import ClockFix, ClockQuality, RecordKind

UNSET, HOLDOVER, SYNCED = ClockQuality.UNSET, ClockQuality.HOLDOVER, ClockQuality.SYNCED
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOON_MS = round(NOON.timestamp() * 1000)


class Machine:
    """Its clocks, and the records its store took."""

    def __init__(self, folder: Path) -> None:
        self.mono_ms = 5_000
        self.wall_ms = 5_000
        self.full = False
        self.fixes: list[ClockFix] = []
        self.file = folder / "clock.json"
        self.watch = self.started()

    def started(self, boot_id: str = "boot-1") -> ClockWatch:
        self.watch = ClockWatch(self.file, boot_id, Clock(lambda: self.mono_ms * 1_000_000, lambda: self.wall_ms))
        return self.watch

    def look(self, quality: ClockQuality, *, after_ms: int = 1_000, wall_ms: int | None = None) -> bool:
        self.mono_ms += after_ms
        self.wall_ms = self.wall_ms + after_ms if wall_ms is None else wall_ms
        return self.watch.look(self, quality)

    def append_records(self, records: list[tuple[RecordKind, bytes]]) -> int:
        if self.full:
            raise OutboxUnavailable("no room", full=True)
        assert [kind for kind, _ in records] == [RecordKind.CLOCK_FIX]
        self.fixes += [msgspec.json.decode(body, type=ClockFix) for _, body in records]
        return len(self.fixes)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_clock_that_was_never_set_is_told_once_it_is(machine: Machine) -> None:
    assert not machine.look(UNSET)
    assert not machine.look(UNSET)
    assert machine.look(SYNCED, wall_ms=NOON_MS)
    assert machine.fixes == [ClockFix("boot-1", 8_000, NOON, NOON_MS - 8_000)]
    assert not machine.look(SYNCED)
    assert not machine.file.exists()


def test_a_clock_that_was_right_all_the_time_is_not_worth_a_word(machine: Machine) -> None:
    assert not machine.look(HOLDOVER, wall_ms=NOON_MS)
    assert not machine.look(SYNCED, wall_ms=NOON_MS + 1_900)
    assert not machine.look(SYNCED)
    assert machine.fixes == []


def test_a_year_forward_and_back_is_told_though_it_ends_where_it_began(machine: Machine) -> None:
    machine.look(HOLDOVER, wall_ms=NOON_MS)
    machine.look(HOLDOVER, wall_ms=NOON_MS + 365 * 86_400_000)
    assert machine.look(SYNCED, wall_ms=NOON_MS + 2_000)
    assert machine.fixes[0].offset_ms == 0


def test_it_is_told_also_when_the_process_that_noticed_it_is_gone(machine: Machine) -> None:
    machine.look(UNSET)
    assert machine.file.stat().st_mode & 0o777 == 0o600
    machine.started()
    assert machine.look(SYNCED, wall_ms=NOON_MS)
    assert len(machine.fixes) == 1


def test_another_boot_knows_nothing_of_it(machine: Machine) -> None:
    machine.look(UNSET)
    machine.started("boot-2")
    assert not machine.look(SYNCED, wall_ms=NOON_MS)
    assert machine.fixes == []


def test_while_the_store_is_full_it_waits(machine: Machine) -> None:
    machine.look(UNSET)
    machine.full = True
    with pytest.raises(OutboxUnavailable):
        machine.look(SYNCED, wall_ms=NOON_MS)
    machine.full = False
    assert machine.look(SYNCED)
    assert machine.fixes[0].mono_ms == 8_000


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff", b"[" * 20_000])
def test_a_broken_note_is_none(machine: Machine, content: bytes) -> None:
    machine.file.write_bytes(content)
    assert not machine.started().look(machine, SYNCED)
