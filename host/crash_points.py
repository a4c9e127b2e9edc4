"""Named places in the code at which a test can end this process, as a power cut would: nothing is flushed, nobody says goodbye.

`SIGHTPOST_CRASH_AT=after_commit:3` in the environment of a test kills the process when it comes by `after_commit` for the third
time. Without it a call costs one look at None. tests/chaos arms these; docs/faults.md tells what came of it.
"""

import itertools
import os
import signal
from collections.abc import Mapping

VARIABLE = "SIGHTPOST_CRASH_AT"
POINTS = {
    "after_read": "gateway: reads are decided, nothing is stored; ingest: messages are in hand, nothing is stored",
    "after_commit": "gateway: the outbox has committed, nobody was told yet",
    "after_publish": "a message is on its way, the broker has not answered",
    "after_puback": "the broker has taken a message",
    "after_registry_commit": "ingest: the registry has committed, no ack is made yet",
    "before_ack": "ingest: an ack is made, not sent",
    "after_ack": "gateway: an ack has come and is not taken yet; ingest: the broker has taken an ack",
    "mid_delete": "gateway: in the transaction that takes an ack and deletes the oldest of what was sent",
}


class Fuse:
    """Ends the process when `point` is reached for the `count`th time."""

    def __init__(self, point: str, count: int) -> None:
        self.point = point
        self._left = itertools.count(count - 1, -1)  # one step is atomic, whichever thread takes it

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Fuse | None":
        """Return what the environment arms. Raises ValueError."""
        if (armed := environment.get(VARIABLE)) is None:
            return None
        point, _, count = armed.partition(":")
        if point not in POINTS or not count.isdecimal() or int(count) < 1:
            raise ValueError(
                f"{VARIABLE}={armed!r} should be a point and a count, like after_commit:3; points: {', '.join(POINTS)}"
            )
        return cls(point, int(count))

    def burn(self) -> None:
        if next(self._left) == 0:
            os.kill(os.getpid(), signal.SIGKILL)


_fuse = Fuse.of(os.environ)


def reached(point: str) -> None:
    """The process has come to this place; whatever comes after it must not be needed for what was confirmed before."""
    if _fuse is not None and _fuse.point == point:
        _fuse.burn()
