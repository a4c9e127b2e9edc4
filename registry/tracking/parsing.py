"""From a payload on a topic to what it says, checked. No database; nothing here changes anything.

Whatever the bytes, the only error is WireError, with a code that is counted. One bad record does not cost its batch: it is set
apart with its code, to be quarantined and acknowledged as rejected.
"""

from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from sync.wire import (
    Batch,
    ClockFix,
    Gap,
    Health,
    Hello,
    LocationEvent,
    Purpose,
    Record,
    RecordKind,
    State,
    WireError,
    check_batch,
    clock_fix,
    decode,
    encode,
    location_event,
    unseal,
    whole_record,
)

LEAVES = ("hello", "events", "health", "state", "reply")
MAX_HEALTH_ROWS = 500


class GoodRecord(NamedTuple):
    record: Record
    event: LocationEvent | None  # None: of a kind we keep raw
    fix: ClockFix | None = None  # what it says besides, where it is one


class BadRecord(NamedTuple):
    """A record that nobody can take, as it came: `payload` is all of it."""

    seq: int
    event_id: UUID | None
    code: str
    text: str
    payload: bytes


@dataclass(slots=True)
class Told:
    """What one `events` message says."""

    epoch: str
    good: list[GoodRecord] = field(default_factory=list)
    bad: list[BadRecord] = field(default_factory=list)
    gaps: tuple[Gap, ...] = ()
    late: bool = False  # sent from the gateway's backlog

    @property
    def size(self) -> int:
        return len(self.good) + len(self.bad) + len(self.gaps)


def hello(payload: bytes, key: bytes) -> Hello:
    """Raises WireError."""
    return unseal(payload, Hello, Purpose.HELLO, key)


def health(payload: bytes, key: bytes) -> Health:
    """Raises WireError."""
    said = unseal(payload, Health, Purpose.HEALTH, key)
    if max(len(said.readers), len(said.read_points), len(said.doors)) > MAX_HEALTH_ROWS:
        raise WireError("too_big", f"more than {MAX_HEALTH_ROWS} readers, read points or doors")
    return said


def state(payload: bytes) -> State:
    """Raises WireError. It carries no MAC: only the broker's access list says who sent it."""
    said = decode(payload, State)
    if said.state not in ("online", "offline", "stopped"):
        raise WireError("bad_shape", f"no state of a gateway: {said.state[:40]!r}")
    return said


def events(payload: bytes, key: bytes) -> Told:
    """Raises WireError when the batch as a whole is none; the gateway then sends it in halves."""
    try:
        batch = unseal(payload, Batch, Purpose.EVENTS, key)
        check_batch(batch)
    except WireError as exc:
        if exc.code != "bad_shape":
            raise
        return _alone(payload, key, exc)
    told = Told(batch.epoch, gaps=batch.gaps, late=batch.late)
    for record in batch.records:
        try:
            told.good.append(_good(record, late=batch.late))
        except WireError as exc:
            told.bad.append(BadRecord(record.seq, record.event_id, exc.code, str(exc), encode(record)))
    return told


def _fix(record: Record) -> ClockFix | None:
    """A clock fix that makes no sense is kept raw, as what we do not know."""
    if record.kind != RecordKind.CLOCK_FIX:
        return None
    try:
        fix = clock_fix(record)
    except WireError:
        return None
    return fix if fix.boot_id == record.boot_id else None


def plain(text: str) -> str:
    """PostgreSQL takes no NUL; a symbol stands for it. The one change that is made to foreign text."""
    return text.replace("\0", "\N{SYMBOL FOR NULL}") if "\0" in text else text


def one_record(payload: bytes) -> GoodRecord:
    """What a record says that was kept as it came; by now it is late. Raises WireError."""
    return _good(whole_record(payload), late=True)


def _good(record: Record, *, late: bool) -> GoodRecord:
    """Raises WireError."""
    if record.kind != RecordKind.LOCATION:
        return GoodRecord(record, None, _fix(record))
    event = _plain_event(record)
    return GoodRecord(record, msgspec.structs.replace(event, late=True) if late else event)


def _plain_event(record: Record) -> LocationEvent:
    """What a record says, its texts plain. In JSON a NUL can only stand as an escape. Raises WireError."""
    event = location_event(record)
    if b"\\u0000" not in bytes(record.body):
        return event
    texts = {name: plain(value) for name, value in msgspec.structs.asdict(event).items() if type(value) is str}
    evidence = msgspec.structs.replace(event.evidence, sides=tuple(map(plain, event.evidence.sides)))
    return msgspec.structs.replace(event, evidence=evidence, **texts)


class _Loose(msgspec.Struct, rename={"first": "from", "last": "to"}):
    """A batch of which only the frame has the right shape."""

    epoch: str
    first: int
    last: int
    records: list[dict[str, Any]]
    v: int


def _alone(payload: bytes, key: bytes, why: WireError) -> Told:
    """A record whose own frame is broken, alone in its batch, is rejected; with others beside it nobody can say where it ends."""
    try:
        frame = unseal(payload, _Loose, Purpose.EVENTS, key)
    except WireError:
        raise why from None
    if frame.first != frame.last or len(frame.records) != 1 or not 1 <= frame.first < 2**63:
        raise why
    record = frame.records[0]
    return Told(
        frame.epoch[:512],
        bad=[BadRecord(frame.first, _uuid(record.get("event_id")), why.code, str(why), msgspec.json.encode(record))],
    )


def _uuid(value: object) -> UUID | None:
    try:
        return UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None
