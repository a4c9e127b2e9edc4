"""The device's side of an M100 module, byte for byte: what the session may send, and the errors for what it must not.

Kept apart from `codec.py`: it decodes commands and builds answers with code of its own, so that a mistake in one shows in the
other.
"""

from collections import deque
from collections.abc import Callable, Mapping

from drivers.checksums import crc16_gen2
from drivers.emulated_device import Burst, Field, TagInField, empty_field

COMMAND_S = 0.002
"""What a plain command takes."""
MAX_PARAMETERS = 64
NO_TAG, UNKNOWN_COMMAND = 0x15, 0x17
# No page names an error for a bad parameter; modules answer as to a command they do not know.
BAD_PARAMETER = UNKNOWN_COMMAND
QUERY_AT_POWER_UP = 0x1020
POWER_AT_POWER_UP = 2000
DEMODULATOR_AT_POWER_UP = bytes.fromhex("030601b0")


class M100Emulator:
    """One module with one antenna. It has no flash: `power_cycle` brings it back to its defaults.

    `tags` is asked for antenna 1 once per poll; `refuses` makes commands fail with an error; `silent` is hung firmware: it takes
    bytes and says nothing. After power-up it is deaf for `boot_s`. Public fields may be changed while it runs.
    """

    def __init__(
        self,
        tags: Field = empty_field,
        *,
        poll_s: float = 0.02,
        boot_s: float = 0.5,
        max_power: int = 3000,
        regions: frozenset[int] = frozenset((1, 2, 3, 4, 6)),
        refuses: Mapping[int, int] | None = None,
    ) -> None:
        self.field = tags
        self.poll_s = poll_s
        self.boot_s = boot_s
        self.max_power = max_power
        self.regions = regions
        self.refuses = dict(refuses or {})
        self.silent = False
        self.information = {0: b"M100 V1.00", 1: b"V2.3.5", 2: b"MagicRf"}
        self.requests = 0  # good commands
        self.power_cycle()

    def power_cycle(self) -> None:
        self.region = 1
        self.channel = 0
        self.hopping = True
        self.power = POWER_AT_POWER_UP
        self.query = QUERY_AT_POWER_UP
        self.select_mode = 2
        self.select_parameter = b""
        self.demodulator = DEMODULATOR_AT_POWER_UP
        self.outputs: dict[int, bool] = {}  # pins made outputs, and their level
        self.polls_left = 0
        self._pending = b""
        self._queue: deque[bytes] = deque(maxlen=16)
        self._boot: Burst | None = Burst(b"", self.boot_s)
        self._booting = True

    def receive(self, data: bytes) -> None:
        if self._booting:
            return
        buffer = self._pending + data
        while len(buffer) >= 5:
            size = int.from_bytes(buffer[3:5], "big") + 7
            if buffer[:2] != b"\xbb\x00" or size > MAX_PARAMETERS + 7:
                buffer = buffer[1:]
            elif len(buffer) < size:
                break
            elif buffer[size - 1] != 0x7E or sum(buffer[1 : size - 2]) % 256 != buffer[size - 2]:
                buffer = buffer[1:]
            else:
                self.requests += 1
                self._queue.append(buffer[2 : size - 2])
                buffer = buffer[size:]
        self._pending = buffer

    def step(self) -> Burst | None:
        if self.silent:
            self._queue.clear()
            self.polls_left = 0
            return None
        if self._boot is not None:
            boot, self._boot = self._boot, None
            return boot
        self._booting = False
        if self._queue:
            frame = self._queue.popleft()
            return self._serve(frame[0], frame[3:])
        if self.polls_left:
            self.polls_left -= 1
            return self._poll()
        return None

    def _serve(self, command: int, parameters: bytes) -> Burst:
        if command in self.refuses:
            return self._error(self.refuses[command])
        if command == 0x22:
            return self._poll()
        if command == 0x27:
            if len(parameters) != 3 or parameters[0] != 0x22:
                return self._error(BAD_PARAMETER)
            self.polls_left = int.from_bytes(parameters[1:], "big")
            return Burst(b"", COMMAND_S)  # the tags are its answer
        answer = _COMMANDS.get(command, _unknown)(self, parameters)
        if answer is None:
            return self._error(UNKNOWN_COMMAND)
        # The select mode is answered with the number of another command: so both manuals print it.
        return Burst(_frame(1, 0x0C if command == 0x12 else command, answer), COMMAND_S)

    def _poll(self) -> Burst:
        tags = self.field(1)
        if not tags:
            return Burst(_frame(1, 0xFF, bytes((NO_TAG,))), self.poll_s)
        return Burst(b"".join(_frame(2, 0x22, _tag(tag)) for tag in tags), self.poll_s)

    def _error(self, code: int) -> Burst:
        return Burst(_frame(1, 0xFF, bytes((code,))), COMMAND_S)

    # ---- commands: each returns the parameters of its answer, None for an error

    def _tell(self, parameters: bytes) -> bytes | None:
        text = self.information.get(parameters[0]) if len(parameters) == 1 else None
        return None if text is None else parameters + text

    def _set_region(self, parameters: bytes) -> bytes | None:
        if len(parameters) != 1 or parameters[0] not in self.regions:
            return None
        self.region = parameters[0]
        return b"\x00"

    def _set_select_parameter(self, parameters: bytes) -> bytes | None:
        if len(parameters) < 7 or len(parameters) != 7 + (parameters[5] + 7) // 8:
            return None
        self.select_parameter = parameters
        return b"\x00"

    def _set_query(self, parameters: bytes) -> bytes | None:
        if len(parameters) != 2:
            return None
        self.query = int.from_bytes(parameters, "big")
        return b"\x00"

    def _set_select_mode(self, parameters: bytes) -> bytes | None:
        if len(parameters) != 1 or parameters[0] > 2:
            return None
        self.select_mode = parameters[0]
        return b"\x00"

    def _gpio(self, parameters: bytes) -> bytes | None:
        if len(parameters) != 3 or parameters[0] > 2 or not 1 <= parameters[1] <= 4 or parameters[2] > 1:
            return None
        operation, pin, value = parameters
        match operation:
            case 0 if value:
                self.outputs.setdefault(pin, False)
            case 0:
                self.outputs.pop(pin, None)
            case 1 if pin in self.outputs:
                self.outputs[pin] = bool(value)
            case 1:
                return None
            case _:
                value = int(self.outputs.get(pin, False))
        return bytes((operation, pin, value))

    def _stop(self, _parameters: bytes) -> bytes:
        self.polls_left = 0
        return b"\x00"

    def _set_channel(self, parameters: bytes) -> bytes | None:
        if len(parameters) != 1:
            return None
        self.channel = parameters[0]
        return b"\x00"

    def _set_hopping(self, parameters: bytes) -> bytes | None:
        if parameters not in (b"\xff", b"\x00"):
            return None
        self.hopping = parameters == b"\xff"
        return b"\x00"

    def _set_power(self, parameters: bytes) -> bytes | None:
        power = int.from_bytes(parameters, "big")
        if len(parameters) != 2 or power > self.max_power:
            return None
        self.power = power
        return b"\x00"

    def _set_demodulator(self, parameters: bytes) -> bytes | None:
        if len(parameters) != 4 or parameters[0] > 6 or parameters[1] > 7:
            return None
        self.demodulator = parameters
        return b"\x00"


def _frame(kind: int, command: int, parameters: bytes) -> bytes:
    body = bytes((kind, command)) + len(parameters).to_bytes(2, "big") + parameters
    return b"\xbb" + body + bytes((sum(body) % 256, 0x7E))


def _tag(tag: TagInField) -> bytes:
    said = tag.control_word.to_bytes(2, "big") + tag.epc
    return bytes((max(-128, min(127, tag.rssi_dbm)) % 256,)) + said + crc16_gen2(said).to_bytes(2, "big")


def _unknown(_device: M100Emulator, _parameters: bytes) -> None:
    return None


_COMMANDS: dict[int, Callable[[M100Emulator, bytes], bytes | None]] = {
    0x03: M100Emulator._tell,
    0x07: M100Emulator._set_region,
    0x08: lambda device, _: bytes((device.region,)),
    0x0B: lambda device, _: device.select_parameter,
    0x0C: M100Emulator._set_select_parameter,
    0x0D: lambda device, _: device.query.to_bytes(2, "big"),
    0x0E: M100Emulator._set_query,
    0x12: M100Emulator._set_select_mode,
    0x1A: M100Emulator._gpio,
    0x28: M100Emulator._stop,
    0xAA: lambda device, _: bytes((device.channel,)),
    0xAB: M100Emulator._set_channel,
    0xAD: M100Emulator._set_hopping,
    0xB6: M100Emulator._set_power,
    0xB7: lambda device, _: device.power.to_bytes(2, "big"),
    0xF0: M100Emulator._set_demodulator,
    0xF1: lambda device, _: device.demodulator,
}
