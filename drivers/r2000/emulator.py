"""The device's side of an "A0" reader, byte for byte: what the session may send, and the codes for what it must not.

Kept apart from `codec.py`: it decodes requests and builds answers with code of its own, so that a mistake in one shows in the
other.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping

from drivers.emulated_device import Burst, Field, TagInField, empty_field
from drivers.r2000.emulated_settings import ANTENNA_MISSING, BANDS, PARAMETER, EmulatedSettings

COMMAND_S = 0.002
"""What a plain command takes."""
MAX_REQUEST = 0x20
"""LEN of the longest request."""


class R2000Emulator(EmulatedSettings):
    """One reader with `ports` antennas. Public fields may be changed while it runs.

    `tags` is asked once per antenna and round; `missing` are ports without an antenna (told only while the detector is on);
    `refuses` makes commands fail with a code; `silent` is hung firmware: it takes bytes and says nothing.
    After power-up it is deaf for `boot_s`.
    """

    def __init__(
        self,
        tags: Field = empty_field,
        *,
        address: int = 1,
        ports: int = 4,
        round_s: float = 0.02,
        boot_s: float = 1.0,
        regions: frozenset[int] = frozenset(BANDS) | {4},
        refuses: Mapping[int, int] | None = None,
    ) -> None:
        super().__init__(ports, regions)
        self.field = tags
        self.address = address
        self.round_s = round_s
        self.boot_s = boot_s
        self.refuses = dict(refuses or {})
        self.silent = False
        self.requests = 0  # good frames for this reader
        self._pending = b""
        self._queue: deque[bytes] = deque(maxlen=16)
        self._work: Iterator[Burst] = iter(())
        self._hop = 0
        self.power_cycle()

    def power_cycle(self) -> None:
        self.forget()
        self._pending = b""
        self._queue.clear()
        self._work = iter((Burst(b"", self.boot_s),))
        self._booting = True

    def receive(self, data: bytes) -> None:
        if self._booting:
            return
        buffer = self._pending + data
        while len(buffer) >= 2:
            size = buffer[1] + 2
            if buffer[0] != 0xA0 or not 3 <= buffer[1] <= MAX_REQUEST:
                buffer = buffer[1:]
            elif len(buffer) < size:
                break
            elif sum(buffer[:size]) % 256:
                buffer = buffer[1:]
            else:
                if buffer[2] in (self.address, 0xFF):
                    self.requests += 1
                    self._queue.append(buffer[3 : size - 1])
                buffer = buffer[size:]
        self._pending = buffer

    def step(self) -> Burst | None:
        if self.silent:
            self._queue.clear()
            return None
        burst = next(self._work, None)
        if burst is None:
            self._booting = False
        while burst is None and self._queue:
            self._work = self._serve(self._queue.popleft())
            burst = next(self._work, None)
        return burst

    def _serve(self, frame: bytes) -> Iterator[Burst]:
        command, data = frame[0], frame[1:]
        if command in self.refuses:
            yield self._say(command, self.refuses[command])
        elif command in _INVENTORIES:
            yield from _INVENTORIES[command](self, command, data)
        elif command == 0x70:
            self.power_cycle()
        else:
            yield self._say(command, *self.serve(command, data))

    def _frame(self, command: int, data: bytes) -> bytes:
        body = bytes((0xA0, len(data) + 3, self.address, command)) + data
        return body + bytes((-sum(body) % 256,))

    def _say(self, command: int, *data: int) -> Burst:
        return Burst(self._frame(command, bytes(data)), COMMAND_S)

    # ---- inventory

    def _one_at_a_time(self, command: int, data: bytes) -> Iterator[Burst]:
        """89: repeat. 8B: session, target, [SL,] repeat."""
        right = len(data) == 1 if command == 0x89 else len(data) in (3, 4) and data[0] <= 3 and data[1] <= 1
        if not right:
            yield self._say(command, PARAMETER)
            return
        if self.is_missing(self.antenna):
            yield Burst(self._frame(command, bytes((ANTENNA_MISSING,))), self.round_s)
            return
        repeat = 1 if data[-1] == 0xFF else max(1, data[-1])
        total = 0
        for _ in range(repeat):
            burst, count = self._round(command, self.antenna)
            total += count
            yield burst
        rate = min(0xFFFF, int(total / (repeat * self.round_s))) if self.round_s else 0
        yield Burst(self._frame(command, bytes((self.antenna,)) + rate.to_bytes(2, "big") + total.to_bytes(4, "big")))

    def _fast_switch(self, command: int, data: bytes) -> Iterator[Burst]:
        """8A: four or eight pairs of antenna and stay, interval in ms, repeat."""
        slots = (len(data) - 2) // 2
        if len(data) not in (10, 18) or slots > max(4, self.ports_in_group()):
            yield self._say(command, PARAMETER)
            return
        total, took_s = 0, 0.0
        for _ in range(max(1, data[-1])):
            for antenna, stay in zip(data[0 : 2 * slots : 2], data[1 : 2 * slots : 2], strict=True):
                if antenna >= slots or not stay:
                    continue
                if antenna >= self.ports_in_group() or self.is_missing(antenna):
                    took_s += COMMAND_S
                    yield self._say(command, antenna, ANTENNA_MISSING)
                    continue
                for _ in range(stay):
                    burst, count = self._round(command, antenna)
                    total += count
                    took_s += self.round_s
                    yield burst
                took_s += data[-2] / 1000
                if data[-2]:
                    yield Burst(b"", data[-2] / 1000)
        yield Burst(self._frame(command, total.to_bytes(3, "big") + int(took_s * 1000).to_bytes(4, "big")))

    def _round(self, command: int, antenna: int) -> tuple[Burst, int]:
        port = self.port(antenna)
        # Without the detector a port without an antenna is read, and nothing answers.
        tags = () if port in self.missing else self.field(port)
        self._hop += 1
        return Burst(b"".join(self._frame(command, self._tag(antenna, tag)) for tag in tags), self.round_s), len(tags)

    def _tag(self, antenna: int, tag: TagInField) -> bytes:
        rssi = min(127, max(0, tag.rssi_dbm + 129)) | (antenna & 4) << 5
        channel = self._channel()
        return bytes((channel << 2 | antenna & 3,)) + tag.control_word.to_bytes(2, "big") + tag.epc + bytes((rssi,))

    def _channel(self) -> int:
        region = self.kept.region
        first, count = (0, region[2]) if region[0] == 4 else (region[1], region[2] - region[1] + 1)
        return first + self._hop % count


_INVENTORIES: dict[int, Callable[[R2000Emulator, int, bytes], Iterator[Burst]]] = {
    0x89: R2000Emulator._one_at_a_time,
    0x8A: R2000Emulator._fast_switch,
    0x8B: R2000Emulator._one_at_a_time,
}
