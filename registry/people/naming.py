"""People and roles as the command line names them."""

from typing import Any

from registry.access import people
from registry.access.actors import Actor
from registry.access.models import RoleBinding, User
from registry.access.services import user_named
from registry.assets.models import Category, Location
from registry.people.pages import where
from registry.problems import Invalid, NotFound


def roles_of_users() -> list[dict[str, Any]]:
    """A row for everybody who logs in."""
    rows = []
    for user in User.objects.select_related("person").order_by("username"):
        bound = RoleBinding.objects.filter(user=user).select_related("location", "category")
        roles = ["administrator"] if user.is_superuser else [where(binding) for binding in bound]
        name = str(getattr(user, "person", None) or "")
        rows.append({"username": user.username, "name": name, "active": user.is_active, "roles": "; ".join(roles)})
    return rows


def bind_by_names(*, by: Actor, username: str, role: str, place: str | None, category: str | None) -> RoleBinding:
    """Raises Invalid, Taken, NotFound."""
    location = _place(place) if place is not None else None
    kind = _category(category) if category is not None else None
    return people.bind(by=by, user_id=user_named(username).pk, role=role, location=location, category=kind)


def _place(code: str) -> Location:
    found: Location | None = Location.objects.filter(code=code).first()
    if found is None:
        raise NotFound(f"there is no place with the code {code!r}", field="place")
    return found


def _category(name: str) -> Category:
    found = list(Category.objects.filter(name=name)[:2])
    if len(found) > 1:
        raise Invalid(f"several categories are called {name!r}; give the role on the page of the person", field="category")
    if not found:
        raise NotFound(f"there is no category {name!r}", field="category")
    only: Category = found[0]
    return only
