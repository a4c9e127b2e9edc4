"""What can be set on an M100 module. Pure."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

REGIONS = {"china-900": 1, "us": 2, "eu": 3, "china-800": 4, "korea": 6}
DBM_STEPS = 100
"""The power parameter counts 0.01 dBm."""


class Demodulator(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the module listens; the module's own values are 3, 6 and 0x01B0."""

    mixer_gain: Annotated[int, Meta(ge=0, le=6)]
    if_gain: Annotated[int, Meta(ge=0, le=7)]
    threshold: Annotated[int, Meta(ge=0, le=0xFFFF)]

    def encoded(self) -> bytes:
        return bytes((self.mixer_gain, self.if_gain)) + self.threshold.to_bytes(2, "big")


class M100Options(msgspec.Struct, frozen=True, kw_only=True):
    """`[[readers]] options` of driver m100. What is left out stays as the module has it.

    The vendor documents power as 0.01 dBm. On boards with an amplifier behind the module the number only sets the module's drive
    (a guide for a 26 dBm board gives 2000 for 26 dBm and 1250 for 18.5 dBm): there `power_raw` takes the number of the board's
    guide, and nothing pretends to be dBm.
    """

    power_dbm: Annotated[float, Meta(ge=0, le=33)] | None = None
    power_raw: Annotated[int, Meta(ge=0, le=0xFFFF)] | None = None
    region: Literal["china-900", "us", "eu", "china-800", "korea"] | None = None
    channel: Annotated[int, Meta(ge=0, le=63)] | None = None  # None: the module hops by itself
    session: Annotated[int, Meta(ge=0, le=3)] | None = None
    target: Literal["A", "B"] | None = None
    q: Annotated[int, Meta(ge=0, le=15)] | None = None
    demodulator: Demodulator | None = None
    check_tag_crc: bool = True  # False for boards that do not pass the tag's own CRC on
    baudrate: Annotated[int, Meta(ge=9600, le=921_600)] = 115_200

    def __post_init__(self) -> None:
        if self.power_dbm is not None and self.power_raw is not None:
            raise ValueError("power_dbm and power_raw set the same thing; give one of them")

    @property
    def power(self) -> int | None:
        """The power parameter."""
        return self.power_raw if self.power_dbm is None else round(self.power_dbm * DBM_STEPS)
