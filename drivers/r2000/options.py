"""What can be set on an "A0" reader, and the inventory commands that follow from it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from drivers.r2000.codec import Cmd

Dbm = Annotated[int, Meta(ge=0, le=33)]
Port = Annotated[int, Meta(ge=1, le=16)]

SYSTEM_REGIONS = {"fcc": bytes((1, 7, 59)), "etsi": bytes((2, 0, 6)), "chn": bytes((3, 43, 53))}
LINK_PROFILES = {"fm0-40k": 0xD0, "m4-250k": 0xD1, "m4-300k": 0xD2, "fm0-400k": 0xD3}
BEEPER_MODES = {"off": 0, "round": 1, "tag": 2}  # the meanings are those of the vendor's library; no manual at hand has them

ROUNDS_PER_COMMAND = 4
"""Antenna rounds that one command should hold: the wait for the next command (up to 16 ms behind a USB adapter) then costs
little, and an action waits less than half a second."""


class UserRegion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Channels start_khz, start_khz + spacing_khz, ..."""

    start_khz: Annotated[int, Meta(ge=840_000, le=960_000)]
    spacing_khz: Annotated[int, Meta(ge=10, le=2550, multiple_of=10)]
    channels: Annotated[int, Meta(ge=1, le=64)]

    def encoded(self) -> bytes:
        return bytes((4, self.spacing_khz // 10, self.channels)) + self.start_khz.to_bytes(3, "big")


class R2000Options(msgspec.Struct, frozen=True, kw_only=True):
    """`[[readers]] options` of driver r2000. What is left out stays as the device has it."""

    antennas: Annotated[tuple[Port, ...], Meta(min_length=1)] = (1,)
    power_dbm: Dbm | tuple[Dbm, ...] | None = None  # one for all, or one per entry of `antennas`
    region: Literal["fcc", "etsi", "chn"] | UserRegion | None = None
    session: Annotated[int, Meta(ge=0, le=3)] | None = None  # Gen2 session; None: the reader's own real-time inventory
    target: Literal["A", "B"] = "A"
    link_profile: Literal["fm0-40k", "m4-250k", "m4-300k", "fm0-400k"] | None = None
    antenna_check_db: Annotated[int, Meta(ge=0, le=20)] | None = None  # return loss below which an antenna is missing; 0 = off
    beeper: Literal["off", "round", "tag"] | None = None
    inputs: bool = False  # tell changes of GPIO 1 and 2
    baudrate: Annotated[int, Meta(ge=9600, le=921_600)] = 115_200
    address: Annotated[int, Meta(ge=0, le=254)] | None = None  # needed only where several readers share a line

    def __post_init__(self) -> None:
        if len(set(self.antennas)) < len(self.antennas):
            raise ValueError(f"antennas = {list(self.antennas)} names one twice")
        if isinstance(self.power_dbm, tuple) and len(self.power_dbm) != len(self.antennas):
            raise ValueError(
                f"power_dbm has {len(self.power_dbm)} values for {len(self.antennas)} antennas; give one each, or one number"
            )

    def region_encoded(self) -> bytes | None:
        match self.region:
            case None:
                return None
            case UserRegion():
                return self.region.encoded()
            case name:
                return SYSTEM_REGIONS[name]

    def powers_dbm(self, now: Sequence[int]) -> bytes:
        """Return the power of every port, given those of now (one value: all alike), for a `power_dbm` with one each."""
        assert isinstance(self.power_dbm, tuple)
        ports = len(now) if len(now) > 1 else next(count for count in (4, 8, 16) if count >= max(self.antennas))
        powers = list(now) if len(now) > 1 else list(now) * ports
        powers += powers[-1:] * (max(self.antennas) - len(powers))
        for antenna, dbm in zip(self.antennas, self.power_dbm, strict=True):
            powers[antenna - 1] = dbm
        return bytes(powers)


@dataclass(frozen=True, slots=True)
class Round:
    """One inventory command, and what has to be set before it."""

    setup: tuple[tuple[Cmd, bytes], ...]
    command: Cmd
    data: bytes
    antennas: tuple[int, ...]
    offset: int = 0  # of the antenna group: 0 or 8

    @property
    def antenna_rounds(self) -> int:
        """How many rounds of one antenna the command holds."""
        return len(self.antennas) * self.data[-1]


def plan_rounds(options: R2000Options, *, fast_switch: bool = True) -> list[Round]:
    """Return the commands that are sent in turn, for ever.

    Several antennas share one fast-switch command (8A): the reader changes antennas by itself, without two exchanges over the
    line for each. It knows no Gen2 session, so the option `session` has each antenna asked in turn (74, then 8B), and a reader
    that refuses 8A too (74, then 89).
    """
    grouped = max(options.antennas) > 8  # 16-port units: two groups of 8
    rounds = []
    for group in (0, 1):
        antennas = tuple(a for a in options.antennas if (a - 1) // 8 == group)
        select = ((Cmd.SET_ANTENNA_GROUP, bytes((group,))),) if grouped else ()
        local = [a - 1 - 8 * group for a in antennas]
        if len(antennas) > 1 and fast_switch and options.session is None:
            rounds.append(Round(select, Cmd.FAST_SWITCH, _fast_switch(local), antennas, 8 * group))
            continue
        repeat = 1 if len(antennas) > 1 else ROUNDS_PER_COMMAND  # 255 means the shortest for 89, but very long for some 8B
        command, data = Cmd.INVENTORY, bytes((repeat,))
        if options.session is not None:
            command, data = Cmd.SESSION_INVENTORY, bytes((options.session, "AB".index(options.target), repeat))
        for antenna, port in zip(antennas, local, strict=True):
            rounds.append(Round((*select, (Cmd.SET_ANTENNA, bytes((port,)))), command, data, (antenna,), 8 * group))
    return rounds


def _fast_switch(ports: Sequence[int]) -> bytes:
    """Return the data of 8A: a pair of antenna and stay per slot, interval in ms, repeat. Unused slots name no antenna."""
    slots = 4 if max(ports) < 4 else 8
    pairs = b"".join(bytes((port, 1)) for port in ports) + b"\xff\x00" * (slots - len(ports))
    return pairs + bytes((0, max(1, ROUNDS_PER_COMMAND // len(ports))))
