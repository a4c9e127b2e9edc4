"""Drivers by name: entry points of the group `sightpost.drivers`. Our own are registered as those of others are."""

import difflib
from importlib.metadata import EntryPoint, entry_points
from typing import cast

from drivers.api import OpenReader, Reader, ReaderMisconfigured, Wiring

GROUP = "sightpost.drivers"


def names() -> list[str]:
    """Return the names of all drivers, sorted. Loads none of them."""
    return sorted(_entries())


def open_reader(driver: str, wiring: Wiring) -> Reader:
    """Build the reader; no device is touched. Raises ReaderMisconfigured for an unknown driver or options it cannot work with."""
    return find(driver)(wiring)


def find(driver: str) -> OpenReader:
    """Return what builds readers of `driver`. Raises ReaderMisconfigured when there is none, or it cannot be loaded."""
    entries = _entries()
    if driver not in entries:
        near = difflib.get_close_matches(driver, entries, n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else f"installed are {', '.join(sorted(entries))}"
        raise ReaderMisconfigured(f"driver '{driver}' is not known; {hint}")
    try:
        return cast(OpenReader, entries[driver].load())
    except ImportError as exc:
        raise ReaderMisconfigured(
            f"driver '{driver}' cannot be loaded ({exc}); install the part of Sightpost it belongs to"
        ) from exc


def _entries() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}
