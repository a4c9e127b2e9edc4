"""What all lists of the console share: nothing is added, changed or deleted by them, nothing is counted, and what is done goes
through a service with `by`."""

from collections.abc import Callable
from copy import copy
from typing import Any

from django.contrib import messages
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.paginator import InfinitePaginator

from registry.access.actors import Action, Actor
from registry.access.models import User
from registry.page import acting, said
from registry.problems import Problem

MOST_AT_ONCE = 500  # rows of one action


class Shown(ModelAdmin):
    """A list, and a page for each row, to be looked at."""

    paginator = InfinitePaginator
    show_full_result_count = False
    list_per_page = 50
    list_fullwidth = True
    compressed_fields = True

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """By a copy for this request alone: what it learns for its rows is nobody else's. Requests share what is registered."""
        return super(Shown, copy(self)).changelist_view(request, extra_context)

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> Any:
        """As the list."""
        return super(Shown, copy(self)).changeform_view(request, object_id, form_url, extra_context)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return acting(request).may_everywhere(Action.ADMINISTER)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def called_by(field: str) -> Subquery:
    """The name to log in with of the user whose id stands in `field`."""
    return Subquery(User.objects.filter(pk=OuterRef(field)).values("username")[:1])


def for_each(request: HttpRequest, rows: QuerySet[Any], do: Callable[[Actor, Any], object], done: str) -> None:
    """Call the service for each chosen row; tell how many were done, and why the others were not."""
    by, worked, refused = acting(request), 0, dict[str, int]()
    for row in rows[:MOST_AT_ONCE]:
        try:
            do(by, row)
            worked += 1
        except Problem as problem:
            refused[said(problem)] = refused.get(said(problem), 0) + 1
    if worked:
        messages.success(request, f"{worked} {done}.")
    for why, count in refused.items():
        messages.warning(request, f"{count} left as they are: {why}" if count > 1 else why)
