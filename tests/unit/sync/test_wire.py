"""The wire format, byte by byte: golden files for what we send, and one kind of error for whatever comes."""

import base64
import contextlib
import gzip
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.wire import (
    GZIP_ABOVE_BYTES,
    MAX_BODY_BYTES,
    MAX_INFLATED_BYTES,
    MAX_RECORDS,
    MAX_TEXT,
    MAX_WIRE_BYTES,
    Ack,
    Batch,
    Gap,
    Health,
    Hello,
    LocationEvent,
    Purpose,
    Record,
    State,
    WireError,
    check_batch,
    decode,
    encode,
    live_event,
    location_event,
    pack,
    seal,
    unseal,
)
from tests.unit.sync.wire_samples import ACK, BATCH, BOOT, EPOCH, HELLO, IDS, KEY, LIVE, NOW, OPEN, PASSED, SEALED, SEEN, record

GOLDEN = Path(__file__).parents[2] / "data" / "wire"


def refused(payload: bytes, kind: type[msgspec.Struct], purpose: Purpose) -> str:
    with pytest.raises(WireError) as caught:
        unseal(payload, kind, purpose, KEY)
    return caught.value.code


def sealed_json(members: object, purpose: Purpose) -> bytes:
    """Seal by the description of the format alone, as somebody else's program would."""
    body = json.dumps(members).encode()
    mac = base64.urlsafe_b64encode(hmac.new(KEY, purpose.value.encode() + b"\0" + body, hashlib.sha256).digest()).rstrip(b"=")
    return body[:-1] + b',"mac":"' + mac + b'"}'


@pytest.mark.parametrize("name", SEALED)
def test_sealed_messages_are_what_the_golden_files_hold(name: str) -> None:
    message, purpose = SEALED[name]
    golden = (GOLDEN / f"{name}.json").read_bytes()
    assert seal(message, purpose, KEY) == golden
    assert unseal(golden, type(message), purpose, KEY) == message


@pytest.mark.parametrize("name", OPEN)
def test_open_messages_are_what_the_golden_files_hold(name: str) -> None:
    golden = (GOLDEN / f"{name}.json").read_bytes()
    assert encode(OPEN[name]) == golden
    assert decode(golden, type(OPEN[name])) == OPEN[name]


def test_the_health_of_an_older_gateway_is_understood() -> None:
    older = {"waiting": 2, "oldest_age_s": None, "readers": [{"name": "door", "state": "up"}], "software": "0.1.0", "v": 1}
    said = unseal(sealed_json(older, Purpose.HEALTH), Health, Purpose.HEALTH, KEY)
    assert (said.waiting, said.readers[0].name, said.hops, said.doors, said.said_at) == (2, "door", (), (), None)


def test_every_golden_file_is_held_against_a_message() -> None:
    assert {file.stem for file in GOLDEN.glob("*.json")} == {*SEALED, *OPEN}


@pytest.mark.parametrize("name", SEALED)
def test_a_program_that_only_knows_the_description_is_understood(name: str) -> None:
    message, purpose = SEALED[name]
    members = json.loads((GOLDEN / f"{name}.json").read_bytes())
    del members["mac"]
    again = unseal(sealed_json(members, purpose), type(message), purpose, KEY)
    assert json.loads(encode(again)) == members


@pytest.mark.parametrize("name", SEALED)
def test_members_of_a_later_version_are_ignored(name: str) -> None:
    message, purpose = SEALED[name]
    members = json.loads((GOLDEN / f"{name}.json").read_bytes())
    del members["mac"]
    later = sealed_json({"lane": {"deep": [1, None, "x"]}} | members, purpose)
    assert json.loads(encode(unseal(later, type(message), purpose, KEY))) == members


def test_members_of_a_later_version_are_ignored_inside_records() -> None:
    members = json.loads(encode(BATCH))
    members["records"][0]["lane"] = "live"
    members["records"][0]["body"]["weather"] = "rain"
    members["gaps"][0].append("more")
    batch = unseal(sealed_json(members, Purpose.EVENTS), Batch, Purpose.EVENTS, KEY)
    assert location_event(batch.records[0]) == PASSED
    assert batch.gaps == BATCH.gaps


@pytest.mark.parametrize("version", [0, 2, "1", None, True, 1.0, [1], 10**30])
def test_another_version_is_refused(version: object) -> None:
    members = json.loads(encode(HELLO)) | {"v": version}
    assert refused(sealed_json(members, Purpose.HELLO), Hello, Purpose.HELLO) in {"bad_version", "bad_shape"}


def test_a_message_without_version_is_refused() -> None:
    members = json.loads(encode(HELLO))
    del members["v"]
    assert refused(sealed_json(members, Purpose.HELLO), Hello, Purpose.HELLO) == "bad_version"


@pytest.mark.parametrize("name", SEALED)
def test_every_message_says_its_version(name: str) -> None:
    assert json.loads(encode(SEALED[name][0]))["v"] == 1


def test_a_mac_of_another_key_or_purpose_does_not_hold() -> None:
    assert refused(seal(ACK, Purpose.ACK, bytes(32)), Ack, Purpose.ACK) == "bad_mac"
    assert refused(seal(ACK, Purpose.HELLO, KEY), Ack, Purpose.ACK) == "bad_mac"
    assert refused(encode(ACK), Ack, Purpose.ACK) == "bad_mac"
    assert refused(b"", Ack, Purpose.ACK) == "bad_mac"


@pytest.mark.parametrize("position", range(0, 385, 7))
def test_no_byte_can_be_changed(position: int) -> None:
    payload = bytearray(seal(ACK, Purpose.ACK, KEY))
    payload[position] ^= 1
    assert refused(bytes(payload), Ack, Purpose.ACK) == "bad_mac"


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("epoch", 7),
        ("epoch", "e" * (MAX_TEXT + 1)),
        ("through", -1),
        ("through", 2**63),
        ("through", 1.5),
        ("through_id", "not a uuid"),
        ("credit", -5),
        ("server_time", "2025-03-01T12:00:00"),  # which zone?
        ("server_time", "yesterday"),
        ("ranges", [[1, 2]] * 33),
        ("ranges", [[0, 2]]),
        ("rejected", [{"seq": 1, "code": "x"}]),
        ("rejected", [{"seq": 1, "code": "x", "text": "t" * 513}]),
    ],
)
def test_a_member_of_another_shape_is_refused(member: str, value: object) -> None:
    members: dict[str, Any] = json.loads(encode(ACK)) | {member: value}
    assert refused(sealed_json(members, Purpose.ACK), Ack, Purpose.ACK) == "bad_shape"


@pytest.mark.parametrize(
    "body", [b"[]", b"7", b"null", b"{", b'{"v":1}', b'{"v":1,"state":"\xff"}', b'{"v":1,"state":"\xed\xa0\x80"}', b""]
)
def test_what_is_no_such_object_is_refused(body: bytes) -> None:
    with pytest.raises(WireError) as caught:
        decode(body, State)
    assert caught.value.code == "bad_shape"


@pytest.mark.parametrize("nest", [b"[", b'{"a":'])
def test_deep_nesting_is_refused(nest: bytes) -> None:
    with pytest.raises(WireError) as caught:
        decode(b'{"v":1,"state":"online","x":' + nest * 100_000, State)
    assert caught.value.code == "bad_shape"


def test_a_large_message_is_gzipped_and_a_small_one_is_not() -> None:
    assert seal(HELLO, Purpose.HELLO, KEY).startswith(b'{"nonce"')
    batch = pack([record(seq, PASSED) for seq in range(1, 101)], [], EPOCH)
    payload = seal(batch, Purpose.EVENTS, KEY)
    assert payload.startswith(b"\x1f\x8b")
    assert len(encode(batch)) > GZIP_ABOVE_BYTES > len(payload) / 4
    assert unseal(payload, Batch, Purpose.EVENTS, KEY) == batch
    assert seal(batch, Purpose.EVENTS, KEY) == payload  # no time stamp inside


def test_what_is_too_big_is_refused_before_anything_else() -> None:
    assert refused(b"x" * (MAX_WIRE_BYTES + 1), Batch, Purpose.EVENTS) == "too_big"
    with pytest.raises(WireError, match="bytes"):
        decode(b" " * (MAX_INFLATED_BYTES + 1), State)


def test_a_gzip_bomb_is_not_inflated() -> None:
    bomb = gzip.compress(b"\0" * 60_000_000)
    assert len(bomb) <= MAX_WIRE_BYTES
    assert refused(bomb, Batch, Purpose.EVENTS) == "too_big"


def test_broken_gzip_is_refused() -> None:
    payload = gzip.compress(seal(HELLO, Purpose.HELLO, KEY))
    assert unseal(payload, Hello, Purpose.HELLO, KEY) == HELLO
    assert refused(payload[:-1], Hello, Purpose.HELLO) == "bad_gzip"
    assert refused(payload + b"x", Hello, Purpose.HELLO) == "bad_gzip"
    assert refused(payload + payload, Hello, Purpose.HELLO) == "bad_gzip"
    assert refused(payload[:20] + b"\xff" + payload[21:], Hello, Purpose.HELLO) in {"bad_gzip", "bad_mac"}
    assert refused(b"\x1f\x8b", Hello, Purpose.HELLO) == "bad_gzip"


def test_a_record_of_the_largest_body_fits_the_wire_alone() -> None:
    noise = base64.b64encode(hashlib.shake_256(b"").digest(MAX_BODY_BYTES)).decode()[: MAX_BODY_BYTES - 8]
    body = msgspec.json.encode({"a": noise})
    assert len(body) == MAX_BODY_BYTES
    gaps = [Gap(n, n, "trimmed") for n in range(1, 201)]
    batch = pack([Record(201, IDS[0], "notice", NOW, 1, BOOT, msgspec.Raw(body))], gaps, EPOCH)
    assert len(seal(batch, Purpose.EVENTS, KEY)) <= MAX_WIRE_BYTES


def test_a_location_event_says_what_it_said() -> None:
    for event in (PASSED, SEEN):
        assert location_event(record(1, event)) == event


@pytest.mark.parametrize(
    "body",
    [b"{}", b"null", b'{"kind":"danced"}', encode(PASSED)[:-2] + b"\xff}", encode(PASSED).replace(b"2025", b"9999"),
     encode(PASSED).replace(b"0.9375", b"1.5"), encode(PASSED).replace(b"8004:4012345PALLET7", b"x" * 600)],
)  # fmt: skip
def test_a_body_that_is_no_location_event_is_its_own_error(body: bytes) -> None:
    poison = Record(1, IDS[0], "location", NOW, 1, BOOT, msgspec.Raw(body))
    with pytest.raises(WireError) as caught:
        location_event(poison)
    assert caught.value.code == "bad_shape"


def test_subscribers_are_told_what_happened_without_what_is_internal() -> None:
    assert live_event("hamburg-1", record(41, PASSED)) == LIVE


def test_a_batch_covers_its_numbers_once() -> None:
    check_batch(BATCH)
    check_batch(pack([record(1, SEEN)], [], EPOCH))
    check_batch(pack([], [Gap(1, 10**12, "trimmed")], EPOCH))


@pytest.mark.parametrize(
    "batch",
    [
        Batch(EPOCH, 1, 2, (record(1, SEEN),)),
        Batch(EPOCH, 1, 2, (record(2, SEEN),)),
        Batch(EPOCH, 1, 1, (record(1, SEEN), record(1, SEEN))),
        Batch(EPOCH, 1, 2, (record(1, SEEN), record(2, SEEN)), (Gap(2, 2, "dead"),)),
        Batch(EPOCH, 1, 3, (record(1, SEEN),), (Gap(3, 2, "dead"),)),
        Batch(EPOCH, 2, 1, ()),
        Batch(EPOCH, 0, 0, ()),
        Batch(EPOCH, 1, 201, tuple(record(n, SEEN) for n in range(1, 202))),
    ],
)
def test_a_batch_with_holes_doubles_or_too_much_is_refused(batch: Batch) -> None:
    with pytest.raises(WireError) as caught:
        check_batch(batch)
    assert caught.value.code == "bad_batch"


def test_a_batch_of_too_many_records_has_not_the_shape() -> None:
    members = json.loads(encode(BATCH))
    members["records"] = [members["records"][0]] * (MAX_RECORDS + 1)
    assert refused(gzip.compress(sealed_json(members, Purpose.EVENTS)), Batch, Purpose.EVENTS) == "bad_shape"


def test_times_at_the_edge_of_the_calendar_are_refused() -> None:
    batch = Batch(EPOCH, 1, 1, (msgspec.structs.replace(record(1, SEEN), stored_at=NOW.replace(year=1)),))
    with pytest.raises(WireError) as caught:
        check_batch(batch)
    assert caught.value.code == "bad_shape"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
kinds = st.sampled_from([Hello, Batch, Health, Ack, State])


@given(st.binary(max_size=400) | st.binary(max_size=200).map(gzip.compress), kinds, st.sampled_from(Purpose))
def test_noise_is_refused_and_never_crashes(payload: bytes, kind: type[msgspec.Struct], purpose: Purpose) -> None:
    with pytest.raises(WireError):
        unseal(payload, kind, purpose, KEY)


@given(st.sampled_from(sorted(SEALED)), st.data())
def test_mutilated_messages_with_a_valid_mac_are_taken_or_refused(name: str, data: st.DataObject) -> None:
    """What somebody with the key but without sense may send."""
    message, purpose = SEALED[name]
    members = json.loads(encode(message))
    for member in data.draw(st.lists(st.sampled_from(sorted(members)), max_size=3)):
        members[member] = data.draw(json_values)
    with contextlib.suppress(WireError):
        taken = unseal(sealed_json(members, purpose), type(message), purpose, KEY)
        if isinstance(taken, Batch):
            check_batch(taken)
            for one in taken.records:
                location_event(one)


@given(st.binary(max_size=300) | json_values.map(lambda value: json.dumps(value).encode()))
def test_noise_as_a_body_is_refused_and_never_crashes(body: bytes) -> None:
    for kind in (State, Ack, Batch):
        with pytest.raises(WireError):
            decode(body, kind)
    with contextlib.suppress(WireError):
        location_event(Record(1, IDS[0], "location", NOW, 1, BOOT, msgspec.Raw(body)))


def test_the_engine_can_say_everything_the_wire_can() -> None:
    """A member without default would break gateways that do not know it yet."""
    required = {field.name for field in msgspec.structs.fields(LocationEvent) if field.required}
    assert required == {"kind", "identity", "raw", "event_time", "decided_at", "read_point"}
