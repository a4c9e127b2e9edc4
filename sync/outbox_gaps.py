"""Numbers that will never come: which positions of the outbox have no record any more, and why. In the caller's transaction."""

import sqlite3
from collections.abc import Iterable
from typing import NamedTuple

_BEFORE = "SELECT first, last, reason FROM gap WHERE first < ? ORDER BY first DESC LIMIT 1"
_AFTER = "SELECT last FROM gap WHERE first = ? AND reason = ?"
_WITHIN = """
SELECT first, last, reason FROM gap
WHERE first >= coalesce((SELECT max(first) FROM gap WHERE first <= :first), :first) AND first <= :last AND last >= :first
ORDER BY first LIMIT :limit"""


class Run(NamedTuple):
    """Positions first..last."""

    first: int
    last: int
    reason: str


def runs(gone: Iterable[tuple[int, str]]) -> list[Run]:
    """Return ascending (position, reason) as runs."""
    found: list[Run] = []
    for position, reason in gone:
        if found and found[-1].last == position - 1 and found[-1].reason == reason:
            found[-1] = found[-1]._replace(last=position)
        else:
            found.append(Run(position, position, reason))
    return found


def declare(db: sqlite3.Connection, gone: Iterable[Run]) -> None:
    """Remember that these positions, which had a record until now, have none. Runs that touch become one."""
    for first, last, reason in gone:
        before = db.execute(_BEFORE, (first,)).fetchone()
        if before is not None and before[1:] == (first - 1, reason):
            first = before[0]
        after = db.execute(_AFTER, (last + 1, reason)).fetchone()
        if after is not None:
            db.execute("DELETE FROM gap WHERE first = ?", (last + 1,))
            last = after[0]
        db.execute("INSERT OR REPLACE INTO gap VALUES (?, ?, ?)", (first, last, reason))


def within(db: sqlite3.Connection, first: int, last: int, otherwise: str, limit: int) -> list[Run]:
    """Return why there is nothing at positions first..last, at most about `limit` runs from the first on, without holes.

    `otherwise` is the reason where none was declared."""
    found: list[Run] = []
    declared = db.execute(_WITHIN, {"first": first, "last": last, "limit": limit}).fetchall()
    for run_first, run_last, reason in declared:
        if run_first > first:
            found.append(Run(first, run_first - 1, otherwise))
        found.append(Run(max(first, run_first), min(last, run_last), reason))
        first = found[-1].last + 1
    if first <= last and len(declared) < limit:
        found.append(Run(first, last, otherwise))
    return found


def forget(db: sqlite3.Connection, up_to: int) -> None:
    """Forget what was declared up to a position; the registry knows it, and no record before it is left."""
    db.execute("DELETE FROM gap WHERE first <= ? AND last <= ?", (up_to, up_to))
