"""A record as it lies in a store, and whether it can be sent: disks flip bits, and files from outside hold anything."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from sync.wire import MAX_BODY_BYTES, MAX_TEXT, LocationEvent, Record, RecordKind, encode

LAST_MS = 253_000_000_000_000  # in the year 9987: no later time fits every database and time zone
MAX_INT = 2**63 - 1

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_any_json = msgspec.json.Decoder(msgspec.Raw)
_event = msgspec.json.Decoder(LocationEvent)


class Stored(NamedTuple):
    """What of a record does not depend on where it stands; the columns of the tables `record` and `dead`, in their order."""

    event_id: bytes
    kind: str
    wall_ms: int
    mono_ms: int
    boot_id: str
    body: bytes  # JSON


Row = tuple[int, bytes, str, int, int, str, bytes]  # seq, then as Stored


def fault(event_id: Any, kind: Any, wall_ms: Any, mono_ms: Any, boot_id: Any, body: Any) -> str:
    """Return "" for what can be sent, else what is wrong with it."""
    if type(event_id) is not bytes or len(event_id) != 16:
        return "its event_id is not one"
    if type(kind) is not str or type(boot_id) is not str or not 0 < len(kind) <= MAX_TEXT or len(boot_id) > MAX_TEXT:
        return "its kind or boot_id is no text"
    if type(wall_ms) is not int or type(mono_ms) is not int or not (0 <= wall_ms < LAST_MS and 0 <= mono_ms <= MAX_INT):
        return "its time is not one"
    if type(body) is not bytes or len(body) > MAX_BODY_BYTES:
        return "it is too long"
    try:
        _any_json.decode(body)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return "it is not JSON"
    return ""


def told_again(kind: str, body: bytes) -> bytes:
    """Return the body for a record that gets a new number long after it happened: it must not move a thing back."""
    if kind != RecordKind.LOCATION:
        return body
    try:
        marked = encode(msgspec.structs.replace(_event.decode(body), again=True))
    except (msgspec.DecodeError, ValueError, RecursionError):
        return body  # the registry rejects it
    return marked if len(marked) <= MAX_BODY_BYTES else body


class _Circumstances(msgspec.Struct):
    """What records of one commit have in common; members of a Record, in its order."""

    kind: str
    stored_at: datetime
    mono_ms: int
    boot_id: str


def as_json(rows: Iterable[Row]) -> list[bytes]:
    """Return rows as the JSON of the records they are: what `encode(as_record(...))` gives, in a quarter of
    the time. Only for what has no fault."""
    common, members = None, b""
    records = []
    for seq, event_id, kind, wall_ms, mono_ms, boot_id, body in rows:
        if common != (kind, wall_ms, mono_ms, boot_id):
            common = (kind, wall_ms, mono_ms, boot_id)
            members = msgspec.json.encode(_Circumstances(kind, _moment(wall_ms), mono_ms, boot_id))[1:-1]
        digits = event_id.hex().encode()
        uuid = (digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])
        records.append(b'{"seq":%d,"event_id":"%b-%b-%b-%b-%b",%b,"body":%b}' % (seq, *uuid, members, body))
    return records


def as_record(seq: int, event_id: bytes, kind: str, wall_ms: int, mono_ms: int, boot_id: str, body: bytes) -> Record:
    """Return it as it is sent. Only for what has no fault."""
    return Record(seq, UUID(bytes=event_id), kind, _moment(wall_ms), mono_ms, boot_id, msgspec.Raw(body))


def _moment(wall_ms: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=wall_ms)
