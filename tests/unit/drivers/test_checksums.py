"""The published check values, and the exactness of the sums over the longest frames."""

import pytest

from drivers.checksums import CHECK_INPUT, GEN2_RESIDUE, crc16_ccitt_false, crc16_gen2, negated_sum8, sum8


def test_check_values() -> None:
    assert sum8(CHECK_INPUT) == 0xDD
    assert negated_sum8(CHECK_INPUT) == 0x23
    assert crc16_ccitt_false(CHECK_INPUT) == 0x29B1
    assert crc16_gen2(CHECK_INPUT) == 0xD64E


def test_a_tag_with_its_right_crc_leaves_the_residue() -> None:
    assert crc16_ccitt_false(bytes.fromhex("340030751feb705c5904e3d50d703a76")) == GEN2_RESIDUE
    assert crc16_gen2(bytes.fromhex("340030751feb705c5904e3d50d70")) == 0x3A76


@pytest.mark.parametrize("data", [b"", b"\xa0" + b"\xff" * 256, b"\xff" * 256, bytes(257)])
def test_the_sum_is_the_plain_sum_up_to_the_longest_frame(data: bytes) -> None:
    assert sum8(data) == sum(data) % 256
    assert (sum(data) + negated_sum8(data)) % 256 == 0


def test_negated_sum_of_the_worked_example() -> None:
    assert negated_sum8(bytes.fromhex("A0030172")) == 0xEA
