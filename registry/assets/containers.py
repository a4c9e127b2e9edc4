"""What is part of what, and what lies in what. Rows of Containment are the history, `Asset.parent` is now.

The tracking app draws the places of the contents from the rows; here they are written with `projected=False`."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from registry.access import changes as log
from registry.access.actors import Action, Actor
from registry.assets.models import Asset, Containment
from registry.assets.services import hold, must_be_allowed
from registry.assets.values import one_of
from registry.db import insert, update, uuid7s
from registry.problems import Invalid, Problem, Several

DEPTH: Final = 5  # so many around one another
MOST: Final = 250  # at once: of each the asset, the row that ends, the one that begins and the log are written
_COLUMNS = [field.name for field in Containment._meta.concrete_fields]
_ATTRIBUTES = [field.attname for field in Containment._meta.concrete_fields]
_LOCK = "containers"  # one writer at a time: two of them could close a ring that neither sees


def put_into(
    *, by: Actor, asset: Asset, container: Asset, kind: str = Containment.Kind.CONTENTS, at: datetime | None = None
) -> Containment | None:
    """Lay the asset into another one, or build it in; out of what it was in before. Raises as put_all_into."""
    made = put_all_into(by=by, pairs=[(asset, container)], kind=kind, at=at)
    return made[0] if made else None


@transaction.atomic
def put_all_into(
    *, by: Actor, pairs: Sequence[tuple[Asset, Asset]], kind: str = Containment.Kind.CONTENTS, at: datetime | None = None
) -> list[Containment]:
    """Lay each asset of the pairs (asset, container) into its container, all or none; `at` is when (None: now). What lies there
    already, in the same way, stays as it is. Return the new rows. Raises Invalid or Several (`parent`), NotFound, Forbidden."""
    kind = one_of(kind, Containment.Kind.values, "kind")
    chosen = {asset.pk: container.pk for asset, container in pairs}
    if len(chosen) != len(pairs):
        raise Invalid("parent: an asset lies in one thing at a time", field="parent")
    if len(chosen) > MOST:
        raise Invalid(f"parent: {MOST:,} at once at most", field="parent")
    must_be_allowed(by, Action.HANDLE, {*chosen, *chosen.values()})
    moment = _past(at)
    hold(_LOCK)
    assets = _locked(chosen)
    containers = Asset.objects.in_bulk(set(chosen.values()))
    kinds = dict(Containment.objects.filter(asset__in=chosen, to_ts__isnull=True).values_list("asset", "kind"))
    moving = {pk: into for pk, into in chosen.items() if assets[pk].parent_id != into or kinds.get(pk) != kind}
    _must_fit(moving, assets, containers)
    _close(moving, assets, moment)
    ids = uuid7s(len(moving))
    rows = [
        Containment(id=pk, asset_id=asset_id, container_id=into, kind=kind, from_ts=moment)
        for pk, (asset_id, into) in zip(ids, moving.items(), strict=True)
    ]
    insert(Containment, _COLUMNS, [tuple(getattr(row, name) for name in _ATTRIBUTES) for row in rows])
    _set_parents(by, [assets[pk] for pk in moving], containers, moving, kind)
    return rows


def take_out(*, by: Actor, asset: Asset, at: datetime | None = None) -> None:
    """Take it out of what it is in. Raises Invalid, NotFound, Forbidden."""
    take_all_out(by=by, assets=[asset], at=at)


@transaction.atomic
def take_all_out(*, by: Actor, assets: Sequence[Asset], at: datetime | None = None) -> None:
    """All or none; one that lies in nothing stays so. Raises Invalid, NotFound, Forbidden."""
    if len(assets) > MOST:
        raise Invalid(f"assets: {MOST:,} at once at most", field="assets")
    must_be_allowed(by, Action.HANDLE, {asset.pk for asset in assets})
    moment = _past(at)
    hold(_LOCK)
    locked = {pk: asset for pk, asset in _locked([asset.pk for asset in assets]).items() if asset.parent_id is not None}
    _close(locked, locked, moment)
    containers = Asset.objects.in_bulk({asset.parent_id for asset in locked.values()})
    _set_parents(by, list(locked.values()), containers, {}, "")


def around(asset: Asset) -> list[UUID]:
    """The ids of what it lies in, and what that lies in, innermost first."""
    parents = _parents_of([asset.pk])
    found: list[UUID] = []
    inside = parents.get(asset.pk)
    while inside is not None and inside not in found:
        found.append(inside)
        inside = parents.get(inside)
    return found


def _past(at: datetime | None) -> datetime:
    now = timezone.now()
    if at is not None and at > now:
        raise Invalid("at: lies in the future", field="at")
    return at or now


def _locked(ids: Sequence[UUID] | Mapping[UUID, UUID]) -> dict[UUID, Asset]:
    rows = Asset.objects.select_for_update(of=("self",)).order_by("pk").filter(pk__in=list(ids))
    return {asset.pk: asset for asset in rows}


def _must_fit(moving: Mapping[UUID, UUID], assets: Mapping[UUID, Asset], containers: Mapping[UUID, Asset]) -> None:
    """No ring, and not more than DEPTH around one another."""
    problems = list(misfits(moving, assets, containers).values())
    if problems:
        raise problems[0] if len(problems) == 1 else Several(problems)


def misfits(moving: Mapping[UUID, UUID], assets: Mapping[UUID, Asset], containers: Mapping[UUID, Asset]) -> dict[UUID, Problem]:
    """Of the assets that are to lie in these containers the ones that cannot, with why. Once those are left out that would close
    a ring, the others are judged without them."""
    stored = _parents_of([*moving, *moving.values()])
    below = _levels_below(list(moving))
    problems: dict[UUID, Problem] = {}
    for pk in _in_a_ring(moving, stored):
        name = containers[moving[pk]].asset_no
        problems[pk] = Invalid(f"parent: {assets[pk].asset_no} cannot lie in {name}, which lies in it", field="parent")
    rest = {pk: into for pk, into in moving.items() if pk not in problems}
    parents = stored | rest
    for pk, into in rest.items():
        above, at = 0, parents.get(pk)
        while at is not None and above <= DEPTH:
            above, at = above + 1, parents.get(at)
        if above + below.get(pk, 0) > DEPTH:
            text = f"parent: {assets[pk].asset_no} in {containers[into].asset_no} would be more than {DEPTH} deep"
            problems[pk] = Invalid(text, field="parent")
    return problems


def _in_a_ring(moving: Mapping[UUID, UUID], stored: Mapping[UUID, UUID | None]) -> list[UUID]:
    """Those that would lie in themselves, by way of whatever."""
    parents = {**stored, **{pk: into for pk, into in moving.items() if pk != into}}
    found = []
    for pk, into in moving.items():
        at: UUID | None = into
        passed = 0
        while at is not None and at != pk and passed <= DEPTH + 1:
            passed, at = passed + 1, parents.get(at)
        if at == pk:
            found.append(pk)
    return found


def _parents_of(ids: Sequence[UUID]) -> dict[UUID, UUID | None]:
    """What these and all around them lie in now."""
    found: dict[UUID, UUID | None] = {}
    fresh = set(ids)
    for _ in range(DEPTH + 2):
        if not fresh:
            break
        rows = dict(Asset.objects.order_by().filter(pk__in=fresh).values_list("pk", "parent_id"))
        found |= rows
        fresh = {pk for pk in rows.values() if pk is not None} - found.keys()
    return found


def _levels_below(ids: Sequence[UUID]) -> dict[UUID, int]:
    """How many levels of contents each of them has."""
    levels: dict[UUID, int] = {}
    for depth in range(1, DEPTH + 1):
        path = "__".join(["parent"] * depth)
        having = Asset.objects.order_by().filter(**{f"{path}__in": ids}).values_list(f"{path}_id", flat=True).distinct()
        found = list(having)
        if not found:
            break
        levels |= dict.fromkeys(found, depth)
    return levels


def _close(moving: Mapping[UUID, object], assets: Mapping[UUID, Asset], moment: datetime) -> None:
    later = Containment.objects.filter(Q(from_ts__gt=moment) | Q(to_ts__gt=moment), asset__in=list(moving))
    if (pk := later.values_list("asset", flat=True).first()) is not None:
        raise Invalid(f"at: {assets[pk].asset_no} has been moved since then", field="at")
    Containment.objects.filter(asset__in=list(moving), to_ts__isnull=True).update(to_ts=moment, projected=False)


def _set_parents(
    by: Actor, assets: Sequence[Asset], containers: Mapping[UUID, Asset], moving: Mapping[UUID, UUID], kind: str
) -> None:
    now = timezone.now()
    logged = []
    before = Asset.objects.in_bulk({asset.parent_id for asset in assets if asset.parent_id is not None})
    for asset in assets:
        was, now_in = before.get(asset.parent_id), containers[moving[asset.pk]] if asset.pk in moving else None
        asset.parent, asset.version, asset.changed_at = now_in, asset.version + 1, now
        action = "put into" if now_in is not None else "taken out"
        logged.append(log.Changed(asset, action, {"parent": was}, {"parent": now_in} | ({"kind": kind} if kind else {})))
    rows = [(asset.pk, asset.parent_id, asset.version, now) for asset in assets]
    update(Asset, ("parent", "version", "changed_at"), rows, key="id")
    log.record_all(by, logged)
