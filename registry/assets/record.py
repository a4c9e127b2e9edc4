"""What is done with an asset as a whole: another one like it, its end, and what it has to do with others."""

from typing import Any, Final

from django.db import IntegrityError, transaction

from registry.access import changes as log
from registry.access.actors import Action, Actor
from registry.assets import containers, custom
from registry.assets import values as fields
from registry.assets.models import Asset, AssetLink, State
from registry.assets.services import change_asset, must_be_allowed, own, register_asset
from registry.assets.values import one_of
from registry.problems import Invalid, NotFound, Taken

ONE_OF_A_KIND: Final = frozenset(
    {"asset_no", "serial_no", "condition", "condition_on", "latitude", "longitude", "warranty_until", "replace_on"}
)
"""What another thing of the same kind does not have from it."""
MOST_LINKS: Final = 100


@transaction.atomic
def duplicate_asset(*, by: Actor, asset: Asset) -> Asset:
    """Register another one like it: all fields but those of one thing alone, own fields and tags; no codes, files or history.

    Raises NotFound, Forbidden."""
    asset = own(by, asset.pk, Action.EDIT)
    given: dict[str, Any] = {name: getattr(asset, name) for name in fields.CHECKS if name not in ONE_OF_A_KIND}
    if given["status"] in (State.DISPOSED, State.MISSING):
        given |= {"status": State.IN_STOCK, "label": None}
    own_values = custom.values_of(Asset.objects.prefetch_related("custom_values__field").get(pk=asset.pk))
    known = {str(field.key) for field in custom.fields_of(asset.category)}
    made = register_asset(by=by, **given, tags=[str(tag.name) for tag in asset.tags.all()])
    kept = {key: value for key, value in own_values.items() if key in known}
    if kept:
        custom.put_values(made, kept, complete=False)
    log.record(by, made, "duplicated", of=asset)
    return made


@transaction.atomic
def dispose_asset(*, by: Actor, asset: Asset, version: int) -> Asset:
    """Its life here ends: the status says so, and it comes out of what it lies in. Codes stay: a reader that sees it again
    tells. Raises Invalid while something lies in it or somebody has it, NotFound, Forbidden, Stale."""
    asset = own(by, asset.pk, Action.EDIT)
    if (inside := Asset.objects.filter(parent=asset).count()) > 0:
        raise Invalid(f"{inside} other assets lie in it or are part of it; take them out first", field="status")
    if asset.custodian is not None:
        raise Invalid(f"{asset.custodian} has it; check it in first", field="status")
    inside_of = asset.parent
    asset = change_asset(by=by, asset_id=asset.pk, version=version, changes={"status": State.DISPOSED, "label": None})
    if inside_of is not None:
        containers.take_out(by=by, asset=asset)
    return Asset.objects.get(pk=asset.pk)


@transaction.atomic
def add_link(*, by: Actor, asset: Asset, other: Asset, kind: str) -> AssetLink:
    """Say that the asset depends on another, replaced it, or has to do with it. Raises Invalid, Taken, NotFound, Forbidden."""
    one_of(kind, AssetLink.Type.values, "type")
    own(by, asset.pk, Action.EDIT)
    must_be_allowed(by, Action.VIEW, [other.pk])
    if asset.pk == other.pk:
        raise Invalid("to: choose another asset", field="to")
    if AssetLink.objects.filter(from_asset=asset).count() >= MOST_LINKS:
        raise Invalid(f"to: {MOST_LINKS} links at most", field="to")
    try:
        with transaction.atomic():
            link = AssetLink.objects.create(from_asset=asset, to_asset=other, type=kind)
    except IntegrityError:
        raise Taken("to: it is linked so already", field="to") from None
    log.record(by, asset, "linked", type=kind, to=other)
    return link


@transaction.atomic
def remove_link(*, by: Actor, link: AssetLink) -> None:
    """Raises NotFound, Forbidden."""
    own(by, link.from_asset_id, Action.EDIT)
    if not AssetLink.objects.filter(pk=link.pk).exists():
        raise NotFound("this link does not exist any more")
    log.record(by, link.from_asset, "link removed", {"type": link.type, "to": link.to_asset})
    AssetLink.objects.filter(pk=link.pk).delete()
