"""Door sessions: from the first sighting at either side until the door has been silent, or for half a minute; then one judgement.

While a session is open nothing else is told of where the tag goes. A tag that lingers at a door without passing is parked: no
session is opened for it until it stirs (a side hears it much louder than it used to, or hears it at all), or until the door has
not heard it for a while.
"""

import math
from collections.abc import Sequence

from gateway.location.at_door import MEMORY_NS, AtDoor, span_of
from gateway.location.carriers import FEW, TAKEN_OVER, Carrier, Shape, carrier_of, carriers
from gateway.location.counters import Counters
from gateway.location.fold import Sighting
from gateway.location.gates import HOLDS_NS, LOOKS_NS, MAX_CARRIED, MAX_OPEN, OVERLAP_NS, WAITS_NS, Gate, Member
from gateway.location.judged import Judged, Lately
from gateway.location.live_site import LiveDoor
from gateway.location.passage import INSIDE, OUTSIDE, Sample, Verdict, judge
from gateway.location.presence import Presences
from gateway.location.tag import Presence, Tag
from gateway.location.telling import MS_NS, Teller
from gateway.location.timers import NEVER, Timed, Timers
from gateway.location.zones import NO_RSSI
from sync.wire import EventKind, Evidence, Passage

MAX_DOORS = 4  # that hear one tag at a time; the least recent goes
STRAGGLERS = 0.1  # of a company that knows its way: for so few that are still heard, nobody waits
OWN_WORD = 0.8  # above this confidence a session speaks for itself, whatever its carrier says ...
ALONE_WORD = 0.95  # ... and above this one, where many were heard and show no way
HINT_ERRORS = 0.7  # below `CHANCE_ERRORS`: it may have passed, nobody knows which way


class Doors:
    """Keeps the sessions of all tags (in the tags) and the company at each door; tells passages."""

    def __init__(self, presences: Presences, timers: Timers[Timed], teller: Teller, counters: Counters, started_ns: int) -> None:
        self._presences = presences
        self._timers = timers
        self._teller = teller
        self._counters = counters
        self._started_ns = started_ns
        self._gates: dict[str, Gate] = {}  # by door
        self._lately: dict[str, Lately] = {}  # by door

    def sighted(self, tag: Tag, door: LiveDoor, side: int, sighting: Sighting, now_ns: int) -> str | None:
        """Take a sighting at one side; return in words what came of it, None when the door has nothing to decide."""
        at = tag.doors.get(door.name)
        if at is None:
            if len(tag.doors) == MAX_DOORS:
                gone = min(tag.doors.values(), key=lambda known: known.last_ns)
                tag.leave(gone.door.name)
            at = AtDoor(door, now_ns)
            tag.come_to(door.name, at)
        if now_ns - at.last_ns > MEMORY_NS:
            at.lingered_ns = 0
            self._park(tag, at, parked=False)
        at.last_ns = now_ns
        sample = Sample(sighting.at_ns, side, sighting.reads, sighting.power_mw)
        opened = not at.samples
        if opened:
            gate = self._gates.get(door.name)
            if gate is None:
                gate = self._gates[door.name] = Gate()
            self._resume(tag, at, gate, now_ns)
            if at.parked and not at.stirs(sample):
                self._counters.suppressed["parked"] += 1
                return None
            if at.belongs(now_ns):
                if len(gate.open) + len(gate.waiting) < MAX_OPEN:
                    gate.open[tag.identity] = at
                else:
                    self._timers.set(gate, now_ns + LOOKS_NS)  # some of these may have been forgotten
        at.add(sample, sighting.rssi_max_dbm)
        if opened:
            self._timers.set(tag, at.closes_ns())
        return "at the door"

    def merge(self, tag: Tag, door: LiveDoor, side: int, sighting: Sighting) -> None:
        """Add what still belonged to an open session."""
        at = tag.doors.get(door.name)
        if at is not None and at.samples:
            at.add(Sample(sighting.at_ns, side, sighting.reads, sighting.power_mw), sighting.rssi_max_dbm)
            at.last_ns = max(at.last_ns, sighting.at_ns)

    def next_ns(self, tag: Tag) -> int:
        """When the next session of `tag` may close."""
        return min((at.closes_ns() for at in tag.doors.values() if at.samples), default=NEVER)

    def deciding(self, tag: Tag) -> bool:
        return any(at.samples for at in tag.doors.values())

    def due(self, tag: Tag, now_ns: int) -> None:
        """Close the sessions whose time has come, and see to it that the others are looked at again."""
        for at in list(tag.doors.values()):
            if at.samples:
                if now_ns >= at.closes_ns():
                    self._close(tag, at, now_ns)
                else:
                    self._timers.set(tag, at.closes_ns())
            elif now_ns >= at.memory_ends_ns():
                self._park(tag, at, parked=False)
                tag.leave(at.door.name)

    def gate_due(self, gate: Gate, now_ns: int) -> None:
        """Decide about those that wait, or look again later."""
        still_open = gate.still_open(now_ns)
        if gate.waiting and (not still_open or now_ns >= gate.first_closed_ns() + WAITS_NS):
            self._decide(gate, list(gate.waiting.values()), now_ns, at_last=now_ns >= gate.first_closed_ns() + HOLDS_NS)
        if gate.waiting or still_open:
            self._timers.set(gate, now_ns + LOOKS_NS)

    def lately(self, door: str) -> Lately:
        """Return what has been judged at a door."""
        return self._lately.setdefault(door, Lately())

    def _resume(self, tag: Tag, at: AtDoor, gate: Gate, now_ns: int) -> None:
        """Go on with a session that waits for its company, or decide about it when it has lasted long enough."""
        waiting = gate.waiting.get(tag.identity)
        if waiting is None:
            return
        back = waiting.shape.verdict.way and now_ns - waiting.closed_ns > at.door.gap_ns  # it went through, and comes again
        if waiting.at is at and not back and now_ns - waiting.shape.samples[0].at_ns < at.door.max_ns:
            self._done(gate, waiting)
            at.samples = list(waiting.shape.samples)
        else:
            self._decide(gate, [waiting], now_ns, at_last=True)

    def _close(self, tag: Tag, at: AtDoor, now_ns: int) -> None:
        samples, at.samples = at.samples, []
        at.spoke = span_of(samples)
        gate = self._gates[at.door.name]
        if gate.open.pop(tag.identity, None) is None:
            verdict = judge(samples, at.lingered_ns // 2 if at.parked else at.lingered_ns)  # that it stirred speaks for it
            judged = Judged(tag.identity, tag.raw, samples, verdict, now_ns, louder=_louder_elsewhere(tag, at))
            if judged.louder is not None:
                self._stayed(tag, at, judged, verdict.reason or "other_door")
            elif verdict.way and not _faint(samples, at.door):
                self._passed(tag, at, judged, verdict.way, verdict.confidence)
            else:
                self._stayed(tag, at, judged, verdict.reason or "faint")
            return
        gate.waiting[tag.identity] = Member(tag, at, Shape(samples, judge(samples)), now_ns)
        tag.waits += 1
        if gate.open:
            self._timers.set(gate, max(now_ns, gate.first_closed_ns() + WAITS_NS))
        else:
            self.gate_due(gate, now_ns)

    def _decide(self, gate: Gate, members: list[Member], now_ns: int, *, at_last: bool) -> None:
        """Decide about members that wait, but for those who may belong to somebody who is still here."""
        for member in members:
            member.louder = _louder_elsewhere(member.tag, member.at)
        company = gate.company()
        known = carriers(company)
        stragglers = known and len(gate.open) < STRAGGLERS * len(company)
        crowd = None if at_last or stragglers else gate.crowd(now_ns)
        if crowd is not None and not crowd.knows:
            return  # those who are no longer heard may be of a carrier that turns back
        made_up = len(company) > MAX_CARRIED
        lost = [member.louder for member in members if member.louder is not None]
        elsewhere = lost[0] if 2 * len(lost) > len(members) else None  # the rest of what went through another door
        few = sum(member.shape.verdict.errors != 0 for member in members) < FEW
        lonely = sum(shape.verdict.errors != 0 for shape in company) < FEW
        alone = crowd is None and len(members) == 1 and now_ns < members[0].closed_ns + WAITS_NS
        for member in members:
            tag, at, samples, verdict = member.tag, member.at, member.shape.samples, member.shape.verdict
            # Who was heard at one side takes over no word while most are made up, or while nobody knows yet who stands around.
            strange = made_up or samples[0].at_ns < self._started_ns + at.door.resident_ns
            carrier = carrier_of(member.shape, known) if verdict.errors or not strange else None
            unclear = carrier is None if crowd is None else carrier is None or crowd.may_have(member.shape, carrier)
            if unclear and not at_last and (crowd is not None or alone):
                continue
            self._done(gate, member)
            gate.lately.append(member)
            if not self._presences.knows(tag):
                continue
            judged = Judged(tag.identity, tag.raw, samples, verdict, now_ns, max(1, len(company)), carrier.way if carrier else 0)
            judged.louder = member.louder or (None if _taken_over(tag, at, samples) else elsewhere)
            if judged.louder is not None:
                self._stayed(tag, at, judged, "other_door")
            elif lonely and _faint(samples, at.door):
                self._stayed(tag, at, judged, verdict.reason or "faint")
            elif verdict.way and _own_word(verdict, carrier, few):
                self._passed(tag, at, judged, verdict.way, verdict.confidence)
            elif carrier is not None:
                confidence = verdict.confidence if verdict.way == carrier.way else round(carrier.confidence * TAKEN_OVER, 3)
                self._passed(tag, at, judged, carrier.way, confidence)
            elif few and _may_have_passed(verdict, samples, at.door):
                self._passed(tag, at, judged, 0, 0.0)
            else:
                self._stayed(tag, at, judged, verdict.reason or "still")

    def _done(self, gate: Gate, member: Member) -> None:
        del gate.waiting[member.tag.identity]
        member.tag.waits -= 1

    def _held_back(self, at: AtDoor, judged: Judged, reason: str) -> None:
        """Nothing is told of this session: count why, and keep it to be looked at."""
        self._counters.suppressed[reason] += 1
        judged.reason = reason
        self.lately(at.door.name).add(judged)

    def _stayed(self, tag: Tag, at: AtDoor, judged: Judged, reason: str) -> None:
        """It was no passage. Who lingers long enough is parked."""
        samples = judged.samples
        self._held_back(at, judged, reason)
        if judged.louder is not None:
            at.spoke, at.yielded_ns = None, samples[-1].at_ns  # the other door must not lose the tag to this one in turn
        at.rssi_max_dbm = NO_RSSI
        at.stayed_ns = samples[-1].at_ns
        at.lingered_ns = min(at.lingered_ns + samples[-1].at_ns - samples[0].at_ns, at.door.resident_ns)
        if at.lingered_ns >= at.door.resident_ns - at.door.gap_ns and not at.parked:
            self._park(tag, at, parked=True)
            at.usual_dbm = [_mean_dbm(samples, OUTSIDE), _mean_dbm(samples, INSIDE)]

    def _passed(self, tag: Tag, at: AtDoor, judged: Judged, way: int, confidence: float) -> None:
        samples, verdict, now_ns = judged.samples, judged.verdict, judged.decided_ns
        rssi_max_dbm, at.rssi_max_dbm = at.rssi_max_dbm, NO_RSSI
        at.lingered_ns = 0
        at.stayed_ns = None
        self._park(tag, at, parked=False)
        direction = {1: Passage.IN, -1: Passage.OUT, 0: Passage.UNKNOWN}[way]
        told_ns = at.passed_ns.get(direction)
        if told_ns is not None and samples[0].at_ns - told_ns < at.door.cool_down_ns:
            self._held_back(at, judged, "cool_down")
            return
        if tag.presence is Presence.GLIMPSED and not self._presences.make_room():
            return
        at.passed_ns[direction] = now_ns
        judged.way, judged.confidence = way, confidence
        self.lately(at.door.name).add(judged)
        came, went = (at.door.from_zone, at.door.to_zone) if way > 0 else (at.door.to_zone, at.door.from_zone)
        if way:
            self._presences.enter_by_door(tag, went, verdict.at_ns, now_ns, rssi_max_dbm)
        self._teller.tell(
            EventKind.PASSED, tag, verdict.at_ns, now_ns,
            zone_from=came.name if way else None, zone_to=went.name if way else None,
            door=at.door.name, direction=direction, confidence=confidence,
            evidence=Evidence(
                n=sum(sample.reads for sample in samples),
                rssi_max_dbm=rssi_max_dbm if rssi_max_dbm > NO_RSSI else None,
                duration_ms=(samples[-1].at_ns - samples[0].at_ns) // MS_NS,
                sides=verdict.sides,
            ),
        )  # fmt: skip

    def _park(self, tag: Tag, at: AtDoor, *, parked: bool) -> None:
        if at.parked != parked:
            at.parked = parked
            if tag.presence is not Presence.GLIMPSED:
                self._teller.changed[tag.identity] = tag


def _mean_dbm(samples: Sequence[Sample], side: int) -> float | None:
    power_mw = sum(sample.power_mw for sample in samples if sample.side == side)
    return 10 * math.log10(power_mw / sum(sample.reads for sample in samples if sample.side == side)) if power_mw else None


def _louder_elsewhere(tag: Tag, at: AtDoor) -> str | None:
    """Return another door that heard more of the same tag at the same time; None when there is none."""
    mine = at.span()
    if mine is None:
        return None
    for other in tag.doors.values():
        theirs = other.span() if other is not at else None
        if theirs and theirs[0] <= mine[1] + OVERLAP_NS and theirs[1] >= mine[0] - OVERLAP_NS and theirs[2] > mine[2]:
            return other.door.name
    return None


def _taken_over(tag: Tag, at: AtDoor, samples: Sequence[Sample]) -> bool:
    """True when another door has left the tag to this one."""
    from_ns = samples[0].at_ns - OVERLAP_NS
    return any(other.yielded_ns is not None and other.yielded_ns >= from_ns for other in tag.doors.values() if other is not at)


def _own_word(verdict: Verdict, carrier: Carrier | None, few: bool) -> bool:
    """True when a session that says which way it went is to be believed, whatever its company says."""
    if carrier is None:
        return few or verdict.confidence > ALONE_WORD
    return verdict.way != carrier.way or verdict.confidence > OWN_WORD


def _faint(samples: Sequence[Sample], door: LiveDoor) -> bool:
    """True when a side heard it only at the edge of its reach, or not at all: with nobody beside it that proves no passage."""
    faint_mw = door.faint_mw
    return len({sample.side for sample in samples if sample.power_mw >= faint_mw * sample.reads}) < 2


def _may_have_passed(verdict: Verdict, samples: Sequence[Sample], door: LiveDoor) -> bool:
    """True when it came and left within one session, from one side to the other, but not clearly enough to say which way."""
    left = samples[-1].at_ns - samples[0].at_ns < door.max_ns - door.gap_ns
    return left and abs(verdict.errors) >= HINT_ERRORS and verdict.sides[0] != verdict.sides[1]
