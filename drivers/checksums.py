"""The checksums of the reader protocols, each with the check value that pins it. Pure."""

from binascii import crc_hqx
from zlib import adler32

CHECK_INPUT = b"123456789"
"""What the published check values are computed over."""


def sum8(data: bytes) -> int:
    """Return the sum of the bytes modulo 256; `data` at most 257 bytes. Check value 0xDD.

    The low half of Adler-32 started at 0 is the plain sum modulo 65521. A frame of these protocols sums to at most 65,535 with an
    FF in every place, and to less than 65,521 with its header, so the result is exact, and costs a third of `sum`.
    """
    return adler32(data, 0) & 0xFF


def negated_sum8(data: bytes) -> int:
    """Return the byte that brings the sum of the frame to 0 modulo 256 (two's complement). Check value 0x23."""
    return -adler32(data, 0) & 0xFF


def crc16_ccitt_false(data: bytes) -> int:
    """CRC-16, polynomial 0x1021, start 0xFFFF. Check value 0x29B1."""
    return crc_hqx(data, 0xFFFF)


def crc16_gen2(data: bytes) -> int:
    """The CRC-16 a UHF Gen2 tag sends over PC and EPC: as CCITT-FALSE, then inverted. Check value 0xD64E."""
    return crc_hqx(data, 0xFFFF) ^ 0xFFFF


GEN2_RESIDUE = 0x1D0F
"""`crc16_ccitt_false` over PC, EPC and their right CRC: one pass, no slicing."""
