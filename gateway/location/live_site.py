"""The site while the engine runs: zones, doors and read points with their rules in nanoseconds, and which readers are live."""

from collections.abc import Iterable

from gateway.location.site import Door, Site, Zone, ZoneKind, ZoneRules
from gateway.location.zones import LiveZone, ns

NOMINAL_DBM = -60  # what a read without RSSI counts as: neither close nor at the edge
NOMINAL_MW = 10 ** (NOMINAL_DBM / 10)
FAINT_DB = 4.0  # above the weakest read that counts: the edge of an antenna's reach
MIN_DBM, MAX_DBM = -128, 20  # outside of these no receiver reports
MAX_STRANGERS = 1_000  # read points that no zone or door names; further ones share one

_ANY = ZoneRules(min_rssi_dbm=MIN_DBM)


class LiveDoor:
    __slots__ = ("cool_down_ns", "faint_mw", "from_zone", "gap_ns", "max_ns", "name", "number", "resident_ns", "to_zone")

    def __init__(self, number: int, door: Door, from_zone: LiveZone, to_zone: LiveZone) -> None:
        self.number = number
        self.name = door.name
        self.from_zone = from_zone
        self.to_zone = to_zone
        self.gap_ns = ns(door.rules.session_gap_s)
        self.max_ns = ns(door.rules.session_max_s)
        self.cool_down_ns = ns(door.rules.cool_down_s)
        self.resident_ns = ns(door.rules.resident_s)
        self.faint_mw = 10 ** ((door.rules.min_rssi_dbm + FAINT_DB) / 10)


class Point:
    """A read point: what its reads are for."""

    __slots__ = ("antenna", "door", "fold_ns", "held", "name", "number", "power_of", "reader", "side", "tells_all", "zone")

    def __init__(self, number: int, name: str, reader: str, antenna: int, rules: ZoneRules) -> None:
        self.number = number  # of this engine's points; -1: shared by many antennas
        self.name = name
        self.antenna = antenna
        self.reader = reader
        self.zone: LiveZone | None = None
        self.door: LiveDoor | None = None
        self.side = 0
        self.held = False  # its reads wait for their turn (clocks.py)
        self.fold_ns = ns(rules.fold_s)
        self.tells_all = rules.fold_s == 0 and rules.duplicate_s == 0
        # Milliwatts of every RSSI that counts: one look-up is both the conversion and the filter.
        self.power_of = {dbm: 10 ** (dbm / 10) for dbm in range(rules.min_rssi_dbm, MAX_DBM + 1)}.get


class LiveSite:
    """Raises ValueError when a read point or door names a zone that does not exist."""

    def __init__(self, site: Site, now_ns: int) -> None:
        readers_of: dict[str, set[str]] = {}
        for point in site.read_points:
            if point.zone is not None:
                readers_of.setdefault(point.zone, set()).add(point.reader)
        self.numbered_zones = [
            LiveZone(number, zone, frozenset(readers_of.get(zone.name, ())), now_ns) for number, zone in enumerate(site.zones)
        ]
        self.zones = {zone.name: zone for zone in self.numbered_zones}
        rules = {zone.name: zone.rules for zone in site.zones}
        door_rules = {door.name: door.rules for door in site.doors}
        self.numbered_doors = [
            LiveDoor(number, door, self._zone(door.from_zone), self._zone(door.to_zone)) for number, door in enumerate(site.doors)
        ]
        self.doors = {door.name: door for door in self.numbered_doors}
        self.points: dict[tuple[str, int], Point] = {}
        self.numbered_points: list[Point] = []
        self._stranger = Point(-1, "?", "?", 0, _ANY)
        self._live: dict[str, bool] = {}  # readers that were ever told of, or have read; bounded by the settings
        for point in site.read_points:
            of_zone = rules[self._zone(point.zone).name] if point.zone is not None else _ANY
            live = self._new_point(point.name, point.reader, point.antenna, door_rules.get(point.door or "", of_zone))
            if point.zone is not None:
                live.zone = self._zone(point.zone)
            if point.door is not None:
                live.door, live.side = self.doors[point.door], ("outside", "inside").index(point.side or "outside")
        self.together = _together(site)
        self._zones_of = {reader: [zone for zone in self.zones.values() if reader in zone.readers] for reader in self.together}
        of_doors = {point.door: point.reader for point in site.read_points if point.door is not None}
        self._one_reader_of = {("door", door): reader for door, reader in of_doors.items()}
        self._one_reader_of |= {("zone", name): min(zone.readers) for name, zone in self.zones.items() if zone.readers}

    def point(self, reader: str, antenna: int) -> Point:
        """Return the read point of an antenna; one that the settings do not name leads to nothing."""
        point = self.points.get((reader, antenna))
        if point is None:
            if len(self.points) >= MAX_STRANGERS:
                return self._stranger
            point = self._new_point(f"{reader}:{antenna}", reader, antenna, _ANY)
        return point

    def zone_of_the_past(self, name: str, now_ns: int) -> LiveZone:
        """Return a zone that saved state names, although the settings may have dropped it since."""
        zone = self.zones.get(name)
        if zone is None:
            rules = ZoneRules.for_kind(ZoneKind.STORAGE, lost_max_s=0.0)
            number = len(self.numbered_zones)
            zone = self.zones[name] = LiveZone(number, Zone(name, ZoneKind.STORAGE, rules), frozenset(), now_ns, gone=True)
            self.numbered_zones.append(zone)
        return zone

    def reader_at(self, door: str | None, zone: str | None) -> str:
        """Return a reader of the door or, without one, of the zone; "" when it has none."""
        return self._one_reader_of.get(("zone", zone or "") if door is None else ("door", door), "")

    def hold(self, readers: Iterable[str]) -> None:
        for point in self.points.values():
            if point.reader in readers:
                point.held = True

    def reader_up(self, reader: str, now_ns: int) -> None:
        self._live[reader] = True
        for zone in self._zones_of.get(reader, ()):
            zone.silent.discard(reader)
        self.anew(reader, now_ns)

    def anew(self, reader: str, now_ns: int) -> None:
        """What the reader hears has a full lost timeout from now on."""
        for zone in self._zones_of.get(reader, ()):
            zone.live_since_ns = max(zone.live_since_ns, now_ns)

    def reader_down(self, reader: str) -> None:
        self._live[reader] = False
        for zone in self._zones_of.get(reader, ()):
            zone.silent.add(reader)

    def heard(self, reader: str, now_ns: int) -> None:
        """A reader nobody has spoken of has read something: it is live. Reads that waited while it went down say nothing."""
        if reader not in self._live:
            self.reader_up(reader, now_ns)

    def _new_point(self, name: str, reader: str, antenna: int, rules: ZoneRules) -> Point:
        point = self.points[reader, antenna] = Point(len(self.numbered_points), name, reader, antenna, rules)
        self.numbered_points.append(point)
        return point

    def _zone(self, name: str) -> LiveZone:
        if name not in self.zones:
            raise ValueError(f"no zone is called {name!r}")
        return self.zones[name]


def _together(site: Site) -> dict[str, frozenset[str]]:
    """Return every reader with those that share a zone or a door with it, or with one that does, itself included."""
    together = {point.reader: frozenset({point.reader}) for point in site.read_points}
    places: dict[tuple[str, str], str] = {}
    for point in site.read_points:
        for place in (("zone", point.zone), ("door", point.door)):
            if place[1] is not None:
                other = places.setdefault((place[0], place[1]), point.reader)
                joined = together[other] | together[point.reader]
                together |= dict.fromkeys(joined, joined)
    return together
