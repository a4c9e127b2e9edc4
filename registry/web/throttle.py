"""Guessing passwords is made slow: after a few wrong ones a name at one address has to wait, longer each time."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

FREE_TRIES = 5
FIRST_WAIT_S = 15.0
LONGEST_WAIT_S = 900.0
FORGET_AFTER_S = 3600.0
MAX_KEYS = 10_000


@dataclass(slots=True)
class _Failures:
    count: int
    last_s: float


class Throttle:
    """Counts failures per key in this process, on a monotonic clock. With too many keys, those that failed longest ago go."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: OrderedDict[tuple[str, str], _Failures] = OrderedDict()  # bounded by MAX_KEYS

    def wait_s(self, key: tuple[str, str]) -> float:
        """Return how many seconds this key has to wait before it may try again, 0 when it may now."""
        failed = self._failures.get(key)
        if failed is None:
            return 0.0
        since = self._clock() - failed.last_s
        if since > FORGET_AFTER_S:
            del self._failures[key]
            return 0.0
        if failed.count < FREE_TRIES:
            return 0.0
        wait = min(LONGEST_WAIT_S, FIRST_WAIT_S * (1 << min(failed.count - FREE_TRIES, 16)))
        return max(0.0, wait - since)

    def failed(self, key: tuple[str, str]) -> None:
        count = self._failures[key].count if key in self._failures else 0
        self._failures[key] = _Failures(count + 1, self._clock())
        self._failures.move_to_end(key)
        while len(self._failures) > MAX_KEYS:
            self._failures.popitem(last=False)

    def succeeded(self, key: tuple[str, str]) -> None:
        self._failures.pop(key, None)
