"""From a [[readers]] section to a reader, and what the drivers say of their own options."""

import re
from collections.abc import Sequence
from pathlib import Path

from drivers import catalog
from drivers.api import Clock, Reader, ReaderMisconfigured, Tap, Wiring
from gateway.clock import SYSTEM
from gateway.problems import Problem
from gateway.settings import ReaderSection

_KEY = re.compile(r"(options|url)[a-z0-9_.\[\]]*")
DEVICE_FOLDERS = (Path("/dev/serial/by-id"), Path("/dev/v4l/by-id"))


def build(section: ReaderSection, clock: Clock, tap: Tap | None = None) -> Reader:
    """Return the reader; touches no device. Raises ReaderMisconfigured."""
    return catalog.open_reader(section.driver, Wiring(section.name, section.url, section.options, clock, tap))


def refused(readers: Sequence[ReaderSection], path: Path) -> list[Problem]:
    """Return what the drivers find wrong with the sections that are theirs: names of drivers, options, urls."""
    problems = []
    for section in readers:
        try:
            build(section, SYSTEM)
        except ReaderMisconfigured as exc:
            problems += [_problem(path, section, line) for line in str(exc).splitlines()]
    return problems


def plugged_in() -> list[Path]:
    """Return the names of serial devices and cameras that stay the same through a reboot."""
    return [device for folder in DEVICE_FOLDERS if folder.is_dir() for device in sorted(folder.iterdir())]


def _problem(path: Path, section: ReaderSection, line: str) -> Problem:
    """A driver may begin a line with the key: `options.power_dbm: ...`."""
    key, colon, text = line.partition(": ")
    if colon and _KEY.fullmatch(key):
        return Problem(path.name, f"readers.{section.name}.{key}", text)
    return Problem(path.name, f"readers.{section.name}", line)
