"""What of a tag outlives a restart: small, versioned bytes, stored in the transaction of the event that changed them."""

import msgspec

from gateway.location.at_door import AtDoor
from gateway.location.live_site import LiveSite
from gateway.location.tag import Presence, Tag
from gateway.location.telling import MS_NS, Teller
from sync.wire import Passage

VERSION = 1


class SavedState(msgspec.Struct, omit_defaults=True):
    """Never evidence, never last seen. Times are Unix milliseconds of the gateway's wall clock."""

    v: int
    raw: str
    presence: Presence
    zone: str
    since_ms: int
    told_ms: int  # when it was last told of
    seen_ms: int  # the event time of that
    read_point: str = ""
    held: bool = False
    symbology: str | None = None
    parked: tuple[str, ...] = ()  # the doors it stands at
    passed: tuple[tuple[str, Passage, int], ...] = ()  # (door, direction, when): not told again during the cool-down


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(SavedState)


def save(tag: Tag, teller: Teller) -> bytes:
    return _encoder.encode(
        SavedState(
            v=VERSION,
            raw=tag.raw,
            presence=tag.presence,
            zone=tag.zone.name if tag.zone else "",
            since_ms=tag.since_ms,
            told_ms=teller.wall_ms(tag.told_ns),
            seen_ms=tag.seen_ms,
            read_point=tag.point_name,
            held=tag.held,
            symbology=tag.symbology,
            parked=tuple(at.door.name for at in tag.doors.values() if at.parked),
            passed=tuple(
                (at.door.name, way, teller.wall_ms(ns)) for at in tag.doors.values() for way, ns in at.passed_ns.items()
            ),
        )
    )


def restore(identity: str, data: bytes, site: LiveSite, now_ns: int, now_ms: int) -> tuple[Tag, SavedState] | None:
    """Return the tag as it was, not yet in any pool; None when these bytes are not a state of a version we know.

    The clocks may have been set since: what would lie in the future counts as now.
    """
    try:
        state = _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    if state.v != VERSION or state.presence is Presence.GLIMPSED or (state.presence is Presence.PRESENT and not state.zone):
        return None
    tag = Tag(identity, state.raw, state.symbology, None, now_ns)
    tag.since_ms, tag.seen_ms, tag.point_name = state.since_ms, state.seen_ms, state.read_point
    tag.told_ns = _mono_ns(state.told_ms, now_ns, now_ms)
    tag.restored = True
    if state.zone:
        tag.zone = site.zone_of_the_past(state.zone, now_ns)
    for name in sorted({*state.parked, *(door for door, _, _ in state.passed)} & site.doors.keys()):  # in the same order always
        at = AtDoor(site.doors[name], now_ns)
        tag.come_to(name, at)
        at.parked = name in state.parked
        at.passed_ns = {way: _mono_ns(when_ms, now_ns, now_ms) for door, way, when_ms in state.passed if door == name}
    return tag, state


def _mono_ns(wall_ms: int, now_ns: int, now_ms: int) -> int:
    """Return the monotonic time of a wall time before the restart, never later than now. It may be negative."""
    return now_ns - max(0, now_ms - wall_ms) * MS_NS
