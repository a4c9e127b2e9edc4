"""What the gateway says of itself in each hello."""

from collections.abc import Callable
from dataclasses import dataclass

from sync.outbox_stat import OutboxStat
from sync.wire import ClockQuality, Hello


@dataclass(frozen=True, slots=True)
class Identification:
    software: str
    machine: str  # a hash that tells two machines with one identity apart
    boot_id: str
    clock_quality: Callable[[], ClockQuality]
    configuration: Callable[[], int] = lambda: 0  # the number of the one in force

    def hello(self, outbox: OutboxStat, nonce: str, mono_ms: int) -> Hello:
        return Hello(
            nonce=nonce,
            epoch=outbox.epoch,
            first=outbox.first,
            last=outbox.last,
            acked=outbox.acked,
            acked_id=outbox.acked_id,
            boot_id=self.boot_id,
            clock_quality=self.clock_quality(),
            software=self.software,
            machine=self.machine,
            configuration=self.configuration(),
            mono_ms=mono_ms,
        )
