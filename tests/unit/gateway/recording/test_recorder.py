"""What is kept while a recording goes on, what stands in its header, and how one is asked for."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.api import Kind, Read
from gateway.location.site import Instant
from gateway.recording import recorder as recorder_module
from gateway.recording.framing import NoRecording
from gateway.recording.header import header, read_header
from gateway.recording.recorder import TOO_SLOW, Recorder
from gateway.recording.records import (
    Begun,
    Bytes,
    Decoder,
    Encoder,
    End,
    Link,
    Live,
    Quality,
    Reads,
    Record,
    Refused,
    Session,
    SetUp,
    State,
    Turn,
)
from gateway.recording.request import Request, ask, asked, withdraw
from sync.wire import ClockQuality
from tests.unit.gateway.recording.on_tape import TOML, settings_of

START = Instant(5 * 10**9, 1_700_000_000_000)
instants = st.builds(Instant, st.integers(0, 2**61), st.integers(0, 2 * 10**14))
readers = st.integers(0, 2)
read_records = st.builds(
    Read,
    reader=st.text(max_size=9),
    antenna=st.integers(1, 255),
    raw=st.binary(max_size=70),
    kind=st.sampled_from(Kind),
    rx_mono_ns=st.integers(0, 2**61),
    rx_wall_ms=st.integers(0, 2 * 10**14),
    rssi_dbm=st.none() | st.integers(-99, 20),
    phase_rad=st.none() | st.floats(allow_nan=False),
    reader_ts_ms=st.none() | st.integers(0, 2**50),
    symbology=st.none() | st.text(max_size=9),
    tid=st.none() | st.binary(max_size=9),
    operator=st.none() | st.text(max_size=9),
)
records = st.one_of(
    st.builds(State, st.text(max_size=40), st.binary(max_size=99)),
    st.builds(Live, st.text(max_size=40), st.integers(0, 2 * 10**14)),
    st.builds(Begun, instants),
    st.builds(Session, readers),
    st.builds(SetUp, readers, st.binary(max_size=9)),
    st.builds(Bytes, readers, instants, st.binary(max_size=300)),
    st.builds(Reads, st.lists(read_records, max_size=4)),
    st.builds(Link, readers, st.booleans(), instants),
    st.builds(Turn, instants, st.integers(0, 10**6)),
    st.builds(Quality, st.sampled_from(ClockQuality)),
    st.builds(Refused, st.integers(0, 10**6)),
    st.builds(End, st.text(max_size=40)),
)


@given(told=st.lists(records, max_size=20))
def test_records_come_back_as_they_were(told: list[Record]) -> None:
    encoder, block = Encoder(START), bytearray()
    for record in told:
        encoder.add(block, record)
    assert list(Decoder(START, ["a", "b", "c"]).records(bytes(block))) == told


def busy(recorder: Recorder) -> None:
    recorder.session("a")
    recorder.tap("a")(b"abc", *START, b"")
    recorder.reads("a", [], True)
    recorder.reads("b", [], True)
    recorder.link("a", True, START)
    recorder.turn(START, 0)
    recorder.clock_quality(ClockQuality.SYNCED)


def test_nothing_is_kept_before_and_after() -> None:
    recorder = Recorder(["a", "b"])
    busy(recorder)
    assert recorder.fetch() == []
    recorder.begin(START, START, (), ClockQuality.SYNCED)
    busy(recorder)
    assert len(recorder.end("enough")) == 1
    busy(recorder)
    assert recorder.fetch() == []


def test_a_reader_whose_bytes_are_kept_is_not_kept_twice() -> None:
    recorder = Recorder(["a", "b"])
    recorder.tap("a")(b"", *START, b"")  # before the recording
    recorder.begin(START, START, (), ClockQuality.SYNCED)
    read = Read("a", 1, b"x", Kind.UHF, *START)
    recorder.reads("a", [read], True)
    recorder.reads("b", [read], True)
    kept = [record for block in recorder.fetch() for record in Decoder(START, ["a", "b"]).records(block)]
    assert [type(record) for record in kept] == [Quality, Begun, Reads]


def test_a_disk_that_does_not_keep_up_ends_it_with_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder_module, "MAX_UNWRITTEN_BYTES", 1_000_000)
    recorder = Recorder(["a"])
    recorder.begin(START, START, (), ClockQuality.SYNCED)
    tap = recorder.tap("a")
    for _ in range(100):
        tap(bytes(100_000), *START, b"")
    assert recorder.failed == TOO_SLOW
    last = recorder.end(recorder.failed)
    assert sum(map(len, last)) < 2_000_000
    kept = [record for block in last for record in Decoder(START, ["a"]).records(block)]
    assert kept[-1] == End(TOO_SLOW)


def test_the_header_has_what_decides_and_no_secrets() -> None:
    text = TOML.replace("rtsp://192.0.2.9/belt?key=hush", "rtsp://me:hush@192.0.2.9/belt?key=hush#hush")
    text = text.replace('"/etc/hush" }', '"/etc/hush", deep = [{ api_token = "hush", far = 3 }] }')
    settings = settings_of(text + '[registry]\ncredentials = "/etc/hush.json"\n')
    told = header(settings, START, "9.9")
    assert b"hush" not in told
    assert b"rtsp://192.0.2.9/belt" in told
    assert b'{"deep": [{"far": 3}]}' in told
    again, start, software = read_header(told)
    assert (start, software) == (START, "9.9")
    assert again.as_site() == settings.as_site()
    assert again.readers[0] == settings.readers[0]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"v": 2}, "newer version"),
        ({"mono_ns": -1}, "times make no sense"),
        ({"mono_ns": "x"}, "makes no sense"),
        ({"settings": {}}, "settings"),
        ({"settings": {"gateway": {"site": "x"}, "zones": [{"name": "a"}]}}, "zones.0.kind"),
    ],
)
def test_a_header_that_makes_no_sense_is_refused(change: dict[str, object], why: str) -> None:
    told = json.loads(header(settings_of(), START, "9.9"))
    with pytest.raises(NoRecording, match=why):
        read_header(json.dumps(told | change).encode())


def test_one_recording_is_asked_for_at_a_time(tmp_path: Path) -> None:
    first, second = Request("a.rec", 5, 10, 1), Request("b.rec", 5, 10, 1)
    assert asked(tmp_path) is None
    ask(tmp_path, first)
    with pytest.raises(FileExistsError):
        ask(tmp_path, second)
    assert asked(tmp_path) == first
    withdraw(tmp_path, second)  # not that one
    assert asked(tmp_path) == first
    withdraw(tmp_path, first)
    withdraw(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "written",
    [
        b"",
        b"{}",
        b'{"name":"../up.rec","minutes":1,"megabytes":1,"until_ms":1}',
        b'{"name":"a/b.rec","minutes":1,"megabytes":1,"until_ms":1}',
        b'{"name":"a.rec","minutes":1e9,"megabytes":1,"until_ms":1}',
        b'{"name":"a.rec","minutes":1,"megabytes":99999,"until_ms":1}',
        b'{"name":"a.rec\\n","minutes":1,"megabytes":1,"until_ms":1}',
    ],
)
def test_what_makes_no_sense_is_not_done(tmp_path: Path, written: bytes) -> None:
    (tmp_path / "record.json").write_bytes(written)
    with pytest.raises(ValueError, match=r"record\.json"):
        asked(tmp_path)
