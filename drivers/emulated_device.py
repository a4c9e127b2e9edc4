"""What an emulated reader is: it takes bytes, and says bytes that take time. No I/O, no clock.

A line of `drivers.emulated_line` runs it. Demo, tests and benchmarks use the same devices.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol


@dataclass(frozen=True, slots=True)
class TagInField:
    """A tag that answers in this round."""

    epc: bytes
    rssi_dbm: int = -60
    pc: int | None = None  # None: the length of the EPC, and nothing else

    @property
    def control_word(self) -> int:
        return len(self.epc) // 2 << 11 if self.pc is None else self.pc


Field = Callable[[int], Sequence[TagInField]]
"""The tags that an antenna (1 is the first port) reads in the round that begins now. Whether a tag is heard is decided here."""


def empty_field(_antenna: int) -> Sequence[TagInField]:
    return ()


class Burst(NamedTuple):
    """What a device does next: it works for `takes_s`, and has said `data` by then if the line is fast enough."""

    data: bytes
    takes_s: float = 0.0


class EmulatedDevice(Protocol):
    """One device, from power-up to power-off and again."""

    def receive(self, data: bytes) -> None:
        """Take bytes from the host."""
        ...

    def step(self) -> Burst | None:
        """Do the next piece of work; None when there is nothing to do until bytes arrive."""
        ...

    def power_cycle(self) -> None:
        """Lose what is kept in RAM only, and every request not yet answered."""
        ...
