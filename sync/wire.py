"""What crosses between gateway and registry, version 1. The only contract between the two; golden files in tests/data/wire.

Every message is one JSON object whose last member is `mac`: the HMAC-SHA256 (base64url, no padding) with the gateway's key over
the purpose, a NUL and the object's bytes without that member. So neither side has to agree on a canonical JSON, and a message
made for one purpose proves nothing for another. Messages above 2 KiB are gzipped as a whole, MAC included.
Decoding knows one error, WireError, whatever the bytes; unknown fields are ignored.
"""

import base64
import enum
import gzip
import hmac
import zlib
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, TypeVar
from uuid import UUID

import msgspec
from msgspec import Meta

VERSION = 1
MAX_RECORDS = 200
MAX_WIRE_BYTES = 64 * 1024
MAX_INFLATED_BYTES = 1024 * 1024
MAX_TEXT = 512  # characters of any single name, identity or reason
MAX_RAW = 8192  # characters of what a tag or symbol says; the largest QR code holds 7,089
MAX_BODY_BYTES = 56 * 1024  # of one record: it fits the wire alone, gzipped or not
MAX_RANGES = 32
MAX_REJECTED = 1000  # in one ack
MAX_HOPS = 16
MAX_PEM = 16 * 1024  # characters of a certificate with what vouches for it, or of a request for one
MAX_PLACES = 1000  # zones, and doors, of one configuration
MAX_RULES = 40  # of one of them
GZIP_ABOVE_BYTES = 2048

Seq = Annotated[int, Meta(ge=1, le=2**63 - 1)]
Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Text = Annotated[str, Meta(max_length=MAX_TEXT)]
Pem = Annotated[str, Meta(max_length=MAX_PEM)]
Time = Annotated[datetime, Meta(tz=True)]  # aware; we send UTC

_NO_RECORDS = b'"records":[]'
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

    n: Count = 0
    rssi_max_dbm: Annotated[int, Meta(ge=-200, le=200)] | None = None
    duration_ms: Count = 0
    sides: Annotated[tuple[Text, ...], Meta(max_length=64)] = ()


class LocationEvent(msgspec.Struct, omit_defaults=True, frozen=True):
    """What happened to one identity, without ids: the outbox gives those.

    `event_time` is when it was so (for `departed` the last read); `decided_at` is the read or timer that let the engine say it:
    latency counts from there. Both aware UTC. `raw` is hex for RFID, text for barcodes. `zone_from` and `zone_to` are zone names.
    """

    kind: EventKind
    identity: Text
    raw: Annotated[str, Meta(max_length=MAX_RAW)]
    event_time: Time
    decided_at: Time
    read_point: Text
    symbology: Text | None = None
    zone_from: Text | None = None
    zone_to: Text | None = None
    door: Text | None = None
    direction: Passage | None = None
    confidence: Annotated[float, Meta(ge=0, le=1)] | None = None
    evidence: Evidence = Evidence()
    time_uncertainty_ms: Count = 0
    clock_quality: ClockQuality = ClockQuality.HOLDOVER
    late: bool = False
    again: bool = False  # from another outbox, or rejected before: its number says nothing of its order, only its time does
    deliberate: bool = False  # a handheld's or camera's sighting, not a fixed antenna's
    operator: Text | None = None
    reason: Text | None = None
    parameters: Text = ""  # the version of the parameter set that decided it


class RecordKind(enum.StrEnum):
    LOCATION = "location"
    CLOCK_FIX = "clock_fix"
    BINDING = "binding"
    SCAN = "scan"
    NOTICE = "notice"


class Record(msgspec.Struct, omit_defaults=True, frozen=True):
    """One row of the outbox. `kind` is open text: a registry stores kinds it does not know and acknowledges them."""

    seq: Seq
    event_id: UUID
    kind: Text
    stored_at: Time  # wall clock at insert
    mono_ms: Count  # monotonic clock at insert, of boot `boot_id`
    boot_id: Text
    body: msgspec.Raw


class Gap(msgspec.Struct, frozen=True, array_like=True):
    """Sequence numbers first..last will never come."""

    first: Seq
    last: Seq
    reason: Text


class ClockFix(msgspec.Struct, frozen=True):
    """The body of a record of kind `clock_fix`: the gateway's clock was not right in this boot, and now it is. It was `wall` when
    the monotonic clock of the boot said `mono_ms`; `offset_ms` is by how much the clock was set since the gateway noticed."""

    boot_id: Text
    mono_ms: Count
    wall: Time
    offset_ms: Annotated[int, Meta(ge=-(2**62), le=2**62)] = 0


class Batch(msgspec.Struct, frozen=True, rename={"first": "from", "last": "to", "version": "v"}):
    """Records first..last of one epoch, without holes: what is not a record is in a gap. `late`: of a backlog, they have waited
    long."""

    epoch: Text
    first: Seq
    last: Seq
    records: Annotated[tuple[Record, ...], Meta(max_length=MAX_RECORDS)]
    gaps: Annotated[tuple[Gap, ...], Meta(max_length=MAX_RECORDS + 1)] = ()
    late: bool = False
    version: int = VERSION


class Hello(msgspec.Struct, frozen=True, rename={"version": "v"}):
    """The first message of every connection. The ack that echoes `nonce` is the registry's word on where to resume."""

    nonce: Text
    epoch: Text
    first: Count  # the oldest seq the gateway can still send, 0 when it has none
    last: Count  # the newest seq it has allocated, 0 when none
    acked: Count
    acked_id: UUID | None
    boot_id: Text
    clock_quality: ClockQuality
    software: Text
    machine: Text  # hash that tells two machines with one identity apart
    configuration: Count = 0  # the number of the registry's configuration in force; an older or newer one is asked for so
    mono_ms: Count | None = None  # monotonic clock of the boot: what a broker has recorded and says again is no news
    version: int = VERSION


class Rejected(msgspec.Struct, frozen=True):
    seq: Seq
    code: Text
    text: Text


class Ack(msgspec.Struct, frozen=True, rename={"version": "v"}):
    """`through`: the highest seq up to which everything of the epoch is committed; `through_id`: the event_id that came with it,
    also when that record was rejected (None only when `through` is 0 or lies in a gap: where the gateway has a record, another
    id or none tells it that the registry speaks of another past). `ranges` are committed too, above `through`; `range_ids` are
    the event_ids at their ends, which tell the same. A registry of an older version leaves them out: its ranges do not count."""

    epoch: Text
    through: Count
    through_id: UUID | None
    credit: Count  # records that the registry will take now, those under way included
    server_time: Time
    nonce: Text | None = None
    ranges: Annotated[tuple[tuple[Seq, Seq], ...], Meta(max_length=MAX_RANGES)] = ()
    rejected: Annotated[tuple[Rejected, ...], Meta(max_length=MAX_REJECTED)] = ()
    range_ids: Annotated[tuple[UUID | None, ...], Meta(max_length=MAX_RANGES)] = ()
    held: Text = ""  # why the registry takes nothing of this gateway for now, whatever it has; keep it
    version: int = VERSION


class ReaderHealth(msgspec.Struct, frozen=True, omit_defaults=True):
    name: Text
    state: Text  # up | connecting | down | misconfigured
    why: Text = ""


class HopHealth(msgspec.Struct, frozen=True, omit_defaults=True):
    """One station of the path from the readers to the registry, in the words of the gateway's own page."""

    name: Text
    light: Text  # good | waiting | attention | failed | unknown
    rate: Text = ""
    reason: Text = ""
    step: Text = ""  # what a person can do about it


class Health(msgspec.Struct, frozen=True, rename={"version": "v"}):
    """Every 30 s and soon after something has changed, not kept: what the registry's page of the gateway shows. A gateway of an
    older version leaves out what it does not know."""

    waiting: Count
    oldest_age_s: float | None
    readers: tuple[ReaderHealth, ...] = ()
    read_points: tuple[tuple[Text, Text], ...] = ()  # (read point, zone)
    software: Text = ""
    hops: Annotated[tuple[HopHealth, ...], Meta(max_length=MAX_HOPS)] = ()
    doors: tuple[Text, ...] = ()
    said_at: Time | None = None  # the gateway's own clock
    started_at: Time | None = None
    days_left: float | None = None  # until the outbox is full; None when it is not filling
    dead: Count = 0  # records that the registry has rejected
    configuration: Count = 0  # as in the hello
    registry_time: Time | None = None  # the registry's clock, by its last answers and the monotonic clock: says that this is now
    version: int = VERSION


class State(msgspec.Struct, frozen=True, rename={"version": "v"}):
    """Retained, and the will: `online`, `offline` or `stopped`. It carries no MAC, because a will is made before the session."""

    state: Text
    reason: Text = ""
    version: int = VERSION


class LiveEvent(msgspec.Struct, frozen=True, rename={"version": "v"}):
    """What other subscribers read of a location event: no MAC, nothing secret, names as the site gave them."""

    gateway: Text
    event_id: UUID
    kind: EventKind
    identity: Text
    read_point: Text
    event_time: Time
    zone_from: Text | None = None
    zone_to: Text | None = None
    door: Text | None = None
    direction: Passage | None = None
    version: int = VERSION


class CertificateRequest(msgspec.Struct, frozen=True, rename={"version": "v"}):
    """A gateway asks for its next certificate, for a key that it has made for it (PKCS #10, PEM)."""

    csr: Pem
    version: int = VERSION


class NextCertificate(msgspec.Struct, frozen=True, rename={"version": "v"}):
    """The answer: a certificate for the key that was asked for, and the authority that vouches for it and for the broker from
    now on; or, with both empty, why there is none."""

    certificate: Pem = ""
    ca: Pem = ""
    refused: Text = ""
    version: int = VERSION


class Command(msgspec.Struct, frozen=True, rename={"version": "v"}):
    """What a gateway is told to do, once. `verb` is open text: a gateway refuses what it does not know.

    `not_after` is by the registry's clock. The same id again asks for the same answer, and nothing is done again."""

    id: UUID
    verb: Text
    not_after: Time
    arguments: msgspec.Raw = msgspec.Raw(b"{}")
    version: int = VERSION


class Outcome(enum.StrEnum):
    DONE = "done"
    REFUSED = "refused"  # nothing has been done
    FAILED = "failed"  # it was begun
    TAKEN_BACK = "taken_back"  # a configuration under which the registry was not reached


class Reply(msgspec.Struct, frozen=True, rename={"version": "v"}):
    """What came of a command or configuration of that id."""

    id: UUID
    outcome: Outcome
    text: Text = ""
    version: int = VERSION


Rules = Annotated[dict[Text, float], Meta(max_length=MAX_RULES)]
Places = Annotated[dict[Text, Rules], Meta(max_length=MAX_PLACES)]


class Configuration(msgspec.Struct, frozen=True, rename={"version": "v"}):
    """What the registry sets over gateway.toml, checked as the file is. Numbers ascend: none below that in force is taken.

    `zones` and `doors` name parameters of the location engine. Secrets, paths, listeners and devices cannot be said here."""

    id: UUID
    number: Seq
    not_after: Time
    site: Text | None = None
    commit_interval_ms: Count | None = None
    zones: Places = {}
    doors: Places = {}
    version: int = VERSION


class Purpose(enum.StrEnum):
    HELLO = "hello"
    EVENTS = "events"
    HEALTH = "health"
    ACK = "ack"
    CSR = "csr"
    CERT = "cert"
    COMMAND = "command"
    REPLY = "reply"
    CONFIGURATION = "configuration"


Message = TypeVar("Message", bound=msgspec.Struct)

_encoder = msgspec.json.Encoder()


def encode(value: msgspec.Struct) -> bytes:
    """Return plain JSON, for what carries no MAC and for record bodies."""
    return _encoder.encode(value)


def seal(message: msgspec.Struct, purpose: Purpose, key: bytes) -> bytes:
    """Return the bytes to publish: JSON with the MAC as last member, gzipped when that pays."""
    return seal_json(_encoder.encode(message), purpose, key)


def seal_json(body: bytes, purpose: Purpose, key: bytes) -> bytes:
    """As `seal`, of a message that is JSON already."""
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
    """Decode plain JSON of a known version. Raises WireError (too_big, bad_version, bad_shape)."""
    if len(body) > MAX_INFLATED_BYTES:
        raise WireError("too_big", f"{len(body)} bytes")
    version = _shaped(body, _Versioned).v
    if type(version) is not int or version != VERSION:
        raise WireError("bad_version", f"version {str(version)[:20]} is not {VERSION}: update the older side")
    return _shaped(body, kind)


def whole_record(payload: bytes) -> Record:
    """Decode one record that was kept outside its batch. Raises WireError (bad_shape)."""
    record = _shaped(payload, Record)
    _check_times(record.stored_at)
    return record


def location_event(record: Record) -> LocationEvent:
    """Return what a record of kind `location` says. Raises WireError (bad_shape): the record is to be rejected, not its batch."""
    event = _shaped(bytes(record.body), LocationEvent)
    _check_times(event.event_time, event.decided_at)
    return event


def clock_fix(record: Record) -> ClockFix:
    """Return what a record of kind `clock_fix` says. Raises WireError (bad_shape)."""
    fix = _shaped(bytes(record.body), ClockFix)
    _check_times(fix.wall)
    return fix


def check_batch(batch: Batch) -> None:
    """Raises WireError (bad_batch, bad_shape) unless records and gaps cover first..last exactly once, with usable times."""
    if not 1 <= batch.first <= batch.last or len(batch.records) > MAX_RECORDS:
        raise WireError("bad_batch", f"{batch.first}..{batch.last} with {len(batch.records)} records is no batch")
    _check_times(*(r.stored_at for r in batch.records))
    spans = sorted([(r.seq, r.seq) for r in batch.records] + [(g.first, g.last) for g in batch.gaps])
    expected = batch.first
    for first, last in spans:
        if first != expected or last < first:
            raise WireError("bad_batch", f"seq {expected} is neither a record nor a gap, or stands twice")
        expected = last + 1
    if expected != batch.last + 1:
        raise WireError("bad_batch", f"seq {expected}..{batch.last} is neither a record nor a gap")


def live_event(gateway: str, record: Record) -> LiveEvent:
    """Return what other subscribers are told of a record of kind `location`. Raises WireError (bad_shape)."""
    event = location_event(record)
    return LiveEvent(
        gateway=gateway,
        event_id=record.event_id,
        kind=event.kind,
        identity=event.identity,
        read_point=event.read_point,
        event_time=event.event_time,
        zone_from=event.zone_from,
        zone_to=event.zone_to,
        door=event.door,
        direction=event.direction,
    )


def pack(records: Sequence[Record], gaps: Sequence[Gap], epoch: str, *, late: bool = False) -> Batch:
    """Return the batch of consecutive `records` and `gaps` (at least one of them)."""
    seqs = [r.seq for r in records] + [g.first for g in gaps] + [g.last for g in gaps]
    return Batch(epoch=epoch, first=min(seqs), last=max(seqs), records=tuple(records), gaps=tuple(gaps), late=late)


def pack_json(records: Sequence[bytes], gaps: Sequence[Gap], epoch: str, first: int, last: int, *, late: bool) -> bytes:
    """Return the JSON of the batch first..last, of records that are JSON already."""
    head, tail = encode(Batch(epoch=epoch, first=first, last=last, records=(), gaps=tuple(gaps), late=late)).split(_NO_RECORDS, 1)
    return head + _NO_RECORDS[:-1] + b",".join(records) + b"]" + tail


class _Versioned(msgspec.Struct):
    v: Any = None


def _shaped(body: bytes, kind: type[Message]) -> Message:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, RecursionError, ValueError) as exc:  # ValueError: text that is not UTF-8
        raise WireError("bad_shape", f"not a {kind.__name__}: {exc}") from exc


def _check_times(*times: datetime) -> None:
    """A time at the edge of the calendar decodes, but no database and no other time zone takes it."""
    if any(not 1970 <= time.year <= 9998 for time in times):
        raise WireError("bad_shape", "a time outside the years 1970 to 9998")


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
    if not inflater.eof or inflater.unused_data:
        raise WireError("bad_gzip", "the gzip stream is cut off, or something follows it")
    return sealed
