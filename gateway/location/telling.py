"""Say it: location events with their times, from what the engine knows in nanoseconds."""

from datetime import UTC, datetime, timedelta

from gateway.location.clocks import Clocks
from gateway.location.counters import Counters
from gateway.location.live_site import LiveSite
from gateway.location.tag import Tag
from gateway.location.zones import NO_RSSI
from gateway.location.zones import Evidence as ZoneEvidence
from sync.wire import ClockQuality, EventKind, Evidence, LocationEvent, Passage

MS_NS = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Teller:
    """Collects the events of one engine and keeps its two clocks together.

    A moment in the past gets its wall time by the newest pair of clock readings, so that a wall clock that was set in between
    corrects it, and changes nothing but the stamps.
    """

    def __init__(self, counters: Counters, parameters: str, clock_quality: ClockQuality, site: LiveSite, clocks: Clocks) -> None:
        self.clock_quality = clock_quality  # of the gateway
        self.late_ns: int | None = None  # while reads that came late are taken in: when that is
        self.changed: dict[
            str, Tag | None
        ] = {}  # by identity, since the last `Engine.changes`; bounded by the tags; None = forget
        self.events: list[LocationEvent] = []
        self._counters = counters
        self._parameters = parameters
        self._site = site
        self._clocks = clocks
        self._wall_offset_ms = 0
        self._moment_ms, self._moment = 0, _EPOCH  # the last one made: what is told together has few

    def set_clock(self, now_ns: int, wall_ms: int) -> None:
        self._wall_offset_ms = wall_ms - now_ns // MS_NS

    def wall_ms(self, at_ns: int) -> int:
        return self._wall_offset_ms + at_ns // MS_NS

    def tell(
        self,
        kind: EventKind,
        tag: Tag,
        at_ns: int,
        decided_ns: int,
        *,
        zone_from: str | None = None,
        zone_to: str | None = None,
        evidence: Evidence | None = None,
        door: str | None = None,
        direction: Passage | None = None,
        confidence: float | None = None,
        seen_ms: int | None = None,
        uncertainty_ms: int = 0,
        deliberate: bool = False,
        operator: str | None = None,
        reason: str | None = None,
    ) -> None:
        """Append the event that something was so at `at_ns` (or, where no monotonic time is left of it, at `seen_ms`).

        Both times are as the engine has them: the reads of a reader with a clock of its own reach it late, each by as much. That
        is taken off here.
        """
        lag_ns = self._clocks.lag_ns(self._site.reader_at(door, zone_to or zone_from))
        event_ms = self.wall_ms(at_ns - lag_ns) if seen_ms is None else seen_ms
        decided_ms = self.wall_ms(decided_ns - lag_ns if self.late_ns is None else self.late_ns)
        self.events.append(
            LocationEvent(
                kind=kind,
                identity=tag.identity,
                raw=tag.raw,
                symbology=tag.symbology,
                event_time=self._utc(event_ms),
                decided_at=self._utc(max(decided_ms, event_ms)),
                read_point=tag.point_name,
                zone_from=zone_from,
                zone_to=zone_to,
                door=door,
                direction=direction,
                confidence=confidence,
                evidence=evidence or Evidence(),
                time_uncertainty_ms=uncertainty_ms,
                clock_quality=self._quality(tag, decided_ns),
                late=self.late_ns is not None,
                deliberate=deliberate,
                operator=operator,
                reason=reason,
                parameters=self._parameters,
            )
        )
        tag.told_ns = decided_ns
        tag.seen_ms = tag.since_ms if tag.since_ms == event_ms else event_ms  # mostly one number: there are many tags
        self.changed[tag.identity] = tag
        self._counters.events[kind.value] += 1

    def _quality(self, tag: Tag, decided_ns: int) -> ClockQuality:
        """The gateway's clock stamps everything; a reader's own that is not to be trusted makes the time ours."""
        if not self._clocks.held or self.clock_quality is ClockQuality.UNSET:
            return self.clock_quality
        reader = tag.point_name.rpartition(":")[0]
        doubtful = self._clocks.unsynced(reader, decided_ns if self.late_ns is None else self.late_ns)
        return ClockQuality.UNSYNCED if doubtful else self.clock_quality

    def _utc(self, wall_ms: int) -> datetime:
        if wall_ms != self._moment_ms:
            self._moment_ms, self._moment = wall_ms, utc(wall_ms)
        return self._moment


def utc(wall_ms: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=wall_ms)


def told(evidence: ZoneEvidence) -> Evidence:
    """Return what the registry is told of a zone's evidence."""
    return Evidence(
        n=int(evidence.reads),
        rssi_max_dbm=evidence.rssi_max_dbm if evidence.rssi_max_dbm > NO_RSSI else None,
        duration_ms=(evidence.last_ns - evidence.first_ns) // MS_NS,
    )
