"""What crosses between gateway and registry, version 1. The only contract between the two; golden files in tests/data/wire.

Every message is one JSON object whose last member is `mac`: the HMAC-SHA256 (base64url, no padding) with the gateway's key over
the purpose, a NUL and the object's bytes without that member. So neither side has to agree on a canonical JSON, and a message
made for one purpose proves nothing for another. Messages above 2 KiB are gzipped as a whole, MAC included.
"""

import base64
import enum
import gzip
import hmac
import zlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import msgspec

VERSION = 1
MAX_RECORDS = 200
MAX_WIRE_BYTES = 64 * 1024
MAX_INFLATED_BYTES = 1024 * 1024
MAX_TEXT = 512  # any single name, identity or reason
GZIP_ABOVE_BYTES = 2048
_MAC_TAIL = len(b',"mac":"') + 43 + len(b'"}')


class WireError(Exception):
    """These bytes are not a message we can take. The text says why; `code` is what metrics and rejections carry."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class EventKind(enum.StrEnum):
    ARRIVED = "arrived"
    MOVED = "moved"
    DEPARTED = "departed"
    PASSED = "passed"
    SEEN = "seen"


class Passage(enum.StrEnum):
    IN = "in"
    OUT = "out"
    UNKNOWN = "unknown"


class ClockQuality(enum.StrEnum):
    UNSET = "unset"
    HOLDOVER = "holdover"
    SYNCED = "synced"
    UNSYNCED = "unsynced"  # the reader's own clock is not to be trusted; the time is ours


class Evidence(msgspec.Struct, omit_defaults=True, frozen=True):
    """What the engine spoke from: reads, strongest RSSI, how long, and the door sides in the order they were seen."""

    n: int = 0
    rssi_max_dbm: int | None = None
    duration_ms: int = 0
    sides: tuple[str, ...] = ()


class LocationEvent(msgspec.Struct, omit_defaults=True, frozen=True):
    """What happened to one identity, without ids: the outbox gives those.

    `event_time` is when it was so (for `departed` the last read); `decided_at` is the read or timer that let the engine say it:
    latency counts from there. Both aware UTC. `raw` is hex for RFID, text for barcodes. `zone_from` and `zone_to` are zone names.
    """

    kind: EventKind
    identity: str
    raw: str
    event_time: datetime
    decided_at: datetime
    read_point: str
    symbology: str | None = None
    zone_from: str | None = None
    zone_to: str | None = None
    door: str | None = None
    direction: Passage | None = None
    confidence: float | None = None
    evidence: Evidence = Evidence()
    time_uncertainty_ms: int = 0
    clock_quality: ClockQuality = ClockQuality.HOLDOVER
    late: bool = False
    deliberate: bool = False  # a handheld's or camera's sighting, not a fixed antenna's
    operator: str | None = None
    reason: str | None = None
    parameters: str = ""  # the version of the parameter set that decided it


class RecordKind(enum.StrEnum):
    LOCATION = "location"
    CLOCK_FIX = "clock_fix"
    BINDING = "binding"
    SCAN = "scan"
    NOTICE = "notice"


class Record(msgspec.Struct, omit_defaults=True, frozen=True):
    """One row of the outbox. `kind` is open text: a registry stores kinds it does not know and acknowledges them."""

    seq: int
    event_id: UUID
    kind: str
    stored_at: datetime  # wall clock at insert
    mono_ms: int  # monotonic clock at insert, of boot `boot_id`
    boot_id: str
    body: msgspec.Raw


class Gap(msgspec.Struct, frozen=True, array_like=True):
    """Sequence numbers first..last will never come."""

    first: int
    last: int
    reason: str


class Batch(msgspec.Struct, frozen=True, rename={"first": "from", "last": "to", "version": "v"}):
    """Records first..last of one epoch, without holes: what is not a record is in a gap."""

    epoch: str
    first: int
    last: int
    records: tuple[Record, ...]
    gaps: tuple[Gap, ...] = ()
    version: int = VERSION


class Hello(msgspec.Struct, frozen=True, rename={"version": "v"}):
    """The first message of every connection. The ack that echoes `nonce` is the registry's word on where to resume."""

    nonce: str
    epoch: str
    first: int  # the oldest seq the gateway can still send, 0 when it has none
    last: int  # the newest seq it has allocated, 0 when none
    acked: int
    acked_id: UUID | None
    boot_id: str
    clock_quality: ClockQuality
    software: str
    machine: str  # hash that tells two machines with one identity apart
    version: int = VERSION


class Rejected(msgspec.Struct, frozen=True):
    seq: int
    code: str
    text: str


class Ack(msgspec.Struct, frozen=True, omit_defaults=True, rename={"version": "v"}):
    """`through`: the highest seq up to which everything of the epoch is committed; `through_id`: the event_id stored there
    (None when `through` is 0 or lies in a gap)."""

    epoch: str
    through: int
    through_id: UUID | None
    credit: int
    server_time: datetime
    nonce: str | None = None
    ranges: tuple[tuple[int, int], ...] = ()
    rejected: tuple[Rejected, ...] = ()
    version: int = VERSION


class ReaderHealth(msgspec.Struct, frozen=True, omit_defaults=True):
    name: str
    state: str  # up | connecting | down | misconfigured
    why: str = ""


class Health(msgspec.Struct, frozen=True, omit_defaults=True, rename={"version": "v"}):
    """Every 30 s, not kept: what the gateway page of the registry shows."""

    waiting: int
    oldest_age_s: float | None
    readers: tuple[ReaderHealth, ...] = ()
    read_points: tuple[tuple[str, str], ...] = ()  # (read point, zone)
    software: str = ""
    version: int = VERSION


class State(msgspec.Struct, frozen=True, omit_defaults=True, rename={"version": "v"}):
    """Retained, and the will: `online`, `offline` or `stopped`. It carries no MAC, because a will is made before the session."""

    state: str
    reason: str = ""
    version: int = VERSION


class Purpose(enum.StrEnum):
    HELLO = "hello"
    EVENTS = "events"
    HEALTH = "health"
    ACK = "ack"


Message = TypeVar("Message", bound=msgspec.Struct)

_encoder = msgspec.json.Encoder()


def encode(value: msgspec.Struct) -> bytes:
    """Return plain JSON, for what carries no MAC and for record bodies."""
    return _encoder.encode(value)


def seal(message: msgspec.Struct, purpose: Purpose, key: bytes) -> bytes:
    """Return the bytes to publish: JSON with the MAC as last member, gzipped when that pays."""
    body = _encoder.encode(message)
    sealed = body[:-1] + b',"mac":"' + _mac(body, purpose, key) + b'"}'
    return gzip.compress(sealed, compresslevel=1, mtime=0) if len(sealed) > GZIP_ABOVE_BYTES else sealed


def unseal(payload: bytes, kind: type[Message], purpose: Purpose, key: bytes) -> Message:
    """Check size, MAC and shape, in this order. Raises WireError (too_big, bad_gzip, bad_mac, bad_version, bad_shape)."""
    sealed = _inflated(payload)
    body, tail = sealed[:-_MAC_TAIL] + b"}", sealed[-_MAC_TAIL:]
    if not hmac.compare_digest(tail, b',"mac":"' + _mac(body, purpose, key) + b'"}'):
        raise WireError("bad_mac", "the message authentication code does not hold")
    return decode(body, kind)


def decode(body: bytes, kind: type[Message]) -> Message:
    """Decode plain JSON of a known version. Raises WireError (bad_version, bad_shape)."""
    try:
        version = msgspec.json.decode(body, type=_Versioned).v
        if version != VERSION:
            raise WireError("bad_version", f"version {version} is not {VERSION}: update the older side")
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise WireError("bad_shape", f"not a {kind.__name__}: {exc}") from exc


def check_batch(batch: Batch) -> None:
    """Raises WireError (bad_batch) unless records and gaps cover first..last exactly once, in order."""
    if not 1 <= batch.first <= batch.last or len(batch.records) > MAX_RECORDS:
        raise WireError("bad_batch", f"{batch.first}..{batch.last} with {len(batch.records)} records is no batch")
    spans = sorted([(r.seq, r.seq) for r in batch.records] + [(g.first, g.last) for g in batch.gaps])
    expected = batch.first
    for first, last in spans:
        if first != expected or last < first:
            raise WireError("bad_batch", f"seq {expected} is neither a record nor a gap, or stands twice")
        expected = last + 1
    if expected != batch.last + 1:
        raise WireError("bad_batch", f"seq {expected}..{batch.last} is neither a record nor a gap")


def pack(records: Sequence[Record], gaps: Sequence[Gap], epoch: str) -> Batch:
    """Return the batch of consecutive `records` and `gaps` (at least one of them)."""
    seqs = [r.seq for r in records] + [g.first for g in gaps] + [g.last for g in gaps]
    return Batch(epoch=epoch, first=min(seqs), last=max(seqs), records=tuple(records), gaps=tuple(gaps))


class _Versioned(msgspec.Struct):
    v: Any = None


def _mac(body: bytes, purpose: Purpose, key: bytes) -> bytes:
    digest = hmac.digest(key, purpose.value.encode() + b"\0" + body, "sha256")
    return base64.urlsafe_b64encode(digest).rstrip(b"=")


def _inflated(payload: bytes) -> bytes:
    if len(payload) > MAX_WIRE_BYTES:
        raise WireError("too_big", f"{len(payload)} bytes on the wire")
    if not payload.startswith(b"\x1f\x8b"):
        return payload
    inflater = zlib.decompressobj(wbits=31)
    try:
        sealed = inflater.decompress(payload, MAX_INFLATED_BYTES + 1)
    except zlib.error as exc:
        raise WireError("bad_gzip", f"not gzip: {exc}") from exc
    if len(sealed) > MAX_INFLATED_BYTES:
        raise WireError("too_big", f"inflates to more than {MAX_INFLATED_BYTES} bytes")
    if not inflater.eof:
        raise WireError("bad_gzip", "the gzip stream is cut off")
    return sealed
