"""Our own families against the checks that every driver must pass."""

import random
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from drivers.conformance import CODEC_CHECKS, SESSION_CHECKS, Candidate
from drivers.m100 import codec as m100_codec
from drivers.m100 import reader as m100_reader
from drivers.m100.emulator import M100Emulator
from drivers.r2000 import codec as r2000_codec
from drivers.r2000 import reader as r2000_reader
from drivers.r2000.emulator import R2000Emulator

R2000 = Candidate(
    open_reader=lambda wiring: r2000_reader.R2000Reader(
        wiring, r2000_reader.Timing(answer_s=0.5, round_silence_s=0.5, per_antenna_s=0.0)
    ),
    device=lambda tags: R2000Emulator(tags, round_s=0.005, boot_s=0.0),
    decoder=lambda: r2000_codec.FrameDecoder("reader"),
    frames=[
        bytes.fromhex(frame)
        for frame in (
            "A0 05 01 72 01 09 DE",
            "A0 13 01 89 04 30 00 E2 00 30 16 66 13 01 21 15 50 74 EF 45 BF",
            "A0 13 01 8B 17 30 00 E2 80 69 15 00 00 50 1D 63 E2 A0 4F D3 26",
            "A0 0A 01 8B 07 00 5A 00 00 00 04 65",
            "A0 05 01 8A 01 22 AD",
        )
    ],
    max_held_bytes=r2000_codec.MAX_HELD_BYTES,
    options={"antennas": [1, 2], "power_dbm": 30, "region": "etsi"},
    wrong_options=[
        {"power_dbm": 34},
        {"power_dbm": "30"},
        {"antennas": []},
        {"antennas": [1, 1]},
        {"antennas": [17]},
        {"antennas": [1, 2], "power_dbm": [30]},
        {"powr_dbm": 30},
        {"region": "mars"},
        {"region": {"start_khz": 1, "spacing_khz": 200, "channels": 4}},
        {"session": 4},
        {"baudrate": 300},
    ],
    unworkable=[
        (lambda: R2000Emulator(regions=frozenset({1}), boot_s=0.0), {"region": "etsi"}),
        (lambda: R2000Emulator(ports=4, boot_s=0.0), {"antennas": [1, 7]}),
        (lambda: R2000Emulator(ports=8, boot_s=0.0), {"antennas": [1, 9]}),
    ],
)

M100 = Candidate(
    open_reader=lambda wiring: m100_reader.M100Reader(wiring, m100_reader.Timing(answer_s=0.3, poll_silence_s=0.5)),
    device=lambda tags: M100Emulator(tags, poll_s=0.005, boot_s=0.0),
    decoder=lambda: m100_codec.FrameDecoder("reader"),
    frames=[
        bytes.fromhex(frame)
        for frame in (
            "BB 01 03 00 0B 00 4D 31 30 30 20 56 31 2E 30 30 22 7E",
            "BB 02 22 00 11 C9 34 00 30 75 1F EB 70 5C 59 04 E3 D5 0D 70 3A 76 EF 7E",
            "BB 01 FF 00 01 15 16 7E",
            "BB 02 22 00 11 D5 30 00 E2 00 10 71 00 00 52 9B 09 40 B4 02 EB 98 0C 7E",
            "BB 01 28 00 01 00 2A 7E",
        )
    ],
    max_held_bytes=m100_codec.MAX_HELD_BYTES,
    options={"power_dbm": 26, "region": "eu"},
    wrong_options=[
        {"power_dbm": 40},
        {"power_dbm": 20, "power_raw": 2000},
        {"region": "etsi"},
        {"antennas": [1, 2]},
        {"q": 16},
        {"demodulator": {"mixer_gain": 3}},
    ],
    unworkable=[(lambda: M100Emulator(regions=frozenset({1}), boot_s=0.0), {"region": "eu"})],
)

FAMILIES = [pytest.param(R2000, id="r2000"), pytest.param(M100, id="m100")]


@pytest.mark.parametrize("candidate", FAMILIES)
@pytest.mark.parametrize("check", CODEC_CHECKS)
def test_codec(candidate: Candidate, check: Callable[[Candidate, random.Random], None]) -> None:
    check(candidate, random.Random(1))


@pytest.mark.parametrize("candidate", FAMILIES)
@pytest.mark.parametrize("check", SESSION_CHECKS)
async def test_session(candidate: Candidate, check: Callable[[Candidate, Path], Awaitable[None]], tmp_path: Path) -> None:
    await check(candidate, tmp_path)
