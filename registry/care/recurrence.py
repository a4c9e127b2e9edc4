"""When something comes again: rules of RFC 5545 over days, without times. Pure, but for the library that knows the calendar.

A rule is of days, months and years of the wall; what day it is somewhere is asked elsewhere, so a changed clock moves nothing."""

import re
from datetime import date, datetime, timedelta
from typing import Any, Final

from registry.problems import Invalid

CHARS: Final = 200
FIRST, LAST = date(1990, 1, 1), date(2150, 1, 1)
MOST_DAYS: Final = 3_700  # asked for at once
UNITS: Final = {"day": "DAILY", "week": "WEEKLY", "month": "MONTHLY", "year": "YEARLY"}
_DAY: Final = "MO|TU|WE|TH|FR|SA|SU"
_PARTS: Final = {
    "FREQ": r"DAILY|WEEKLY|MONTHLY|YEARLY",
    "INTERVAL": r"[1-9]\d{0,2}",
    "COUNT": r"[1-9]\d{0,3}",
    "UNTIL": r"\d{8}",
    "WKST": _DAY,
    "BYDAY": rf"(?:[+-]?[1-5])?(?:{_DAY})(?:,(?:[+-]?[1-5])?(?:{_DAY})){{0,6}}",
    "BYMONTH": r"(?:[1-9]|1[0-2])(?:,(?:[1-9]|1[0-2])){0,11}",
    "BYMONTHDAY": r"-?(?:[1-9]|[12]\d|3[01])(?:,-?(?:[1-9]|[12]\d|3[01])){0,30}",
    "BYSETPOS": r"-?[1-9]\d?",
}
_ONLY_LONG: Final = frozenset(("BYMONTH", "BYMONTHDAY", "BYSETPOS"))  # for months and years


def every(count: int, unit: str, start: date) -> str:
    """The rule that comes every so many days, weeks, months or years from `start` on. Where a month has no such day it is its
    last one, as people mean it; RFC 5545 would leave the month out."""
    rule = f"FREQ={UNITS[unit]};INTERVAL={count}"
    if unit in ("day", "week") or start.day <= 28:
        return rule
    days = ",".join(str(day) for day in range(28, start.day + 1))
    month = f";BYMONTH={start.month}" if unit == "year" else ""
    return f"{rule}{month};BYMONTHDAY={days};BYSETPOS=-1"


def checked(text: str, start: date) -> str:
    """The rule as it is kept. Raises Invalid for what is none, or never comes."""
    rule = "".join(text.split()).upper().removeprefix("RRULE:")
    parts = [part.partition("=") for part in rule.split(";") if part]
    names = [name for name, _, _ in parts]
    if len(rule) > CHARS or len(set(names)) < len(names) or "FREQ" not in names:
        raise Invalid("rule: not a rule like FREQ=MONTHLY;INTERVAL=3", field="rule")
    for name, _, value in parts:
        if name not in _PARTS or not re.fullmatch(_PARTS[name], value):
            raise Invalid(f"rule: {name[:20]}={value[:40]} cannot be used here", field="rule")
    given = {name: value for name, _, value in parts}
    short = given["FREQ"] in ("DAILY", "WEEKLY")
    ordinal = any(char.isdigit() for char in given.get("BYDAY", ""))
    if (short and (ordinal or _ONLY_LONG & given.keys())) or (given["FREQ"] == "DAILY" and "BYDAY" in given):
        raise Invalid("rule: days and weeks take an interval, weeks their days; all else is for months and years", field="rule")
    if "COUNT" in given and "UNTIL" in given:
        raise Invalid("rule: COUNT or UNTIL, not both", field="rule")
    if not FIRST <= start <= LAST:
        raise Invalid(f"starts_on: from {FIRST} to {LAST}", field="starts_on")
    if not between(rule, start, start, start + timedelta(days=MOST_DAYS)):
        raise Invalid("rule: it never comes in the next ten years", field="rule")
    return rule


def between(rule: str, start: date, first: date, last: date) -> list[date]:
    """The days from `first` to `last` on which the rule comes, that begins on `start`; at most MOST_DAYS of them."""
    from dateutil.rrule import rrulestr  # here: few processes and pages ask for it

    first, last = max(first, start), min(last, first + timedelta(days=MOST_DAYS))
    try:
        found: Any = rrulestr(rule, dtstart=_midnight(start))
        return [one.date() for one in found.between(_midnight(first), _midnight(last), inc=True)] if first <= last else []
    except (ValueError, OverflowError):
        raise Invalid("rule: not a rule like FREQ=MONTHLY;INTERVAL=3", field="rule") from None


def plain(rule: str, start: date) -> tuple[int, str] | None:
    """The count and unit of which `every` makes this very rule; None where it says more."""
    given = dict(part.split("=", 1) for part in rule.split(";") if "=" in part)
    unit = next((name for name, freq in UNITS.items() if freq == given.get("FREQ")), "")
    count = given.get("INTERVAL", "")
    return (int(count), unit) if unit and count and every(int(count), unit, start) == rule else None


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day)  # noqa: DTZ001 - of no zone: days of the wall


def words(rule: str) -> str:
    """For people: `every 3 months`, or the rule itself where it says more."""
    given = dict(part.split("=", 1) for part in rule.split(";") if "=" in part)
    unit = next((name for name, freq in UNITS.items() if freq == given.get("FREQ")), "")
    if not unit or given.keys() - {"FREQ", "INTERVAL"} - _ONLY_LONG or ("BYSETPOS" not in given and _ONLY_LONG & given.keys()):
        return rule
    count = int(given.get("INTERVAL", "1"))
    return f"every {unit}" if count == 1 else f"every {count} {unit}s"
