"""Which orders have been begun and what came of them, on disk: nothing is done twice, whatever dies in between.

An order is remembered before it is begun. What was begun and has no outcome after a start was interrupted: it is not begun again.
An order is forgotten once its time is over, because from then on it is refused for being late.
"""

import logging
from datetime import datetime
from pathlib import Path
from uuid import UUID

import msgspec

from host import private_files
from sync.wire import Outcome, Reply

log = logging.getLogger(__name__)

MOST = 200  # orders whose time is not over; further ones wait until the registry says them again
MAX_FILE_BYTES = 1_000_000
INTERRUPTED = "the gateway stopped in the middle of it; whether it was done is not known"


class Begun(msgspec.Struct, omit_defaults=True):
    id: UUID
    not_after: datetime
    outcome: Outcome | None = None
    text: str = ""

    def reply(self) -> Reply | None:
        """Return the answer; None while it is being done."""
        return None if self.outcome is None else Reply(self.id, self.outcome, self.text)


class _File(msgspec.Struct):
    begun: list[Begun]
    v: int = 1


class Memory:
    """One for a gateway. Calls block for a write to disk; after `begin` and `settle` it is durable. They raise OSError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._begun = {one.id: one for one in _read(path)}
        for one in self._begun.values():
            if one.outcome is None:
                one.outcome, one.text = Outcome.FAILED, INTERRUPTED

    def of(self, order: UUID) -> Begun | None:
        """Return what is remembered of an order; None when it was never begun, or its time is over."""
        return self._begun.get(order)

    def begin(self, order: UUID, not_after: datetime, now: datetime) -> bool:
        """Remember that this order is begun; False when there is no room, and then nothing is remembered. `now` is the
        registry's."""
        for old in [one.id for one in self._begun.values() if one.not_after < now and one.outcome is not None]:
            del self._begun[old]
        if len(self._begun) >= MOST:
            return False
        self._begun[order] = Begun(order, not_after)
        self._write()
        return True

    def settle(self, reply: Reply) -> None:
        """Remember what came of it."""
        one = self._begun[reply.id]
        one.outcome, one.text = reply.outcome, reply.text
        self._write()

    def _write(self) -> None:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        private_files.write(self._path, msgspec.json.encode(_File(list(self._begun.values()))))


def _read(path: Path) -> list[Begun]:
    try:
        with path.open("rb") as file:
            return msgspec.json.decode(file.read(MAX_FILE_BYTES), type=_File).begun
    except FileNotFoundError:
        return []
    except (OSError, msgspec.DecodeError, ValueError) as exc:
        log.error("%s cannot be read: %s; orders of the last hour are not known any more", path, exc)
        return []
