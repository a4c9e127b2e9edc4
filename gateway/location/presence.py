"""Is it here, and where: a sighting makes a tag glimpsed, present in a zone, or moves it; silence makes it departed.

    unknown --sighting--> glimpsed --confirmed--> present --silence--> departed --sightings, confirmed--> present
                             '---silence--> unknown

Silence counts only while every reader of the tag's zone is live: an outage departs nobody, and afterwards each tag has a full
lost timeout again. Nothing here looks at more than one tag.
"""

from collections.abc import Mapping

from gateway.location.counters import Counters
from gateway.location.fold import Sighting
from gateway.location.tag import PRESENT, Presence, Tag
from gateway.location.tags import Tags
from gateway.location.telling import MS_NS, Teller, told
from gateway.location.timers import Timed, Timers
from gateway.location.zones import Evidence, LiveZone, confirmed, wins
from sync.wire import EventKind

GLIMPSE_NS = 5_000_000_000  # of a code that reads for no zone
AGE_OUT_NS = 14 * 24 * 3600 * 1_000_000_000  # departed and held tags are forgotten after so long without a word of them
SOONER = 0.75  # of the time to its next look, before a tag is looked at earlier
DELIBERATE_DBM = -30  # what a barcode or a handheld's read weighs against antennas that hear the same thing


class Presences:
    """Decides for one tag at a time; tells through `teller`."""

    def __init__(
        self, tags: Tags, timers: Timers[Timed], teller: Teller, counters: Counters, live_until_ms: Mapping[str, int]
    ) -> None:
        self._tags = tags
        self._timers = timers
        self._teller = teller
        self._counters = counters
        self._live_until_ms = live_until_ms

    def sighted(self, tag: Tag, zone: LiveZone, sighting: Sighting, now_ns: int, hold_back: bool) -> str:
        """Take a sighting of a fixed antenna; return in words what came of it.

        With `hold_back` a door is still deciding about this tag: the sighting is evidence, and nothing is told of it yet.
        """
        evidence = tag.hear(zone, sighting.at_ns, sighting.reads, sighting.power_mw, sighting.rssi_max_dbm)
        if tag.presence is PRESENT:
            if tag.zone is zone:
                if tag.held:
                    self._tags.place(tag, Presence.PRESENT, held=False)
                    self.watch(tag, now_ns)
                elif tag.due_ns - now_ns > zone.lost_min_ns:
                    # The better it is heard, the sooner it may be missed. Its timer need not be exact: a new entry costs more.
                    lost_ns = zone.lost_at_ns(tag.last_ns, evidence.rate_hz)
                    if lost_ns - now_ns < SOONER * (tag.due_ns - now_ns):
                        self._timers.set(tag, lost_ns)
                return "still here"
            present = tag.zone
            if hold_back or present is None:
                return "a door is deciding"
            if not wins(evidence, tag.evidence_in(present), present, now_ns, sighting.rssi_max_dbm):
                return "heard in another zone, stays"
            self._enter(tag, evidence, sighting.at_ns, now_ns, EventKind.MOVED, zone_from=present.name)
            return "moved"
        if hold_back:
            return "a door is deciding"
        if not confirmed(evidence):
            return "glimpsed"
        if tag.presence is Presence.GLIMPSED and not self.make_room():
            return "no room"
        self._enter(tag, evidence, sighting.at_ns, now_ns, EventKind.ARRIVED, zone_from=None)
        return "arrived"

    def deliberate(self, tag: Tag, zone: LiveZone, sighting: Sighting, now_ns: int, operator: str | None) -> str:
        """Take a barcode or a handheld's read: confirmed at once, told as `seen`, then not again while it stays in view.

        It puts the thing into the zone without a lost timer: a label that leaves the picture has not left the place.
        """
        known = tag.evidence_in(zone)
        out_of_view = known is None or now_ns - known.last_ns >= zone.duplicate_ns
        evidence = tag.hear(zone, now_ns, sighting.reads, 10 ** (DELIBERATE_DBM / 10) * sighting.reads, sighting.rssi_max_dbm)
        if not out_of_view and evidence.told_ns >= 0 and now_ns - evidence.told_ns < zone.beat_ns:
            return "seen already"
        if tag.presence is Presence.GLIMPSED and not self.make_room():
            return "no room"
        evidence.told_ns = now_ns
        if tag.zone is not zone or tag.presence is not Presence.PRESENT:
            tag.zone, tag.since_ms = zone, self._teller.wall_ms(now_ns)
            self._tags.place(tag, Presence.PRESENT, held=True)
        self.watch(tag, now_ns)
        self._teller.tell(
            EventKind.SEEN, tag, now_ns, now_ns,
            zone_to=zone.name, evidence=told(evidence), deliberate=True, operator=operator,
        )  # fmt: skip
        return "seen"

    def seen(self, tag: Tag, zone: LiveZone, now_ns: int) -> None:
        """Tell a sighting that decided nothing: for zones that tell every read."""
        evidence = tag.evidence_in(zone)
        self._teller.tell(EventKind.SEEN, tag, now_ns, now_ns, zone_to=zone.name, evidence=told(evidence) if evidence else None)

    def due(self, tag: Tag, now_ns: int) -> None:
        """Decide what silence has come to mean by `now_ns`, and when to look again."""
        if tag.presence is Presence.GLIMPSED:
            if now_ns >= self.glimpse_ends_ns(tag):
                self.forget(tag)
                if tag.mute is None:
                    self._counters.suppressed["glimpse"] += 1
                return
        elif tag.presence is Presence.DEPARTED or tag.held:
            if now_ns >= self.glimpse_ends_ns(tag):
                self._tags.close_windows(tag)
            if now_ns >= tag.told_ns + AGE_OUT_NS and now_ns >= tag.last_ns + AGE_OUT_NS:
                self.forget(tag)
                return
        elif tag.zone is None or tag.zone.silent or self._teller.late_ns is not None:
            pass  # while a reader is down, or has told only now what was then, hearing nothing means nothing
        elif now_ns >= self._lost_at_ns(tag, tag.zone):
            self._depart(tag, tag.zone, now_ns)
        elif now_ns >= tag.told_ns + tag.zone.beat_ns and tag.last_ns > max(tag.told_ns, now_ns - tag.zone.lost_max_ns):
            evidence = tag.evidence_in(tag.zone)
            self._teller.tell(
                EventKind.SEEN, tag, tag.last_ns, now_ns, zone_to=tag.zone.name, evidence=told(evidence) if evidence else None
            )
        self.watch(tag, now_ns)

    def forget(self, tag: Tag) -> None:
        """Drop a tag and what was saved of it."""
        if tag.presence is not Presence.GLIMPSED or tag.identity in self._teller.changed:
            self._teller.changed[tag.identity] = None
        self._timers.clear(tag)
        self._tags.forget(tag)

    def glimpse_ends_ns(self, tag: Tag) -> int:
        """When an unconfirmed tag is forgotten if it stays silent."""
        longest_ns = max((evidence.zone.glimpse_ns for evidence in tag.evidence), default=GLIMPSE_NS)
        return max(tag.last_ns + longest_ns, max((at.memory_ends_ns() for at in tag.doors.values()), default=0))

    def _enter(self, tag: Tag, evidence: Evidence, at_ns: int, now_ns: int, kind: EventKind, zone_from: str | None) -> None:
        for past in tag.evidence:
            if past is not evidence:
                past.restart(now_ns)  # of a place it has left: one stray read there would have it back
        tag.zone, tag.since_ms = evidence.zone, self._teller.wall_ms(at_ns)
        self._tags.place(tag, Presence.PRESENT, held=False)
        self.watch(tag, now_ns)
        self._teller.tell(kind, tag, at_ns, now_ns, zone_from=zone_from, zone_to=evidence.zone.name, evidence=told(evidence))

    def enter_by_door(self, tag: Tag, zone: LiveZone, at_ns: int, now_ns: int, peak_dbm: int) -> None:
        """Put the tag where a passage has led. What was heard before is evidence of a place it has left.

        The passage itself is evidence for the new one, as strong as the door heard it: antennas behind the tag need more.
        """
        tag.zone, tag.since_ms = zone, self._teller.wall_ms(at_ns)
        tag.evidence = ()
        tag.hear(zone, tag.last_ns, 1, 10 ** (peak_dbm / 10), peak_dbm)
        self._tags.place(tag, Presence.PRESENT, held=not zone.reachable)
        self.watch(tag, now_ns)

    def _depart(self, tag: Tag, zone: LiveZone, now_ns: int) -> None:
        evidence = tag.evidence_in(zone)
        heard = told(evidence) if evidence else None
        reason = "the zone is no longer configured" if zone.gone else None
        self._tags.place(tag, Presence.DEPARTED, held=False)
        if tag.restored:
            # Nothing has been heard since the restart: all that is known is when it was last told, and until when it could have
            # been heard again without a word of it being stored.
            seen_ms = tag.seen_ms
            until_ms = max((self._live_until_ms.get(reader, 0) for reader in zone.readers), default=0)
            self._teller.tell(
                EventKind.DEPARTED, tag, tag.last_ns, now_ns,
                zone_from=zone.name, seen_ms=seen_ms, uncertainty_ms=max(0, until_ms - seen_ms), reason=reason,
            )  # fmt: skip
        else:
            self._teller.tell(EventKind.DEPARTED, tag, tag.last_ns, now_ns, zone_from=zone.name, evidence=heard, reason=reason)
        tag.zone = None
        tag.evidence = ()
        self._tags.close_windows(tag)

    def watch(self, tag: Tag, now_ns: int) -> None:
        """Set the timer to what can next become true of `tag`."""
        due_ns = self.next_ns(tag, now_ns)
        late_ns = self._teller.late_ns
        if tag.zone is not None and due_ns <= (now_ns if late_ns is None else late_ns):  # silence that meant nothing
            due_ns = (now_ns if late_ns is None else late_ns) + max(tag.zone.lost_max_ns, MS_NS)
        self._timers.set(tag, due_ns)

    def next_ns(self, tag: Tag, now_ns: int) -> int:
        """When silence next means something."""
        if tag.presence is Presence.GLIMPSED:
            return self.glimpse_ends_ns(tag)
        if tag.presence is Presence.DEPARTED or tag.held or tag.zone is None:
            remembers = tag.windows or (tag.doors and not tag.restored)
            return self.glimpse_ends_ns(tag) if remembers else max(tag.told_ns, tag.last_ns) + AGE_OUT_NS
        lost_ns, beat_ns = self._lost_at_ns(tag, tag.zone), tag.told_ns + tag.zone.beat_ns
        return beat_ns if now_ns < beat_ns < lost_ns else lost_ns

    def _lost_at_ns(self, tag: Tag, zone: LiveZone) -> int:
        evidence = tag.evidence_in(zone)
        return zone.lost_at_ns(tag.last_ns, evidence.rate_hz if evidence is not None else 0.0)

    def knows(self, tag: Tag) -> bool:
        return self._tags.known.get(tag.identity) is tag

    def make_room(self) -> bool:
        room = self._tags.room()
        if isinstance(room, Tag):
            self._counters.suppressed["full"] += 1
            self.forget(room)
            return True
        if not room:
            self._counters.suppressed["full"] += 1
        return room is True
