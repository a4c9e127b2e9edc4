"""From a logged-in person or a token to an Actor: one query."""

from uuid import UUID

from registry.access.actors import EVERYTHING, ROLES, Action, Actor, Grant
from registry.access.models import ApiToken, User
from registry.db import uuid7

READING = frozenset({Action.VIEW, Action.CHANGES})


def of_user(user: User, *, through: str, request_id: UUID | None = None) -> Actor:
    """What the person may now. An inactive one may nothing."""
    return Actor(
        name=user.get_username(), grants=_grants(user), user_id=user.pk, through=through, request_id=request_id or uuid7()
    )


def of_token(token: ApiToken, *, request_id: UUID | None = None) -> Actor:
    """What the token's user may, within the token's scope; one without user may everything within its scope."""
    grants = _grants(token.user) if token.user is not None else (EVERYTHING,)
    if token.scope == ApiToken.Scope.READ:
        grants = tuple(Grant(g.actions & READING, g.location_path, g.category_path) for g in grants)
    return Actor(token.name, grants, token.user_id, token.pk, "api", request_id or uuid7())


def _grants(user: User) -> tuple[Grant, ...]:
    if not user.is_active:
        return ()
    if user.is_superuser:
        return (EVERYTHING,)
    bound = user.bindings.values_list("role", "location__path", "category__path")
    return tuple(Grant(ROLES[role], location, category) for role, location, category in bound)
