"""Takes in what gateways delivered: one durable transaction for what waits, then the replies. READ AFTER parsing.py.

Everything is idempotent by two keys, event_id and (gateway, epoch, seq): a batch may come any number of times, in any order, and
be cut short by a kill anywhere. A reply exists only for what is committed.
"""

import gc
import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, DataError, IntegrityError, transaction
from django.utils import timezone

from host.crash_points import reached
from registry.db import by_index, hold_rows, rows_where
from registry.texts import for_log
from registry.tracking import gateway_health, learned, machines, parsing
from registry.tracking.committing import RECORDS_AT_ONCE, Committed, commit_events
from registry.tracking.gateways import mac_key
from registry.tracking.models import Gateway, GatewayEpoch, Quarantine
from registry.tracking.parsing import BadRecord, Told, plain
from registry.trust import boots
from sync.wire import Health, Hello, Rejected, State, WireError, encode

log = logging.getLogger(__name__)

MAX_EPOCHS = 1_000  # of one gateway
MAX_REJECTED_TOLD_AGAIN = 100

Counts = Counter[str]


class Message(NamedTuple):
    """What came on an `up` topic."""

    gateway: str
    leaf: str
    payload: bytes


class Reply(NamedTuple):
    """What an ack has to say, and the key to seal it with. Credit and server time are whoever sends it to know."""

    gateway: str
    key: bytes
    epoch: str
    through: int
    through_id: UUID | None
    ranges: tuple[tuple[int, int], ...]
    range_ids: tuple[UUID | None, ...]
    rejected: tuple[Rejected, ...]
    nonce: str | None
    held: str = ""  # why nothing is taken


@dataclass(frozen=True, slots=True)
class Item:
    """One message that is a gateway's own, understood."""

    gateway: Gateway
    said: Hello | Told | Health | State


def take(messages: Sequence[Message], counts: Counts, reply: Callable[[Reply], None]) -> None:
    """Take in these messages, in transactions of at most RECORDS_AT_ONCE records; `reply` is called after each commit.

    What is not a message of a known gateway is counted and changes nothing. Raises OperationalError, InterfaceError when the
    database cannot be used: whatever was not replied to may then be taken again."""
    with _without_collecting():
        chunks = _Ahead(_chunks(_understood(messages, counts)))
        while (chunk := chunks.take()) is not None:
            _commit_or_split(chunk, counts, reply, chunks.look)


class _Ahead:
    """Chunks, of which the next can be made ready before it is taken: while PostgreSQL works on the one before."""

    def __init__(self, chunks: Iterator[list[Item]]) -> None:
        self._chunks = chunks
        self._next: list[Item] | None = None

    def look(self) -> None:
        if self._next is None:
            self._next = next(self._chunks, None)

    def take(self) -> list[Item] | None:
        self.look()
        chunk, self._next = self._next, None
        return chunk


@contextmanager
def _without_collecting() -> Iterator[None]:
    """A transaction makes a hundred thousand objects that all live until its end and hold no cycles: looking for garbage among
    them again and again is a third of the time it takes."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _understood(messages: Sequence[Message], counts: Counts) -> Iterator[Item]:
    """Asks the database once, before the first."""
    gateways = Gateway.objects.in_bulk({m.gateway for m in messages})
    for message in messages:
        counts["messages"] += 1
        gateway = gateways.get(message.gateway)
        if gateway is None or gateway.revoked_at is not None:
            counts["unknown_gateway" if gateway is None else "revoked_gateway"] += 1
            continue
        try:
            said = _said(message, _key(gateway.pk, gateway.key_serial))
        except WireError as exc:
            counts[f"refused_{exc.code}"] += 1
            log.log(
                logging.WARNING if counts[f"refused_{exc.code}"] <= 3 else logging.DEBUG,
                "gateway %s, %s of %d bytes: %s", gateway.pk, for_log(message.leaf, 20), len(message.payload), for_log(str(exc)),
            )  # fmt: skip
            continue
        if gateway.held_at is not None and isinstance(said, Told | Health):
            counts["held_gateway"] += 1
        elif said is None:
            counts["unknown_leaf"] += 1
        else:
            yield Item(gateway, said)


def _said(message: Message, key: bytes) -> Hello | Told | Health | State | None:
    match message.leaf:
        case "events":
            return parsing.events(message.payload, key)
        case "hello":
            return parsing.hello(message.payload, key)
        case "health":
            return parsing.health(message.payload, key)
        case "state":
            return parsing.state(message.payload)
    return None


@lru_cache(maxsize=10_000)
def _key(gateway_id: str, key_serial: int) -> bytes:
    return mac_key(Gateway(id=gateway_id, key_serial=key_serial))


def _chunks(items: Iterable[Item]) -> Iterator[list[Item]]:
    chunk: list[Item] = []
    size = 0
    for item in items:
        weight = item.said.size if isinstance(item.said, Told) else 1
        if chunk and size + weight > RECORDS_AT_ONCE:
            yield chunk
            chunk, size = [], 0
        chunk.append(item)
        size += weight
    if chunk:
        yield chunk


def _commit_or_split(items: list[Item], counts: Counts, reply: Callable[[Reply], None], meanwhile: Callable[[], None]) -> None:
    """Commit, or find the record that the database does not take and refuse that one: the stream never stalls. `meanwhile` is
    done while the database writes, if there is time."""
    try:
        try:
            replies, counted = _commit(items, meanwhile)
        except IntegrityError:  # most likely events that are stored already
            replies, counted = _commit(items, meanwhile, careful=True)
    except (DataError, IntegrityError, ValueError, OverflowError) as exc:
        parts = _halves(items, str(exc))
        if parts is None:
            counts["dropped_unstorable"] += 1
            log.exception("a message of gateway %s cannot be stored", items[0].gateway.pk)
            return
        for part in parts:
            _commit_or_split(part, counts, reply, meanwhile)
        return
    reached("after_registry_commit")
    counts.update(counted)
    for one in replies:
        reply(one)


def _halves(items: list[Item], why: str) -> list[list[Item]] | None:
    if len(items) > 1:
        middle = len(items) // 2
        return [items[:middle], items[middle:]]
    item = items[0]
    if not isinstance(item.said, Told) or not item.said.good:
        return None
    told, good = item.said, item.said.good
    if len(good) == 1:
        record = good[0].record
        bad = BadRecord(record.seq, record.event_id, "refused", f"the database refuses it: {why[:300]}", encode(record))
        return [[Item(item.gateway, Told(told.epoch, bad=[*told.bad, bad], gaps=told.gaps))]]
    middle = len(good) // 2
    first = Told(told.epoch, good=good[:middle], bad=told.bad, gaps=told.gaps, late=told.late)
    return [[Item(item.gateway, first)], [Item(item.gateway, Told(told.epoch, good=good[middle:], late=told.late))]]


@dataclass(slots=True)
class _ToAnswer:
    """What the replies to one epoch are made of."""

    gateway: Gateway
    epoch: GatewayEpoch
    nonce: str | None = None
    acked: int | None = None  # of the hello: what was rejected since then is told again
    held: str = ""
    rejected: list[Rejected] = field(default_factory=list)


@transaction.atomic(durable=True)
def _commit(items: list[Item], meanwhile: Callable[[], None], *, careful: bool = False) -> tuple[list[Reply], Counts]:
    """One transaction: cursor, events, positions, stays, unknown tags. Returns the replies that hold once it is committed."""
    now = timezone.now()
    counts: Counts = Counter()
    by_index()
    hold_rows(Gateway, {item.gateway.pk for item in items})  # those who change identifiers or maps hold all (project.hold_ingest)
    epochs = _epochs(items)
    answers: dict[int, _ToAnswer] = {}
    held: list[_ToAnswer] = []
    told: defaultdict[int, list[Told]] = defaultdict(list)
    for item in items:
        match item.said:
            case Hello() as hello:
                if (answer := _greet(item.gateway, hello, epochs, now, counts)) is not None:
                    if answer.held:
                        held.append(answer)
                    else:
                        answers[answer.epoch.pk] = answer
            case Told() if item.gateway.held_at is not None:
                counts["held_gateway"] += 1
            case Told() as events:
                epoch = epochs.get((item.gateway.pk, events.epoch))
                if epoch is None:
                    counts["no_hello"] += 1  # the gateway says hello when nobody answers
                    continue
                answers.setdefault(epoch.pk, _ToAnswer(item.gateway, epoch))
                told[epoch.pk].append(events)
    _note_states_and_health(items, now, counts)
    committed = [Committed(answers[pk].gateway, answers[pk].epoch, batches) for pk, batches in told.items()]
    if committed:
        commit_events(committed, now, counts, meanwhile, careful=careful)
    for one in committed:
        answers[one.epoch.pk].rejected += one.rejected
    return [_reply(answer) for answer in (*answers.values(), *held)], counts


def _epochs(items: list[Item]) -> dict[tuple[str, str], GatewayEpoch]:
    named = {(i.gateway.pk, i.said.epoch) for i in items if isinstance(i.said, Hello | Told)}
    fields = GatewayEpoch._meta.concrete_fields
    found = rows_where(GatewayEpoch, [field.name for field in fields], key="epoch", among={epoch for _, epoch in named})
    rows = [GatewayEpoch.from_db(DEFAULT_DB_ALIAS, [field.attname for field in fields], row) for row in found]
    return {(row.gateway_id, row.epoch): row for row in rows}


def _greet(
    gateway: Gateway,
    hello: Hello,
    epochs: dict[tuple[str, str], GatewayEpoch],
    now: datetime,
    counts: Counts,
) -> _ToAnswer | None:
    counts["hellos"] += 1
    epoch = epochs.get((gateway.pk, hello.epoch))
    if not boots.is_news(gateway.pk, plain(hello.boot_id), hello.mono_ms):
        counts["old_hellos"] += 1  # answered all the same: a machine that was put back has to deliver, too
        held = machines.still_held(gateway, hello.machine)
        return _ToAnswer(gateway, epoch, nonce=hello.nonce, acked=hello.acked, held=held) if epoch is not None else None
    boots.note(gateway.pk, plain(hello.boot_id), hello.mono_ms)
    if held := machines.why_held(gateway, hello.machine, now, counts):
        return _ToAnswer(gateway, epoch or GatewayEpoch(gateway=gateway, epoch=hello.epoch), nonce=hello.nonce, held=held)
    if epoch is None:
        ordinal = GatewayEpoch.objects.filter(gateway=gateway).count() + 1
        if ordinal > MAX_EPOCHS:
            counts["too_many_epochs"] += 1
            log.error("gateway %s has begun more than %d epochs: it is not listened to any more", gateway.pk, MAX_EPOCHS)
            return None
        epoch = epochs[gateway.pk, hello.epoch] = GatewayEpoch(gateway=gateway, epoch=plain(hello.epoch), ordinal=ordinal)
    epoch.boot_id, epoch.machine_hash, epoch.last_hello_at = plain(hello.boot_id), plain(hello.machine), now
    epoch.save()
    Gateway.objects.filter(pk=gateway.pk).update(
        last_hello_at=now, clock_quality=hello.clock_quality.value, software=plain(hello.software)
    )
    return _ToAnswer(gateway, epoch, nonce=hello.nonce, acked=hello.acked)


def _note_states_and_health(items: list[Item], now: datetime, counts: Counts) -> None:
    """The last word of each gateway counts; of its health, if it is news."""
    states = {item.gateway.pk: item.said for item in items if isinstance(item.said, State)}
    for gateway_id, state in states.items():
        Gateway.objects.filter(pk=gateway_id).update(state=state.state, state_reason=plain(state.reason[:512]), state_at=now)
    said = [(item.gateway.pk, item.said) for item in items if isinstance(item.said, Health)]
    if not said:
        return
    before = dict(Gateway.objects.filter(pk__in={pk for pk, _ in said}).values_list("pk", "health"))
    news: dict[str, Health] = {}
    for gateway_id, health in said:
        if gateway_health.is_news(health, before[gateway_id], now):
            news[gateway_id], before[gateway_id] = health, gateway_health.kept(health)
        else:
            counts["old_health"] += 1
            log.debug("gateway %s: its health is of another time (%s); not believed", gateway_id, health.registry_time)
    for gateway_id, health in news.items():
        Gateway.objects.filter(pk=gateway_id).update(health=before[gateway_id], health_at=now)
        points = {plain(point): plain(zone) for point, zone in health.read_points if point}
        zones = learned.zones(gateway_id, {zone for zone in points.values() if zone})
        learned.read_points(gateway_id, {point: zones.get(zone) for point, zone in points.items()})


def _reply(answer: _ToAnswer) -> Reply:
    epoch = answer.epoch
    rejected = answer.rejected
    if answer.acked is not None:
        again = Quarantine.objects.filter(gateway=answer.gateway, epoch=epoch.epoch, rejected=True, seq__gt=answer.acked)
        rows = again.order_by("seq").values_list("seq", "code", "text")[:MAX_REJECTED_TOLD_AGAIN]
        rejected = [Rejected(seq, code, text) for seq, code, text in rows]
    ranges = tuple((first, last) for first, last, _ in epoch.ranges)
    ids = tuple(UUID(text) if text else None for _, _, text in epoch.ranges)
    key = _key(answer.gateway.pk, answer.gateway.key_serial)
    return Reply(
        answer.gateway.pk,
        key,
        epoch.epoch,
        epoch.through,
        epoch.through_id,
        ranges,
        ids,
        tuple(rejected),
        answer.nonce,
        answer.held,
    )
