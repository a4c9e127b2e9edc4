"""A recording gives the events that the live engine told, however often, and as much of them as the file still holds."""

import io
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway import pipeline
from gateway.location.site import Instant
from gateway.recording.framing import MAGIC, Damaged, NoRecording, Tail, blocks, packed
from gateway.recording.header import header, read_header
from gateway.recording.records import Bytes, Decoder, Encoder, Record
from sync.wire import ClockQuality, EventKind, LocationEvent
from tests.unit.gateway.recording.on_tape import TOML, Tape, a_day, m100_tag, r2000_tag, replayed, settings_of


@pytest.fixture(scope="module")
def day() -> Tape:
    tape = Tape()
    a_day(tape)
    tape.ended()
    return tape


def is_beginning(part: list[LocationEvent], whole: list[LocationEvent]) -> bool:
    return part == whole[: len(part)]


def test_a_replay_tells_what_was_told_then(day: Tape) -> None:
    told, replay = replayed(day.file)
    assert {event.kind for event in told} == {EventKind.PASSED, EventKind.ARRIVED, EventKind.DEPARTED, EventKind.SEEN} & {
        event.kind for event in day.told
    }
    assert len({event.kind for event in told}) >= 3, "the day is too dull to show anything"
    assert {event.clock_quality for event in told} == {ClockQuality.SYNCED, ClockQuality.HOLDOVER}
    assert told == day.told
    assert replay.told.ended == "it was stopped"
    assert replay.told.damage == ""
    assert replay.told.events == len(told)
    assert replayed(day.file)[0] == told


def test_what_was_there_before_is_known_in_the_replay_too() -> None:
    before = Tape()
    a_day(before)
    before.hear("store", m100_tag(102, -50) * 3)
    before.wait(0.5)
    before.hear("store", m100_tag(102, -50) * 3)
    before.turn()
    after = Tape(at_s=before.at_s + 60, saved=before.saved)
    states = len(after.saved)
    after.session("store")
    after.hear("store", m100_tag(103, -50) * 3)
    after.wait(10)
    assert states >= 3
    assert "departed" in {event.kind for event in after.told}, "nobody was there before"
    assert replayed(after.file)[0] == after.told


def rewritten(file: bytes, cut: Callable[[Record], Sequence[Record]]) -> bytes:
    """Return the recording with the records that `cut` makes of each."""
    made: list[bytes] = []
    encoder: Encoder | None = None
    for number, block in enumerate(blocks(io.BytesIO(file))):
        if isinstance(block, Tail):
            break
        if number == 0:
            recorded, start, _ = read_header(block)
            decoder = Decoder(start, [reader.name for reader in recorded.readers])
            encoder = Encoder(start)
            made.append(block)
            continue
        assert encoder is not None
        to = bytearray()
        for record in decoder.records(block):
            for piece in cut(record):
                encoder.add(to, piece)
        made.append(bytes(to))
    return MAGIC + b"".join(packed(block) for block in made)


@settings(max_examples=20, deadline=None)
@given(sizes=st.lists(st.integers(1, 30), min_size=1, max_size=8))
def test_the_cut_of_the_bytes_changes_nothing(day: Tape, sizes: list[int]) -> None:
    taken = 0

    def cut(record: Record) -> list[Record]:
        nonlocal taken
        if not isinstance(record, Bytes) or not record.data:
            return [record]
        pieces: list[Record] = []
        left = record.data
        while left:
            size = sizes[taken % len(sizes)]
            taken += 1
            pieces.append(Bytes(record.reader, record.now, left[:size]))
            left = left[size:]
        return pieces

    assert replayed(rewritten(day.file, cut))[0] == day.told


def test_a_file_cut_anywhere_replays_up_to_the_cut(day: Tape) -> None:
    file, begun = day.file, len(Tape().file)
    seen = set()
    for at in range(begun, len(file), 41):
        told, replay = replayed(file[:at])
        seen.add(len(told))
        assert is_beginning(told, day.told)
        assert replay.told.ended == "cut short"
        assert replay.told.damage == ""
    assert len(seen) >= 3, "a cut costs more than what came after it"
    for at in (0, 5, len(MAGIC), len(MAGIC) + 30):
        with pytest.raises(NoRecording):
            replayed(file[:at])


def test_a_power_cut_may_leave_zeros(day: Tape) -> None:
    told, replay = replayed(day.file + bytes(4096))
    assert told == day.told
    assert replay.told.damage == ""


def test_many_small_blocks_lose_only_what_came_after_the_cut() -> None:
    tape = Tape()
    tape.session("dock")
    for number in range(5):
        tape.at_s += 0.2
        tape.hear("dock", r2000_tag(1, number, -50))
        tape.turn()
        before = len(tape.file)
    _, replay = replayed(tape.file[: before - 1])
    assert replay.told.reads == 4
    _, replay = replayed(tape.file)
    assert replay.told.reads == 5


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_damage_is_noticed_and_what_stands_before_it_is_told(day: Tape, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(day.file) - 1))
    file = bytearray(day.file)
    file[at] ^= data.draw(st.integers(1, 255))
    try:
        told, replay = replayed(bytes(file))
    except (NoRecording, Damaged):  # it stands before anything was recorded
        return
    assert is_beginning(told, day.told)
    assert replay.told.damage or replay.told.ended == "cut short"


def made_of(*records: bytes) -> bytes:
    start = Instant(10**9, 10**12)
    return MAGIC + packed(header(settings_of(), start, "test")) + packed(b"".join(records))


@pytest.mark.parametrize(
    "record",
    [
        b"\x63",  # no such kind
        b"\x06\x09\x00\x00\x00",  # no such reader
        b"\x06\x00\x00\x00\x7f",  # longer than its block
        b"\x0a\x80",  # a number without an end
        b"\x0a\x01\x00\x00" + b"\x0a" + b"\xff" * 8 + b"\x7f\x00\x00",  # before the beginning, then a time before all times
        b"\x0a\x00\x00\x00",  # a turn before it begins
        b"\x0c\x05",  # refused, but nothing is there
        b"\x07\x03\x91\x01\x02",  # reads that are none
        b"\x05\x00\x00",  # a codec set up with nothing
        b"\x03\x00\x00\x03\x00\x00",  # begins twice
        b"\x0b\x01\xff",  # no text
    ],
)
def test_records_that_make_no_sense_are_damage(record: bytes) -> None:
    told, replay = replayed(made_of(record))
    assert told == []
    assert replay.told.damage


def test_what_did_not_reach_the_engine_then_does_not_now() -> None:
    tape = Tape(queue_reads=3)
    tape.session("dock")
    tape.session("cam")
    tape.turn()
    for number in range(6):
        tape.hear("dock", r2000_tag(1, number, -50))
        tape.label(f"BOX-{number}")
    tape.turn()
    tape.wait(3)
    told, replay = replayed(tape.file)
    assert told == tape.told
    assert replay.told.refused == tape.intake.refused == 9
    assert replay.told.reads == 3


def test_reads_that_waited_for_the_next_turn_do_so_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "ROUND_READS", 1)
    tape = Tape()
    tape.session("cam")
    for number in range(4):
        tape.label(f"BOX-{number}", late_s=0.0)
    tape.wait(5)
    assert len(tape.told) == 4
    assert replayed(tape.file)[0] == tape.told
    assert len({event.decided_at for event in tape.told}) > 1, "they were all taken in one turn"


def test_a_silence_gives_up_what_was_held_then_and_now() -> None:
    tape = Tape(settings_of(TOML.replace('["cam:1"]', '["cam:1", "dock:3"]')))
    tape.session("dock")
    tape.hear("dock", b"\xa0\x45\x01\x89" + r2000_tag(3, 7, -50))  # the header claims more than comes
    tape.turn()
    assert tape.told == []
    tape.at_s += 0.5
    tape.hear("dock", b"")
    tape.turn()
    assert [event.kind for event in tape.told] == [EventKind.ARRIVED]
    assert replayed(tape.file)[0] == tape.told


def test_half_a_frame_of_the_old_link_never_prefixes_the_new_one() -> None:
    tape = Tape()
    tape.session("dock")
    tape.hear("dock", r2000_tag(1, 7, -50)[:10])
    tape.turn()
    tape.session("dock")
    tape.hear("dock", r2000_tag(1, 7, -50)[10:])
    tape.turn()
    assert replayed(tape.file)[1].told.reads == 0


def test_a_codec_is_set_up_as_its_session_had_it() -> None:
    settings16 = settings_of(
        TOML.replace("antennas = [1, 2]", "antennas = [9, 10]").replace("dock:1", "dock:9").replace("dock:2", "dock:10")
    )
    tape = Tape(settings16)
    tape.session("dock")
    tape.codecs["dock"].set_up = b"\x08\x01"
    for step in range(60):
        tape.at_s += 0.05
        tape.hear("dock", r2000_tag(1 if step < 30 else 2, 7, -50))
        tape.turn()
    tape.wait(4)
    assert [event.door for event in tape.told] == ["dock"]
    assert replayed(tape.file)[0] == tape.told


def test_a_recording_may_begin_in_the_middle_of_a_session() -> None:
    tape = Tape()
    tape.session("dock")
    tape.codecs["dock"].set_up = b"\x00\x02"  # it listens to another reader of the line than the one that speaks
    tape.begin_anew(up=["dock"])
    tape.hear("dock", r2000_tag(1, 7, -50))
    tape.codecs["dock"].set_up = b"\x00\x01"
    tape.hear("dock", r2000_tag(1, 7, -50))
    tape.turn()
    _, replay = replayed(tape.file)
    assert replay.told.reads == 1


def test_other_rules_decide_otherwise(day: Tape) -> None:
    other = settings_of(TOML.replace("lost_min_s = 2, lost_max_s = 4", "lost_min_s = 100, lost_max_s = 200"))
    told, _ = replayed(day.file, other)
    assert [event for event in day.told if event.kind is EventKind.DEPARTED]
    assert not [event for event in told if event.kind is EventKind.DEPARTED and event.zone_from == "store-room"]


def test_a_driver_that_is_not_here_is_named(day: Tape) -> None:
    def head(text: str) -> bytes:
        return packed(header(settings_of(text), Tape().now, "test"))

    gone = TOML.replace('"r2000"', '"x9"')
    assert replayed(day.file, settings_of(gone))[0] == day.told, "settings with another driver for it leave it the recorded one"
    with pytest.raises(NoRecording, match="driver 'x9'"):
        replayed(MAGIC + head(gone) + day.file.partition(head(TOML))[2])
