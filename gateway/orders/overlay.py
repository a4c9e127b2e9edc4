"""What is set over gateway.toml from afar, and what holds when it is laid over it. Pure.

gateway.toml, over it the registry's configuration, over that what `zone` orders said of single zones. Only these few things can
be set so: no secret, no path, no listener, no device. The whole is checked as the file is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from gateway.problems import check
from gateway.settings import Settings
from sync.wire import Configuration, Outcome


class Overlay(msgspec.Struct, frozen=True, omit_defaults=True):
    """Parameters by zone and by door, and the few settings beside them; None and what is not named stay as they are."""

    zones: dict[str, dict[str, float]] = {}
    doors: dict[str, dict[str, float]] = {}
    site: str | None = None
    commit_interval_ms: int | None = None


class Held(msgspec.Struct, frozen=True):
    """A configuration of the registry. Number 0 is none."""

    number: int = 0
    overlay: Overlay = Overlay()


class Standing(msgspec.Struct, frozen=True, omit_defaults=True):
    """All that is set from afar, as it lies on disk."""

    zones: dict[str, dict[str, float]] = {}  # by `zone` orders
    configuration: Held = Held()
    before: Held | None = None  # what comes back if the registry is not reached: `configuration` is on trial
    starts: int = 0  # of the gateway while it is
    highest: int = 0  # of all configurations that came
    last: UUID | None = None  # the configuration that came last, and what came of it
    outcome: Outcome | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Laid:
    """`settings` is None exactly when there are problems. `misfits` name what finds no place in gateway.toml."""

    settings: Settings | None
    problems: tuple[str, ...]
    misfits: tuple[str, ...]


def overlay_of(told: Configuration) -> Overlay:
    return Overlay(told.zones, told.doors, told.site, told.commit_interval_ms)


def lay_over(file: Settings, standing: Standing) -> Laid:
    """Return what holds when all of this is laid over the file."""
    raw = file.model_dump(by_alias=True, exclude_unset=True)
    misfits: list[str] = []
    for overlay in (standing.configuration.overlay, Overlay(zones=standing.zones)):
        plain = {"site": overlay.site, "commit_interval_ms": overlay.commit_interval_ms}
        raw["gateway"] |= {key: value for key, value in plain.items() if value is not None}
        for kind, rules_by_name in (("zones", overlay.zones), ("doors", overlay.doors)):
            misfits += _lay(raw, kind, rules_by_name)
    reading = check(raw, Path("gateway.toml"))
    return Laid(reading.settings, tuple(f"{p.key}: {p.text}" for p in reading.problems), tuple(misfits))


def _lay(raw: dict[str, Any], kind: str, rules_by_name: Mapping[str, Mapping[str, float]]) -> list[str]:
    sections = {section["name"]: section for section in raw.get(kind, [])}
    for name, rules in rules_by_name.items():
        if name in sections:
            sections[name]["rules"] = sections[name].get("rules", {}) | dict(rules)
    return [f"{kind}.{name}: gateway.toml has none of that name" for name in rules_by_name if name not in sections]
