"""Frames of M100 modules, from published captures and by property."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.api import Kind, Read
from drivers.checksums import crc16_gen2
from drivers.m100.codec import Answer, FrameDecoder, Query, command, fault_text

FRAMES = json.loads((Path(__file__).parents[2] / "data" / "m100_frames.json").read_text())
TAG = bytes.fromhex(FRAMES["tags"][0][0])


def decode(data: bytes) -> tuple[list[Read], list[Answer]]:
    return FrameDecoder("store").feed(data, 1_000, 2_000)


def sent(kind: int, code: int, parameters: bytes) -> bytes:
    body = bytes((kind, code)) + len(parameters).to_bytes(2, "big") + parameters
    return b"\xbb" + body + bytes((sum(body) % 256, 0x7E))


def notice(rssi: int, pc: int, epc: bytes, appended: bytes = b"") -> bytes:
    said = pc.to_bytes(2, "big") + epc
    return sent(2, 0x22, rssi.to_bytes(1, "big", signed=True) + said + crc16_gen2(said).to_bytes(2, "big") + appended)


@pytest.mark.parametrize(("frame", "code", "parameters", "_meaning"), FRAMES["commands"])
def test_published_commands_are_built_byte_for_byte(frame: str, code: str, parameters: str, _meaning: str) -> None:
    assert command(int(code, 16), bytes.fromhex(parameters)) == bytes.fromhex(frame)


@pytest.mark.parametrize(("frame", "code", "parameters", "_meaning"), FRAMES["answers"])
def test_published_answers(frame: str, code: str, parameters: str, _meaning: str) -> None:
    assert decode(bytes.fromhex(frame)) == ([], [Answer(int(code, 16), bytes.fromhex(parameters))])


@pytest.mark.parametrize(("frame", "epc", "pc", "dbm"), FRAMES["tags"])
def test_published_tags(frame: str, epc: str, pc: str, dbm: int) -> None:
    read = Read("store", 1, bytes.fromhex(epc), Kind.UHF, 1_000, 2_000, dbm, 1, int(pc, 16))
    assert decode(bytes.fromhex(frame)) == ([read], [])


def test_the_misprinted_answer_of_the_manual_has_another_checksum() -> None:
    body = bytes.fromhex("01030010004d31303020323664426d2056312e30")
    assert decode(b"\xbb" + body + b"\x22\x7e") == ([], []), "as printed"
    assert decode(b"\xbb" + body + b"\x92\x7e") == ([], [Answer(3, b"\x00M100 26dBm V1.0")])


@pytest.mark.parametrize("words", range(32))
def test_every_epc_length(words: int) -> None:
    epc = bytes(range(words * 2))
    assert [(r.raw, r.rssi_dbm) for r in decode(notice(-61, words << 11, epc))[0]] == [(epc, -61)]


def test_bytes_that_a_board_appends_are_left_alone() -> None:
    reads, _ = decode(notice(-61, 0x3000, bytes(12), appended=b"\x02"))
    assert [(r.raw, r.antenna) for r in reads] == [(bytes(12), 1)]


def test_a_wrong_tag_crc_is_rejected_unless_the_board_passes_none_on() -> None:
    said = b"\xc9\x34\x00" + TAG[8:20] + b"\x00\x00"
    decoder = FrameDecoder("store")
    assert decoder.feed(sent(2, 0x22, said), 0, 0) == ([], [])
    assert decoder.rejected_frames == 1
    assert len(FrameDecoder("store", check_tag_crc=False).feed(sent(2, 0x22, said), 0, 0)[0]) == 1


@pytest.mark.parametrize("frame", [sent(2, 0x22, b"\xc9\x30\x00\x00"), notice(-50, 0xF800, bytes(12)), sent(2, 0x22, bytes(4))])
def test_a_tag_shorter_than_its_pc_says_is_rejected(frame: bytes) -> None:
    assert decode(frame) == ([], [])


def test_a_command_on_the_line_is_no_answer() -> None:
    assert decode(command(0x22) + TAG)[0][0].raw == TAG[8:20]


@pytest.mark.parametrize("split", range(1, len(TAG)))
def test_a_tag_survives_any_split(split: int) -> None:
    decoder = FrameDecoder("store")
    reads = decoder.feed(TAG[:split], 0, 0)[0] + decoder.feed(TAG[split:], 0, 0)[0]
    assert [r.raw for r in reads] == [TAG[8:20]]
    assert decoder.skipped_bytes == 0


@pytest.mark.parametrize(
    "noise", [b"\x00\xff", b"\xbb", b"\xbb\x02\x22\x00\x40", b"\xbb\x02\x22\xff\xff", TAG[:-1] + b"\0", TAG[:9]]
)
def test_noise_before_a_tag_does_not_cost_the_tag(noise: bytes) -> None:
    decoder = FrameDecoder("store")
    reads = decoder.feed(noise + TAG, 0, 0)[0] + decoder.flush(0, 0)[0]
    assert [r.raw for r in reads] == [TAG[8:20]]
    assert decoder.skipped_bytes == len(noise)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400))
def test_whatever_comes_every_byte_is_accounted_for(garbage: bytes) -> None:
    decoder = FrameDecoder("store", check_tag_crc=False)
    results = [decoder.feed(garbage, 0, 0), decoder.flush(0, 0)]
    answers = [answer for _, answers in results for answer in answers]
    if not any(reads for reads, _ in results):
        assert decoder.skipped_bytes + sum(len(a.parameters) + 7 for a in answers) == len(garbage)
    assert not decoder.holding


tags = st.builds(
    lambda words, fill, rssi: notice(rssi, words << 11, (fill * 62)[: words * 2]),
    st.integers(0, 31),
    st.binary(min_size=1, max_size=62),
    st.integers(-128, 127),
)
answers = st.builds(lambda code, parameters: sent(1, code, parameters), st.integers(0, 255), st.binary(max_size=80))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.one_of(tags, answers), max_size=6), st.data())
def test_any_split_gives_the_same(good: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(good)
    edges = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    decoder = FrameDecoder("store")
    count = 0
    for start, end in zip([0, *edges], [*edges, len(stream)], strict=True):
        count += sum(len(part) for part in decoder.feed(stream[start:end], 1_000, 2_000))
    assert count == len(good)
    assert (decoder.skipped_bytes, decoder.rejected_frames, decoder.holding) == (0, 0, False)


def test_query_fields_are_changed_each_by_itself() -> None:
    query = Query(0x1020)
    assert query.with_session(3).value == 0x1320
    assert query.with_target(1).value == 0x10A0
    assert query.with_q(15).value == 0x1078
    assert query.with_q(0).with_session(1).with_session(0).with_q(4) == query


def test_faults_have_words() -> None:
    assert fault_text(0x15) == "no tag (error 15)"
    assert fault_text(0x77) == "unknown error (error 77)"
