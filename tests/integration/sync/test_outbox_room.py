"""The outbox at its quota, on a full disk and on one that takes no writes: what goes, what stays, and what is said."""

import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sync import outbox_room, store
from sync.outbox import Outbox, OutboxUnavailable, Verdict
from sync.outbox_stat import Dropped
from sync.wire import Ack, EventKind, Gap, LocationEvent, Record, RecordKind, encode, location_event

NOW = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)
KB_256 = 256 * 1024
Opener = Callable[..., Outbox]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opener]:
    made: list[Outbox] = []

    def open_it(quota_bytes: int = KB_256, **options: Any) -> Outbox:
        clock: dict[str, Any] = {"wall_ms": lambda: 1000, "mono_ns": lambda: 0, "boot_id": "b"}
        made.append(Outbox.open(tmp_path / "outbox.db", **clock, quota_bytes=quota_bytes, **options))
        return made[-1]

    yield open_it
    for outbox in made:
        outbox.close()


def event(identity: str, kind: EventKind = EventKind.SEEN, n: int = 0, *, deliberate: bool = False) -> LocationEvent:
    when = NOW + timedelta(seconds=n)
    return LocationEvent(kind, identity, "e2" * 12, when, when, "hall:1", zone_to="hall", deliberate=deliberate)


def everything(outbox: Outbox) -> tuple[list[Record], list[Gap]]:
    """All that would be sent, read in batches as the uplink does; no number may be missing."""
    records: list[Record] = []
    gaps: list[Gap] = []
    seq = outbox.stat().acked
    while True:
        more, without = outbox.read_after(seq, 200, 10**6)
        if not more and not without:
            return records, gaps
        numbers = sorted([r.seq for r in more] + [n for gap in without for n in range(gap.first, gap.last + 1)])
        assert numbers == list(range(seq + 1, seq + 1 + len(numbers)))
        records, gaps, seq = records + more, gaps + without, numbers[-1]


def fill(outbox: Outbox, identity: str = "") -> str:
    """Append events of one identity, or else of a new one each, until it takes no more; return what it says then."""

    def go_on() -> None:
        for n in range(1000):
            outbox.append([event(identity or f"tag:{n}-{k}", n=n) for k in range(20)])

    with pytest.raises(OutboxUnavailable) as caught:
        go_on()
    assert (caught.value.full, caught.value.quota) == (True, True)
    return str(caught.value)


def told(records: list[Record]) -> list[LocationEvent]:
    return [location_event(record) for record in records if record.kind == RecordKind.LOCATION]


def test_superseded_sightings_go_before_any_other_event_and_the_latest_of_an_identity_never(opened: Opener) -> None:
    outbox = opened()
    tags = [f"tag:{n:02}" for n in range(20)]
    confirmed = outbox.append([event(tag, EventKind.MOVED, 1) for tag in tags])
    round_ = 1
    while not outbox.stat().dropped:
        round_ += 1
        confirmed = outbox.append([event(tag, EventKind.MOVED if round_ % 9 == 0 else EventKind.SEEN, round_) for tag in tags])
    records, gaps = everything(outbox)
    assert {gap.reason for gap in gaps} == {"superseded"}  # only sightings, as long as there are some
    assert sum(e.kind is EventKind.MOVED for e in told(records)) == 20 * (1 + round_ // 9)
    for _ in range(400):
        round_ += 1
        confirmed = outbox.append([event(tag, EventKind.MOVED, round_) for tag in tags])
    records, gaps = everything(outbox)
    assert confirmed == 20 * round_ == records[-1].seq
    assert {gap.reason for gap in gaps} == {"superseded", "quota"}
    newest = {e.identity: e.event_time for e in told(records)}
    assert newest == dict.fromkeys(tags, NOW + timedelta(seconds=round_))
    declared = Counter[str]()
    for gap in gaps:
        declared[gap.reason] += gap.last - gap.first + 1
    assert outbox.stat().dropped == tuple(Dropped(reason, declared[reason], 1000) for reason in ("quota", "superseded"))
    assert outbox.stat().used_bytes <= KB_256


def test_what_people_scanned_other_kinds_and_single_events_stay_and_then_it_is_full(opened: Opener) -> None:
    outbox = opened()
    outbox.append([event("tag:hand", n=n, deliberate=True) for n in range(30)])
    outbox.append_records([(RecordKind.SCAN, b'{"code":"x","identity":"tag:1","kind":"seen"}')] * 30)
    outbox.append([event(f"tag:once-{n}") for n in range(30)])
    assert "it is full, its quota of 0 MB is used up; get the registry back" in fill(outbox)
    records, gaps = everything(outbox)
    assert gaps == []
    assert Counter(record.kind for record in records)["scan"] == 30
    assert sum(e.deliberate for e in told(records)) == 30
    for n in range(5):  # the handheld's tag is told by a reader too: none of its scans is replaced
        with pytest.raises(OutboxUnavailable):
            outbox.append([event("tag:hand", n=100 + n)] * 20)
    assert everything(outbox) == (records, gaps)


def test_under_lasting_pressure_it_keeps_taking_events_and_ends_up_well_packed(opened: Opener) -> None:
    """Of each stretch a part stays: freed room must be usable room, and declared gaps must not eat it up."""
    outbox = opened(quota_bytes=1024 * 1024)
    for n in range(250):
        outbox.append([event(f"tag:{k}", EventKind.MOVED, n) for k in range(n % 30, 2400, 40)])
    records, gaps = everything(outbox)
    assert len(records) > 1800, "the quota holds about 2,700 of them, packed"
    assert len(gaps) < len(records)


def test_to_stop_means_nothing_that_waits_gives_way(opened: Opener) -> None:
    outbox = opened(drop_oldest=False)
    assert "it is full" in fill(outbox, "tag:1")
    records, gaps = everything(outbox)
    assert (len(records), gaps, outbox.stat().dropped) == (outbox.stat().last, [], ())


def test_at_the_quota_acks_rejections_and_engine_state_are_still_taken(opened: Opener) -> None:
    outbox = opened(drop_oldest=False)
    fill(outbox)
    outbox.append([], {"tag:0-0": b"state"})
    outbox.reader_live(["hall"], 5)
    records, _ = everything(outbox)
    ack = Ack(outbox.epoch, 100, records[99].event_id, 1000, NOW)
    assert outbox.acknowledge(ack, nonce=None).verdict is Verdict.ADVANCED
    assert outbox.append([event("tag:new")]) == records[-1].seq + 1


def test_an_ack_for_a_record_that_was_dropped_meanwhile_counts(opened: Opener) -> None:
    outbox = opened()
    outbox.append([event("tag:1")])
    sent = everything(outbox)[0][0]
    while not outbox.stat().dropped:
        outbox.append([event("tag:1", n=n) for n in range(50)])
    done = outbox.acknowledge(Ack(outbox.epoch, 1, sent.event_id, 1000, NOW), nonce=None)
    assert (done.verdict, done.acked) == (Verdict.ADVANCED, 1)
    _, gaps = everything(outbox)
    assert gaps[0].first == 2


def test_what_is_found_in_a_store_of_the_release_before_is_kept(opened: Opener, tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    path.touch(mode=0o600)
    with closing(sqlite3.connect(path, isolation_level=None)) as old:
        old.executescript(f"PRAGMA journal_mode = WAL; {store._SCHEMA_1} PRAGMA user_version = 1")
        old.execute("INSERT INTO epoch VALUES (1, 'e1', 0, 0, '')")
        old.execute("INSERT INTO cursor VALUES (1, 3, 1, NULL)")
        old.execute("INSERT INTO engine_state VALUES ('tag:1', x'01')")
        rows = [(n, bytes([n] * 16), "location", 0, 0, "b", encode(event("tag:1", n=n))) for n in (1, 3)]
        old.executemany(outbox_room._ADD, rows)
        old.execute("INSERT INTO dead VALUES (2, zeroblob(16), 'location', 0, 0, 'b', '{}', 'bad', '', 0)")
    outbox = opened()
    assert (outbox.stat().alarm, outbox.epoch, outbox.saved_state()) == ("", "e1", {"tag:1": b"\x01"})
    records, gaps = everything(outbox)
    assert ([r.seq for r in records], gaps) == ([3], [Gap(2, 2, "dead")])
    assert outbox.append([event("tag:1", n=9)]) == 4


FILLING = """
import sys, time
from pathlib import Path
from sync.outbox import Outbox, OutboxUnavailable
from sync.wire import RecordKind

outbox = Outbox.open(Path(sys.argv[1]) / "outbox.db", wall_ms=lambda: 0, mono_ns=lambda: 0, boot_id="b")
newest = 0
try:
    while True:
        newest = outbox.append_records([(RecordKind.NOTICE, b'"%s"' % (b"x" * 4000))] * 20)
except OutboxUnavailable as exc:
    print(newest, outbox.stat().last, exc.full, exc.quota, exc)
{then}
try:
    print(outbox.append_records([(RecordKind.NOTICE, b"1")]))
except OutboxUnavailable as exc:
    print(exc)
outbox.close()
"""
ROOM_AGAIN = FILLING.replace("{then}", "(Path(sys.argv[1]) / 'ballast').unlink()")
MADE_READ_ONLY = """
import sqlite3
import subprocess
outbox.close()
subprocess.run(["mount", "-o", "remount,ro", sys.argv[1]], check=True)
try:
    Outbox.open(Path(sys.argv[1]) / "outbox.db", wall_ms=lambda: 0, mono_ns=lambda: 0, boot_id="b").append([])
except OutboxUnavailable as exc:
    print(exc)
sys.exit()
"""
READ_ONLY = FILLING.replace("{then}", MADE_READ_ONLY)
ON_SMALL_DISK = 'mount -t tmpfs -o size=6m none "$1" && head -c 2000000 /dev/zero >"$1/ballast" && exec "$2" -c "$3" "$1"'


@pytest.mark.parametrize(
    ("script", "said"),
    [(ROOM_AGAIN, ""), (READ_ONLY, "its file system is read-only; look into the journal of the system")],
    ids=["full", "read-only"],
)
def test_a_disk_that_takes_no_more_loses_nothing_and_says_so(tmp_path: Path, script: str, said: str) -> None:
    if subprocess.run(["unshare", "-rm", "true"], capture_output=True).returncode:
        pytest.skip("this machine does not let us mount a small disk")
    command = ["unshare", "-rm", "sh", "-c", ON_SMALL_DISK, "sh", str(tmp_path), sys.executable, script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50)
    assert done.stderr == ""
    first, then = done.stdout.splitlines()
    confirmed, last, *how, _ = first.split(" ", 4)
    assert int(confirmed) == int(last) > 100
    assert how == ["True", "False"]
    assert first.endswith("outbox.db: the disk is full; free space on it")
    assert (said in then) if said else (int(then) == int(last) + 1)


def test_a_body_that_is_no_json_any_more_is_not_taken_for_superseded(opened: Opener) -> None:
    outbox = opened()
    outbox.append([event("tag:1")])
    outbox._store.db.execute("UPDATE record SET body = x'ff00'")
    outbox.append([event("tag:1", n=1)])
    while not outbox.stat().dropped:
        outbox.append([event("tag:2", n=n) for n in range(50)])
    assert outbox._store.db.execute("SELECT count(*) FROM record WHERE position = 1").fetchone() == (1,)
    assert everything(outbox)[1][0].reason == "corrupt"
