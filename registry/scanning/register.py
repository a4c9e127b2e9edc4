"""The codes that a phone keeps to know assets without a network: what its person may handle, in pages."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.db.models import Exists, OuterRef

from registry.access.actors import Action, Actor
from registry.assets.elsewhere import ELSEWHERE
from registry.assets.models import Asset, Identifier, Location

PAGE: Final = 1_000


@dataclass(frozen=True, slots=True)
class KnownAsset:
    """`codes` are its active identifiers, canonical and as they were read. `home_path` is the path of its home in the tree of
    places ("": it has none), `home` what to call that."""

    id: UUID
    asset_no: str
    name: str
    home_path: str
    home: str
    codes: Sequence[str]


@dataclass(frozen=True, slots=True)
class KnownPlace:
    """`path` begins with the path of each place around it; `names` are theirs and its own, from the outermost."""

    id: UUID
    code: str
    gln: str
    path: str
    names: str


def assets(by: Actor, after: UUID | None) -> tuple[list[KnownAsset], UUID | None]:
    """The next PAGE assets with a code that `by` may handle, by id, and the id to go on from (None: that was all)."""
    found = Asset.objects.visible_to(by, Action.HANDLE)
    found = found.filter(Exists(Identifier.objects.active().filter(asset=OuterRef("pk")).order_by()))
    if after is not None:
        found = found.filter(pk__gt=after)
    rows = list(found.order_by("pk").values_list("pk", "asset_no", "name", "home_location")[: PAGE + 1])
    more, rows = len(rows) > PAGE, rows[:PAGE]
    codes = _codes([pk for pk, *_ in rows])
    homes = _homes(by, {home for *_, home in rows if home is not None})
    return [KnownAsset(pk, no, name, *homes.get(home, ("", "")), codes[pk]) for pk, no, name, home in rows], (
        rows[-1][0] if more else None
    )


def places(by: Actor, after: UUID | None) -> tuple[list[KnownPlace], UUID | None]:
    """The same for the places that `by` may scan at."""
    found = Location.objects.visible_to(by, Action.HANDLE)
    if after is not None:
        found = found.filter(pk__gt=after)
    rows = list(found.order_by("pk").values_list("pk", "code", "gln", "path")[: PAGE + 1])
    more, rows = len(rows) > PAGE, rows[:PAGE]
    names = _names(by, {path for *_, path in rows})
    return [KnownPlace(pk, code, gln, path, names[path]) for pk, code, gln, path in rows], rows[-1][0] if more else None


def _codes(asset_ids: Sequence[UUID]) -> Mapping[UUID, list[str]]:
    codes: defaultdict[UUID, list[str]] = defaultdict(list)
    active = Identifier.objects.active().filter(asset__in=asset_ids).order_by("asset", "id")
    for asset_id, key, raw in active.values_list("asset", "key", "raw"):
        codes[asset_id] += dict.fromkeys((key, raw))
    return codes


def _homes(by: Actor, home_ids: set[UUID]) -> dict[UUID | None, tuple[str, str]]:
    """Path and name of these homes; one that they may not know is `elsewhere`."""
    paths = dict(Location.objects.filter(pk__in=home_ids).values_list("pk", "path"))
    names = _names(by, {path for path in paths.values() if by.sees_place(path)})
    return {pk: (path, names.get(path, ELSEWHERE)) for pk, path in paths.items()}


def _names(by: Actor, paths: set[str]) -> dict[str, str]:
    """`Hall A / Store room` for each path: the place and those around it, as far as `by` may know them."""
    step = Location.steplen
    around = {path[:end] for path in paths for end in range(step, len(path) + 1, step)}
    seen = {path: name for path, name in _named(around) if by.sees_place(path)}
    return {
        path: " / ".join(seen[path[:end]] for end in range(step, len(path) + 1, step) if path[:end] in seen) for path in paths
    }


def _named(paths: set[str]) -> list[tuple[str, str]]:
    wanted = sorted(paths)
    found: list[tuple[str, str]] = []
    for first in range(0, len(wanted), PAGE):
        found += Location.objects.filter(path__in=wanted[first : first + PAGE]).values_list("path", "name")
    return found
