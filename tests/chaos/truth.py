"""The truth log: what the outbox has confirmed, written down by somebody else, and synced before anybody else hears of it.

Confirmed is what another connection can read from the outbox file: SQLite lets nobody see a transaction before it is on disk.
Each look opens the file anew and read-only, so that the next start of the gateway finds it as the kill left it, not repaired.
"""

import json
import os
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

LOOK_EVERY_S = 0.02
BUSY_S = 10.0
# Said of a file that a gateway makes just now, or died while making: only its next start can finish that.
_BEING_MADE = ("no such table", "unable to open", "readonly database")


class Fact(NamedTuple):
    """What was confirmed under one event id. What is no location event has a kind and no more."""

    kind: str
    identity: str = ""
    zone: str = ""
    event_time: str = ""  # as the gateway wrote it


class Sighted(NamedTuple):
    """The outbox at the last look."""

    last: int = 0
    acked: int = 0

    @property
    def waiting(self) -> int:
        return self.last - self.acked


class TruthLog:
    """Follows an outbox file from `begin` to `end`. `confirmed` has the fact of every event id, `at` the id at each position."""

    def __init__(self, outbox: Path, log: Path) -> None:
        self.confirmed: dict[str, Fact] = {}
        self.at: dict[int, str] = {}
        self.now = Sighted()
        self._outbox, self._log = outbox, log
        self._position = 0
        self._ending = threading.Event()
        self._looking = threading.Lock()
        self._thread = threading.Thread(target=self._follow, name="truth-log")

    def begin(self) -> None:
        self._thread.start()

    def end(self) -> None:
        """Look once more and stop following."""
        self._ending.set()
        if self._thread.ident is not None:  # it was begun
            self._thread.join()

    def look(self) -> Sighted:
        """Write down what is new, and return where the outbox stands."""
        with self._looking:
            if self._outbox.exists():
                with closing(sqlite3.connect(f"file:{self._outbox}?mode=ro", uri=True, timeout=BUSY_S)) as db:
                    try:
                        self._read(db)
                    except sqlite3.OperationalError as exc:
                        if not any(word in str(exc) for word in _BEING_MADE):
                            raise
            return self.now

    def paused(self) -> threading.Lock:
        """While this is held nobody here has the file open: it may be moved, copied or looked at."""
        return self._looking

    def rewind(self) -> None:
        """Another file has taken the place of this one: read it from its beginning."""
        with self._looking:
            self._position = 0

    def _follow(self) -> None:
        while not self._ending.wait(LOOK_EVERY_S):
            self.look()
        self.look()

    def _read(self, db: sqlite3.Connection) -> None:
        db.execute("BEGIN")
        rows = db.execute(
            "SELECT position, hex(event_id), kind, body FROM record WHERE position > ?", (self._position,)
        ).fetchall()
        self.now = Sighted(*db.execute("SELECT last, acked FROM cursor").fetchone())
        fresh = {event_id: _fact(kind, body) for _, event_id, kind, body in rows if event_id not in self.confirmed}
        if fresh:
            with self._log.open("a") as log:
                log.writelines(f"{event_id}\n" for event_id in fresh)
                log.flush()
                os.fsync(log.fileno())
        self.confirmed |= fresh
        self.at |= {position: event_id for position, event_id, _, _ in rows}
        self._position = max([self._position, *(row[0] for row in rows)])


def wait_until_still(log: TruthLog, within_s: float, still_s: float = 0.5) -> bool:
    """Look until nothing waits for the registry and nothing has been added for `still_s`; return whether it came to that."""
    deadline, last, since = time.monotonic() + within_s, -1, time.monotonic()
    while time.monotonic() < deadline:
        now = log.look()
        if now.last != last or now.waiting:
            last, since = now.last, time.monotonic()
        elif time.monotonic() - since >= still_s:
            return True
        time.sleep(0.05)
    return False


def _fact(kind: str, body: bytes) -> Fact:
    if kind != "location":
        return Fact(kind)
    try:
        told = json.loads(body)
        return Fact(told["kind"], told["identity"], told.get("zone_to") or "", told["event_time"])
    except (ValueError, KeyError, TypeError):  # poison, put there on purpose
        return Fact("poison")
