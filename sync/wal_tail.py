"""Whether a WAL holds commits that SQLite does not reach: it stops at the first frame whose checksum fails, without a word.

After a power cut that is the last commit, not synced yet and not confirmed. After a flipped bit there may be more of them, and
all but the last one were synced before the next began.
A WAL is a header of 32 bytes, then frames of 24 bytes and a page each. Source: sqlite.org/fileformat2.html, 4.
"""

import struct
from pathlib import Path

from sync.store_file import wal_of

FRAME_HEADER_BYTES = 24
HEADER_BYTES = 32

_MAGIC = {0x377F0682: "<6I", 0x377F0683: ">6I"}  # and so the order of bytes in checksums


def is_cut_off(path: Path, reached: int, page_bytes: int) -> bool:
    """Return whether synced commits of the WAL's present round lie behind frame `reached`, the last one that SQLite knows.

    Raises OSError."""
    wal = wal_of(path)
    if not wal.exists():
        return False
    with wal.open("rb") as file:
        header = file.read(HEADER_BYTES)
        first = file.read(FRAME_HEADER_BYTES)
        salts = header[16:24] if _is_sound(header) else first[8:16]  # frames of rounds before may still lie behind
        commits, number, frame = 0, 1, first
        while len(frame) == FRAME_HEADER_BYTES:
            if number > reached and frame[8:16] == salts and frame[4:8] != b"\0\0\0\0":
                commits += 1
            file.seek(HEADER_BYTES + number * (FRAME_HEADER_BYTES + page_bytes))
            frame = file.read(FRAME_HEADER_BYTES)
            number += 1
        return commits > 1


def _is_sound(header: bytes) -> bool:
    order = _MAGIC.get(int.from_bytes(header[:4]))
    if order is None or len(header) != HEADER_BYTES:
        return False
    words = struct.unpack(order, header[:24])
    one = two = 0
    for at in range(0, 6, 2):
        one = (one + words[at] + two) & 0xFFFF_FFFF
        two = (two + words[at + 1] + one) & 0xFFFF_FFFF
    return header[24:] == struct.pack(">2I", one, two)
