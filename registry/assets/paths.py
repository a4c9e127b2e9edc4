"""Places and categories as people write them: a code, or the names on the way with `/` between them."""

from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar
from uuid import UUID

from registry.access.actors import Actor
from registry.assets import trees
from registry.assets.models import NAME_CHARS, Category, Location
from registry.problems import Invalid
from registry.texts import line

Node = TypeVar("Node", Category, Location)
Names = tuple[str, ...]
MAX_DEPTH = 20


class Missing(NamedTuple):
    """A node that does not exist yet and may be made."""

    names: Names


@dataclass(slots=True)
class Known(Generic[Node]):
    """All nodes of one tree, by their names from the top, and by code where they have one."""

    by_names: dict[Names, UUID] = field(default_factory=dict)
    by_code: dict[str, UUID] = field(default_factory=dict)


class Paths:
    """Looks up what a file names. With `create`, what is missing is made, but only when `made` asks for it."""

    def __init__(self, *, by: Actor, create: bool) -> None:
        self._by = by
        self._create = create
        self._locations: Known[Location] = _known(Location)
        self._categories: Known[Category] = _known(Category)

    def location(self, text: str) -> UUID | Missing:
        """Raises Invalid."""
        return self._look_up(self._locations, text, "place")

    def category(self, text: str) -> UUID | Missing:
        """Raises Invalid."""
        return self._look_up(self._categories, text, "category")

    def made_location(self, wanted: UUID | Missing) -> UUID:
        """Return the place, made with all above it where it is missing; the topmost is a site. In the caller's transaction."""
        if isinstance(wanted, UUID):
            return wanted
        parent: Location | None = None
        for depth in range(1, len(wanted.names) + 1):
            names = wanted.names[:depth]
            if (known := self._locations.by_names.get(names)) is None:
                kind = Location.Kind.SITE if depth == 1 else Location.Kind.ROOM
                parent = trees.create_location(by=self._by, name=names[-1], kind=kind, parent=parent)
                self._locations.by_names[names] = parent.pk
            else:
                parent = Location.objects.get(pk=known)
        return self._locations.by_names[wanted.names]

    def made_category(self, wanted: UUID | Missing) -> UUID:
        """Return the category, made with all above it where it is missing. In the caller's transaction."""
        if isinstance(wanted, UUID):
            return wanted
        parent: Category | None = None
        for depth in range(1, len(wanted.names) + 1):
            names = wanted.names[:depth]
            if (known := self._categories.by_names.get(names)) is None:
                parent = trees.create_category(by=self._by, name=names[-1], parent=parent)
                self._categories.by_names[names] = parent.pk
            else:
                parent = Category.objects.get(pk=known)
        return self._categories.by_names[wanted.names]

    def _look_up(self, known: Known[Node], text: str, what: str) -> UUID | Missing:
        if (found := known.by_code.get(text)) is not None:
            return found
        names = tuple(line(part, field=what, most=NAME_CHARS) for part in text.split("/"))
        if (found := known.by_names.get(names)) is not None:
            return found
        if not self._create:
            raise Invalid(f"there is no such {what}; make it first, or import with --create-places", field=what)
        if len(names) > MAX_DEPTH:
            raise Invalid(f"more than {MAX_DEPTH} levels", field=what)
        return Missing(names)


def _known(model: type[Node]) -> Known[Node]:
    known: Known[Node] = Known()
    names_of: dict[str, Names] = {}
    node: Node
    for node in model.objects.all():  # by path: parents first
        names = (*names_of.get(node.path[: -node.steplen], ()), node.name)
        names_of[node.path] = names
        known.by_names[names] = node.pk
        if isinstance(node, Location):
            known.by_code[node.code] = node.pk
    return known
