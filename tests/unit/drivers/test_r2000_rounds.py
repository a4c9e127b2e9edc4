"""Which inventory commands follow from the options."""

import pytest

from drivers.api import Wiring
from drivers.conformance import SYSTEM_CLOCK
from drivers.options import read_options
from drivers.r2000.codec import Cmd
from drivers.r2000.options import R2000Options, UserRegion, plan_rounds
from drivers.r2000.reader import R2000Reader


def options(**values: object) -> R2000Options:
    return read_options(values, R2000Options)


def test_one_antenna_is_selected_once_and_read_in_real_time() -> None:
    (only,) = plan_rounds(options(antennas=[3]))
    assert (only.setup, only.command, only.data) == (((Cmd.SET_ANTENNA, b"\x02"),), Cmd.INVENTORY, b"\x04")


@pytest.mark.parametrize(
    ("antennas", "data"),
    [
        ([1, 2], "00 01 01 01 ff 00 ff 00 00 02"),
        ([4, 1, 3], "03 01 00 01 02 01 ff 00 00 01"),
        ([2, 8], "01 01 07 01 ff 00 ff 00 ff 00 ff 00 ff 00 ff 00 00 02"),
        (list(range(1, 9)), "00 01 01 01 02 01 03 01 04 01 05 01 06 01 07 01 00 01"),
    ],
)
def test_several_antennas_share_one_command(antennas: list[int], data: str) -> None:
    (only,) = plan_rounds(options(antennas=antennas))
    assert (only.setup, only.command, only.data) == ((), Cmd.FAST_SWITCH, bytes.fromhex(data))
    assert only.antennas == tuple(antennas)


@pytest.mark.parametrize(
    ("values", "fast_switch", "command", "data"),
    [({"session": 2, "target": "B"}, True, Cmd.SESSION_INVENTORY, b"\x02\x01\x01"), ({}, False, Cmd.INVENTORY, b"\x01")],
)
def test_antennas_in_turn(values: dict[str, object], fast_switch: bool, command: Cmd, data: bytes) -> None:
    first, second = plan_rounds(options(antennas=[1, 4], **values), fast_switch=fast_switch)
    assert [first.setup, second.setup] == [((Cmd.SET_ANTENNA, b"\x00"),), ((Cmd.SET_ANTENNA, b"\x03"),)]
    assert {first.command, second.command} == {command}
    assert {first.data, second.data} == {data}


def test_sixteen_ports_are_two_groups() -> None:
    lower, upper = plan_rounds(options(antennas=[1, 2, 9]))
    assert (lower.setup, lower.command, lower.offset) == (((Cmd.SET_ANTENNA_GROUP, b"\x00"),), Cmd.FAST_SWITCH, 0)
    assert upper.setup == ((Cmd.SET_ANTENNA_GROUP, b"\x01"), (Cmd.SET_ANTENNA, b"\x00"))
    assert (upper.command, upper.offset, upper.antennas) == (Cmd.INVENTORY, 8, (9,))


def test_only_the_upper_group() -> None:
    (only,) = plan_rounds(options(antennas=[9, 10]))
    assert (only.setup, only.offset) == (((Cmd.SET_ANTENNA_GROUP, b"\x01"),), 8)


@pytest.mark.parametrize(
    ("now", "powers"),
    [([30], [20, 30, 25, 30]), ([26, 27, 28, 29], [20, 27, 25, 29]), ([31] * 8, [20, 31, 25, 31, 31, 31, 31, 31])],
)
def test_a_power_each_leaves_the_other_ports_alone(now: list[int], powers: list[int]) -> None:
    assert list(options(antennas=[1, 3], power_dbm=[20, 25]).powers_dbm(now)) == powers


def test_regions() -> None:
    assert options().region_encoded() is None
    assert options(region="fcc").region_encoded() == bytes.fromhex("01073b")
    assert options(region={"start_khz": 902_750, "spacing_khz": 500, "channels": 50}).region_encoded() == bytes.fromhex(
        "0432320dc65e"
    )
    assert UserRegion(865_700, 600, 4).encoded() == bytes.fromhex("043c040d35a4")


def test_the_entry_points_check_the_options() -> None:
    reader = R2000Reader(Wiring("door", "/dev/x", {"antennas": [1, 2]}, SYSTEM_CLOCK))
    assert reader.options.antennas == (1, 2)
