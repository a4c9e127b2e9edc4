"""A container moves its contents: what is told of it counts for what lies in it, while it lies there."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from registry.assets.models import Containment
from registry.db import rows_where
from registry.tracking.projection import Fact, Whereabouts, laid_into, replay

DEPTH = 5  # a thing in a box in a box: so many around one another


class Inside(NamedTuple):
    """While from..to (None: until now) the asset was in the container."""

    asset: UUID
    container: UUID
    from_ts: datetime
    to_ts: datetime | None

    def covers(self, moment: datetime) -> bool:
        return self.from_ts <= moment and (self.to_ts is None or moment < self.to_ts)


def share(facts: defaultdict[UUID, list[Fact]]) -> None:
    """Add to new facts by asset what they mean for the contents of these assets, and for theirs."""
    fresh: Mapping[UUID, Sequence[Fact]] = dict(facts)
    for _ in range(DEPTH):
        found: defaultdict[UUID, list[Fact]] = defaultdict(list)
        for one in _rows("container", fresh.keys()):
            found[one.asset] += [fact for fact in fresh[one.container] if one.covers(fact.happened_at)]
        fresh = {asset: shared for asset, shared in found.items() if shared}
        if not fresh:
            return
        for asset, shared in fresh.items():
            facts[asset] += shared


def with_contents(asset_ids: Collection[UUID]) -> set[UUID]:
    """These assets and all that ever lay in one of them."""
    return _reached("container", asset_ids)


def with_containers(asset_ids: Collection[UUID]) -> set[UUID]:
    """These assets and all that one of them ever lay in."""
    return _reached("asset", asset_ids)


def involved(asset_ids: Collection[UUID]) -> set[UUID]:
    """Those of these assets that ever lay in another one, or another one in them."""
    return {one.asset for one in _rows("asset", asset_ids)} | {one.container for one in _rows("container", asset_ids)}


def whereabouts(asset_ids: Collection[UUID], own: Mapping[UUID, Sequence[Fact]]) -> dict[UUID, Whereabouts]:
    """Replay all facts of these assets: their `own`, and those of what they lay in, which `own` holds too."""
    return {asset: replay(facts) for asset, facts in all_facts(asset_ids, own).items() if facts}


def all_facts(asset_ids: Collection[UUID], own: Mapping[UUID, Sequence[Fact]]) -> dict[UUID, list[Fact]]:
    """Return of each of these assets its own facts and those of what it lay in, while it did; being laid into something is one
    that has the id of the last event of that."""
    around: defaultdict[UUID, list[Inside]] = defaultdict(list)
    for one in _rows("asset", with_containers(asset_ids)):
        around[one.asset].append(one)
    known: dict[UUID, list[Fact]] = {}

    def all_of(asset: UUID, deeper: int) -> list[Fact]:
        if asset not in known:
            facts = list(own.get(asset, ()))
            for one in around[asset] if deeper else ():
                outer = all_of(one.container, deeper - 1)
                before = replay(fact for fact in outer if fact.happened_at <= one.from_ts)
                if (laid := laid_into(before, one.from_ts)) is not None:
                    facts.append(laid)
                facts += [fact for fact in outer if one.from_ts < fact.happened_at and one.covers(fact.happened_at)]
            known[asset] = facts
        return known[asset]

    return {asset: all_of(asset, DEPTH) for asset in asset_ids}


def _reached(column: str, asset_ids: Collection[UUID]) -> set[UUID]:
    reached, fresh = set(asset_ids), set(asset_ids)
    for _ in range(DEPTH):
        fresh = {one.asset if column == "container" else one.container for one in _rows(column, fresh)} - reached
        if not fresh:
            break
        reached |= fresh
    return reached


def _rows(column: str, among: Collection[UUID]) -> Iterable[Inside]:
    if not among:
        return []
    columns = ("asset", "container", "from_ts", "to_ts")
    return [Inside(*row) for row in rows_where(Containment, columns, key=column, among=among)]
