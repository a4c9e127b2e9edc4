"""From days to moments: when the window of an audit begins and ends, and when that of the next one does. Pure."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from registry.assets.lifespan import months_later

MONTHS: Final = {"quarterly": 3, "yearly": 12}


def moments(from_on: date, until_on: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The beginning of the first day and the end of the last one there, whatever the clocks do meanwhile."""
    return _midnight(from_on, zone), _midnight(until_on + timedelta(days=1), zone)


def occurrence(first_on: date, until_on: date, recurrence: str, number: int) -> tuple[date, date]:
    """The days of the `number`th audit of a series (0: the first): counted from the first, so that one of the 31st goes back to
    the 31st after a shorter month. It is as many days long as the first."""
    start = months_later(first_on, MONTHS[recurrence] * number)
    return start, start + (until_on - first_on)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    """The first moment of the day; where clocks jump over midnight, the moment they jump."""
    return datetime.combine(day, time(), zone).astimezone(UTC)
