"""The file of a recording as bytes: blocks that can be trusted one by one, and the numbers in them. Pure. READ FIRST.

File: MAGIC, then blocks. Block: size:u32, crc32:u32, then `size` bytes of zlib; size and crc32 are of those bytes, big-endian.
The first block is the header (header.py), the others hold whole records (records.py). A file that ends inside a block, or in
zeros, was cut short by a power cut: all before it counts. A block with a wrong checksum is damage: all before it counts too.
"""

import enum
import zlib
from collections.abc import Iterator
from typing import BinaryIO

MAGIC = b"sightpost recording 1\n"
HEAD_BYTES = 8
MAX_BLOCK_BYTES = 32 * 1024 * 1024
"""Of a block, packed or not. The recorder closes one at RAW_BLOCK_BYTES or after a second; the rest is for one large record."""
RAW_BLOCK_BYTES = 256 * 1024


class NoRecording(Exception):
    """This file is no recording that this version can read. The text says why."""


class Damaged(Exception):
    """From here on the file cannot be trusted."""


class Tail(enum.Enum):
    """How the blocks of a file end."""

    WHOLE = "whole"
    CUT = "cut short"


def packed(raw: bytes) -> bytes:
    """Return a block with `raw` in it."""
    body = zlib.compress(raw, 6)
    return len(body).to_bytes(4, "big") + zlib.crc32(body).to_bytes(4, "big") + body


def blocks(file: BinaryIO) -> Iterator[bytes | Tail]:
    """Yield what is in each block, and how the file ends as the last. Raises NoRecording, Damaged, OSError."""
    magic = file.read(len(MAGIC))
    if magic != MAGIC:
        if magic[:-2] == MAGIC[:-2]:
            raise NoRecording("it was recorded by another version of Sightpost; replay it with that one")
        raise NoRecording("it is no recording of `sightpost record`")
    while True:
        head = file.read(HEAD_BYTES)
        size, checksum = int.from_bytes(head[:4], "big"), int.from_bytes(head[4:], "big")
        if len(head) < HEAD_BYTES or size == 0:  # a power cut may leave zeros
            yield Tail.CUT if head else Tail.WHOLE
            return
        if size > MAX_BLOCK_BYTES:
            raise Damaged("a block says that it is too large")
        body = file.read(size)
        if len(body) < size:
            yield Tail.CUT
            return
        if zlib.crc32(body) != checksum:
            raise Damaged("a block has a wrong checksum")
        yield _unpacked(body)


def _unpacked(body: bytes) -> bytes:
    unpack = zlib.decompressobj()
    try:
        raw = unpack.decompress(body, MAX_BLOCK_BYTES)
    except zlib.error as exc:
        raise Damaged(f"a block cannot be unpacked: {exc}") from None
    if not unpack.eof or unpack.unused_data:
        raise Damaged("a block has another size than it says")
    return raw


# ---- numbers: seven bits a byte, the lowest first, the highest bit says that more follow


def add_number(to: bytearray, number: int) -> None:
    """Append `number`, which is not negative."""
    while number > 0x7F:
        to.append(number & 0x7F | 0x80)
        number >>= 7
    to.append(number)


def add_signed(to: bytearray, number: int) -> None:
    """Append `number`; small ones of either sign are short."""
    add_number(to, number << 1 if number >= 0 else (-number << 1) - 1)


def add_bytes(to: bytearray, data: bytes) -> None:
    add_number(to, len(data))
    to += data


class Cursor:
    """Takes numbers and bytes out of a block. Every method raises Damaged when they are not there."""

    def __init__(self, block: bytes) -> None:
        self._block = block
        self._at = 0

    @property
    def at_end(self) -> bool:
        return self._at >= len(self._block)

    def number(self) -> int:
        number = shift = 0
        while True:
            if self.at_end or shift > 63:
                raise Damaged("a number does not end")
            byte = self._block[self._at]
            self._at += 1
            number |= (byte & 0x7F) << shift
            if byte < 0x80:
                return number
            shift += 7

    def signed(self) -> int:
        number = self.number()
        return -(number + 1 >> 1) if number & 1 else number >> 1

    def bytes(self) -> bytes:
        size = self.number()
        data = self._block[self._at : self._at + size]
        if len(data) < size:
            raise Damaged("a record is longer than its block")
        self._at += size
        return data
