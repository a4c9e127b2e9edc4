"""Who does something, with which rights, through what. Pure: services and querysets take an Actor and ask nobody else.

A role is a set of actions; a grant is such a set within a place and a category. An asset is in a grant's scope if its home or its
current place lies in the granted place and its category in the granted category.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from uuid import UUID

from registry.db import uuid7


class Action(StrEnum):
    VIEW = "view"
    HANDLE = "handle"  # check out and in, move, scan, transfer, reserve, claim tags, replace labels, add photos, count stock
    EDIT = "edit"  # register and change assets and places, import, bulk edit, delete files
    VALUE = "value"  # cost, currency, supplier, cost centre, dates of acquisition
    AUDIT = "audit"
    BOOKS = "books"
    CHANGES = "changes"  # read the log of changes
    ADMINISTER = "administer"  # people, roles, tokens, words of the company (status labels, custom fields ...)


_ALL = frozenset(Action)
ROLES: dict[str, frozenset[Action]] = {
    "viewer": frozenset({Action.VIEW}),
    "operator": frozenset({Action.VIEW, Action.HANDLE}),
    "auditor": frozenset({Action.VIEW, Action.AUDIT, Action.CHANGES}),
    "accountant": frozenset({Action.VIEW, Action.VALUE, Action.BOOKS, Action.CHANGES}),
    "manager": frozenset({Action.VIEW, Action.HANDLE, Action.EDIT, Action.VALUE, Action.CHANGES}),
    "administrator": _ALL,
}


@dataclass(frozen=True, slots=True)
class Grant:
    """What may be done with the assets of a place and a category (paths in their trees; None: all of them)."""

    actions: frozenset[Action]
    location_path: str | None = None
    category_path: str | None = None

    @property
    def everywhere(self) -> bool:
        return self.location_path is None and self.category_path is None


EVERYTHING = Grant(_ALL)


@dataclass(frozen=True, slots=True)
class Actor:
    """`through` is one of Change.Through. Everything one request, import or run changes carries one `request_id`."""

    name: str
    grants: tuple[Grant, ...] = ()
    user_id: UUID | None = None
    token_id: UUID | None = None
    through: str = "system"
    request_id: UUID = field(default_factory=uuid7)

    def granted(self, action: Action) -> tuple[Grant, ...]:
        """The grants that hold this action; none: never."""
        return tuple(grant for grant in self.grants if action in grant.actions)

    def may_anywhere(self, action: Action) -> bool:
        """Is there any place or category where they may? What decides whether a button is shown."""
        return bool(self.granted(action))

    def may_everywhere(self, action: Action) -> bool:
        """May they without limits of place and category? What company-wide things ask for."""
        return any(grant.everywhere for grant in self.granted(action))

    def may(self, action: Action, *, location_paths: Iterable[str | None], category_path: str | None) -> bool:
        """May they with an asset of this category whose home and current place have these paths (None: it has none)?"""
        paths = [path for path in location_paths if path is not None]
        return any(
            (grant.location_path is None or any(path.startswith(grant.location_path) for path in paths))
            and (grant.category_path is None or (category_path is not None and category_path.startswith(grant.category_path)))
            for grant in self.granted(action)
        )

    def as_part_of(self, request_id: UUID, *, through: str | None = None) -> "Actor":
        """The same, on behalf of a work that began earlier."""
        return replace(self, request_id=request_id, through=through or self.through)

    def sees_place(self, path: str) -> bool:
        """May they know of the place at this path? As Location.objects.visible_to(), without asking the database."""
        return any(grant.location_path is None or path.startswith(grant.location_path) for grant in self.granted(Action.VIEW))

    def sees_all_kinds(self) -> bool:
        """Is what they see limited by places alone? Then they see whatever stands or is at home at a place they know of."""
        granted = self.granted(Action.VIEW)
        return bool(granted) and all(grant.category_path is None for grant in granted)

    def tops(self) -> list[str]:
        """The paths of the places at which what they see begins, where they do not see all of them."""
        return sorted({grant.location_path for grant in self.granted(Action.VIEW) if grant.location_path is not None})

    def sees_all_places(self) -> bool:
        """And so what nobody has given a place yet?"""
        return any(grant.location_path is None for grant in self.granted(Action.VIEW))


def system(through: str = "system", name: str = "Sightpost") -> Actor:
    """The registry itself, or whoever has its command line: may everything."""
    return Actor(name, (EVERYTHING,), through=through)
