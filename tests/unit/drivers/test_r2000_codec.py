"""Frames of the "A0" family, from published captures and by property."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.api import Kind, Read
from drivers.r2000.codec import (
    BROADCAST,
    Answer,
    AntennaFault,
    Cmd,
    FrameDecoder,
    RoundEnd,
    RoundError,
    code_text,
    inventory_answer,
    request,
    rssi_dbm,
    user_channels_khz,
)

FRAMES = json.loads((Path(__file__).parents[2] / "data" / "r2000_frames.json").read_text())
TAG = bytes.fromhex(FRAMES["tags"][0][0])
SUMMARY = bytes.fromhex("A00A018B000019000000 01B0")


def decode(data: bytes) -> tuple[list[Read], list[Answer]]:
    return FrameDecoder("door").feed(data, 1_000, 2_000)


@pytest.mark.parametrize(("frame", "address", "command", "data", "_meaning"), FRAMES["requests"])
def test_published_requests_are_built_byte_for_byte(frame: str, address: int, command: str, data: str, _meaning: str) -> None:
    assert request(address, int(command, 16), bytes.fromhex(data)) == bytes.fromhex(frame)


@pytest.mark.parametrize(("frame", "address", "command", "data", "_meaning"), FRAMES["answers"])
def test_published_answers(frame: str, address: int, command: str, data: str, _meaning: str) -> None:
    assert decode(bytes.fromhex(frame)) == ([], [Answer(address, int(command, 16), bytes.fromhex(data))])


@pytest.mark.parametrize(("frame", "antenna", "epc", "pc", "dbm", "khz"), FRAMES["tags"])
def test_published_tags(frame: str, antenna: int, epc: str, pc: str, dbm: int, khz: int) -> None:
    read = Read("door", antenna, bytes.fromhex(epc), Kind.UHF, 1_000, 2_000, dbm, 1, int(pc, 16), khz)
    assert decode(bytes.fromhex(frame)) == ([read], [])


@pytest.mark.parametrize(("frame", "right"), FRAMES["not_verifying"])
def test_misprinted_frames_are_rejected_and_would_be_right_with_their_checksum(frame: str, right: str) -> None:
    decoder = FrameDecoder("door")
    assert decoder.feed(bytes.fromhex(frame), 0, 0) == ([], [])
    assert (decoder.rejected_frames, decoder.holding) == (1, False)
    assert len(decode(bytes.fromhex(frame)[:-1] + bytes.fromhex(right))[1]) == 1


def tag_frame(place: int, pc: int, epc: bytes, rssi: int, command: int = 0x89) -> bytes:
    return request(1, command, bytes((place,)) + pc.to_bytes(2, "big") + epc + bytes((rssi,)))


@pytest.mark.parametrize("words", range(32))
def test_every_epc_length(words: int) -> None:
    epc = bytes(range(words * 2))
    reads, answers = decode(tag_frame(0, words << 11, epc, 0x40))
    if words < 2:  # no longer than a summary: too short to be told from one, and too short for any EPC scheme
        assert (reads, answers) == ([], [])
    else:
        assert [(r.raw, r.pc) for r in reads] == [(epc, words << 11)]


@pytest.mark.parametrize(
    ("place", "rssi", "offset", "antenna"), [(0, 0x40, 0, 1), (3, 0xC0, 0, 8), (1, 0x40, 8, 10), (3, 0xC0, 8, 16)]
)
def test_antenna_from_frequency_byte_rssi_bit_and_group(place: int, rssi: int, offset: int, antenna: int) -> None:
    decoder = FrameDecoder("door")
    decoder.antenna_offset = offset
    assert decoder.feed(tag_frame(place, 0x3000, bytes(12), rssi), 0, 0)[0][0].antenna == antenna


def test_strength_is_129_below_the_value_over_the_whole_scale() -> None:
    assert [rssi_dbm(value) for value in (0, 89, 90, 127, 0xD3)] == [-129, -40, -39, -2, -46]


def test_frequencies() -> None:
    decoder = FrameDecoder("door")
    khz = {
        i: decoder.feed(tag_frame(i << 2, 0x3000, bytes(12), 0x40), 0, 0)[0][0].frequency_khz for i in (0, 6, 7, 43, 53, 59, 60)
    }
    assert khz == {0: 865_000, 6: 868_000, 7: 902_000, 43: 920_000, 53: 925_000, 59: 928_000, 60: None}
    decoder.channels_khz = user_channels_khz(916_000, 250)
    assert decoder.feed(tag_frame(3 << 2, 0x3000, bytes(12), 0x40), 0, 0)[0][0].frequency_khz == 916_750


def test_a_tag_whose_pc_tells_another_length_is_rejected() -> None:
    decoder = FrameDecoder("door")
    assert decoder.feed(tag_frame(0, 0x2000, bytes(12), 0x40), 0, 0) == ([], [])
    assert (decoder.rejected_frames, decoder.skipped_bytes) == (1, 21)


def test_extended_pc_words_stay_in_front_of_the_epc() -> None:
    assert decode(tag_frame(0, 0x3200, bytes(14), 0x40))[0][0].raw == bytes(14)


def test_another_reader_on_the_line_is_not_heard() -> None:
    decoder = FrameDecoder("door")
    decoder.address = 2
    assert decoder.feed(TAG + SUMMARY, 0, 0) == ([], [])
    assert (decoder.foreign_frames, decoder.skipped_bytes) == (2, 0)


@pytest.mark.parametrize(
    ("command", "data", "means"),
    [
        (Cmd.INVENTORY, "02 00 19 00 00 00 07", RoundEnd(7, antenna=3, reads_per_s=25)),
        (Cmd.INVENTORY, "02 00 00 00 07", RoundEnd(7, antenna=3)),
        (Cmd.SESSION_INVENTORY, "22", RoundError(0x22)),
        (Cmd.FAST_SWITCH, "00 00 07 00 00 01 f4", RoundEnd(7, duration_ms=500)),
        (Cmd.FAST_SWITCH, "01 22", AntennaFault(2, 0x22)),
        (Cmd.FAST_SWITCH, "41", RoundError(0x41)),
        (Cmd.FAST_SWITCH, "00 00 07", None),
        (Cmd.INVENTORY, "00 00", None),
    ],
)
def test_how_a_round_ends(command: int, data: str, means: object) -> None:
    assert inventory_answer(Answer(1, command, bytes.fromhex(data))) == means


def test_codes_have_words() -> None:
    assert code_text(0x22) == "antenna missing (code 22)"
    assert code_text(0x99) == "unknown code (code 99)"


def test_an_unfinished_frame_waits_and_flush_gives_it_up() -> None:
    decoder = FrameDecoder("door")
    assert decoder.feed(b"\xa0\x45\x01\x89" + TAG, 0, 0) == ([], [])
    assert decoder.holding
    reads, _ = decoder.flush(5, 6)
    assert [(r.raw, r.rx_mono_ns, r.rx_wall_ms) for r in reads] == [(TAG[7:-2], 5, 6)]
    assert (decoder.holding, decoder.skipped_bytes) == (False, 4)


def test_a_header_that_no_command_fits_holds_nothing_back() -> None:
    decoder = FrameDecoder("door")
    assert len(decoder.feed(b"\xa0\x13\x01" + TAG, 0, 0)[0]) == 1
    assert decoder.skipped_bytes == 3


frames = st.one_of(
    st.builds(
        lambda command, place, words, fill, rssi: tag_frame(place, words << 11, (fill * 62)[: words * 2], rssi, command),
        st.sampled_from((0x89, 0x8A, 0x8B)),
        st.integers(0, 255),
        st.integers(2, 31),
        st.binary(min_size=1, max_size=62),
        st.integers(0, 255),
    ),
    st.builds(
        lambda command, code: request(1, command, bytes((code,))), st.sampled_from((0x66, 0x74, 0x8A)), st.integers(0, 255)
    ),
    st.builds(lambda data: request(1, 0x89, data), st.binary(min_size=7, max_size=7)),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(frames, max_size=6), st.data())
def test_any_split_gives_the_same(good: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(good)
    edges = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    decoder = FrameDecoder("door")
    reads, answers = [], []
    for start, end in zip([0, *edges], [*edges, len(stream)], strict=True):
        more_reads, more_answers = decoder.feed(stream[start:end], 1_000, 2_000)
        reads += more_reads
        answers += more_answers
    assert (reads, answers) == decode(stream)
    assert len(reads) + len(answers) == len(good)
    assert (decoder.skipped_bytes, decoder.rejected_frames, decoder.holding) == (0, 0, False)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400))
def test_whatever_comes_every_byte_is_accounted_for(garbage: bytes) -> None:
    decoder = FrameDecoder("door")
    results = [decoder.feed(garbage, 0, 0), decoder.flush(0, 0)]
    taken = sum(len(r.raw) + 9 for reads, _ in results for r in reads) + sum(
        len(a.data) + 5 for _, answers in results for a in answers
    )
    assert decoder.skipped_bytes + taken == len(garbage)
    assert not decoder.holding


def test_broadcast_is_the_highest_address() -> None:
    assert request(BROADCAST, Cmd.FIRMWARE) == bytes.fromhex("A003FF72EC")
