"""The outbox on a real SQLite file: what is confirmed, what an ack does, and what survives."""

import os
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from sync import store
from sync.outbox import QUOTA_BYTES, Outbox, OutboxDamaged, OutboxUnavailable, Verdict
from sync.store import Store
from sync.wire import MAX_BODY_BYTES, Ack, EventKind, LocationEvent, Record, RecordKind, Rejected, location_event

NOW = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)
OpenOutbox = Callable[..., Outbox]


@pytest.fixture
def open_outbox(tmp_path: Path) -> Iterator[OpenOutbox]:
    opened: list[Outbox] = []

    def open_it(name: str = "outbox.db", quota_bytes: int = QUOTA_BYTES) -> Outbox:
        clock: dict[str, Any] = {"wall_ms": lambda: NOW_MS, "mono_ns": lambda: 5_000_000, "boot_id": "boot-1"}
        opened.append(Outbox.open(tmp_path / "store" / name, **clock, quota_bytes=quota_bytes))
        return opened[-1]

    yield open_it
    for outbox in opened:
        outbox.close()


@pytest.fixture
def outbox(open_outbox: OpenOutbox) -> Outbox:
    return open_outbox()


def arrivals(count: int, zone: str = "hall-a") -> list[LocationEvent]:
    return [
        LocationEvent(EventKind.ARRIVED, f"tag:{n:04}", f"{n:024x}", NOW, NOW, "hall-a:1", zone_to=zone)
        for n in range(1, count + 1)
    ]


def records_of(outbox: Outbox, after: int = 0) -> list[Record]:
    records, _ = outbox.read_after(after, 10_000, 10**9)
    return records


def ack(outbox: Outbox, through: int, **changes: object) -> Ack:
    """What an honest registry would say: it holds what the outbox holds at `through`; with these changes."""
    held = outbox.read_after(through - 1, 1, 1)[0] if through else []
    honest = Ack(outbox.epoch, through, held[0].event_id if held else None, 1000, NOW)
    return msgspec.structs.replace(honest, **changes)


def test_what_was_appended_can_be_read_with_ids_and_times(outbox: Outbox) -> None:
    events = arrivals(3)
    assert outbox.append(events) == 3
    records, gaps = outbox.read_after(0, 10, 10**6)
    assert [record.seq for record in records] == [1, 2, 3]
    assert [location_event(record) for record in records] == events
    assert not gaps
    assert len({record.event_id for record in records}) == 3
    assert {record.event_id.version for record in records} == {7}
    assert {(r.kind, r.stored_at, r.mono_ms, r.boot_id) for r in records} == {("location", NOW, 5, "boot-1")}


def test_seq_goes_on_after_a_restart_and_after_the_table_has_emptied(open_outbox: OpenOutbox, tmp_path: Path) -> None:
    first = open_outbox()
    first.append(arrivals(3))
    epoch = first.epoch
    first.acknowledge(ack(first, 3), nonce=None)
    first.close()
    with sqlite3.connect(tmp_path / "store" / "outbox.db") as side:
        side.execute("DELETE FROM record")  # as trimming the ring may
    side.close()
    again = open_outbox()
    assert again.epoch == epoch
    assert (again.stat().first, again.stat().waiting) == (0, 0)
    assert again.append(arrivals(1)) == 4


def test_the_ring_keeps_to_its_share_of_the_quota(open_outbox: OpenOutbox) -> None:
    outbox = open_outbox(quota_bytes=2_000_000)
    for _ in range(8):
        last = outbox.append(arrivals(500))
        outbox.acknowledge(ack(outbox, last), nonce=None)
    now = outbox.stat()
    assert 500 < now.last - now.first < 2000
    assert now.used_bytes < 1_000_000


def test_engine_state_is_saved_with_the_events_and_forgotten(outbox: Outbox) -> None:
    outbox.append(arrivals(1), {"tag:1": b"one", "tag:2": b"two"})
    outbox.append([], {"tag:1": b"other", "tag:2": None})
    assert outbox.saved_state() == {"tag:1": b"other"}
    assert outbox.stat().last == 1


def test_of_what_the_engine_forgot_nothing_stays_once_the_registry_has_its_last_event(outbox: Outbox) -> None:
    outbox.append(arrivals(2), {"tag:0001": b"one", "tag:0002": b"two"})
    outbox.append([], {"tag:0001": None})
    left = "SELECT identity FROM engine_state"
    outbox.reader_live(["hall"], 1)
    assert len(outbox._store.db.execute(left).fetchall()) == 2  # its event still waits: a later one would replace it
    outbox.acknowledge(ack(outbox, 2), nonce=None)
    outbox.reader_live(["hall"], 2)
    assert outbox._store.db.execute(left).fetchall() == [("tag:0002",)]
    assert outbox.saved_state() == {"tag:0002": b"two"}


def test_reader_live_is_kept_per_reader(outbox: Outbox) -> None:
    outbox.reader_live(["door", "hall"], 1000)
    outbox.reader_live(["hall"], 2000)
    assert outbox.live_until() == {"door": 1000, "hall": 2000}


def test_a_failing_append_changes_nothing(outbox: Outbox, tmp_path: Path) -> None:
    outbox.append(arrivals(1), {"tag:1": b"one"})
    with sqlite3.connect(tmp_path / "store" / "outbox.db") as side:
        side.execute(
            "CREATE TRIGGER refuse BEFORE INSERT ON engine_state WHEN new.identity = 'tag:2' BEGIN SELECT RAISE(ABORT, 'no'); END"
        )
    side.close()
    with pytest.raises(sqlite3.IntegrityError):
        outbox.append(arrivals(5), {"tag:2": b"two"})
    assert [record.seq for record in records_of(outbox)] == [1]
    assert outbox.append(arrivals(1)) == 2


def test_a_body_that_fits_no_batch_is_a_bug(outbox: Outbox) -> None:
    with pytest.raises(ValueError, match="no batch can carry"):
        outbox.append_records([(RecordKind.NOTICE, b"x" * (MAX_BODY_BYTES + 1))])


def test_only_the_owner_can_read_the_store(outbox: Outbox, tmp_path: Path) -> None:
    outbox.append(arrivals(1))
    assert stat.S_IMODE((tmp_path / "store").stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "store").iterdir()} == {0o600}
    assert {file.name for file in (tmp_path / "store").iterdir()} == {"outbox.db", "outbox.db-wal", "outbox.db-shm"}


def test_a_batch_ends_at_max_records_and_at_max_bytes(outbox: Outbox) -> None:
    outbox.append(arrivals(50))
    assert [r.seq for r in outbox.read_after(10, 7, 10**6)[0]] == list(range(11, 18))
    assert 5 <= len(outbox.read_after(0, 50, 4000)[0]) <= 12
    assert len(outbox.read_after(0, 50, 1)[0]) == 1


def test_an_ack_advances_and_what_it_covers_stays_in_the_ring(outbox: Outbox) -> None:
    outbox.append(arrivals(10))
    done = outbox.acknowledge(ack(outbox, 6), nonce=None)
    assert (done.verdict, done.acked) == (Verdict.ADVANCED, 6)
    now = outbox.stat()
    assert (now.acked, now.waiting, now.last, now.first) == (6, 4, 10, 1)
    assert now.acked_id == records_of(outbox)[5].event_id
    assert now.oldest_wall_ms == NOW_MS
    assert outbox.acknowledge(ack(outbox, 6), nonce=None).verdict is Verdict.UNCHANGED


@pytest.mark.parametrize(
    ("through", "fields", "verdict"),
    [
        (3, {}, Verdict.STALE),
        (3, {"nonce": "of-another-connection"}, Verdict.STALE),
        (6, {"epoch": "f" * 32}, Verdict.FOREIGN_EPOCH),
        (11, {}, Verdict.TOO_HIGH),
        (11, {"nonce": "of-another-connection"}, Verdict.TOO_HIGH),
    ],
)
def test_an_ack_that_must_not_count_changes_nothing(
    outbox: Outbox, through: int, fields: dict[str, object], verdict: Verdict
) -> None:
    outbox.append(arrivals(10))
    outbox.acknowledge(ack(outbox, 5), nonce=None)
    before = outbox.stat()
    assert outbox.acknowledge(ack(outbox, through, **fields), nonce="mine").verdict is verdict
    assert outbox.stat() == before


def test_a_registry_restored_from_a_backup_is_refilled_from_the_ring(outbox: Outbox) -> None:
    outbox.append(arrivals(10))
    outbox.acknowledge(ack(outbox, 8), nonce=None)
    assert outbox.acknowledge(ack(outbox, 2, nonce="mine"), nonce="mine").verdict is Verdict.LOWERED
    assert outbox.stat().acked == 2
    assert outbox.stat().waiting == 8
    assert outbox.stat().acked_id == records_of(outbox)[1].event_id


def test_what_the_ring_no_longer_holds_is_a_declared_gap(open_outbox: OpenOutbox) -> None:
    outbox = open_outbox(quota_bytes=1_500_000)
    outbox.append(arrivals(1500))
    outbox.acknowledge(ack(outbox, 1500), nonce=None)
    first = outbox.stat().first
    assert 1 < first < 1500
    assert outbox.acknowledge(ack(outbox, 0, nonce="mine"), nonce="mine").verdict is Verdict.LOWERED
    records, gaps = outbox.read_after(0, 10, 10**6)
    assert [(gap.first, gap.last, gap.reason) for gap in gaps] == [(1, first - 1, "trimmed")]
    assert records[0].seq == first


def test_another_id_at_through_parts_the_epochs(outbox: Outbox) -> None:
    outbox.append(arrivals(10))
    outbox.acknowledge(ack(outbox, 4), nonce=None)
    before, old_epoch = records_of(outbox), outbox.epoch
    done = outbox.acknowledge(ack(outbox, 7, through_id=uuid4()), nonce=None)
    assert done.verdict is Verdict.PARTED
    assert "another record at seq 7" in done.why
    after = outbox.stat()
    assert after.epoch != old_epoch
    assert (after.last, after.acked, after.acked_id, after.waiting, after.first) == (6, 0, None, 6, 1)
    assert "another record at seq 7" in after.alarm
    assert [(row.epoch, row.last) for row in after.epochs] == [(old_epoch, 4), (after.epoch, 6)]
    relabelled = records_of(outbox)
    assert [record.seq for record in relabelled] == [1, 2, 3, 4, 5, 6]
    assert [record.event_id for record in relabelled] == [record.event_id for record in before[4:]]
    assert outbox.append(arrivals(1)) == 7
    assert outbox.acknowledge(ack(outbox, 7), nonce=None).verdict is Verdict.ADVANCED


def test_no_id_where_we_hold_a_record_parts_too(outbox: Outbox) -> None:
    outbox.append(arrivals(3))
    assert outbox.acknowledge(ack(outbox, 2, through_id=None), nonce=None).verdict is Verdict.PARTED


def test_an_answer_beyond_what_we_gave_out_parts(outbox: Outbox) -> None:
    outbox.append(arrivals(5))
    outbox.acknowledge(ack(outbox, 3), nonce=None)
    done = outbox.acknowledge(ack(outbox, 90, through_id=uuid4(), nonce="mine"), nonce="mine")
    assert done.verdict is Verdict.PARTED
    assert [r.seq for r in records_of(outbox)] == [1, 2]


def test_a_disagreement_below_what_was_acknowledged_sends_all_that_is_left(outbox: Outbox) -> None:
    outbox.append(arrivals(5))
    outbox.acknowledge(ack(outbox, 4), nonce=None)
    assert outbox.acknowledge(ack(outbox, 4, through_id=uuid4(), nonce="mine"), nonce="mine").verdict is Verdict.PARTED
    assert [r.seq for r in records_of(outbox)] == [1, 2, 3, 4, 5]


def test_rejected_rows_are_dead_and_a_gap_when_asked_for_again(outbox: Outbox) -> None:
    outbox.append(arrivals(6))
    rejected = (
        Rejected(2, "bad_body", "zone_to is too long"),
        Rejected(3, "bad_body", "also"),
        Rejected(99, "x", "never given out"),
    )
    done = outbox.acknowledge(ack(outbox, 3, rejected=rejected), nonce=None)
    assert (done.verdict, done.buried) == (Verdict.ADVANCED, 2)
    assert [(dead.code, dead.text) for dead in outbox.dead()] == [("bad_body", "also"), ("bad_body", "zone_to is too long")]
    assert outbox.stat().dead == 2
    records, gaps = outbox.read_after(0, 10, 10**6)
    assert [record.seq for record in records] == [1, 4, 5, 6]
    assert [(gap.first, gap.last, gap.reason) for gap in gaps] == [(2, 3, "dead")]
    assert outbox.acknowledge(ack(outbox, 3, through_id=None), nonce=None).verdict is Verdict.UNCHANGED  # the dead row's place


def test_dead_rows_at_the_end_are_a_gap(outbox: Outbox) -> None:
    outbox.append(arrivals(3))
    outbox.acknowledge(ack(outbox, 1, rejected=(Rejected(3, "bad_body", ""),)), nonce=None)
    records, gaps = outbox.read_after(1, 10, 10**6)
    assert [record.seq for record in records] == [2]
    assert [(gap.first, gap.last, gap.reason) for gap in gaps] == [(3, 3, "dead")]


@pytest.mark.parametrize("content", [b"no database at all, " * 500, b"SQLite format 3\0" + b"\xff" * 9000, b"\0" * 4096])
def test_an_unreadable_store_is_set_aside_and_we_run_on(open_outbox: OpenOutbox, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "store" / "outbox.db"
    path.parent.mkdir()
    path.write_bytes(content)
    outbox = open_outbox()
    assert outbox.append(arrivals(1)) == 1
    aside = tmp_path / "store" / f"outbox.db.unreadable-{NOW_MS}"
    assert aside.read_bytes() == content
    assert "set aside" in outbox.stat().alarm


def test_a_store_of_another_format_is_set_aside(open_outbox: OpenOutbox, tmp_path: Path) -> None:
    first = open_outbox()
    first.append(arrivals(2))
    first.close()
    with sqlite3.connect(tmp_path / "store" / "outbox.db") as side:
        side.execute("PRAGMA user_version = 99")
    side.close()
    outbox = open_outbox()
    assert "format 99" in outbox.stat().alarm
    assert outbox.stat().last == 0


def test_damage_found_in_use_ends_the_run_and_the_next_one_starts_afresh(open_outbox: OpenOutbox, tmp_path: Path) -> None:
    path = tmp_path / "store" / "outbox.db"
    first = open_outbox()
    first.append(arrivals(2000))
    first.close()  # the last connection brings everything into the one file
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size // 2)
        file.write(os.urandom(size // 4))
    second = open_outbox()
    with pytest.raises(OutboxDamaged):
        records_of(second)
    with pytest.raises(OutboxDamaged):
        open_outbox()  # not under the connection that still confirms
    second.close()
    third = open_outbox()
    assert third.append(arrivals(1)) == 1
    assert "damaged" in third.stat().alarm
    third.close()
    assert open_outbox().stat().last == 1


def test_at_the_quota_the_ring_gives_way_and_then_the_store_is_full(open_outbox: OpenOutbox) -> None:
    outbox = open_outbox(quota_bytes=1_000_000)
    outbox.append(arrivals(1500))
    outbox.acknowledge(ack(outbox, 1000), nonce=None)
    with pytest.raises(OutboxUnavailable, match="full") as caught:
        fill(outbox)
    assert (caught.value.full, caught.value.quota) == (True, True)
    now = outbox.stat()
    assert now.first == 1001  # of what waits, nothing went
    assert now.waiting == now.last - 1000 > 1000
    outbox.acknowledge(ack(outbox, now.last), nonce=None)
    assert outbox.append(arrivals(100)) == now.last + 100


def fill(outbox: Outbox) -> None:
    while True:
        last = outbox.newest()[1]
        outbox.append(arrivals(last + 100)[last:])  # of other identities each time: none supersedes another


def test_a_locked_store_is_unavailable(open_outbox: OpenOutbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sync.store._BUSY_TIMEOUT_S", 0.05)
    outbox = open_outbox()
    side = sqlite3.connect(tmp_path / "store" / "outbox.db", isolation_level=None)
    side.execute("BEGIN IMMEDIATE")
    with pytest.raises(OutboxUnavailable, match="locked") as caught:
        outbox.append(arrivals(1))
    assert not caught.value.full
    side.execute("ROLLBACK")
    side.close()
    assert outbox.append(arrivals(1)) == 1


def test_a_folder_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("a file")
    with pytest.raises(OutboxUnavailable, match="cannot be opened"):
        Outbox.open(tmp_path / "store" / "outbox.db", wall_ms=lambda: 0, mono_ns=lambda: 0, boot_id="")


def test_a_connection_that_opens_while_another_appends_finds_no_damage(
    open_outbox: OpenOutbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = open_outbox()
    over = threading.Event()
    slow = "+ 0 * (WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 20000) SELECT count(*) FROM n)"
    monkeypatch.setattr("sync.store._CURSOR", store._CURSOR.replace("FROM record)", f"FROM record) {slow}"))

    def append() -> None:
        while not over.is_set():
            writer.append(arrivals(1))

    thread = threading.Thread(target=append)
    thread.start()
    try:
        for _ in range(12):
            Store(tmp_path / "store" / "outbox.db", 10**9, 0, "").close()
    finally:
        over.set()
        thread.join()


def test_two_connections_write_in_turn(open_outbox: OpenOutbox) -> None:
    boxes = [open_outbox(), open_outbox()]
    threads = [threading.Thread(target=lambda box=box: [box.append(arrivals(3)) for _ in range(40)]) for box in boxes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [record.seq for record in records_of(boxes[0])] == list(range(1, 241))


def test_somebody_looking_from_outside_takes_nothing_away(open_outbox: OpenOutbox, tmp_path: Path) -> None:
    """The gateway's own second connection must not cost the first one its locks: an outside reader that closes would then
    believe itself the last one and remove the WAL."""
    writer = open_outbox()
    writer.append(arrivals(2))
    open_outbox().close()
    look = "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); print(*db.execute('SELECT count(*) FROM record').fetchone())"
    look += "; db.close()"
    for expected in (2, 4):
        seen = subprocess.run(
            [sys.executable, "-c", look, str(tmp_path / "store/outbox.db")], capture_output=True, text=True, timeout=20
        )
        assert int(seen.stdout) == expected
        writer.append(arrivals(2))
    assert len(records_of(open_outbox())) == 6
