"""Zones while the engine runs, and the choice between them: evidence ages, and so does the margin a rival needs."""

import math
import struct

import msgspec

from gateway.location.site import RULES, Zone, ZoneKind

SAMPLES = 20  # sightings of one tag in one zone that count
SAMPLE = struct.Struct("<IHf")  # when (milliseconds, they wrap after seven weeks), reads, power
STAMP = struct.Struct("<I")  # the first of these
_pack, _unpack, _stamp = SAMPLE.pack, SAMPLE.unpack_from, STAMP.unpack_from  # for what runs at every sighting
WRAP, MOST_READS = 0xFFFFFFFF, 0xFFFF
RATE_NS = 300 * 1_000_000_000  # how far back the rate of a tag's sightings looks
LOST_AFTER = 13.8  # usual gaps: ln(1/d) with d = one silence in a million
S_NS, MS_NS = 1_000_000_000, 1_000_000
ROUND_NS = S_NS // 2  # a reader goes round its antennas as often: gaps up to that say nothing
MISSED = 9.2  # usual gaps between two sightings of a tag that is there: only one silence in ten thousand is longer
NO_RSSI = -1000  # in place of the strongest RSSI when no read had one


class LiveZone:
    """A zone with its rules in nanoseconds, and whether all its readers have been live."""

    __slots__ = (
        "beat_ns", "close_dbm", "confirm_ns", "confirm_sightings", "duplicate_ns", "fade_ns", "glimpse_ns", "gone", "hold_off_ns",
        "live_since_ns", "lost_max_ns", "lost_min_ns", "name", "number", "reachable", "readers", "sample_age_ns", "silent",
        "slope_db_per_ns", "threshold", "threshold_db",
    )  # fmt: skip

    def __init__(self, number: int, zone: Zone, readers: frozenset[str], now_ns: int, gone: bool = False) -> None:
        rules = zone.rules
        self.number = number  # of this engine's zones
        self.name = zone.name
        self.readers = readers
        self.reachable = bool(zone.read_points)  # without read points nothing can be lost here
        self.gone = gone  # no longer in the settings: known from saved state only
        self.silent = set(readers)  # those that are not known to be live
        self.live_since_ns = now_ns  # and no longer, whatever becomes of its readers
        self.confirm_sightings = rules.confirm_sightings
        self.confirm_ns = ns(rules.confirm_s)
        self.glimpse_ns = ns(rules.glimpse_s)
        self.lost_min_ns = ns(rules.lost_min_s)
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

    def lost_at_ns(self, last_ns: int, rate_hz: float) -> int:
        """When a tag last heard at `last_ns`, so many times a second, has departed if nothing is heard and no reader fails.

        The published timeout, E * ln(1/d) / p with an epoch E and a read rate p of each epoch, is ln(1/d) usual gaps: the rate is
        p / E. Its d is the chance that a tag which is there departs in a gap. With the usual 0.01 one that is heard every twenty
        seconds would depart falsely twice an hour; here d is a millionth. The rate is counted from nothing, not from a prior of
        0.5: a tag is given up fast once it has been heard well for long enough to know (in a store, half a minute of steady
        reads), and only after the longest timeout when it was heard a few times.
        """
        timeout_ns = self.lost_max_ns
        if rate_hz * timeout_ns > LOST_AFTER * S_NS:
            timeout_ns = min(timeout_ns, max(self.lost_min_ns, round(LOST_AFTER * S_NS / rate_hz)))
        return max(last_ns, self.live_since_ns) + timeout_ns


class Evidence(msgspec.Struct, gc=False):
    """The latest sightings of one tag in one zone: at most SAMPLES, those that are too old are taken out.

    There are as many of these as tags in view, or more: the samples are packed into one object, and no collector looks at it.
    """

    zone: LiveZone
    first_ns: int  # since then without a gap longer than the sample age
    last_ns: int
    count: int = 0  # samples
    reads: int = 0  # in these samples, and their power
    power_mw: float = 0.0
    rssi_max_dbm: int = NO_RSSI
    rate_hz: float = 0.0  # of its sightings, exponentially weighted over RATE_NS
    told_ns: int = -1  # when a deliberate sighting here was last told
    samples: bytes = b""  # oldest first, each as SAMPLE

    def add(self, at_ns: int, reads: int, power_mw: float, rssi_max_dbm: int) -> None:
        """Add a sighting; when there are SAMPLES of them, the oldest goes."""
        if reads > MOST_READS:
            reads, power_mw = _counted_wrongly(reads, power_mw)
        sample = _pack(at_ns // MS_NS & WRAP, reads, power_mw)
        _, _, power_mw = _unpack(sample)  # rounded, as it will be taken out again
        if self.count == SAMPLES:
            _, oldest_reads, oldest_power_mw = _unpack(self.samples)
            self.samples = self.samples[SAMPLE.size :] + sample
            self.reads += reads - oldest_reads
            self.power_mw = self.power_mw - oldest_power_mw + power_mw
        else:
            self.samples += sample
            self.count += 1
            self.reads += reads
            self.power_mw += power_mw
        if at_ns > self.last_ns:
            self.rate_hz *= math.exp((self.last_ns - at_ns) / RATE_NS)
            self.last_ns = at_ns
        self.rate_hz += S_NS / RATE_NS
        if rssi_max_dbm > self.rssi_max_dbm:
            self.rssi_max_dbm = rssi_max_dbm

    def merge(self, at_ns: int, reads: int, power_mw: float, rssi_max_dbm: int) -> None:
        """Add what still belonged to the newest sighting."""
        if self.count:
            newest = SAMPLE.size * (self.count - 1)
            stamp, its_reads, its_power_mw = _unpack(self.samples, newest)
            self.reads -= its_reads
            self.power_mw -= its_power_mw
            its_reads, its_power_mw = its_reads + reads, its_power_mw + power_mw
            if its_reads > MOST_READS:
                its_reads, its_power_mw = _counted_wrongly(its_reads, its_power_mw)
            sample = _pack(stamp, its_reads, its_power_mw)
            _, its_reads, its_power_mw = _unpack(sample)
            self.samples = self.samples[:newest] + sample
            self.reads += its_reads
            self.power_mw += its_power_mw
            self.last_ns = max(self.last_ns, at_ns)
            self.rssi_max_dbm = max(self.rssi_max_dbm, rssi_max_dbm)

    def expire(self, before_ns: int) -> None:
        """Take out what is older than `before_ns`."""
        samples, at, count = self.samples, 0, self.count
        newest_ms = self.last_ns // MS_NS
        most_ms = newest_ms - before_ns // MS_NS
        while count:
            stamp, reads, power_mw = _unpack(samples, at)
            if newest_ms - stamp & WRAP <= most_ms:
                break
            at += SAMPLE.size
            count -= 1
            self.reads -= reads
            self.power_mw -= power_mw
        if at:
            self.samples, self.count = samples[at:], count
            if not count:
                self.power_mw = 0.0  # without samples there is no power: what is left of the subtractions is rounding

    def restart(self, at_ns: int) -> None:
        """Forget every sample: what comes now is the first."""
        self.first_ns = at_ns
        self.count = self.reads = 0
        self.power_mw = 0.0
        self.rssi_max_dbm = NO_RSSI
        self.samples = b""


def _counted_wrongly(reads: int, power_mw: float) -> tuple[int, float]:
    return MOST_READS, power_mw * MOST_READS / reads


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
    before_ns = now_ns - rival.zone.sample_age_ns
    last_ms = rival.last_ns // MS_NS
    if rival.count and last_ms - _stamp(rival.samples)[0] & WRAP > last_ms - before_ns // MS_NS:
        rival.expire(before_ns)
    if rival.count < 2 and rival.reads < 3:
        return False
    if current is None:  # as after a restart: the present zone gets as long as its margin would last
        return now_ns - present.live_since_ns >= present.hold_off_ns + present.fade_ns
    overdue_ns = 0  # silence beyond the hold-off
    if not present.silent:
        last_ns = current.last_ns
        outage_ns = present.live_since_ns - last_ns if present.live_since_ns > last_ns else 0
        # A tag that is seldom heard where it is has to be missed for longer.
        last_ms = last_ns // MS_NS
        span_ms = last_ms - _stamp(current.samples)[0] & WRAP if current.count else 0  # never so long that stamps wrap
        usual_gap_ns = span_ms * MS_NS / (current.count - 1) if current.count > 1 else 0.0
        usual_ns = round(MISSED * (usual_gap_ns - ROUND_NS))
        silent_ns = now_ns - outage_ns
        overdue_ns = silent_ns - last_ns - (present.hold_off_ns if present.hold_off_ns > usual_ns else usual_ns)
        before_ns = silent_ns - (present.sample_age_ns if present.sample_age_ns > usual_ns else usual_ns)
        if span_ms > last_ms - before_ns // MS_NS:
            current.expire(before_ns)
    if not current.count:
        return True
    margin = present.threshold  # as a factor of the mean power
    if overdue_ns > 0:
        margin = 10 ** ((present.threshold_db - present.slope_db_per_ns * overdue_ns) / 10)
    return rival.power_mw * current.reads > current.power_mw * rival.reads * margin


def ns(seconds: float) -> int:
    return round(seconds * S_NS)
