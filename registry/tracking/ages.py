"""The one scale of how long ago something was seen; its names are classes of look/sightpost.css."""

from datetime import datetime, timedelta
from typing import Final

from django.utils import timezone

MINUTES, HOURS, DAYS, WEEKS, NEVER = "age-minutes", "age-hours", "age-days", "age-weeks", "age-never"
LIMITS: Final = ((timedelta(hours=1), MINUTES), (timedelta(days=1), HOURS), (timedelta(days=7), DAYS))


def age_of(moment: datetime | None) -> str:
    if moment is None:
        return NEVER
    ago = timezone.now() - moment
    return next((name for limit, name in LIMITS if ago < limit), WEEKS)
