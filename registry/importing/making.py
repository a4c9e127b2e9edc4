"""Making what rows name and the registry does not have yet: categories, places, models, suppliers, cost centres."""

from collections.abc import Callable, Mapping
from typing import Final

from registry.access.actors import Actor
from registry.assets import trees
from registry.assets.columns import JOINT, model_name
from registry.assets.models import AssetModel, Category, CostCenter, Location, Supplier
from registry.assets.words import create_word
from registry.importing.lookups import Lookups, Missing, Named
from registry.problems import Invalid


def made(by: Actor, lookups: Lookups, missing: Missing) -> Named:
    """What a row names, made now unless a row before it did; in the caller's transaction. Raises Problem."""
    try:
        found = lookups.find(missing.field, missing.text)
    except Invalid:
        found = missing
    if isinstance(found, Missing):
        found = _MAKE[missing.field](by, lookups, missing)
        lookups.names[missing.field].add(found, found.name, missing.text)
    return found


def _category(by: Actor, lookups: Lookups, missing: Missing) -> Named:
    node, names = _lowest(lookups, missing)
    parent = Category.objects.get(pk=node.id) if node is not None else None
    for depth in range(len(missing.names) - len(names), len(missing.names)):
        parent = trees.create_category(by=by, name=missing.names[depth], parent=parent)
        text = JOINT.join(missing.names[: depth + 1])
        lookups.names["category"].add(Named(parent.pk, text, parent.path), text)
        lookups.add_category(parent)
    assert parent is not None
    return Named(parent.pk, missing.text, parent.path)


def _place(by: Actor, lookups: Lookups, missing: Missing) -> Named:
    """The topmost is a site, what lies in it a room."""
    node, names = _lowest(lookups, missing)
    parent = Location.objects.get(pk=node.id) if node is not None else None
    for depth in range(len(missing.names) - len(names), len(missing.names)):
        kind = Location.Kind.SITE if depth == 0 else Location.Kind.ROOM
        parent = trees.create_location(by=by, name=missing.names[depth], kind=kind, parent=parent)
        text = JOINT.join(missing.names[: depth + 1])
        lookups.names["home_location"].add(Named(parent.pk, str(parent.code), parent.path), text)
    assert parent is not None
    return Named(parent.pk, str(parent.code), parent.path)


def _lowest(lookups: Lookups, missing: Missing) -> tuple[Named | None, tuple[str, ...]]:
    """The lowest node on the way that is there, and the names below it."""
    for depth in range(len(missing.names) - 1, 0, -1):
        found = lookups.names[missing.field].find(JOINT.join(missing.names[:depth]))
        if found is not None:
            return found, missing.names[depth:]
    return None, missing.names


def _model(by: Actor, lookups: Lookups, missing: Missing) -> Named:
    """One name is the model's; of two or three the first is the manufacturer, the third the part number."""
    names = missing.names if len(missing.names) > 1 else ("", missing.names[0])
    part_no = names[2] if len(names) > 2 else ""
    model = create_word(by=by, model=AssetModel, manufacturer=names[0], name=names[1], part_no=part_no)
    return Named(model.pk, model_name(model))


def _supplier(by: Actor, lookups: Lookups, missing: Missing) -> Named:
    supplier = create_word(by=by, model=Supplier, name=missing.names[0])
    return Named(supplier.pk, str(supplier.name))


def _cost_center(by: Actor, lookups: Lookups, missing: Missing) -> Named:
    """A code alone; its name is the code until somebody gives it one."""
    center = create_word(by=by, model=CostCenter, code=missing.names[0], name=missing.names[0])
    return Named(center.pk, str(center.code))


_MAKE: Final[Mapping[str, Callable[[Actor, Lookups, Missing], Named]]] = {
    "category": _category,
    "home_location": _place,
    "model": _model,
    "supplier": _supplier,
    "cost_center": _cost_center,
}
