"""The device's side of an "A0" reader, byte for byte: what the session may send, and the codes for what it must not.

Kept apart from `codec.py`: it decodes requests and builds answers with code of its own, so that a mistake in one shows in the
other.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from drivers.emulated_device import Burst, Field, TagInField, empty_field

COMMAND_S = 0.002
"""What a plain command takes."""
MAX_REQUEST = 0x20
"""LEN of the longest request."""

SUCCESS, FAIL, ANTENNA_MISSING, PARAMETER, ANTENNA_ID, POWER_RANGE = 0x10, 0x11, 0x22, 0x41, 0x47, 0x48
REGION, BEEPER_MODE, FREQUENCY_RANGE = 0x49, 0x4B, 0x4F
BANDS = {1: (7, 59), 2: (0, 6), 3: (43, 53)}
"""Channel indices of FCC, ETSI and CHN."""
MAX_POWER_DBM = 33


@dataclass(slots=True)
class Kept:
    """What the reader keeps in flash. The defaults are a new reader's."""

    region: bytes = bytes((1, 7, 59))
    power_dbm: list[int] = field(default_factory=list)  # one per port; filled for the number of ports
    link_profile: int = 0xD1
    detector_db: int = 0
    beeper: int = 0
    identifier: bytes = bytes(12)


class R2000Emulator:
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
        self.field = tags
        self.address = address
        self.ports = ports
        self.round_s = round_s
        self.boot_s = boot_s
        self.regions = regions
        self.refuses = dict(refuses or {})
        self.firmware = (1, 9)
        self.missing: set[int] = set()
        self.silent = False
        self.celsius = 23
        self.inputs = {1: False, 2: False}
        self.outputs = {3: False, 4: False}
        self.flash_writes = 0
        self.kept = Kept(power_dbm=[30] * ports)
        self.requests = 0  # good frames for this reader
        self._pending = b""
        self._queue: deque[bytes] = deque(maxlen=16)
        self._work: Iterator[Burst] = iter(())
        self._hop = 0
        self.power_cycle()

    def power_cycle(self) -> None:
        self.power_dbm = list(self.kept.power_dbm)
        self.antenna = 0  # 0-based, within the group
        self.group = 0
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
            answer = _COMMANDS.get(command, _unknown)(self, data)
            yield self._say(command, *((answer,) if isinstance(answer, int) else answer))

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
        if self._is_missing(self.antenna):
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
        if len(data) not in (10, 18) or slots > max(4, self._ports_in_group()):
            yield self._say(command, PARAMETER)
            return
        total, took_s = 0, 0.0
        for _ in range(max(1, data[-1])):
            for antenna, stay in zip(data[0 : 2 * slots : 2], data[1 : 2 * slots : 2], strict=True):
                if antenna >= slots or not stay:
                    continue
                if antenna >= self._ports_in_group() or self._is_missing(antenna):
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
        port = antenna + 8 * self.group + 1
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

    def _ports_in_group(self) -> int:
        return min(8, self.ports)

    def _is_missing(self, antenna: int) -> bool:
        return self.kept.detector_db > 0 and antenna + 8 * self.group + 1 in self.missing

    # ---- settings: each returns the data of its answer, or one code

    def _set_antenna(self, data: bytes) -> int:
        if len(data) != 1:
            return PARAMETER
        if data[0] >= self._ports_in_group():
            return ANTENNA_ID
        if self._is_missing(data[0]):
            return ANTENNA_MISSING
        self.antenna = data[0]
        return SUCCESS

    def _set_group(self, data: bytes) -> int:
        if self.ports <= 8:
            return FAIL
        if len(data) != 1 or data[0] > 1:
            return PARAMETER
        self.group = data[0]
        return SUCCESS

    def _set_power_in_ram(self, data: bytes) -> int:
        if len(data) != 1:
            return PARAMETER
        if data[0] > MAX_POWER_DBM:
            return POWER_RANGE
        self.power_dbm = [data[0]] * self.ports
        return SUCCESS

    def _set_power(self, data: bytes) -> int:
        if len(data) not in (1, self.ports):
            return PARAMETER
        if max(data) > MAX_POWER_DBM:
            return POWER_RANGE
        self.power_dbm = list(data) * (self.ports if len(data) == 1 else 1)
        self.kept.power_dbm = list(self.power_dbm)
        self.flash_writes += 1
        return SUCCESS

    def _get_power(self, _data: bytes) -> bytes:
        return bytes(self.power_dbm[:1] if len(set(self.power_dbm)) == 1 else self.power_dbm)

    def _set_region(self, data: bytes) -> int:
        if not data or len(data) != (6 if data[0] == 4 else 3):
            return PARAMETER
        if data[0] not in self.regions:
            return REGION
        if data[0] == 4:
            if not 1 <= data[2] <= 64 or not data[1] or not 840_000 <= int.from_bytes(data[3:], "big") <= 960_000:
                return FREQUENCY_RANGE
        elif not BANDS[data[0]][0] <= data[1] <= data[2] <= BANDS[data[0]][1]:
            return FREQUENCY_RANGE
        self.kept.region = data
        self.flash_writes += 1
        return SUCCESS

    def _set_link_profile(self, data: bytes) -> int:
        if len(data) != 1 or not 0xD0 <= data[0] <= 0xD3:
            return PARAMETER
        self.kept.link_profile = data[0]
        self.flash_writes += 1
        return SUCCESS

    def _set_detector(self, data: bytes) -> int:
        if len(data) != 1:
            return PARAMETER
        self.kept.detector_db = data[0]
        self.flash_writes += 1
        return SUCCESS

    def _set_beeper(self, data: bytes) -> int:
        if len(data) != 1 or data[0] > 2:
            return BEEPER_MODE
        self.kept.beeper = data[0]
        return SUCCESS

    def _write_output(self, data: bytes) -> int:
        if len(data) != 2 or data[0] not in self.outputs or data[1] > 1:
            return PARAMETER
        self.outputs[data[0]] = bool(data[1])
        return SUCCESS


def _unknown(_device: R2000Emulator, _data: bytes) -> int:
    # No page names a code for an unknown command; the general failure is what the drivers of others expect.
    return FAIL


_COMMANDS: dict[int, Callable[[R2000Emulator, bytes], bytes | int]] = {
    0x60: lambda device, _: bytes(device.inputs.values()),
    0x61: R2000Emulator._write_output,
    0x62: R2000Emulator._set_detector,
    0x63: lambda device, _: device.kept.detector_db.to_bytes(1, "big"),
    0x66: R2000Emulator._set_power_in_ram,
    0x68: lambda device, _: device.kept.identifier,
    0x69: R2000Emulator._set_link_profile,
    0x6A: lambda device, _: device.kept.link_profile.to_bytes(1, "big"),
    0x6C: R2000Emulator._set_group,
    0x72: lambda device, _: bytes(device.firmware),
    0x74: R2000Emulator._set_antenna,
    0x75: lambda device, _: device.antenna.to_bytes(1, "big"),
    0x76: R2000Emulator._set_power,
    0x77: R2000Emulator._get_power,
    0x78: R2000Emulator._set_region,
    0x79: lambda device, _: device.kept.region,
    0x7A: R2000Emulator._set_beeper,
    0x7B: lambda device, _: bytes((device.celsius >= 0, abs(device.celsius))),
}

_INVENTORIES: dict[int, Callable[[R2000Emulator, int, bytes], Iterator[Burst]]] = {
    0x89: R2000Emulator._one_at_a_time,
    0x8A: R2000Emulator._fast_switch,
    0x8B: R2000Emulator._one_at_a_time,
}
