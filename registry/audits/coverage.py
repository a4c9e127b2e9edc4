"""How far an audit is: of everything, of each place, and of the places inside one another. Read off the counts that are kept."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Count as Number
from django.db.models import Q, QuerySet, Sum
from django.db.models.functions import Coalesce

from registry.assets.models import Location
from registry.audits.models import Campaign, Expected, Finding, Outcome, Place, Signature

STEP = Location.steplen


@dataclass(frozen=True, slots=True)
class Count:
    """So many are expected, `seen` of them were seen, `off` of those are not as they should be."""

    expected: int = 0
    seen: int = 0
    off: int = 0

    @property
    def left(self) -> int:
        return self.expected - self.seen

    @property
    def right(self) -> int:
        return self.seen - self.off

    @property
    def bars(self) -> tuple[str, str, str]:
        """What a drawing of it needs, in percent: how wide is what is right, where what is off begins, how wide that is."""
        whole = max(self.expected, 1)
        right = 100 * self.right / whole
        return f"{right:.2f}%", f"{right:.2f}%", f"{100 * self.off / whole:.2f}%"


@dataclass(frozen=True, slots=True)
class Branch:
    """A place with all that is inside it. `deeper`: some of that is in places below. Without `location`: what has no place."""

    location: Location | None
    count: Count
    deeper: bool = False


def with_counts(campaigns: QuerySet[Campaign]) -> QuerySet[Campaign]:
    """Each with `expected_count`, `seen_count` and `off_count`."""
    return campaigns.annotate(
        expected_count=Coalesce(Sum("places__expected"), 0),
        seen_count=Coalesce(Sum("places__seen"), 0),
        off_count=Coalesce(Sum("places__off"), 0),
    )


def count_of(campaign: Campaign, below: Location | None = None) -> Count:
    found = _places(campaign, below).aggregate(e=Sum("expected"), s=Sum("seen"), o=Sum("off"))
    return Count(*(found[name] or 0 for name in "eso"))


def branches(campaign: Campaign, below: Location | None = None) -> list[Branch]:
    """The places right below one, those with most left to be seen first; without one the uppermost that differ."""
    rows = list(_places(campaign, below).order_by().values_list("location__path", "expected", "seen", "off"))
    paths = [path for path, *_ in rows if path is not None]
    level = len(below.path) + STEP if below is not None else _first_level(paths)
    sums: defaultdict[str | None, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for path, *counts in rows:
        at = sums[path[:level] if path is not None else None]
        for place, number in enumerate(counts):
            at[place] += number
        at[3] += path is not None and len(path) > level
    named = {place.path: place for place in Location.objects.filter(path__in=[path for path in sums if path is not None])}
    found = [
        Branch(named.get(path) if path is not None else None, Count(*counts[:3]), bool(counts[3]))
        for path, counts in sums.items()
    ]
    return sorted(found, key=lambda one: (-one.count.left, one.location.name if one.location is not None else ""))


def _places(campaign: Campaign, below: Location | None) -> QuerySet[Place]:
    found = Place.objects.filter(campaign=campaign)
    return found if below is None else found.filter(location__path__startswith=below.path)


def around(location: Location) -> list[Location]:
    """The places that it lies in, the outermost first."""
    paths = [location.path[:length] for length in range(STEP, len(location.path), STEP)]
    return list(Location.objects.filter(path__in=paths).order_by("path"))


def _first_level(paths: list[str]) -> int:
    """How long the paths are at the first level where there is more than one place."""
    longest = max(map(len, paths), default=STEP)
    for level in range(STEP, longest, STEP):
        if len({path[:level] for path in paths}) > 1 or any(len(path) == level for path in paths):
            return level
    return longest


def expected_at(campaign: Campaign, location: UUID | None) -> QuerySet[Expected]:
    """What one place itself is expected to hold."""
    return Expected.objects.filter(campaign=campaign, location=location)


def findings_by_outcome(campaign: Campaign) -> Sequence[tuple[str, int, int]]:
    """Of each outcome how many there are, and how many of those are not resolved."""
    rows = Finding.objects.filter(campaign=campaign).order_by().values_list("outcome")
    counted = {row[0]: row[1:] for row in rows.annotate(number=Number("pk"), left=Number("pk", filter=Q(resolution="none")))}
    return [(outcome.value, *counted[outcome.value]) for outcome in Outcome if outcome.value in counted]


def signature_of(campaign: Campaign) -> Signature | None:
    return Signature.objects.filter(campaign=campaign).first()
