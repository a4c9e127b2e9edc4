"""People, what they may do, the tokens of programs, and the log of what everybody changed."""

from registry.access.models.changes import Change, ChangeQuerySet
from registry.access.models.failures import Failure
from registry.access.models.idempotency import IdempotentAnswer
from registry.access.models.rights import RoleBinding
from registry.access.models.users import ApiToken, ApiTokenQuerySet, Person, User
from registry.access.models.views import SavedView

__all__ = [
    "ApiToken",
    "ApiTokenQuerySet",
    "Change",
    "ChangeQuerySet",
    "Failure",
    "IdempotentAnswer",
    "Person",
    "RoleBinding",
    "SavedView",
    "User",
]
