"""What can be wrong between the sections of gateway.toml: names that stand twice, names that nothing bears.

It looks at the parsed file and not at the models, so that it also speaks when some section has a fault of its own, and only about
what has the right shape: the rest is said already.
"""

import difflib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Found:
    """Pairs of (key, text)."""

    problems: list[tuple[str, str]] = field(default_factory=list)
    warnings: list[tuple[str, str]] = field(default_factory=list)


def check(raw: Mapping[str, Any]) -> Found:
    found = Found()
    readers, zones, doors = (_sections(raw, kind) for kind in ("readers", "zones", "doors"))
    for kind, sections in (("readers", readers), ("zones", zones), ("doors", doors)):
        _stand_twice(found, kind, sections)
    _read_points_of_zones(found, zones, _names(readers))
    for door in doors:
        _door(found, door, _names(readers), _names(zones))
    _registry(found, raw.get("registry"))
    _unused(found, readers, zones, doors)
    return found


def _stand_twice(found: Found, kind: str, sections: list[Mapping[str, Any]]) -> None:
    for name, times in Counter(s["name"] for s in sections).items():
        if times > 1:
            found.problems.append((f"{kind}.{name}.name", f"stands {times} times; give each of [[{kind}]] a name of its own"))


def _read_points_of_zones(found: Found, zones: list[Mapping[str, Any]], readers: set[str]) -> None:
    owner: dict[str, str] = {}
    for zone in zones:
        key = f"zones.{zone['name']}.read_points"
        for point in _texts(zone, "read_points"):
            _reader_of(found, key, point, readers)
            if point in owner:
                found.problems.append((key, f"'{point}' already reads for zone '{owner[point]}'; take it out of one of the two"))
            owner.setdefault(point, zone["name"])


def _door(found: Found, door: Mapping[str, Any], readers: set[str], zones: set[str]) -> None:
    at = f"doors.{door['name']}"
    for side in ("outside", "inside"):
        for point in _texts(door, side):
            _reader_of(found, f"{at}.{side}", point, readers)
    for point in sorted(set(_texts(door, "outside")) & set(_texts(door, "inside"))):
        found.problems.append((f"{at}.inside", f"'{point}' also stands outside; a side needs an antenna of its own"))
    for end in ("from", "to"):
        zone = door.get(end)
        if isinstance(zone, str) and zone not in zones:
            found.problems.append((f"{at}.{end}", f"no zone is called '{zone}'; {_nearest(zone, zones, '[[zones]]')}"))
    if isinstance(door.get("from"), str) and door.get("from") == door.get("to"):
        found.problems.append((f"{at}.to", f"is the zone '{door['to']}' on both sides; a door leads from one zone to another"))


def _reader_of(found: Found, key: str, point: str, readers: set[str]) -> None:
    reader, colon, _ = point.rpartition(":")
    if colon and reader not in readers:
        found.problems.append((key, f"'{point}': no reader is called '{reader}'; {_nearest(reader, readers, '[[readers]]')}"))


def _registry(found: Found, registry: object) -> None:
    if isinstance(registry, Mapping) and registry.get("run") is True and "config" not in registry:
        found.problems.append(("registry.config", "missing, and `run = true` needs it; write the path of the registry.toml"))


def _unused(
    found: Found, readers: list[Mapping[str, Any]], zones: list[Mapping[str, Any]], doors: list[Mapping[str, Any]]
) -> None:
    points = [p for z in zones for p in _texts(z, "read_points")]
    points += [p for d in doors for side in ("outside", "inside") for p in _texts(d, side)]
    reading = {p.rpartition(":")[0] for p in points}
    for name in sorted(_names(readers) - reading):
        found.warnings.append(
            (
                f"readers.{name}",
                f"no zone or door has a read point of it: its reads are shown and lead to nothing; name '{name}:1'",
            )
        )
    led_to = {d.get(end) for d in doors for end in ("from", "to")}
    for zone in zones:
        if not _texts(zone, "read_points") and zone["name"] not in led_to:
            found.warnings.append(
                (f"zones.{zone['name']}", "has no read point and no door leads to it: nothing can ever be there")
            )
    if not readers:
        found.warnings.append(("readers", "there are none, so nothing will be read; add a table [[readers]]"))


def _nearest(word: str, known: set[str], tables: str) -> str:
    close = difflib.get_close_matches(word, sorted(known), n=1)
    return f"did you mean '{close[0]}'?" if close else f"name one of the {tables}, or add it"


def _sections(raw: Mapping[str, Any], kind: str) -> list[Mapping[str, Any]]:
    """Return the sections that have a name at least."""
    listed = raw.get(kind)
    return [s for s in listed if isinstance(s, Mapping) and isinstance(s.get("name"), str)] if isinstance(listed, list) else []


def _names(sections: list[Mapping[str, Any]]) -> set[str]:
    return {s["name"] for s in sections}


def _texts(section: Mapping[str, Any], key: str) -> list[str]:
    listed = section.get(key)
    return [t for t in listed if isinstance(t, str)] if isinstance(listed, list) else []
