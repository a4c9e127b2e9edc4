"""What the engine keeps beside the records: a row per identity, of opaque bytes and the position of its latest location event.

By that position the outbox knows which events a later one has replaced. An identity that the engine has forgotten (its state is
empty then) keeps its row until the registry has its latest event. The functions run in the caller's transaction."""

import sqlite3
from collections.abc import Iterable, Mapping

FORGET_AT_ONCE = 10_000

_PUT_STATE = """
INSERT INTO engine_state (identity, state, latest) VALUES (?, ?, ?)
ON CONFLICT (identity) DO UPDATE SET state = excluded.state, latest = max(latest, excluded.latest)"""
_PUT_LATEST = """
INSERT INTO engine_state (identity, state, latest) VALUES (?, x'', ?)
ON CONFLICT (identity) DO UPDATE SET latest = excluded.latest"""
_PUT_FIRST = "INSERT INTO engine_state (identity, state, latest) VALUES (?, x'', ?) ON CONFLICT (identity) DO NOTHING"
_FORGET = """
DELETE FROM engine_state WHERE identity IN (
    SELECT identity FROM engine_state WHERE state = x'' AND latest <= (SELECT acked FROM cursor) LIMIT ?)"""


def put(db: sqlite3.Connection, state: Mapping[str, bytes | None], latest: Mapping[str, int]) -> None:
    """Keep the state of these identities (None: forgotten) and the positions of their latest events."""
    kept = [(identity, value, latest.get(identity, 0)) for identity, value in state.items() if value is not None]
    db.executemany(_PUT_STATE, kept)
    db.executemany(
        "UPDATE engine_state SET state = x'' WHERE identity = ?", [(name,) for name, value in state.items() if value is None]
    )
    db.executemany(_PUT_LATEST, [item for item in latest.items() if state.get(item[0]) is None])


def put_first(db: sqlite3.Connection, positions: Iterable[tuple[str, int]]) -> None:
    """Keep where events from elsewhere stand, of identities that have none here: an older one replaces none."""
    db.executemany(_PUT_FIRST, positions)


def latest(db: sqlite3.Connection, identity: str) -> int:
    """Return the position of the latest event of an identity, 0 when it is not known."""
    row = db.execute("SELECT latest FROM engine_state WHERE identity = ?", (identity,)).fetchone()
    return int(row[0]) if row else 0


def saved(db: sqlite3.Connection) -> dict[str, bytes]:
    """Return the state per identity; what the disk has made something else of is left out."""
    return dict(db.execute("SELECT identity, state FROM engine_state WHERE typeof(state) = 'blob' AND state != x''"))


def forget_sent(db: sqlite3.Connection) -> None:
    """Delete rows, a bounded number, of forgotten identities whose events the registry has."""
    db.execute(_FORGET, (FORGET_AT_ONCE,))
