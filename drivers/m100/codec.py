"""Bytes of M100 / QM100 / R200 modules to reads and answers, and commands to bytes. Pure: times come in with the bytes.

Frame: BB TYPE CMD LEN:u16 parameters CHK 7E, all numbers big-endian; CHK is the sum of TYPE to the last parameter modulo 256.
TYPE: 00 command, 01 response, 02 notice (a tag). Source: "Communication user protocol V2.1" of the module's vendor.
"""

import enum
from binascii import crc_hqx
from typing import NamedTuple
from zlib import adler32

from drivers.api import Kind, Read
from drivers.checksums import GEN2_RESIDUE, sum8

HEADER, END = 0xBB, 0x7E
RESPONSE, NOTICE = 1, 2
OVERHEAD = 7
MAX_PARAMETERS = 80
"""Of what a module sends: a tag with a 62-byte EPC needs 67, and a few bytes that some boards append."""
MAX_HELD_BYTES = MAX_PARAMETERS + OVERHEAD - 1
"""A false header holds back at most this many bytes (8 ms of a 115200-baud line), or until `flush`."""


class Cmd(enum.IntEnum):
    INFORMATION = 0x03
    SET_REGION, GET_REGION = 0x07, 0x08
    SELECT_PARAMETER, SELECT_MODE = 0x0C, 0x12
    GET_QUERY, SET_QUERY = 0x0D, 0x0E
    GPIO = 0x1A
    POLL, POLL_MANY, STOP = 0x22, 0x27, 0x28
    GET_CHANNEL, SET_CHANNEL, HOPPING = 0xAA, 0xAB, 0xAD
    SET_POWER, GET_POWER = 0xB6, 0xB7
    SET_DEMODULATOR, GET_DEMODULATOR = 0xF0, 0xF1
    ERROR = 0xFF


class Fault(enum.IntEnum):
    """Codes of error frames. Only those the session tells apart; `FAULTS` names them for people."""

    NO_TAG, UNKNOWN_COMMAND, CHANNELS_BUSY = 0x15, 0x17, 0x20


# The vendor's table prints 13 for a failed kill; its own examples and two code bases have 12 for kill and 13 for lock.
FAULTS = {
    0x09: "tag read failed", 0x10: "tag write failed", 0x12: "tag kill failed", 0x13: "tag lock failed",
    0x15: "no tag", 0x16: "access denied", 0x17: "unknown command", 0x20: "all channels are busy",
}  # fmt: skip


def fault_text(code: int) -> str:
    return f"{FAULTS.get(code, 'unknown error')} (error {code:02X})"


class Answer(NamedTuple):
    """A response; `command` is Cmd.ERROR for an error frame, whose first parameter is the code."""

    command: int
    parameters: bytes


def command(code: int, parameters: bytes = b"") -> bytes:
    """Return the frame of a command."""
    body = bytes((0, code)) + len(parameters).to_bytes(2, "big") + parameters
    return bytes((HEADER,)) + body + bytes((sum8(body), END))


class FrameDecoder:
    """Frames of one module to reads and answers.

    A frame is taken when type, length, checksum and end byte are right and, for a tag, when PC and length agree and the tag's own
    CRC-16 is right. One that fails costs one byte, then we look again, because BB and 7E occur inside parameters too. Noise never
    raises; it is counted. It may delay a good frame by MAX_HELD_BYTES or until `flush`, never cost it.

    Tag: RSSI:i8 dBm, PC:u16, EPC, CRC:u16. Some boards with several antennas are said to append bytes; the length of the EPC is
    taken from PC, and what follows the CRC is left alone. `check_tag_crc` False is for boards that send no true CRC.
    """

    def __init__(self, reader: str, *, check_tag_crc: bool = True) -> None:
        self.rejected_frames = 0
        self.skipped_bytes = 0
        self.set_up = b""  # no session tells it anything
        self._reader = reader
        self._check_tag_crc = check_tag_crc
        self._pending = b""

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
        reader, uhf, check_crc = self._reader, Kind.UHF, self._check_tag_crc
        while position < size:
            if buffer[position] != HEADER:
                start = buffer.find(HEADER, position)
                start = size if start < 0 else start
                self.skipped_bytes += start - position
                position = start
                continue
            if position + 5 > size:
                if position + 1 < size and not RESPONSE <= buffer[position + 1] <= NOTICE:
                    self.skipped_bytes += 1
                    position += 1
                    continue
                break
            kind, length = buffer[position + 1], buffer[position + 3] << 8 | buffer[position + 4]
            if RESPONSE <= kind <= NOTICE and length <= MAX_PARAMETERS:
                end = position + length + OVERHEAD
                if end > size:
                    break
                checksum = end - 2
                if buffer[end - 1] == END and adler32(buffer[position + 1 : checksum], 0) & 0xFF == buffer[checksum]:  # sum8
                    if kind == RESPONSE:
                        answers.append(Answer(buffer[position + 2], buffer[position + 5 : checksum]))
                        position = end
                        continue
                    if length >= 5:
                        pc = buffer[position + 6] << 8 | buffer[position + 7]
                        crc = position + 8 + (pc >> 10 & 0x3E)
                        if crc + 2 <= checksum and (
                            not check_crc or crc_hqx(buffer[position + 6 : crc + 2], 0xFFFF) == GEN2_RESIDUE
                        ):
                            strength = buffer[position + 5]
                            dbm = strength - 256 if strength > 127 else strength
                            reads.append(Read(reader, 1, buffer[position + 8 : crc], uhf, mono_ns, wall_ms, dbm, 1, pc))
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


# ---- numbers packed into parameters


class Query(NamedTuple):
    """The query parameter, u16: DR 1 bit, M 2, TRext 1, Sel 2, session 2, target 1, Q 4, 3 unused. At power-up 1020."""

    value: int

    def with_session(self, session: int) -> "Query":
        return Query(self.value & ~0x0300 | session << 8)

    def with_target(self, target: int) -> "Query":
        return Query(self.value & ~0x0080 | target << 7)

    def with_q(self, q: int) -> "Query":
        return Query(self.value & ~0x0078 | q << 3)
