"""One action for all that was scanned. Each is one transaction: all of the assets or none."""

from collections.abc import Sequence
from uuid import UUID

from django.db import transaction

from registry.access.actors import Action, Actor
from registry.assets.bulk import MOST, Row, change_all
from registry.assets.containers import put_all_into
from registry.assets.models import Asset, Location
from registry.assets.services import must_be_allowed, resolve_code
from registry.problems import Invalid, NotFound


@transaction.atomic
def set_home(*, by: Actor, asset_ids: Sequence[UUID], place: Location) -> int:
    """Make the place the home of all of them; return of how many it was not. Raises Invalid, NotFound, Forbidden, Several."""
    _bounded(asset_ids)
    must_be_allowed(by, Action.EDIT, asset_ids)
    at_home = set(Asset.objects.filter(pk__in=asset_ids, home_location=place).values_list("pk", flat=True))
    rows = [Row({"home_location": place}, asset_id=pk) for pk in dict.fromkeys(asset_ids) if pk not in at_home]
    return len(change_all(by=by, rows=rows)) if rows else 0


@transaction.atomic
def put_into(*, by: Actor, asset_ids: Sequence[UUID], container: Asset) -> int:
    """Lay all of them into the container; return how many did not lie there. Raises Invalid, NotFound, Forbidden, Several."""
    _bounded(asset_ids)
    must_be_allowed(by, Action.HANDLE, asset_ids)
    assets = Asset.objects.in_bulk([pk for pk in asset_ids if pk != container.pk])
    return len(put_all_into(by=by, pairs=[(asset, container) for asset in assets.values()]))


def container_called(by: Actor, text: str) -> Asset:
    """The asset with this number or code. Raises NotFound."""
    named = Asset.objects.visible_to(by).filter(asset_no__iexact=text.strip()[:40]).first() if text.strip() else None
    found = named or resolve_code(text[:4096], by=by).asset
    if found is None:
        raise NotFound(f"container: no asset has the number or code {text.strip()[:60]!r}", field="container")
    return found


def _bounded(asset_ids: Sequence[UUID]) -> None:
    if not asset_ids:
        raise Invalid("assets: scan at least one asset", field="assets")
    if len(asset_ids) > MOST:
        raise Invalid(f"assets: {len(asset_ids)} at once are too many, {MOST:,} at most", field="assets")
