"""What the engine knows of a site: zones with their read points and rules, doors with their two sides.

Plain data, made once from the settings and never changed. Names are those of gateway.toml; a read point is "<reader>:<antenna>".
"""

import enum
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple


class Instant(NamedTuple):
    """One moment on both clocks of the gateway: timers run on the monotonic one, the wall clock only stamps."""

    mono_ns: int
    wall_ms: int


class ZoneKind(enum.StrEnum):
    STORAGE = "storage"
    DOOR = "door"
    EXIT = "exit"
    DESK = "desk"


@dataclass(frozen=True, slots=True)
class ZoneRules:
    """How much evidence a zone asks for. The defaults are those of a storage zone; `for_kind` gives those of the others."""

    min_rssi_dbm: int = -75  # weaker reads are dropped and counted
    confirm_sightings: int = 2  # this many sightings make a tag present ...
    confirm_s: float = 0.5  # ... or sightings this long after the first
    glimpse_s: float = 5.0  # silence after which an unconfirmed tag is forgotten
    lost_min_s: float = 60.0
    lost_max_s: float = 600.0  # silence after which a present tag has departed, whatever its read rate
    threshold_db: float = 6.0  # a rival zone needs this much more ...
    hold_off_s: float = 2.0  # ... until the present zone has been silent for so long; from then on
    slope_db_per_s: float = 2.0  # ... every further second of silence takes this off
    sample_age_s: float = 30.0  # sightings older than this are no evidence any more
    close_dbm: int | None = None  # one read this strong decides at once
    fold_s: float = 0.25  # reads of one tag at one antenna within this time are one sighting
    duplicate_s: float = 5.0  # a barcode in view is told again only after so long out of view; 0 with fold 0 tells every read
    heartbeat_s: float = 6 * 3600.0  # a present tag is told as `seen` this often
    session_gap_s: float = 2.0  # a passage is over when the door has not heard the tag for so long ...
    session_max_s: float = 30.0  # ... or when it has lasted so long
    cool_down_s: float = 5.0  # the same passage is not told again within this time
    resident_s: float = 30.0  # a tag heard at a door for so long without passing is parked there

    @classmethod
    def for_kind(cls, kind: ZoneKind | str, **overrides: Any) -> "ZoneRules":
        """Return the starting values of that kind of zone with `overrides`. Raises ValueError or TypeError."""
        return replace(RULES[ZoneKind(kind)], **overrides)


RULES = {
    ZoneKind.STORAGE: ZoneRules(),
    ZoneKind.DOOR: ZoneRules(
        min_rssi_dbm=-70, confirm_s=0.2, glimpse_s=1.0, lost_min_s=1.0, lost_max_s=5.0,
        threshold_db=3.0, hold_off_s=0.3, slope_db_per_s=8.0, sample_age_s=5.0,
    ),
    ZoneKind.EXIT: ZoneRules(
        min_rssi_dbm=-70, confirm_s=0.3, glimpse_s=1.0, lost_min_s=10.0, lost_max_s=60.0,
        threshold_db=3.0, hold_off_s=0.5, slope_db_per_s=8.0, sample_age_s=5.0,
    ),
    ZoneKind.DESK: ZoneRules(
        min_rssi_dbm=-60, confirm_sightings=1, confirm_s=0.0, glimpse_s=1.0, lost_min_s=2.0, lost_max_s=10.0,
        threshold_db=3.0, hold_off_s=0.3, slope_db_per_s=8.0, sample_age_s=3.0, close_dbm=-45,
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ReadPoint:
    """One antenna, camera or scanner. It may read for a zone, for one side of a door, or for both."""

    name: str
    reader: str
    antenna: int
    zone: str | None
    door: str | None = None
    side: str | None = None  # "outside" | "inside"


@dataclass(frozen=True, slots=True)
class Zone:
    """Where a thing is afterwards. Without read points it is a place that only doors lead to."""

    name: str
    kind: ZoneKind
    rules: ZoneRules
    read_points: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Door:
    """Two sides; going from outside to inside is `in` and leads from `from_zone` to `to_zone`."""

    name: str
    outside: tuple[str, ...]
    inside: tuple[str, ...]
    from_zone: str
    to_zone: str
    rules: ZoneRules = field(default=RULES[ZoneKind.DOOR])


@dataclass(frozen=True, slots=True)
class Site:
    zones: tuple[Zone, ...]
    doors: tuple[Door, ...]
    read_points: tuple[ReadPoint, ...]
    company_prefixes: frozenset[str] = frozenset()

    @classmethod
    def of(cls, zones: Sequence[Zone], doors: Sequence[Door] = (), company_prefixes: frozenset[str] = frozenset()) -> "Site":
        """Return the site with the read points that `zones` and `doors` name. Raises ValueError for a name without antenna."""
        zone_of = {name: zone.name for zone in zones for name in zone.read_points}
        side_of = {name: (door.name, "outside") for door in doors for name in door.outside}
        side_of |= {name: (door.name, "inside") for door in doors for name in door.inside}
        points = []
        for name in dict.fromkeys((*zone_of, *side_of)):
            reader, _, antenna = name.rpartition(":")
            door, side = side_of.get(name, (None, None))
            points.append(ReadPoint(name, reader, int(antenna), zone_of.get(name), door, side))
        return cls(tuple(zones), tuple(doors), tuple(points), company_prefixes)

    @property
    def parameters(self) -> str:
        """A short name for exactly these rules; every event carries it."""
        rules = repr([(zone.name, zone.kind.value, zone.rules) for zone in sorted(self.zones, key=lambda zone: zone.name)])
        rules += repr([(door.name, door.rules) for door in sorted(self.doors, key=lambda door: door.name)])
        return "1-" + hashlib.blake2s(rules.encode(), digest_size=4).hexdigest()
