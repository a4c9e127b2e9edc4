"""From the location events of one asset to where it is and where it was. Pure: no database, no clock. READ FIRST.

One order holds for everything: what one gateway told, in the order it told it (epoch ordinal, seq); what several told, by the
time it happened. A clock that stepped back must not break the first rule, so within a gateway time never runs backwards: an event
counts at the latest time its gateway had told by then. What people tell has no gateway and counts at its time, and so
does what a gateway tells again from another outbox, where it had another number. With that every set of events has exactly one
order, however it arrived.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

Tip = tuple[int, int]
"""(epoch ordinal, seq)"""
PEOPLE = ""
"""Stands for the gateway of what people told, or what was imported: `told_at` numbers it by its time."""
_52_BITS = (1 << 52) - 1


class Where(NamedTuple):
    """A zone, or the place that a person named; which place a zone is may change, so it is not said here."""

    zone: UUID | None = None
    place: UUID | None = None


NOWHERE = Where()


def told_at(moment: datetime, event_id: UUID) -> Tip:
    """The number of what a person told: microseconds of its time, and something of its id for two at the same."""
    return int(moment.timestamp() * 1_000_000), event_id.int & _52_BITS


class Fact(NamedTuple):
    """A location event, as far as whereabouts follow from it. `where` is where the thing was from then on, if it says so."""

    event_id: UUID
    gateway: str
    told: Tip
    happened_at: datetime
    kind: str
    direction: str | None
    where: Where
    deliberate: bool
    source: str
    confidence: float | None


@dataclass(slots=True)
class Span:
    """A stay: from..to in one zone or place, open without `to_ts`. `stored`: the database has it, as an open one."""

    where: Where
    from_ts: datetime
    to_ts: datetime | None = None
    stored: bool = False


@dataclass(slots=True)
class Whereabouts:
    """What follows from all events so far. `spans` are those of this replay, the open one last: there is one while it is present.

    `worked_in_to` and `tips` say how far the events are worked in: the newest one's time in the one order, and per gateway what
    it told last; the gateway of the newest event stands last.
    """

    present: bool = False
    where: Where = NOWHERE
    since: datetime | None = None
    last_seen_at: datetime | None = None
    last_event: UUID | None = None
    source: str = ""
    confidence: float | None = None
    worked_in_to: datetime | None = None
    tips: dict[str, Tip] = field(default_factory=dict)
    spans: list[Span] = field(default_factory=list)
    moved: bool = False

    def take(self, at: datetime, fact: Fact) -> None:
        """Work in the next event of the one order: the table "what each event does"."""
        match fact.kind, fact.direction:
            case ("arrived" | "moved", _) | ("passed", "in" | "out"):
                self._place(at, fact)
            case "seen", _ if fact.deliberate or self._open is None:
                self._place(at, fact)
            case "departed", _:
                self.present, self.moved = False, True
                self._close(at)
        if self.last_seen_at is None or fact.happened_at > self.last_seen_at:
            self.last_seen_at = fact.happened_at
        self.last_event = fact.event_id
        self.source = self.source or fact.source
        self.worked_in_to = at
        self.tips.pop(fact.gateway, None)
        self.tips[fact.gateway] = fact.told

    def continues_with(self, fact: Fact) -> bool:
        """Does the event come after everything worked in so far? Then it needs no replay."""
        if self.worked_in_to is None:
            return True
        tip = self.tips.get(fact.gateway)
        if tip is not None and fact.told <= tip:
            return False
        return fact.gateway == self._newest_gateway or fact.happened_at > self.worked_in_to

    def order(self, facts: Sequence[Fact]) -> list[tuple[datetime, Fact]]:
        """Return events that all continue these whereabouts in the one order, each with the time it counts at."""
        if len(facts) == 1:  # the most common case by far
            return [(self._reached(facts[0]), facts[0])]
        newest = self._newest_gateway
        start = {newest: self.worked_in_to} if newest is not None and self.worked_in_to is not None else {}
        return in_order(facts, start)

    def _reached(self, fact: Fact) -> datetime:
        """Within a gateway time never runs backwards."""
        if self.worked_in_to is not None and fact.gateway == self._newest_gateway:
            return max(fact.happened_at, self.worked_in_to)
        return fact.happened_at

    @property
    def _newest_gateway(self) -> str | None:
        return next(reversed(self.tips), None)

    @property
    def _open(self) -> Span | None:
        return self.spans[-1] if self.spans and self.spans[-1].to_ts is None else None

    def _place(self, at: datetime, fact: Fact) -> None:
        """The asset is where the event says. Was it there already, the stay goes on: a span of time in one place is one stay."""
        if fact.where.zone is None and fact.where.place is None:
            return
        here = self._open
        if here is None or here.where != fact.where:
            self._close(at)
            self.spans.append(Span(fact.where, at))
            self.since = at
        self.present, self.where, self.source, self.confidence = True, fact.where, fact.source, fact.confidence
        self.moved = True

    def _close(self, at: datetime) -> None:
        if self._open is not None:
            self._open.to_ts = at


def in_order(facts: Iterable[Fact], start: dict[str, datetime] | None = None) -> list[tuple[datetime, Fact]]:
    """Return events in the one order, each with the time it counts at; `start` is how far each gateway's time has come before."""
    latest = dict(start or {})
    timed = []
    for fact in sorted(facts, key=lambda f: f.told):
        reached = latest.get(fact.gateway)
        at = fact.happened_at if reached is None or fact.happened_at > reached else reached
        latest[fact.gateway] = at
        timed.append((at, fact))
    timed.sort(key=lambda pair: (pair[0], pair[1].gateway, pair[1].told))
    return timed


def laid_into(container: Whereabouts, at: datetime) -> Fact | None:
    """What follows for a thing from being laid into a container whose whereabouts were these: it is there too, from then on."""
    if not container.present or container.last_event is None:
        return None
    told = told_at(at, container.last_event)
    return Fact(container.last_event, PEOPLE, told, at, "moved", None, container.where, True, container.source, None)


def replay(facts: Iterable[Fact]) -> Whereabouts:
    """Return what follows from all events of one asset."""
    whereabouts = Whereabouts()
    for at, fact in in_order(facts):
        whereabouts.take(at, fact)
    return whereabouts
