"""kill -9 in the middle of appending: every confirmed row is there, and no number is missing."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sync.outbox import Outbox
from tests.integration.sync.conftest import arrivals

APPENDER = """
import os, sys, time
from pathlib import Path
from sync.outbox import Outbox
from sync.wire import RecordKind

outbox = Outbox.open(Path(sys.argv[1]), wall_ms=lambda: time.time_ns() // 10**6, mono_ns=time.monotonic_ns, boot_id="b")
n = 0
while True:
    count = 1 + n % 7
    bodies = [(RecordKind.NOTICE, b'{"n":%d}' % (n + k)) for k in range(count)]
    newest = outbox.append_records(bodies, {"counter": b"%d" % (n + count)})
    n += count
    os.write(1, b"%d\\n" % newest)  # the truth: only after the commit has returned
"""


@pytest.mark.parametrize("seed", range(3))
def test_no_confirmed_row_is_lost_and_no_number_is_missing(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    path = tmp_path / "outbox.db"
    confirmed = 0
    epochs = set()
    for _ in range(3):
        with subprocess.Popen([sys.executable, "-c", APPENDER, str(path)], stdout=subprocess.PIPE) as appender:
            assert appender.stdout
            said = os.read(appender.stdout.fileno(), 65536)  # it has begun
            time.sleep(rng.uniform(0.0, 0.08))
            appender.send_signal(signal.SIGKILL)
            said += appender.stdout.read()
        confirmed = int(said[: said.rindex(b"\n")].rpartition(b"\n")[2])
        outbox = Outbox.open(path, wall_ms=lambda: 0, mono_ns=lambda: 0, boot_id="b")
        records, gaps = outbox.read_after(0, 10**7, 10**12)
        assert [record.seq for record in records] == list(range(1, len(records) + 1))
        assert gaps == []
        assert confirmed <= len(records) <= confirmed + 7
        last_run = [int(bytes(record.body)[5:-1]) for record in records]
        assert outbox.saved_state() == {"counter": b"%d" % (last_run[-1] + 1)}  # state and records of the same transaction
        epochs.add(outbox.epoch)
        outbox.close()
    assert len(epochs) == 1


def test_every_prefix_of_the_wal_opens_and_holds_whole_transactions(tmp_path: Path) -> None:
    """What a power cut leaves of writes that were not synced: the beginning of the file."""
    path = tmp_path / "outbox.db"
    outbox = Outbox.open(path, wall_ms=lambda: 0, mono_ns=lambda: 0, boot_id="b")
    ends = []
    for _ in range(6):
        outbox.append(arrivals(9))
        ends.append(path.with_name("outbox.db-wal").stat().st_size)
    main, wal = path.read_bytes(), path.with_name("outbox.db-wal").read_bytes()
    rng = random.Random(1)
    for cut in sorted({*rng.sample(range(ends[0], len(wal)), 25), *ends}):
        copy = tmp_path / f"cut-{cut}" / "outbox.db"
        copy.parent.mkdir()
        copy.write_bytes(main)
        copy.with_name("outbox.db-wal").write_bytes(wal[:cut])
        again = Outbox.open(copy, wall_ms=lambda: 0, mono_ns=lambda: 0, boot_id="b")
        count = len(again.read_after(0, 1000, 10**9)[0])
        assert again.stat().alarm == ""
        assert count == again.stat().last == 9 * sum(end <= cut for end in ends)
        again.close()
    outbox.close()
