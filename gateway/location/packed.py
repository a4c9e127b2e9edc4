"""What is known of a tag that nobody has heard for a moment, in one bytes object.

A crowd is heard in turns: of 100,000 tags few are being read right now. Those have objects that are quick to add to; the others
weigh a third. Nothing is rounded and nothing left out, so what a tag tells later does not depend on having been packed. Windows
without reads whose sighting is over are dropped: the next read opens the same again.
"""

import math
from struct import Struct

from gateway.location.at_door import AtDoor
from gateway.location.fold import Window
from gateway.location.live_site import LiveSite
from gateway.location.passage import Sample
from gateway.location.tag import Tag
from gateway.location.zones import SAMPLE, Evidence
from sync.wire import Passage

EMPTY = b""
HEAD = Struct("<BB")  # doors, zones; what is left at the end is windows
ZONE = Struct("<IBhIqqdd")  # number, samples, strongest, reads, first, last, power, rate; the samples follow
TOLD = Struct("<q")  # after a zone's samples, when it was told deliberately
HAS_TOLD = 0x80  # in its number of samples
DOOR = Struct("<IBhqqqqdd")  # number, what follows, strongest, last, lingered, stayed, yielded, usual level of each side
SPOKE = Struct("<qqd")
PASSED = Struct("<Bq")
LATELY = Struct("<qBqd")
TURNS_NS = 1_000_000_000  # readers take turns at the queue: a sighting may be so much older than the one before
PARKED, HAS_SPOKE = 0x80, 0x40  # what follows: these, passages in the next two bits, and the last samples in the rest
WINDOW = Struct("<IBhhqqqd")  # number of the point, how, last and strongest RSSI, reads, last, until, power
QUICK, HAS_RSSI, HAS_STAMP = 1, 2, 4
NONE = -(1 << 63)  # no time
WAYS = tuple(Passage)


def pack(tag: Tag, now_ns: int) -> bytes | None:
    """Return what is known of it; None when it has to stay as it is: a door is deciding, or a label has just been read."""
    windows = [
        window for window in tag.windows if window.reads or window.until_ns > now_ns or window.last_ns >= now_ns
    ]  # of the others nothing is left to know
    if tag.waits or any(at.samples for at in tag.doors.values()):
        return None
    if any(window.text or window.symbology or window.point.number < 0 for window in windows):
        return None
    if not (tag.doors or tag.evidence or windows):
        return EMPTY
    parts = [HEAD.pack(len(tag.doors), len(tag.evidence))]
    for at in tag.doors.values():
        _pack_door(at, parts)
    for known in tag.evidence:
        told = known.told_ns >= 0
        count = known.count | HAS_TOLD if told else known.count
        number, strongest = known.zone.number, known.rssi_max_dbm
        head = ZONE.pack(
            number, count, strongest, known.reads, known.first_ns, known.last_ns, known.power_mw, known.rate_hz
        )  # fmt: skip
        parts += (head, known.samples)
        if told:
            parts.append(TOLD.pack(known.told_ns))
    for window in windows:
        how = (QUICK if window.quick_until_ns else 0) | (0 if window.last_rssi_dbm is None else HAS_RSSI)
        how |= 0 if window.stamp_ms is None else HAS_STAMP
        parts.append(
            WINDOW.pack(
                window.point.number, how, window.last_rssi_dbm or 0, window.rssi_max_dbm, window.reads,
                window.last_ns, window.until_ns, window.power_mw,
            )
        )  # fmt: skip
    return b"".join(parts)


def unpack(tag: Tag, data: bytes, site: LiveSite) -> None:
    """Give the tag back what was known of it."""
    doors, zones = HEAD.unpack_from(data)
    at = HEAD.size
    for _ in range(doors):
        at_door, at = _unpack_door(data, at, site)
        tag.come_to(at_door.door.name, at_door)
    evidence = []
    for _ in range(zones):
        number, count, strongest, reads, first_ns, last_ns, power_mw, rate_hz = ZONE.unpack_from(data, at)
        at += ZONE.size
        end = at + SAMPLE.size * (count & ~HAS_TOLD)
        samples, told_ns = data[at:end], -1
        at = end
        if count & HAS_TOLD:
            (told_ns,) = TOLD.unpack_from(data, at)
            at += TOLD.size
            count &= ~HAS_TOLD
        zone = site.numbered_zones[number]
        evidence.append(Evidence(zone, first_ns, last_ns, count, reads, power_mw, strongest, rate_hz, told_ns, samples))
    tag.evidence = tuple(evidence)
    opened = []
    for fields in WINDOW.iter_unpack(data[at:]):
        number, how, rssi_dbm, strongest, reads, last_ns, until_ns, power_mw = fields
        point = site.numbered_points[number]
        window = Window((tag.code, point.reader, point.antenna), point, tag, "", None)
        window.last_ns, window.until_ns, window.quick_until_ns = last_ns, until_ns, until_ns if how & QUICK else 0
        window.last_rssi_dbm = rssi_dbm if how & HAS_RSSI else None
        window.stamp_ms = 0 if how & HAS_STAMP else None  # that it had one is all that counts
        window.reads, window.power_mw, window.rssi_max_dbm = reads, power_mw, strongest
        opened.append(window)
    tag.windows = tuple(opened)


def stands(data: bytes, door: str, site: LiveSite, now_ns: int) -> bool:
    """True while the tag of which this is known is parked at that door and heard."""
    at = HEAD.size
    for _ in range(data[0] if data else 0):
        at_door, at = _unpack_door(data, at, site)
        if at_door.door.name == door:
            return at_door.stands(now_ns)
    return False


def _pack_door(at: AtDoor, parts: list[bytes]) -> None:
    # Of what a parked tag has sent lately only that counts which is no older than a session's gap.
    lately = [sample for sample in at.lately if sample.at_ns > at.last_ns - at.door.gap_ns - TURNS_NS]
    follows = (PARKED if at.parked else 0) | (HAS_SPOKE if at.spoke else 0) | len(at.passed_ns) << 4 | len(lately)
    usual = [math.nan if dbm is None else dbm for dbm in at.usual_dbm]
    stayed_ns = NONE if at.stayed_ns is None else at.stayed_ns
    yielded_ns = NONE if at.yielded_ns is None else at.yielded_ns
    parts.append(
        DOOR.pack(at.door.number, follows, at.rssi_max_dbm, at.last_ns, at.lingered_ns, stayed_ns, yielded_ns, *usual)
    )  # fmt: skip
    if at.spoke:
        parts.append(SPOKE.pack(*at.spoke))
    parts += [PASSED.pack(WAYS.index(way), when_ns) for way, when_ns in at.passed_ns.items()]
    parts += [LATELY.pack(sample.at_ns, sample.side, sample.reads, sample.power_mw) for sample in lately]


def _unpack_door(data: bytes, start: int, site: LiveSite) -> tuple[AtDoor, int]:
    number, follows, strongest, last_ns, lingered_ns, stayed_ns, yielded_ns, *usual = DOOR.unpack_from(data, start)
    start += DOOR.size
    at = AtDoor(site.numbered_doors[number], last_ns)
    at.parked, at.rssi_max_dbm, at.lingered_ns = bool(follows & PARKED), strongest, lingered_ns
    at.stayed_ns = None if stayed_ns == NONE else stayed_ns
    at.yielded_ns = None if yielded_ns == NONE else yielded_ns
    at.usual_dbm = [None if math.isnan(dbm) else dbm for dbm in usual]
    if follows & HAS_SPOKE:
        at.spoke = SPOKE.unpack_from(data, start)
        start += SPOKE.size
    for _ in range(follows >> 4 & 3):
        way, when_ns = PASSED.unpack_from(data, start)
        at.passed_ns[WAYS[way]] = when_ns
        start += PASSED.size
    for _ in range(follows & 15):
        at.lately.append(Sample(*LATELY.unpack_from(data, start)))
        start += LATELY.size
    return at, start
