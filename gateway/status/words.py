"""Numbers, times and foreign text as people read them. Pure."""

from datetime import UTC, datetime

_BYTES = ("B", "kB", "MB", "GB", "TB")


def number(value: float) -> str:
    """Return 4120 as "4,120" and 7.25 as "7.2"; whole numbers without a point."""
    return f"{value:,.1f}" if value != int(value) and value < 100 else f"{value:,.0f}"


def count(value: int, noun: str) -> str:
    """Return "1 read" or "4,120 reads"."""
    return f"{number(value)} {noun}" if value == 1 else f"{number(value)} {noun}s"


def size(value: float) -> str:
    """Return bytes as "12.4 MB" (decimal, as disks are sold)."""
    for unit in _BYTES:
        if value < 1000 or unit == _BYTES[-1]:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    raise AssertionError("unreachable")


def span(seconds: float) -> str:
    """Return a duration in its two largest units: "12 s", "3 min", "5 h 12 min", "41 days"."""
    whole = max(0, int(seconds))
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    if whole < 60:
        return f"{whole} s"
    if minutes < 60:
        return f"{minutes} min"
    if hours < 48:
        return f"{hours} h {minutes % 60} min" if minutes % 60 else f"{hours} h"
    return f"{days} days {hours % 24} h" if days < 7 and hours % 24 else f"{days} days"


def stamp(wall_ms: int) -> str:
    """Return Unix milliseconds as ISO 8601 in UTC, for a datetime attribute: "2025-03-14T13:03:22.125Z"."""
    moment = datetime.fromtimestamp(wall_ms / 1000, UTC)
    return moment.isoformat(timespec="milliseconds" if wall_ms % 1000 else "seconds").replace("+00:00", "Z")


def utc(wall_ms: int, now_wall_ms: int) -> str:
    """Return "13:03:22 UTC" for a moment of today, else "14 Mar 2025 13:03 UTC"."""
    moment, now = (datetime.fromtimestamp(ms / 1000, UTC) for ms in (wall_ms, now_wall_ms))
    return f"{moment:%H:%M:%S} UTC" if moment.date() == now.date() else f"{moment.day} {moment:%b %Y %H:%M} UTC"


def age(wall_ms: int | None, now_wall_ms: int) -> str:
    """Return the class of the age scale in sightpost.css."""
    if wall_ms is None:
        return "age-never"
    hours = (now_wall_ms - wall_ms) / 3_600_000
    return "age-minutes" if hours < 1 else "age-hours" if hours < 24 else "age-days" if hours < 168 else "age-weeks"


def printable(text: str, most: int) -> str:
    """Return foreign text with everything invisible spelled out, cut in the middle to at most `most` characters.

    A barcode may carry control characters, or marks that turn the reading direction of the whole line around.
    """
    if len(text) > most:
        head = most * 2 // 3
        text = f"{text[:head]}…{text[head - most + 1 :]}"
    shown = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" if ord(c) < 256 else f"\\u{ord(c):04x}" for c in text)
    return shown if len(shown) <= most * 2 else shown[: most * 2 - 1] + "…"


def in_fours(identity: str) -> str:
    """Return `tag:` identities with their hex digits in groups of four; every other text as it is."""
    scheme, colon, digits = identity.partition(":")
    if scheme != "tag" or len(digits) < 12 or not digits.isalnum():
        return identity
    return scheme + colon + " ".join(digits[i : i + 4] for i in range(0, len(digits), 4))
