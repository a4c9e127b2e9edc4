"""Zones while the engine runs, and the choice between them: evidence ages, and so does the margin a rival needs."""

from array import array

from gateway.location.site import RULES, Zone, ZoneKind

SAMPLES = 20  # sightings of one tag in one zone that count
_FIELDS = 3  # of a sample: time, reads, power
_RING = SAMPLES * _FIELDS
_LAST = _RING - _FIELDS
S_NS = 1_000_000_000
MISSED = 4.6  # usual gaps between two sightings of a tag that is there: only one silence in a hundred is longer
NO_RSSI = -1000  # in place of the strongest RSSI when no read had one


class LiveZone:
    """A zone with its rules in nanoseconds, and whether all its readers have been live."""

    __slots__ = (
        "beat_ns", "close_dbm", "confirm_ns", "confirm_sightings", "duplicate_ns", "fade_ns", "glimpse_ns", "gone", "hold_off_ns",
        "live_since_ns", "lost_max_ns", "name", "reachable", "readers", "sample_age_ns", "silent", "slope_db_per_ns",
        "threshold", "threshold_db",
    )  # fmt: skip

    def __init__(self, zone: Zone, readers: frozenset[str], now_ns: int, gone: bool = False) -> None:
        rules = zone.rules
        self.name = zone.name
        self.readers = readers
        self.reachable = bool(zone.read_points)  # without read points nothing can be lost here
        self.gone = gone  # no longer in the settings: known from saved state only
        self.silent = set(readers)  # those that are not known to be live
        self.live_since_ns = now_ns  # and no longer, whatever becomes of its readers
        self.confirm_sightings = rules.confirm_sightings
        self.confirm_ns = ns(rules.confirm_s)
        self.glimpse_ns = ns(rules.glimpse_s)
        self.lost_max_ns = ns(rules.lost_max_s)
        self.threshold_db = rules.threshold_db
        self.hold_off_ns = ns(rules.hold_off_s)
        self.slope_db_per_ns = rules.slope_db_per_s / S_NS
        self.sample_age_ns = ns(rules.sample_age_s)
        self.close_dbm = rules.close_dbm
        if not zone.read_points:
            # It cannot speak for itself: what a door has brought here stays at least as firmly as in a store.
            store = RULES[ZoneKind.STORAGE]
            self.threshold_db = max(rules.threshold_db, store.threshold_db)
            self.hold_off_ns = ns(max(rules.hold_off_s, store.hold_off_s))
            self.slope_db_per_ns = min(rules.slope_db_per_s, store.slope_db_per_s) / S_NS
            self.sample_age_ns = ns(max(rules.sample_age_s, store.sample_age_s))
        self.threshold = 10 ** (self.threshold_db / 10)
        self.fade_ns = round(self.threshold_db / self.slope_db_per_ns) if self.slope_db_per_ns > 0 else self.sample_age_ns
        self.duplicate_ns = ns(rules.duplicate_s)
        self.beat_ns = ns(rules.heartbeat_s)

    def lost_at_ns(self, last_ns: int) -> int:
        """When a tag last heard at `last_ns` has departed if nothing is heard and no reader fails."""
        return max(last_ns, self.live_since_ns) + self.lost_max_ns


class Evidence:
    """The latest sightings of one tag in one zone: a ring of at most SAMPLES, those that are too old are taken out."""

    __slots__ = ("_next", "_ring", "count", "first_ns", "last_ns", "power_mw", "reads", "rssi_max_dbm", "told_ns", "zone")

    def __init__(self, zone: LiveZone, at_ns: int) -> None:
        self.zone = zone
        self.first_ns = at_ns  # since then without a gap longer than the sample age
        self.last_ns = at_ns
        self.count = 0  # samples
        self.reads = 0.0  # in these samples, and their power; a ring of doubles holds them
        self.power_mw = 0.0
        self.rssi_max_dbm = NO_RSSI
        self.told_ns = -1  # when a deliberate sighting here was last told
        self._next = 0  # where the next sample goes
        self._ring = array("d")

    def add(self, at_ns: int, reads: int, power_mw: float, rssi_max_dbm: int) -> None:
        """Add a sighting; when there are SAMPLES of them, the oldest goes."""
        at, ring = self._next, self._ring
        if self.count == SAMPLES:
            self.reads -= ring[at + 1]
            self.power_mw -= ring[at + 2]
        else:
            self.count += 1
        if at == len(ring):
            ring.extend((at_ns, reads, power_mw))
        else:
            ring[at] = at_ns
            ring[at + 1] = reads
            ring[at + 2] = power_mw
        self._next = at + _FIELDS if at < _LAST else 0
        self.reads += reads
        self.power_mw += power_mw
        if at_ns > self.last_ns:
            self.last_ns = at_ns
        if rssi_max_dbm > self.rssi_max_dbm:
            self.rssi_max_dbm = rssi_max_dbm

    def merge(self, at_ns: int, reads: int, power_mw: float, rssi_max_dbm: int) -> None:
        """Add what still belonged to the newest sighting."""
        if self.count:
            newest = (self._next or _RING) - _FIELDS
            self._ring[newest + 1] += reads
            self._ring[newest + 2] += power_mw
            self.reads += reads
            self.power_mw += power_mw
            self.last_ns = max(self.last_ns, at_ns)
            self.rssi_max_dbm = max(self.rssi_max_dbm, rssi_max_dbm)

    def expire(self, before_ns: int) -> None:
        """Take out what is older than `before_ns`."""
        ring = self._ring
        while self.count:
            oldest = (self._next - self.count * _FIELDS) % _RING
            if ring[oldest] >= before_ns:
                return
            self.count -= 1
            self.reads -= ring[oldest + 1]
            # Without samples there is no power: what is left of the subtractions is rounding.
            self.power_mw = self.power_mw - ring[oldest + 2] if self.count else 0.0

    def usual_gap_ns(self) -> float:
        """Return the mean time between its sightings; 0 when there is one at most."""
        if self.count < 2:
            return 0.0
        return (self.last_ns - self._ring[(self._next - self.count * _FIELDS) % _RING]) / (self.count - 1)

    def restart(self, at_ns: int) -> None:
        """Forget every sample: what comes now is the first."""
        self.first_ns = at_ns
        self.count = 0
        self.reads = self.power_mw = 0.0
        self.rssi_max_dbm = NO_RSSI


def confirmed(evidence: Evidence) -> bool:
    """True when this zone has heard enough of a tag to call it present. `>=`, and any one condition is enough."""
    zone = evidence.zone
    return evidence.count >= zone.confirm_sightings or (
        evidence.count > 1 and evidence.last_ns - evidence.first_ns >= zone.confirm_ns
    )


def wins(rival: Evidence, current: Evidence | None, present: LiveZone, now_ns: int, rssi_dbm: int) -> bool:
    """True when the zone that has just heard the tag (with `rssi_dbm`) should have it instead of the one where it is.

    `current` is the evidence of the present zone, None when it has none. Samples that are too old are taken out on the way. While
    a reader of the present zone is down its silence says nothing: neither its samples nor its margin age.
    """
    if rival.zone.close_dbm is not None and rssi_dbm >= rival.zone.close_dbm:
        return True
    rival.expire(now_ns - rival.zone.sample_age_ns)
    if rival.count < 2 and rival.reads < 3:
        return False
    if current is None:  # as after a restart: the present zone gets as long as its margin would last
        return now_ns - present.live_since_ns >= present.hold_off_ns + present.fade_ns
    overdue_ns = 0  # silence beyond the hold-off
    if not present.silent:
        last_ns = current.last_ns
        outage_ns = present.live_since_ns - last_ns if present.live_since_ns > last_ns else 0
        # A tag that is seldom heard where it is has to be missed for longer.
        usual_ns = round(MISSED * current.usual_gap_ns())
        overdue_ns = now_ns - last_ns - outage_ns - max(present.hold_off_ns, usual_ns)
        current.expire(now_ns - outage_ns - max(present.sample_age_ns, usual_ns))
    if not current.count:
        return True
    margin = present.threshold  # as a factor of the mean power
    if overdue_ns > 0:
        margin = 10 ** ((present.threshold_db - present.slope_db_per_ns * overdue_ns) / 10)
    return rival.power_mw * current.reads > current.power_mw * rival.reads * margin


def ns(seconds: float) -> int:
    return round(seconds * S_NS)
