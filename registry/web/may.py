"""`may` in templates: which buttons to show. Whether something may really be done is for the service to say."""

from django.http import HttpRequest

from registry.access.actors import Action
from registry.access.models import User
from registry.page import acting


class May:
    """`may.edit`, `may.handle`, ...: may they with any asset at all? `may.everywhere_edit` and so on: with all of them? Asks the
    database when first looked at, once per request."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request

    def __getitem__(self, name: str) -> bool:
        """Raises KeyError for what is no action, so that a mistyped name is nothing in a template."""
        user = getattr(self._request, "user", None)
        everywhere, action = name.startswith("everywhere_"), name.removeprefix("everywhere_")
        if action not in set(Action):
            raise KeyError(name)
        if not isinstance(user, User) or not user.is_active:
            return False
        by = acting(self._request)
        return by.may_everywhere(Action(action)) if everywhere else by.may_anywhere(Action(action))


def may(request: HttpRequest) -> dict[str, May]:
    return {"may": May(request)}
