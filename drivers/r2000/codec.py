"""Bytes of "A0" readers to reads and answers, and requests to bytes. Pure: times come in with the bytes.

Frame, both directions: A0 LEN ADR CMD data CHK. LEN counts everything after itself, so a frame is LEN + 2 bytes; CHK brings the
sum of the whole frame to 0 modulo 256. Source: Rodinbell/Invelion "UHF RFID reader serial interface protocol".
"""

import enum
from collections.abc import Sequence
from typing import NamedTuple
from zlib import adler32

from drivers.api import Kind, Read
from drivers.checksums import negated_sum8

HEADER = 0xA0
BROADCAST = 0xFF
MAX_LENGTH = 69
"""Highest LEN of what a reader sends: a tag with a 62-byte EPC, 3 + 1 + 2 + 62 + 1."""
MAX_HELD_BYTES = MAX_LENGTH + 1
"""A false header holds back at most this many bytes (6 ms of a 115200-baud line), or until `flush`."""


class Cmd(enum.IntEnum):
    WRITE_OUTPUT, READ_INPUTS = 0x61, 0x60
    SET_DETECTOR, GET_DETECTOR = 0x62, 0x63
    SET_POWER_IN_RAM = 0x66
    GET_IDENTIFIER = 0x68
    SET_LINK_PROFILE, GET_LINK_PROFILE = 0x69, 0x6A
    SET_ANTENNA_GROUP = 0x6C
    RESET = 0x70
    FIRMWARE = 0x72
    SET_ANTENNA, GET_ANTENNA = 0x74, 0x75
    SET_POWER, GET_POWER = 0x76, 0x77
    SET_REGION, GET_REGION = 0x78, 0x79
    BEEPER = 0x7A
    TEMPERATURE = 0x7B
    INVENTORY, FAST_SWITCH, SESSION_INVENTORY = 0x89, 0x8A, 0x8B


class Code(enum.IntEnum):
    """Answers of one byte. Only those the session tells apart; `CODES` names them all for people."""

    SUCCESS, FAIL, RESTARTED, ANTENNA_MISSING = 0x10, 0x11, 0x20, 0x22
    PARAMETER, ANTENNA_ID, POWER_RANGE, REGION = 0x41, 0x47, 0x48, 0x49
    BEEPER_MODE, FREQUENCY_RANGE = 0x4B, 0x4F


CODES = {
    0x10: "success", 0x11: "command failed", 0x20: "the reader restarted", 0x21: "carrier would not come on",
    0x22: "antenna missing", 0x23: "flash write failed", 0x24: "flash read failed", 0x25: "power could not be set",
    0x31: "inventory failed", 0x32: "tag read failed", 0x33: "tag write failed", 0x34: "tag lock failed", 0x35: "tag kill failed",
    0x36: "no tag", 0x37: "tag seen, access failed", 0x38: "buffer empty", 0x40: "access denied", 0x41: "bad parameter",
    0x42: "bad word count", 0x43: "bad memory bank", 0x44: "bad lock region", 0x45: "bad lock type", 0x46: "bad address",
    0x47: "no such antenna", 0x48: "power out of range", 0x49: "region not supported", 0x4A: "bad baud rate",
    0x4B: "bad beeper mode", 0x4C: "EPC match too long", 0x4D: "EPC match too short", 0x4E: "bad EPC match mode",
    0x4F: "frequency out of range", 0x50: "RN16 failed", 0x51: "DRM setting failed", 0x52: "PLL did not lock",
    0x53: "RF chip does not answer", 0x54: "set power is not reached", 0x55: "copyright check failed",
    0x56: "spectrum regulation", 0x57: "power too low",
}  # fmt: skip


def code_text(code: int) -> str:
    return f"{CODES.get(code, 'unknown code')} (code {code:02X})"


_CODE = 4  # LEN of an answer of one byte: every command may fail with a code
_ENDS = frozenset((_CODE, 8, 10))  # an error, a summary without and with a rate
_TAGS = frozenset(range(11, MAX_LENGTH + 1, 2))
_POWERS = frozenset((_CODE, 5, 7, 11, 19))  # one for all, or one for each of 2, 4, 8 or 16 ports
_ANSWERED = {
    **dict.fromkeys((0x61, 0x62, 0x63, 0x66, 0x69, 0x6A, 0x6C, 0x70, 0x74, 0x75, 0x76, 0x78, 0x7A), frozenset((_CODE,))),
    **dict.fromkeys((0x60, 0x72, 0x7B), frozenset((_CODE, 5))),
    0x68: frozenset((_CODE, 15)),
    0x77: _POWERS,
    0x79: frozenset((_CODE, 6, 9)),
    0x89: _ENDS | _TAGS,
    0x8A: _ENDS | _TAGS | {5},
    0x8B: _ENDS | _TAGS,
}
_LENGTHS = tuple(_ANSWERED.get(command, frozenset()) for command in range(256))
"""The LENs each command is answered with. One garbled frame in 256 has a right checksum; this stops nearly all of those."""


class Answer(NamedTuple):
    """A frame that is no tag."""

    address: int
    command: int
    data: bytes


def request(address: int, command: int, data: bytes = b"") -> bytes:
    """Return the frame that asks reader `address` (or BROADCAST)."""
    frame = bytes((HEADER, len(data) + 3, address, command)) + data
    return frame + bytes((negated_sum8(frame),))


# ---- what the numbers mean

SYSTEM_CHANNELS_KHZ: tuple[int | None, ...] = tuple(
    865_000 + 500 * i if i < 7 else 902_000 + 500 * (i - 7) if i < 60 else None for i in range(64)
)
"""Frequency of each index while the region is a system one."""


def user_channels_khz(start_khz: int, spacing_khz: int) -> tuple[int | None, ...]:
    """Frequency of each index while the region is user-defined."""
    return tuple(start_khz + spacing_khz * i for i in range(64))


def rssi_dbm(value: int) -> int:
    """Return dBm of an RSSI byte; its highest bit belongs to the antenna.

    One code base takes 130 instead of 129 for values up to 89. The vendor's own libraries take 129 throughout, and a step of one
    in the middle of the scale would be odd: 129.
    """
    return (value & 0x7F) - 129


class FrameDecoder:
    """Frames of one reader to reads and answers.

    A frame is taken when LEN suits the command, the checksum is right and, for a tag, PC and LEN agree on the length of the EPC.
    One that fails costs one byte, then we look again, because A0 occurs inside data too. Noise never raises; it is counted. It
    may delay a good frame by MAX_HELD_BYTES or until `flush`, never cost it.

    Tag: FreqAnt PC:u16 EPC RSSI. Antenna: the two low bits of FreqAnt, plus 4 when RSSI has its highest bit (one script reads
    three bits of FreqAnt; a captured frame of antenna 8, with a summary that says the same, proves the RSSI bit).
    """

    def __init__(self, reader: str) -> None:
        self.rejected_frames = 0
        self.skipped_bytes = 0
        self.foreign_frames = 0  # good frames of another reader on the same RS-485 line
        self.address: int | None = None  # None: take whoever answers
        self.antenna_offset = 0  # 8 while the upper group of a 16-port unit is selected
        self.channels_khz: Sequence[int | None] = SYSTEM_CHANNELS_KHZ
        self._reader = reader
        self._pending = b""

    @property
    def set_up(self) -> bytes:
        """The antenna offset, then the address, none for whoever answers. Frequencies decide nothing."""
        return bytes((self.antenna_offset,) if self.address is None else (self.antenna_offset, self.address))

    @set_up.setter
    def set_up(self, told: bytes) -> None:
        self.antenna_offset = told[0]
        self.address = told[1] if len(told) > 1 else None

    @property
    def holding(self) -> bool:
        """True while bytes wait for the rest of their frame."""
        return bool(self._pending)

    def feed(self, data: bytes, mono_ns: int, wall_ms: int) -> tuple[list[Read], list[Answer]]:
        """Return what `data` completes, stamped with the given times; an unfinished tail waits for the next call."""
        reads: list[Read] = []
        answers: list[Answer] = []
        buffer = self._pending + data if self._pending else data
        position, size = 0, len(buffer)
        reader, offset, channels = self._reader, self.antenna_offset + 1, self.channels_khz
        lengths, uhf = _LENGTHS, Kind.UHF  # names of the function cost less than those of the module
        while position < size:
            if buffer[position] != HEADER:
                start = buffer.find(HEADER, position)
                start = size if start < 0 else start
                self.skipped_bytes += start - position
                position = start
                continue
            if position + 4 > size:
                break
            length, command = buffer[position + 1], buffer[position + 3]
            if length in lengths[command]:
                end = position + length + 2
                if end > size:
                    break
                frame = buffer[position:end]
                if not adler32(frame, 0) & 0xFF:  # checksums.sum8, without the call
                    if length <= 10 or command < 0x89:  # summaries and errors are shorter than any tag
                        if self.address is None or frame[2] == self.address:
                            answers.append(Answer(frame[2], command, frame[4:-1]))
                        else:
                            self.foreign_frames += 1
                        position = end
                        continue
                    pc = frame[5] << 8 | frame[6]
                    if pc >> 10 & 0x3E == length - 7 or _extended(pc, length - 7):
                        if self.address is None or frame[2] == self.address:
                            place, rssi = frame[4], frame[-2]
                            antenna = (place & 3) + offset + (rssi >> 5 & 4)
                            dbm, khz = (rssi & 0x7F) - 129, channels[place >> 2]
                            reads.append(Read(reader, antenna, frame[7:-2], uhf, mono_ns, wall_ms, dbm, 1, pc, khz))
                        else:
                            self.foreign_frames += 1
                        position = end
                        continue
                self.rejected_frames += 1
            self.skipped_bytes += 1
            position += 1
        self._pending = buffer[position:]
        return reads, answers

    def flush(self, mono_ns: int, wall_ms: int) -> tuple[list[Read], list[Answer]]:
        """The line has been silent: what looked like the start of a frame was not one. Return what stands behind it."""
        reads: list[Read] = []
        answers: list[Answer] = []
        while self._pending:
            self.skipped_bytes += 1
            self._pending = self._pending[1:]
            more_reads, more_answers = self.feed(b"", mono_ns, wall_ms)
            reads += more_reads
            answers += more_answers
        return reads, answers


def _extended(pc: int, epc_bytes: int) -> bool:
    """True when PC says that one or two extended PC words come with the EPC; they stay in front of it, opaque."""
    return bool(pc & 0x0200) and epc_bytes - (pc >> 10 & 0x3E) in (2, 4)


# ---- how a round ends


class RoundEnd(NamedTuple):
    """The last frame of an inventory command."""

    total_reads: int
    antenna: int | None = None  # 1-based; fast switching tells none
    reads_per_s: int | None = None
    duration_ms: int | None = None


class AntennaFault(NamedTuple):
    """Fast switching goes on after it."""

    antenna: int  # 1-based, without the group's offset
    code: int


class RoundError(NamedTuple):
    """The command ended with an error."""

    code: int


def inventory_answer(answer: Answer) -> RoundEnd | AntennaFault | RoundError | None:
    """Return what an answer to 89, 8A or 8B means; None when its length fits nothing known."""
    data = answer.data
    if len(data) == 1:
        return RoundError(data[0])
    if answer.command == Cmd.FAST_SWITCH:
        if len(data) == 2:
            return AntennaFault(data[0] + 1, data[1])
        if len(data) == 7:
            return RoundEnd(int.from_bytes(data[:3], "big"), duration_ms=int.from_bytes(data[3:], "big"))
        return None
    if len(data) == 7:
        return RoundEnd(int.from_bytes(data[3:], "big"), antenna=data[0] + 1, reads_per_s=int.from_bytes(data[1:3], "big"))
    if len(data) == 5:  # old IND903 firmware tells no rate
        return RoundEnd(int.from_bytes(data[1:], "big"), antenna=data[0] + 1)
    return None
