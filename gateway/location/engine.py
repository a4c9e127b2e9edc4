"""Reads to location events. READ FIRST.

    reads -> fold -> sightings -> doors, presence and zones -> events

Pure: time comes in with the reads and with `advance`, so a recorded day replays in milliseconds. What is due before a read is
decided before it, so the same reads give the same events however they are cut into lists. The work per read does not depend on
how many tags there are.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from drivers.api import Kind, Read
from gateway.location import saved as saved_states
from gateway.location.clocks import Clocks
from gateway.location.counters import TAIL, Counters, Trace
from gateway.location.doors import Doors
from gateway.location.fold import Sighting, Window
from gateway.location.gates import Gate
from gateway.location.identities import Identities, Resolve, raw_text, resolve
from gateway.location.judged import Lately
from gateway.location.live_site import MAX_DBM, MIN_DBM, NOMINAL_MW, LiveSite, Point
from gateway.location.presence import Presences
from gateway.location.site import Instant, Site
from gateway.location.tag import Tag
from gateway.location.tags import MAX_GLIMPSED, MAX_TAGS, Tags, WindowKey
from gateway.location.telling import Teller
from gateway.location.timers import NEVER, Timed, Timers
from identity.keys import Level
from identity.resolve import MAX_RAW_BYTES
from sync.wire import ClockQuality, LocationEvent

__all__ = ["Engine", "Instant"]

_NOTHING: Mapping[str, bytes] = MappingProxyType({})
_NEVER_LIVE: Mapping[str, int] = MappingProxyType({})
_BOOT = Instant(0, 0)
_BARCODE = Kind.BARCODE


class Engine:
    """The location engine of one gateway.

    `saved` is what `changes` returned over time, by identity; `live_until` says up to when (Unix ms) each reader was known to be
    live before the restart. A reader counts as live once `reader_up` says so or, if nobody speaks of it, once it reads.
    """

    def __init__(
        self,
        site: Site,
        saved: Mapping[str, bytes] = _NOTHING,
        live_until: Mapping[str, int] = _NEVER_LIVE,
        now: Instant = _BOOT,
        *,
        resolve: Resolve = resolve,
        clock_quality: ClockQuality = ClockQuality.HOLDOVER,
        max_tags: int = MAX_TAGS,
        max_glimpsed: int = MAX_GLIMPSED,
        counters: Counters | None = None,
    ) -> None:
        """`counters`: those of the engine before, to go on with."""
        self.counters = counters or Counters()
        self._tail: deque[tuple[int, Point, Tag, int, str, LocationEvent | None]] = deque(maxlen=TAIL)
        self._site = LiveSite(site, now.mono_ns)
        self._identities = Identities(resolve, site.company_prefixes)
        self._timers: Timers[Timed] = Timers()
        self._clocks = Clocks(self._site.together)
        self._tags = Tags(self._site, max_tags, max_glimpsed)
        self._teller = Teller(self.counters, site.parameters, clock_quality, self._site, self._clocks)
        self._presences = Presences(self._tags, self._timers, self._teller, self.counters, live_until)
        self._doors = Doors(self._presences, self._timers, self._teller, self.counters, now.mono_ns)
        self._now_ns = now.mono_ns
        self._teller.set_clock(*now)
        self._restore(saved, now)

    @property
    def in_view(self) -> int:
        """Tags present where antennas hear them."""
        return self._tags.in_view

    @property
    def unconfirmed(self) -> int:
        """Tags that were heard, but not well enough to be told; a reader that makes up codes fills their room."""
        return self._tags.unconfirmed

    @property
    def tail(self) -> list[Trace]:
        """The last sightings, oldest first."""
        return [
            Trace(
                self._teller.wall_ms(at_ns - self._clocks.lag_ns(point.reader)),
                point.name,
                tag.identity,
                reads,
                outcome,
                tag.raw,
                event,
            )
            for at_ns, point, tag, reads, outcome, event in self._tail
        ]

    def lately_at(self, door: str) -> Lately | None:
        """Return what has been judged at a door lately; None when there is no such door."""
        return self._doors.lately(door) if door in self._site.doors else None

    def parked_at(self, door: str) -> int:
        """Return how many tags stand parked at a door. Looks at every tag: for a page that somebody asks for."""
        return self._tags.parked_at(door, self._now_ns)

    def wall_ms(self, at_ns: int) -> int:
        """Return the wall time of a moment on the monotonic clock, as the newest pair of clock readings has it."""
        return self._teller.wall_ms(at_ns)

    @property
    def clock_quality(self) -> ClockQuality:
        """What is known of the gateway's wall clock; every event carries it."""
        return self._teller.clock_quality

    @clock_quality.setter
    def clock_quality(self, quality: ClockQuality) -> None:
        self._teller.clock_quality = quality

    def take(self, reads: Sequence[Read]) -> list[LocationEvent]:
        """Take reads in the order they came; return the events they decide, and those that were due before them."""
        find, hear, timers = self._tags.windows.get, self._hear, self._timers
        due_ns = timers.next_ns
        for read in reads:
            now_ns = read.rx_mono_ns
            window = find((read.raw, read.reader, read.antenna))
            if window is not None and window.last_ns < now_ns < window.quick_until_ns and now_ns < due_ns:
                rssi_dbm = read.rssi_dbm
                if rssi_dbm is not None and (power_mw := window.power_of(rssi_dbm)) is not None:
                    # What `Window.add` does, without the call: nearly every read ends here.
                    count = read.read_count
                    window.last_ns = now_ns
                    window.last_rssi_dbm = rssi_dbm
                    window.reads += count
                    window.power_mw += power_mw * count
                    if rssi_dbm > window.rssi_max_dbm:
                        window.rssi_max_dbm = rssi_dbm
                    continue
            hear(read, window if now_ns < due_ns else None)  # what is due first may close it
            due_ns = timers.next_ns
        self.counters.reads += len(reads)
        self._tags.pack_some(len(reads), self._now_ns)
        return self._told()

    def advance(self, now: Instant) -> list[LocationEvent]:
        """Return what the passing of time decides. Cheap when nothing is due. Take the reads that wait first."""
        self._pass(*now)
        return self._told()

    def next_due_ns(self) -> int | None:
        """When `advance` may next have something to do; None when only reads can bring it."""
        return None if self._timers.next_ns == NEVER else self._timers.next_ns

    def reader_up(self, reader: str, now: Instant) -> None:
        """The reader is live from now on: its silence means something again."""
        self._pass(*now)
        self._clocks.reader_up(reader, now.mono_ns)
        self._site.reader_up(reader, now.mono_ns + self._clocks.lag_ns(reader))

    def reader_down(self, reader: str, now: Instant) -> None:
        """The reader has failed: its silence means nothing until it is up again."""
        self._pass(*now)
        self._site.reader_down(reader)

    def changes(self) -> dict[str, bytes | None]:
        """Return the state of every identity that changed since the last call, to be stored with the events; None = forget it."""
        teller = self._teller
        changed, teller.changed = teller.changed, {}
        states: dict[str, bytes | None] = {}
        for identity, tag in changed.items():
            if tag is not None and tag.packed:
                self._tags.unpack(tag, self._now_ns)
            states[identity] = None if tag is None else saved_states.save(tag, teller)
        return states

    def _told(self) -> list[LocationEvent]:
        events, self._teller.events = self._teller.events, []
        return events

    def _pass(self, now_ns: int, wall_ms: int) -> None:
        """Let time pass up to `now_ns`; it never goes back."""
        if now_ns < self._now_ns:
            return
        self._teller.set_clock(now_ns, wall_ms)
        if self._timers.next_ns <= now_ns:
            while self._clocks.next_ns <= now_ns:
                self._take_turns(self._clocks.next_ns)
            self._run_timers(now_ns)
            self._timers.set(self._clocks, self._clocks.next_ns)
        self._now_ns = now_ns

    def _run_timers(self, until_ns: int) -> None:
        for due, due_ns in self._timers.due(until_ns):
            self._now_ns = max(self._now_ns, due_ns)
            if isinstance(due, Tag):
                self._look(due, due_ns)
            elif isinstance(due, Gate):
                self._doors.gate_due(due, due_ns)

    def _take_turns(self, now_ns: int) -> None:
        """Take in the reads that have waited for their turn by `now_ns`."""
        for due_ns, read in self._clocks.turns(now_ns):
            self._run_timers(due_ns)
            self._now_ns = max(self._now_ns, due_ns)
            self._take_in(read, due_ns)
        self._run_timers(now_ns)
        self._now_ns = max(self._now_ns, now_ns)
        late = self._clocks.backlog(now_ns)
        if late:
            self._take_late(late)

    def _take_late(self, late: Sequence[tuple[int, Read]]) -> None:
        """Go back to when these reads were and take them in, oldest first: what they decide is told as late, with its own times.

        Nothing else is due in that time any more. Nothing departs in it, and nobody is taken back: a read that is older than the
        last one of its tag is history.
        """
        now_ns, heard_ns = self._now_ns, dict[str, int]()
        for reader in {read.reader for _, read in late}:
            self._site.anew(reader, now_ns + self._clocks.lag_ns(reader))
        self._teller.late_ns = now_ns
        self.counters.late += len(late)
        for at_ns, read in late:
            tag = self._tags.coded(read)
            identity = self._identities.of(read).key if tag is None else tag.identity
            tag = self._tags.known.get(identity)
            if at_ns <= heard_ns.setdefault(identity, -1 if tag is None else tag.last_ns):
                self.counters.suppressed["history"] += 1
                continue
            self._now_ns = min(at_ns, now_ns)
            self._run_timers(self._now_ns)
            self._take_in(read, self._now_ns)
        self._run_timers(now_ns)
        self._teller.late_ns = None
        self._now_ns = now_ns

    def _look(self, tag: Tag, due_ns: int) -> None:
        """Decide what is due for `tag`, after the reads that still wait in its windows; mostly it has only been heard since."""
        if tag.packed:
            self._tags.unpack(tag, self._now_ns)
        for window in tag.windows:
            if window.last_ns > tag.last_ns:
                tag.last_ns = window.last_ns
        if due_ns >= min(self._doors.next_ns(tag), self._presences.next_ns(tag, due_ns)):
            for window in tag.windows:
                if window.reads:
                    self._merge(window)
        self._doors.due(tag, due_ns)
        self._presences.due(tag, due_ns)

    def _hear(self, read: Read, window: Window | None) -> None:
        """Take a read that needs more than to be added to an open window; None: look for the window again."""
        now_ns = read.rx_mono_ns
        if now_ns > self._now_ns:
            self._pass(now_ns, read.rx_wall_ms)
        if read.reader_ts_ms is not None or read.reader in self._clocks.held:
            self._hold(read)
        else:
            self._take_in(read, now_ns, window)

    def _hold(self, read: Read) -> None:
        """Let a read of a reader with a clock of its own wait for its turn."""
        if not self._clocks.knows(read.reader) or len(read.raw) > MAX_RAW_BYTES:  # it leads to nothing
            self._take_in(read, read.rx_mono_ns)
            return
        self._site.hold(self._clocks.joins(read))
        if not self._clocks.hold(read, self._site.point(read.reader, read.antenna).fold_ns // 2):
            self.counters.repeats += 1
        self._timers.set(self._clocks, self._clocks.next_ns)

    def _take_in(self, read: Read, now_ns: int, window: Window | None = None) -> None:
        rssi_dbm = read.rssi_dbm
        if window is None:
            window = self._tags.windows.get((read.raw, read.reader, read.antenna))
        point = window.point if window is not None else self._site.point(read.reader, read.antenna)
        power_mw = NOMINAL_MW if rssi_dbm is None else point.power_of(rssi_dbm)
        if power_mw is None:
            self.counters.suppressed["weak" if MIN_DBM <= (rssi_dbm or 0) <= MAX_DBM else "rssi"] += 1
            return
        if window is None:
            tag = self._tag_of(read)
            if tag is None:
                return
            key = (read.raw, read.reader, read.antenna)
            window = self._tags.windows.get(key) or self._open_window(key, point, tag, read)  # it may have been packed
        if now_ns == window.last_ns and self._repeated(window, read):
            self.counters.repeats += 1
            return
        window.stamp_ms = read.reader_ts_ms
        if now_ns < window.until_ns:
            window.add(now_ns, read.read_count, rssi_dbm, power_mw)
            return
        if window.reads and now_ns - window.last_ns > 2 * point.fold_ns:
            self._merge(window)  # they belong to the sighting before the gap
        window.add(now_ns, read.read_count, rssi_dbm, power_mw)
        sighting = window.close()
        tag, events = window.tag, self._teller.events
        tag.text, tag.symbology = window.text, window.symbology
        told_before = len(events)
        outcome = self._decide(tag, point, sighting, read)
        self.counters.sightings += 1
        event = events[-1] if len(events) > told_before else None
        self._tail.append((sighting.at_ns, point, tag, sighting.reads, outcome, event))

    def _decide(self, tag: Tag, point: Point, sighting: Sighting, read: Read) -> str:
        """Let a sighting decide what it can; return in words what came of it."""
        now_ns, zone = self._now_ns, point.zone
        tag.restored = False
        if now_ns > tag.last_ns:
            tag.last_ns = now_ns
        if tag.mute is not None:
            self.counters.suppressed[tag.mute] += 1
            return f"no single thing ({tag.mute})"
        at_door = None
        if point.door is not None:
            tag.point_name = point.name
            at_door = self._doors.sighted(tag, point.door, point.side, sighting, now_ns)
            if zone is None:
                return at_door or "parked at the door"
        if zone is None:
            self.counters.unassigned += sighting.reads
            return "no zone reads here"
        tag.point_name = point.name
        if read.kind is _BARCODE or read.operator is not None:
            return self._presences.deliberate(tag, zone, sighting, now_ns, read.operator)
        told_before = len(self._teller.events)
        outcome = self._presences.sighted(tag, zone, sighting, now_ns, bool(tag.doors) and self._doors.deciding(tag))
        if point.tells_all and len(self._teller.events) == told_before and tag.zone is zone:
            self._presences.seen(tag, zone, now_ns)
            return "seen"
        return at_door or outcome

    def _merge(self, window: Window) -> None:
        """Hand over reads that no later read will: they are evidence, and decide nothing by themselves."""
        tag, point, sighting = window.tag, window.point, window.close()
        self.counters.sightings += 1
        if tag.mute is not None:
            return
        if point.zone is None and point.door is None:
            self.counters.unassigned += sighting.reads
        tag.last_ns = max(tag.last_ns, sighting.at_ns)
        if point.door is not None:
            self._doors.merge(tag, point.door, point.side, sighting)
        evidence = tag.evidence_in(point.zone) if point.zone is not None else None
        if evidence is not None:
            evidence.merge(sighting.at_ns, sighting.reads, sighting.power_mw, sighting.rssi_max_dbm)

    def _tag_of(self, read: Read) -> Tag | None:
        """Return the tag of a read, one that is new if need be; None when there is no code in it that could be one's."""
        if not 0 < len(read.raw) <= MAX_RAW_BYTES:
            self.counters.suppressed["length"] += 1
            return None
        self._site.heard(read.reader, self._now_ns)
        tag = self._tags.coded(read)
        if tag is not None:
            self._tags.unpack(tag, self._now_ns)
            return tag
        identity = self._identities.of(read)
        tag = self._tags.known.get(identity.key)
        if tag is None:
            mute = identity.level.value if identity.level in (Level.CLASS, Level.PLACE) else None
            tag = Tag(identity.key, raw_text(read), read.symbology, mute, self._now_ns)
            gone = self._tags.glimpse(tag)
            if gone is not None:
                self.counters.suppressed["crowded"] += 1
                self._presences.forget(gone)
            self._presences.watch(tag, self._now_ns)
        self._tags.note_code(tag, read)
        self._tags.unpack(tag, self._now_ns)
        return tag

    def _open_window(self, key: WindowKey, point: Point, tag: Tag, read: Read) -> Window:
        text = ""
        if key[0] == tag.code and read.kind is not _BARCODE:
            key = (tag.code, *key[1:])  # one object for all antennas: there are many tags
        else:
            text = raw_text(read)
            text = tag.text if tag.text == text else text
        for known in tag.windows:
            if known.key[0] == read.raw:
                key = (known.key[0], *key[1:])
                break
        window = Window(key, point, tag, text, read.symbology)
        closed = self._tags.open_window(window)
        if closed is not None and closed.reads:
            self._merge(closed)
        return window

    def _repeated(self, window: Window, read: Read) -> bool:
        """The same record again, heard at the same time. Our own stamp is that of a chunk of bytes, so there the strength has to
        agree too; with stamps of the reader's own, repeats never get here.

        Where every read is told, two reads in one chunk of bytes stay two.
        """
        return read.reader_ts_ms is None and read.rssi_dbm == window.last_rssi_dbm and not window.point.tells_all

    def _restore(self, saved: Mapping[str, bytes], now: Instant) -> None:
        for identity, data in saved.items():
            restored = saved_states.restore(identity, data, self._site, now.mono_ns, now.wall_ms)
            if restored is None:
                self.counters.refused_states += 1
                continue
            tag, state = restored
            self._tags.place(tag, state.presence, state.held)
            self._presences.watch(tag, now.mono_ns)
