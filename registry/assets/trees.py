"""What may be done to the two trees, categories and locations. Each function is one transaction."""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any, TypeVar

from django.db import IntegrityError, transaction
from django.db.models import F, ProtectedError
from django.utils import timezone
from treebeard.exceptions import InvalidMoveToDescendant, PathOverflow

from registry.access import changes as log
from registry.access.actors import Action, Actor
from registry.assets.models import NAME_CHARS, Category, Location
from registry.assets.services import hold
from registry.assets.values import CHECKS, currency, money, one_of
from registry.problems import Forbidden, Invalid, Stale, Taken
from registry.texts import block, line

Node = TypeVar("Node", Category, Location)
CODE_CHARS = 60
LOCATION_FIELDS = ("name", "kind", "code", "gln", "latitude", "longitude", "storage_cost_month", "currency", "notes")
_MAY_BE_NONE = ("latitude", "longitude", "storage_cost_month")
DEFAULTS = ("kind", "status", "currency", "criticality", "uom", "storage_cost_month", "owner_org")
_LOCK = "trees"  # one writer of trees at a time: a move rewrites the paths of whole branches


@transaction.atomic
def create_category(*, by: Actor, name: str, parent: Category | None = None) -> Category:
    """Add a category below `parent`, or at the top. Raises Invalid, Taken, Forbidden."""
    _must_shape(by, parent, Category)
    hold(_LOCK)
    category = _add(Category(name=line(name, field="name", most=NAME_CHARS)), parent)
    log.record(by, category, "created", name=category.name, parent=parent)
    return category


@transaction.atomic
def change_category(
    *,
    by: Actor,
    category: Category,
    name: str | None = None,
    defaults: Mapping[str, Any] | None = None,
    version: int | None = None,
) -> Category:
    """Change what is given. `version` is the one the caller saw. Raises Invalid, Taken, Forbidden, Stale."""
    _must_shape(by, category, Category)
    changes: dict[str, Any] = {}
    if name is not None:
        changes["name"] = line(name, field="name", most=NAME_CHARS)
    if defaults is not None:
        changes["defaults"] = {field: _default(field, value) for field, value in defaults.items() if value not in (None, "")}
    return _change(by, category, changes, version)


@transaction.atomic
def create_category_with(*, by: Actor, name: str, parent: Category | None, defaults: Mapping[str, Any]) -> Category:
    """A new category and what its assets start with, in one step. Raises Invalid, Taken, Forbidden."""
    category = create_category(by=by, name=name, parent=parent)
    return change_category(by=by, category=category, defaults=defaults) if defaults else category


@transaction.atomic
def reshape_category(
    *, by: Actor, category: Category, name: str, parent: Category | None, defaults: Mapping[str, Any], version: int
) -> Category:
    """Name, defaults and place in the tree in one step. Raises Invalid, Taken, Forbidden, Stale."""
    changed = change_category(by=by, category=category, name=name, defaults=defaults, version=version)
    if Category.objects.get_parent(changed) != parent:
        changed = move_category(by=by, category=changed, parent=parent)
    return changed


@transaction.atomic
def move_category(*, by: Actor, category: Category, parent: Category | None) -> Category:
    """Put it, with all below it, below another one or to the top. Raises Invalid, Taken, Forbidden."""
    return _move(by, category, parent)


def delete_category(*, by: Actor, category: Category) -> None:
    """Raises Invalid unless nothing is in it; Forbidden."""
    _delete(by, category)


@transaction.atomic
def create_location(
    *, by: Actor, name: str, kind: str = Location.Kind.ROOM, code: str | None = None, parent: Location | None = None, **more: Any
) -> Location:
    """Add a place inside `parent`, or at the top. Without `code` it gets one made of the names on the way. `more` are further
    fields of LOCATION_FIELDS. Raises Invalid, Taken, Forbidden."""
    _must_shape(by, parent, Location)
    hold(_LOCK)
    values = {field: _location_value(field, value) for field, value in {"name": name, "kind": kind, **more}.items()}
    values["code"] = line(code, field="code", most=CODE_CHARS) if code else _free_code(values["name"], parent)
    if Location.objects.filter(code=values["code"]).exists():
        raise Taken("code: taken", field="code")
    _agree(Location(), values)
    location = _add(Location(**values), parent)
    log.record(by, location, "created", parent=parent, **values)
    return location


@transaction.atomic
def change_location(*, by: Actor, location: Location, version: int | None = None, **changes: Any) -> Location:
    """Change some of LOCATION_FIELDS. `version` is the one the caller saw. Raises Invalid, Taken, Forbidden, Stale."""
    _must_shape(by, location, Location)
    values = {
        field: _location_value(field, value) for field, value in changes.items() if value is not None or field in _MAY_BE_NONE
    }
    if "code" in values and Location.objects.filter(code=values["code"]).exclude(pk=location.pk).exists():
        raise Taken("code: taken", field="code")
    _agree(location, values)
    return _change(by, location, values, version)


@transaction.atomic
def move_location(*, by: Actor, location: Location, parent: Location | None) -> Location:
    """Put it, with all inside it, into another place or to the top. Raises Invalid, Taken, Forbidden."""
    return _move(by, location, parent)


def delete_location(*, by: Actor, location: Location) -> None:
    """Raises Invalid unless nothing is or was in it and no zone is mapped to it; Forbidden."""
    _delete(by, location)


def names_to(node: Category | Location) -> list[str]:
    """The names from the top to the node."""
    return [str(n.name) for n in (*type(node).objects.get_ancestors(node), node)]


def _add(node: Node, parent: Node | None) -> Node:
    manager = type(node).objects
    try:
        with transaction.atomic():
            if parent is None:
                manager.add_root(instance=node)
            else:
                manager.add_child(parent, instance=node)
    except IntegrityError:
        raise _taken(node) from None
    except PathOverflow:
        raise Invalid("parent: the tree is too deep here", field="parent") from None
    return node


def _change(by: Actor, node: Node, values: dict[str, Any], version: int | None) -> Node:
    before = {field: getattr(node, field) for field in values}
    own = type(node).objects.filter(pk=node.pk)
    try:
        with transaction.atomic():
            changed = (own if version is None else own.filter(version=version)).update(**values, version=F("version") + 1)
    except IntegrityError:
        raise _taken(node) from None
    if not changed:
        raise Stale(f"{node.name} was changed meanwhile; look at it again")
    fresh: Node = type(node).objects.get(pk=node.pk)
    log.record(by, fresh, "changed", before, **values)
    return fresh


def _move(by: Actor, node: Node, parent: Node | None) -> Node:
    _must_shape(by, node, type(node))
    _must_shape(by, parent, type(node))
    hold(_LOCK)
    manager = type(node).objects
    before = manager.get_parent(node)
    try:
        with transaction.atomic():
            if parent is not None:
                manager.move(node, parent, "last-child")
            elif (last := manager.get_root_nodes().last()) != node:
                manager.move(node, last, "last-sibling")
    except IntegrityError:
        raise _taken(node) from None
    except InvalidMoveToDescendant:
        raise Invalid("parent: it cannot be put inside itself", field="parent") from None
    except PathOverflow:
        raise Invalid("parent: the tree is too deep here", field="parent") from None
    manager.filter(pk=node.pk).update(version=F("version") + 1)
    moved: Node = manager.get(pk=node.pk)
    log.record(by, moved, "moved", {"parent": before}, parent=parent)
    return moved


@transaction.atomic
def _delete(by: Actor, node: Category | Location) -> None:
    _must_shape(by, node, type(node))
    hold(_LOCK)
    if type(node).objects.filter(path__startswith=node.path).count() > 1:
        raise Invalid(f"{node.name} is not empty: something lies below it")
    try:
        with transaction.atomic():
            type(node).objects.filter(pk=node.pk).delete()
    except ProtectedError as exc:
        raise Invalid(f"{node.name} is in use by {len(exc.protected_objects)} others; move them first") from None
    log.record(by, node, "deleted", {"name": node.name})


def _must_shape(by: Actor, node: Category | Location | None, tree: type[Category | Location]) -> None:
    """Who may edit the assets of a whole branch may shape it; the top is for those who may everywhere. Raises Forbidden."""
    path = node.path if node is not None else ""
    for grant in by.granted(Action.EDIT):
        own, other = grant.location_path, grant.category_path
        if tree is Category:
            own, other = other, own
        if other is None and (own is None or path.startswith(own)):
            return
    what = f"{node.name}" if node is not None else "the top of the tree"
    raise Forbidden(f"your role does not allow changing {what}")


def _location_value(field: str, value: Any) -> Any:
    match field:
        case "name":
            return line(value, field=field, most=NAME_CHARS)
        case "kind":
            return one_of(value, Location.Kind.values, field)
        case "code":
            return line(value, field=field, most=CODE_CHARS)
        case "gln":
            return _gln(value)
        case "latitude" | "longitude":
            return CHECKS[field](field, value)
        case "storage_cost_month":
            return money(field, value)
        case "currency":
            return currency(field, value)
        case "notes":
            return block(value or "", field=field, most=10_000)
    raise Invalid(f"{field}: cannot be changed", field=field)


def _agree(location: Location, values: dict[str, Any]) -> None:
    """Raise Invalid if what it will be contradicts itself; new coordinates are of now."""

    def after(field: str) -> Any:
        return values.get(field, getattr(location, field))

    if (after("latitude") is None) != (after("longitude") is None):
        raise Invalid("longitude: latitude and longitude go together", field="longitude")
    if after("storage_cost_month") is not None and not after("currency"):
        raise Invalid("currency: say in which currency the cost is", field="currency")
    where = (after("latitude"), after("longitude"))
    if where != (location.latitude, location.longitude):
        values["coordinates_at"] = timezone.now() if where[0] is not None else None


def _gln(value: str) -> str:
    digits = (value or "").strip()
    if digits and not (len(digits) == 13 and digits.isascii() and digits.isdigit() and _check_digit_holds(digits)):
        raise Invalid("gln: a GLN has 13 digits, the last of them a check digit", field="gln")
    return digits


def _check_digit_holds(digits: str) -> bool:
    return sum(int(d) * (3 if place % 2 else 1) for place, d in enumerate(digits)) % 10 == 0


def _default(field: str, value: Any) -> Any:
    """One default of a category, as JSON keeps it. Raises Invalid."""
    if field == "replace_after_months":
        if not (isinstance(value, int) and 0 < value <= 1200):
            raise Invalid("replace_after_months: from 1 to 1200", field=field)
        return value
    if field not in DEFAULTS:
        raise Invalid(f"{field}: a category has no default for it; it may have {', '.join(DEFAULTS)}", field=field)
    return log.plain(CHECKS[field](field, value))


def _taken(node: Category | Location) -> Taken:
    return Taken("name: taken in the same place of the tree", field="name")


def _free_code(name: str, parent: Location | None) -> str:
    base = _slug(name)
    if parent is not None:
        base = f"{parent.code}-{base}"
    base = base[: CODE_CHARS - 5].strip("-")
    number, code = 1, base
    while Location.objects.filter(code=code).exists():
        number += 1
        code = f"{base}-{number}"
    return code


def _slug(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9]+", "-", plain).strip("-").upper()[:20] or "PLACE"
