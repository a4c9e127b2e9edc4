"""The settings of an emulated "A0" reader: what it keeps in flash and in RAM, and the code for what it does not take."""

from collections.abc import Callable
from dataclasses import dataclass, field

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


class EmulatedSettings:
    """A reader with `ports` antennas. `missing` are ports without an antenna, told only while the detector is on."""

    def __init__(self, ports: int, regions: frozenset[int]) -> None:
        self.ports = ports
        self.regions = regions
        self.firmware = (1, 9)
        self.missing: set[int] = set()
        self.celsius = 23
        self.inputs = {1: False, 2: False}
        self.outputs = {3: False, 4: False}
        self.flash_writes = 0
        self.kept = Kept(power_dbm=[30] * ports)
        self.forget()

    def forget(self) -> None:
        """Lose what is kept in RAM only."""
        self.power_dbm = list(self.kept.power_dbm)
        self.antenna = 0  # 0-based, within the group
        self.group = 0

    def serve(self, command: int, data: bytes) -> bytes:
        """Return the data of the answer."""
        answer = _COMMANDS.get(command, _unknown)(self, data)
        return bytes((answer,)) if isinstance(answer, int) else answer

    def port(self, antenna: int) -> int:
        """Return the number on the case of an antenna of the selected group."""
        return antenna + 8 * self.group + 1

    def ports_in_group(self) -> int:
        return min(8, self.ports)

    def is_missing(self, antenna: int) -> bool:
        return self.kept.detector_db > 0 and self.port(antenna) in self.missing

    # ---- settings: each returns the data of its answer, or one code

    def _set_antenna(self, data: bytes) -> int:
        if len(data) != 1:
            return PARAMETER
        if data[0] >= self.ports_in_group():
            return ANTENNA_ID
        if self.is_missing(data[0]):
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


def _unknown(_device: EmulatedSettings, _data: bytes) -> int:
    # No page names a code for an unknown command; the general failure is what the drivers of others expect.
    return FAIL


_COMMANDS: dict[int, Callable[[EmulatedSettings, bytes], bytes | int]] = {
    0x60: lambda device, _: bytes(device.inputs.values()),
    0x61: EmulatedSettings._write_output,
    0x62: EmulatedSettings._set_detector,
    0x63: lambda device, _: device.kept.detector_db.to_bytes(1, "big"),
    0x66: EmulatedSettings._set_power_in_ram,
    0x68: lambda device, _: device.kept.identifier,
    0x69: EmulatedSettings._set_link_profile,
    0x6A: lambda device, _: device.kept.link_profile.to_bytes(1, "big"),
    0x6C: EmulatedSettings._set_group,
    0x72: lambda device, _: bytes(device.firmware),
    0x74: EmulatedSettings._set_antenna,
    0x75: lambda device, _: device.antenna.to_bytes(1, "big"),
    0x76: EmulatedSettings._set_power,
    0x77: EmulatedSettings._get_power,
    0x78: EmulatedSettings._set_region,
    0x79: lambda device, _: device.kept.region,
    0x7A: EmulatedSettings._set_beeper,
    0x7B: lambda device, _: bytes((device.celsius >= 0, abs(device.celsius))),
}
