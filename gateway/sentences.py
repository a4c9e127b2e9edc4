"""What the gateway says of itself in words: one sentence with a light, and for each hop the reason and the next step. Pure.

A sentence answers the question of whoever opens the page: is it working, and is what was read safe?
"""

import enum
from dataclasses import dataclass

from gateway.health import Hop, Light, OutboxRow, ReaderRow, ReaderState
from gateway.location.tags import MAX_GLIMPSED
from gateway.status.words import count, number, span

SHORT_S = 60.0  # an interruption shorter than this is waiting, not trouble
FEW_DAYS = 3.0
MANY_UNCONFIRMED = MAX_GLIMPSED // 2
GET_CREDENTIALS = "get a code at the registry, on its page Enrolment, and run `sightpost enrol CODE` here"


class Way(enum.StrEnum):
    """How far what we send gets."""

    NO_CREDENTIALS = "no credentials"
    NO_BROKER = "no broker"
    NO_ANSWER = "no answer"  # the broker takes it, the registry does not acknowledge
    HELD = "held"  # the registry answers, and takes nothing until somebody there has decided
    DELIVERING = "delivering"


@dataclass(frozen=True, slots=True)
class Delivery:
    way: Way
    why: str
    for_s: float  # since when it is so
    last_ack_s: float | None  # ago
    rtt_ms: float | None = None
    acked_per_min: float = 0.0


@dataclass(frozen=True, slots=True)
class Sorting:
    """What the engine does with the reads."""

    reads_per_min: float
    events_per_min: float
    in_view: int
    waiting_reads: int
    unassigned: int  # reads of read points that no zone or door names
    unconfirmed: int = 0  # tags that were heard, but not well enough to be told


@dataclass(frozen=True, slots=True)
class Storing:
    trouble: str  # why the last commit failed, or empty
    for_s: float
    held_events: int
    alarm: str = ""  # why the outbox had to begin a new epoch lately, or empty
    set_aside: int = 0  # stores that could not be read and were not recovered yet


def sentence(readers: tuple[ReaderRow, ...], outbox: OutboxRow, storing: Storing, delivery: Delivery) -> tuple[str, Light]:
    """Return the one sentence and its colour; the worst news comes first."""
    if storing.trouble:
        held = f"{count(storing.held_events, 'event')} held in memory"
        refused = f", {count(outbox.dropped_reads, 'read')} refused" if outbox.dropped_reads else ""
        what, _, _ = storing.trouble.partition("; ")  # the outbox says what to do behind the semicolon
        return f"Not storing for {span(storing.for_s)}: {what}; {held}{refused}.", Light.FAILED
    delivered, light = _delivered(outbox, delivery)
    if not readers:
        return f"Nothing to read: no reader is configured. {delivered}.", Light.ATTENTION
    off = [row for row in readers if row.state in (ReaderState.DOWN, ReaderState.MISCONFIGURED)]
    if len(off) == len(readers):
        names = "The reader is" if len(readers) == 1 else "All readers are"
        return f"{names} down ({_named(off)}). {delivered}.", Light.FAILED
    if off:
        down = f"{len(off)} of {len(readers)} readers {'is' if len(off) == 1 else 'are'} down ({_named(off)})"
        return f"{down}. {delivered}.", Light.ATTENTION
    return f"{'Working. ' if light is Light.GOOD else ''}{delivered}.", light


def _delivered(outbox: OutboxRow, delivery: Delivery) -> tuple[str, Light]:
    waiting = f"{count(outbox.waiting, 'event')} safe on disk"
    if outbox.dropped_lately:
        waiting = f"{count(outbox.waiting, 'event')} waiting, of which those that newer ones replaced were dropped for room"
    safe = waiting + (f", {number(int(outbox.days_left))} days of room left" if outbox.days_left is not None else "")
    long = delivery.for_s > SHORT_S
    match delivery.way:
        case Way.NO_CREDENTIALS:
            return f"Not delivering, no registry credentials: {safe}", Light.ATTENTION
        case Way.NO_BROKER if long:
            return f"Registry unreachable for {span(delivery.for_s)}: {safe}", Light.ATTENTION
        case Way.NO_BROKER:
            return f"Connecting to the registry: {safe}", Light.WAITING
        case Way.NO_ANSWER if long:
            return f"Registry silent for {span(delivery.for_s)}: {safe}", Light.ATTENTION
        case Way.NO_ANSWER:
            return f"Waiting for the registry: {safe}", Light.WAITING
        case Way.HELD:
            return f"The registry takes nothing from here until somebody there decides: {safe}", Light.FAILED
    if delivery.last_ack_s is None:
        return f"{number(outbox.waiting)} waiting, nothing delivered yet", Light.GOOD
    return f"{number(outbox.waiting)} waiting, last delivered {span(delivery.last_ack_s)} ago", Light.GOOD


def _named(rows: list[ReaderRow]) -> str:
    names = [row.name for row in rows[:3]]
    return ", ".join(names) + (f" and {len(rows) - 3} more" if len(rows) > 3 else "")


def hops(
    readers: tuple[ReaderRow, ...], sorting: Sorting, outbox: OutboxRow, storing: Storing, delivery: Delivery
) -> tuple[Hop, ...]:
    """Return the stations of the path, in the order a read takes."""
    return (
        _readers(readers, sorting),
        _dedup(sorting, outbox),
        _outbox(outbox, storing, sorting),
        _broker(delivery),
        _registry(outbox, delivery),
    )


def _readers(readers: tuple[ReaderRow, ...], sorting: Sorting) -> Hop:
    rate = f"{number(round(sorting.reads_per_min))} reads/min"
    up = sum(row.state is ReaderState.UP for row in readers)
    if not readers:
        return Hop("readers", Light.ATTENTION, rate, "no reader is configured", "add a table [[readers]] to gateway.toml")
    wrong = next((row for row in readers if row.state is ReaderState.MISCONFIGURED), None)
    down = next((row for row in readers if row.state is ReaderState.DOWN), None)
    worst = wrong or down
    if worst is not None:
        light = Light.FAILED if not up else Light.ATTENTION
        what, _, step = worst.why.partition("; ")  # a driver says what to do behind the semicolon
        default = "change its settings" if worst is wrong else "look at its cable and power"
        after = "then restart the gateway" if worst is wrong else "it is tried again"
        return Hop("readers", light, rate, f"{up} of {len(readers)} up; {worst.name}: {what}", f"{step or default}; {after}")
    faulty = [(row.name, antenna) for row in readers for antenna in row.antennas if not antenna.ok]
    if faulty:
        name, antenna = faulty[0]
        why = f"antenna {antenna.antenna} of {name}: {antenna.why or 'not connected'}"
        return Hop("readers", Light.ATTENTION, rate, why, "look at the antenna's cable")
    if up < len(readers):
        return Hop("readers", Light.WAITING, rate, f"{up} of {len(readers)} up, the others are connecting")
    noisy = next((row for row in readers if row.why), None)
    if noisy is not None:
        return Hop("readers", Light.ATTENTION, rate, f"{noisy.name} {noisy.why}", "take that option out, or update the reader")
    return Hop("readers", Light.GOOD, rate, "up" if len(readers) == 1 else f"all {len(readers)} up")


def _dedup(sorting: Sorting, outbox: OutboxRow) -> Hop:
    rate = f"{number(round(sorting.events_per_min))} events/min"
    if outbox.dropped_reads:
        why = f"{count(outbox.dropped_reads, 'read')} refused since the start, because storing could not keep up"
        return Hop("dedup", Light.ATTENTION, rate, why, "look at the disk; raise queue_reads if bursts are that long")
    if sorting.unconfirmed >= MANY_UNCONFIRMED:
        why = f"{count(sorting.unconfirmed, 'code')} heard once and hardly again: a reader makes them up"
        step = "look at the reader with the most reads/min; real tags are still told"
        return Hop("dedup", Light.ATTENTION, rate, why, step)
    if sorting.unassigned:
        why = f"{count(sorting.unassigned, 'read')} at antennas that no zone names"
        return Hop("dedup", Light.ATTENTION, rate, why, "name those antennas (reader:antenna) in a zone of gateway.toml")
    waiting = f", {count(sorting.waiting_reads, 'read')} waiting" if sorting.waiting_reads else ""
    return Hop("dedup", Light.GOOD, rate, f"{count(sorting.in_view, 'tag')} in view{waiting}")


def _outbox(outbox: OutboxRow, storing: Storing, sorting: Sorting) -> Hop:
    rate = f"{number(outbox.waiting)} waiting"
    if storing.trouble:
        what, _, step = storing.trouble.partition("; ")
        return Hop("outbox", Light.FAILED, rate, what, f"{step}; it is tried again" if step else "it is tried again")
    if storing.set_aside:
        why = storing.alarm or f"{count(storing.set_aside, 'store')} could not be read and stands aside"
        step = "run `sightpost outbox recover`: it brings back what that file still holds"
        return Hop("outbox", Light.ATTENTION, rate, why, step)
    if storing.alarm:
        return Hop("outbox", Light.ATTENTION, rate, storing.alarm, "find out who changed the disk or the registry")
    if outbox.dropped_lately:
        why = (
            f"its quota is used up: {count(outbox.dropped_records, 'older event')} dropped and declared, the latest of each kept"
        )
        return Hop("outbox", Light.ATTENTION, rate, why, "get the registry back, or raise outbox_mb")
    if outbox.days_left is not None and outbox.days_left < FEW_DAYS:
        return Hop(
            "outbox",
            Light.ATTENTION,
            rate,
            f"room for {span(outbox.days_left * 86_400)} left",
            "get the registry back, or raise outbox_mb",
        )
    took = f"; the last commit took {number(round(outbox.commit_ms, 1))} ms" if outbox.commit_ms else ""
    return Hop("outbox", Light.GOOD, rate, f"stores well{took}")


def _broker(delivery: Delivery) -> Hop:
    long = delivery.for_s > SHORT_S
    match delivery.way:
        case Way.NO_CREDENTIALS:
            what, _, step = delivery.why.partition("; ")
            return Hop("broker", Light.ATTENTION, "", f"no registry credentials: {what}", step or GET_CREDENTIALS)
        case Way.NO_BROKER:
            light = Light.FAILED if long else Light.WAITING
            return Hop(
                "broker",
                light,
                "",
                delivery.why or "connecting",
                "look whether the broker runs and the network is up" if long else "",
            )
    rtt = f"{number(round(delivery.rtt_ms))} ms" if delivery.rtt_ms is not None else ""
    return Hop("broker", Light.GOOD, rtt, "connected")


def _registry(outbox: OutboxRow, delivery: Delivery) -> Hop:
    rate = f"{number(round(delivery.acked_per_min))} events/min"
    last = f"last heard {span(delivery.last_ack_s)} ago" if delivery.last_ack_s is not None else "not heard of yet"
    match delivery.way:
        case Way.HELD:
            what, _, step = delivery.why.partition("; ")
            return Hop("registry", Light.FAILED, rate, what, step)
        case Way.DELIVERING:
            return Hop(
                "registry", Light.GOOD, rate, last.replace("heard", "delivered") if delivery.last_ack_s is not None else "answers"
            )
        case Way.NO_ANSWER if delivery.for_s > SHORT_S:
            new = "has this gateway been approved there, on the page Enrolment? " if delivery.last_ack_s is None else ""
            return Hop(
                "registry", Light.FAILED, rate, delivery.why or last, f"{new}look whether `sightpost-registry ingest` runs"
            )
        case Way.NO_ANSWER:
            return Hop("registry", Light.WAITING, rate, delivery.why or last)
    return Hop("registry", Light.UNKNOWN, rate, last)
