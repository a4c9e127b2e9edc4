"""What may be done to the two trees, categories and locations. Each function is one transaction."""

import re
import unicodedata
from typing import TypeVar

from django.db import IntegrityError, transaction
from django.db.models import ProtectedError
from treebeard.exceptions import InvalidMoveToDescendant, PathOverflow

from registry.assets.models import NAME_CHARS, Category, Location
from registry.assets.services import hold, one_of
from registry.problems import Invalid, Taken
from registry.texts import line

Node = TypeVar("Node", Category, Location)
CODE_CHARS = 60
_LOCK = "trees"  # one writer of trees at a time: a move rewrites the paths of whole branches


@transaction.atomic
def create_category(*, name: str, parent: Category | None = None) -> Category:
    """Add a category below `parent`, or at the top. Raises Invalid, Taken."""
    hold(_LOCK)
    return _add(Category(name=line(name, field="name", most=NAME_CHARS)), parent)


@transaction.atomic
def change_category(*, category: Category, name: str) -> Category:
    """Rename it. Raises Invalid, Taken."""
    category.name = line(name, field="name", most=NAME_CHARS)
    return _save(category, ["name"])


@transaction.atomic
def move_category(*, category: Category, parent: Category | None) -> Category:
    """Put it, with all below it, below another one or to the top. Raises Invalid, Taken."""
    return _move(category, parent)


def delete_category(*, category: Category) -> None:
    """Raises Invalid unless nothing is in it."""
    _delete(category)


@transaction.atomic
def create_location(
    *, name: str, kind: str = Location.Kind.ROOM, code: str | None = None, parent: Location | None = None
) -> Location:
    """Add a place inside `parent`, or at the top. Without `code` it gets one made of the names on the way.

    Raises Invalid, Taken."""
    hold(_LOCK)
    name = line(name, field="name", most=NAME_CHARS)
    kind = one_of(kind, Location.Kind.values, "kind")
    code = line(code, field="code", most=CODE_CHARS) if code else _free_code(name, parent)
    if Location.objects.filter(code=code).exists():
        raise Taken(f"code: there is a place {code!r}", field="code")
    return _add(Location(name=name, kind=kind, code=code), parent)


@transaction.atomic
def change_location(*, location: Location, name: str | None = None, code: str | None = None, kind: str | None = None) -> Location:
    """Change what is given. Raises Invalid, Taken."""
    if name is not None:
        location.name = line(name, field="name", most=NAME_CHARS)
    if kind is not None:
        location.kind = one_of(kind, Location.Kind.values, "kind")
    if code is not None:
        location.code = line(code, field="code", most=CODE_CHARS)
        if Location.objects.filter(code=location.code).exclude(pk=location.pk).exists():
            raise Taken(f"code: there is a place {code!r}", field="code")
    return _save(location, ["name", "kind", "code"])


@transaction.atomic
def move_location(*, location: Location, parent: Location | None) -> Location:
    """Put it, with all inside it, into another place or to the top. Raises Invalid, Taken."""
    return _move(location, parent)


def delete_location(*, location: Location) -> None:
    """Raises Invalid unless nothing is or was in it and no zone is mapped to it."""
    _delete(location)


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


def _save(node: Node, fields: list[str]) -> Node:
    try:
        with transaction.atomic():
            node.save(update_fields=fields)
    except IntegrityError:
        raise _taken(node) from None
    return node


def _move(node: Node, parent: Node | None) -> Node:
    hold(_LOCK)
    manager = type(node).objects
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
    moved: Node = manager.get(pk=node.pk)
    return moved


@transaction.atomic
def _delete(node: Category | Location) -> None:
    hold(_LOCK)
    if type(node).objects.filter(path__startswith=node.path).count() > 1:
        raise Invalid(f"{node.name} is not empty: something lies below it")
    try:
        with transaction.atomic():
            type(node).objects.filter(pk=node.pk).delete()
    except ProtectedError as exc:
        raise Invalid(f"{node.name} is in use by {len(exc.protected_objects)} others; move them first") from None


def _taken(node: Category | Location) -> Taken:
    return Taken(f"name: there is a {node.name!r} in the same place of the tree", field="name")


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
