"""What somebody wants a report about: the same filters for pages, API, files and schedules."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

from django.utils import timezone

from registry.access.actors import Actor
from registry.assets import values
from registry.assets.models import Category, Location
from registry.problems import Invalid, NotFound

MOST_ROWS: Final = 20_000  # of a list in a file
SHOWN_ROWS: Final = 200  # of a list on a page
MOST_DAYS: Final = 3_660
FILTERS: Final = ("category", "place", "group", "since", "until", "days")


@dataclass(frozen=True, slots=True)
class Asked:
    """`since` and `until` are days, both inside. `days`: so long idle, or so far ahead. `limit`: rows of a list."""

    category: Category | None
    place: Location | None
    group: str
    since: date
    until: date
    days: int
    limit: int = SHOWN_ROWS

    def whole(self) -> "Asked":
        """For a file."""
        return replace(self, limit=MOST_ROWS)


def read(by: Actor, given: Mapping[str, Any], *, groups: Mapping[str, str], days: int) -> Asked:
    """`groups` are those of the report, the first is meant when nothing is said; `days` is its own number. Raises Invalid,
    NotFound."""
    today = timezone.now().date()
    said = {name: value for name, value in given.items() if name in FILTERS and value not in (None, "")}
    group = str(said.get("group", next(iter(groups), "")))
    if groups and group not in groups:
        raise Invalid(f"group: one of {', '.join(groups)}", field="group")
    until = values.day("until", said.get("until")) or today
    since = values.day("since", said.get("since")) or until - timedelta(days=30)
    if since > until:
        raise Invalid("since: lies after until", field="since")
    return Asked(
        category=_node(Category, by, said.get("category"), "category"),
        place=_node(Location, by, said.get("place"), "place"),
        group=group,
        since=since,
        until=until,
        days=_days(said.get("days", days)),
    )


def plain(given: Mapping[str, Any]) -> dict[str, str]:
    """The filters as a schedule keeps them."""
    return {name: str(given[name])[:100] for name in FILTERS if given.get(name) not in (None, "")}


def _days(value: Any) -> int:
    try:
        days = int(value)
    except (TypeError, ValueError):
        days = 0
    if not 1 <= days <= MOST_DAYS:
        raise Invalid(f"days: a whole number from 1 to {MOST_DAYS}", field="days")
    return days


def _node(model: Any, by: Actor, value: Any, field: str) -> Any:
    if value is None:
        return None
    try:
        pk = value if isinstance(value, UUID) else UUID(str(value))
    except ValueError:
        raise Invalid(f"{field}: choose one of the list", field=field) from None
    found = model.objects.visible_to(by).filter(pk=pk).first()
    if found is None:
        raise NotFound(f"there is no such {field}", field=field)
    return found
