"""Fold the reads of one code at one antenna into sightings.

A sighting is told at once for the first read after a gap, then at the first read after each `fold_ns`. Every read is in exactly
one sighting. What is still open when a timer asks is handed over by `close`.
"""

import msgspec

from gateway.location.live_site import NOMINAL_MW, Point
from gateway.location.tag import Tag
from gateway.location.zones import NO_RSSI


class Sighting(msgspec.Struct, gc=False):
    """The reads of one tag at one read point, folded."""

    at_ns: int  # of the last read in it
    reads: int
    power_mw: float  # summed over the reads
    rssi_max_dbm: int  # NO_RSSI when no read had one


class Window:
    """The reads of one code at one antenna since the last sighting was told."""

    __slots__ = (
        "key",
        "last_ns",
        "last_rssi_dbm",
        "point",
        "power_mw",
        "power_of",
        "quick_until_ns",
        "reads",
        "rssi_max_dbm",
        "stamp_ms",
        "symbology",
        "tag",
        "text",
        "until_ns",
    )

    def __init__(self, key: tuple[bytes, str, int], point: Point, tag: Tag, text: str, symbology: str | None) -> None:
        self.key = key
        self.text = text  # what was read, as events carry it; "": the tag's code
        self.symbology = symbology
        self.point = point
        self.tag = tag
        self.power_of = point.power_of
        self.last_ns = -1
        self.last_rssi_dbm: int | None = None
        self.stamp_ms: int | None = None  # the reader's own
        self.until_ns = 0  # the next sighting is told at the first read from then on
        self.quick_until_ns = 0  # the same where reads need no check for repeats
        self.reads = 0
        self.power_mw = 0.0
        self.rssi_max_dbm = NO_RSSI

    def add(self, at_ns: int, reads: int, rssi_dbm: int | None, power_mw: float) -> None:
        """Merge a read. `Engine.take` does the same in place for the reads that need nothing else."""
        if at_ns > self.last_ns:
            self.last_ns = at_ns
        self.last_rssi_dbm = rssi_dbm
        self.reads += reads
        self.power_mw += power_mw * reads
        if rssi_dbm is not None and rssi_dbm > self.rssi_max_dbm:
            self.rssi_max_dbm = rssi_dbm

    def close(self) -> Sighting:
        """Return the sighting of what has been merged and begin the next one."""
        if self.reads < 1 or self.power_mw <= 0:  # a reader that counts wrongly
            self.reads, self.power_mw = max(1, self.reads), NOMINAL_MW
        at_ns, point = self.last_ns, self.point
        sighting = Sighting(at_ns, self.reads, self.power_mw, self.rssi_max_dbm)
        self.until_ns = until_ns = at_ns + point.fold_ns
        self.quick_until_ns = 0 if self.stamp_ms is not None or point.held else until_ns
        self.reads = 0
        self.power_mw = 0.0
        self.rssi_max_dbm = NO_RSSI
        return sighting
