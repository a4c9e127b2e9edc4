"""UUIDv7 in batches (RFC 9562): the ids that location events keep for ever.

`uuid6.uuid7` makes one at a time, for about as much as the rest of an append costs, and dates each a millisecond after the last,
so a busy gateway's ids would run ahead of the clock. Here the ids of one batch share the batch's millisecond.
"""

import struct
from collections.abc import Callable

_HALVES = struct.Struct(">QQ")
_VERSION_7 = 0x7000
_VARIANT = 0x8000_0000_0000_0000
_62_BITS = (1 << 62) - 1


def event_ids(count: int, wall_ms: int, random_bytes: Callable[[int], bytes]) -> list[bytes]:
    """Return `count` ids of 16 bytes: 48 bits of Unix milliseconds, version, the place in the batch, variant, 62 random bits."""
    noise = struct.unpack(f">{count}Q", random_bytes(8 * count))
    time_and_version = (wall_ms & 0xFFFF_FFFF_FFFF) << 16 | _VERSION_7
    return [_HALVES.pack(time_and_version | place & 0xFFF, bits & _62_BITS | _VARIANT) for place, bits in enumerate(noise)]
