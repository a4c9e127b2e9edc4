"""Whose an identity was at a moment: the spans of identifiers, without a model object for each of thousands."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from registry.assets.models import Identifier
from registry.db import rows_where


class Ownership(NamedTuple):
    """While from..to (None: without limit) the identity is this asset's."""

    asset: UUID
    valid_from: datetime | None
    valid_to: datetime | None


def by_key(keys: Collection[str]) -> Mapping[str, list[Ownership]]:
    """Return who has and had these identities."""
    return _found("key", keys)


def of_assets(asset_ids: Collection[UUID]) -> Mapping[str, list[Ownership]]:
    """Return when these assets had which identity."""
    return _found("asset", asset_ids)


def owner(ownerships: Iterable[Ownership], moment: datetime) -> UUID | None:
    """Return the asset whose identity it was then."""
    for asset, valid_from, valid_to in ownerships:
        if (valid_from is None or valid_from <= moment) and (valid_to is None or moment < valid_to):
            return asset
    return None


def _found(column: str, among: Collection[str] | Collection[UUID]) -> Mapping[str, list[Ownership]]:
    found: defaultdict[str, list[Ownership]] = defaultdict(list)
    columns = ("key", "asset", "valid_from", "valid_to")
    for key, asset, valid_from, valid_to in rows_where(Identifier, columns, key=column, among=among):
        found[key].append(Ownership(asset, valid_from, valid_to))
    return found
