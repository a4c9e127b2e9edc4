"""Saved views: a list with its filters, columns and order, under a name. One's own, or shared with everybody."""

from typing import Final
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet

from registry.access import changes as log
from registry.access.actors import Action, Actor
from registry.access.models import SavedView
from registry.problems import Forbidden, Invalid, NotFound, Taken
from registry.texts import line

MOST: Final = 50  # of one person and list
NAME_CHARS: Final = 80
QUERY_CHARS: Final = 4_000


def of(by: Actor, area: str) -> list[SavedView]:
    """Their own views of a list and those that others share, by name."""
    return list(seen(by, area).select_related("user"))


def seen(by: Actor, area: str) -> QuerySet[SavedView]:
    mine = Q(shared=True) | Q(user=by.user_id) if by.user_id is not None else Q(shared=True)
    return SavedView.objects.filter(mine, area=area)


@transaction.atomic
def save(*, by: Actor, area: str, name: str, query: str, shared: bool = False) -> SavedView:
    """Keep a list under a name; one's own of the same name is replaced. Sharing asks for EDIT. Raises Invalid, Forbidden."""
    if by.user_id is None:
        raise Forbidden("a saved view belongs to a person; log in as one")
    _may_share(by, shared)
    name = line(name, field="name", most=NAME_CHARS)
    if len(query) > QUERY_CHARS:
        raise Invalid("name: the list has too many filters to be kept", field="name")
    own = SavedView.objects.select_for_update().filter(user=by.user_id, area=area)
    view = own.filter(name__iexact=name).first()
    if view is None:
        if own.count() >= MOST:
            raise Invalid(f"name: {MOST} views are the most; delete one first", field="name")
        view = SavedView(user_id=by.user_id, area=area, name=name)
    before = {"query": view.query, "shared": view.shared}
    view.query, view.shared = query, shared
    view.save()
    log.record(by, view, "changed" if before["query"] else "created", before, query=query, shared=shared)
    return view


@transaction.atomic
def change(*, by: Actor, view_id: UUID, name: str, shared: bool) -> SavedView:
    """Rename one's own view, share it or keep it for oneself. Raises NotFound, Invalid, Taken, Forbidden."""
    view = _own(by, view_id)
    if shared and not view.shared:
        _may_share(by, shared)
    before = {"name": view.name, "shared": view.shared}
    view.name, view.shared = line(name, field="name", most=NAME_CHARS), shared
    try:
        with transaction.atomic():
            view.save(update_fields=["name", "shared"])
    except IntegrityError:
        raise Taken("name: another of your views is called so", field="name") from None
    log.record(by, view, "changed", before, name=view.name, shared=shared)
    return view


@transaction.atomic
def delete(*, by: Actor, view_id: UUID) -> SavedView:
    """Raises NotFound, Forbidden."""
    view = _own(by, view_id)
    log.record(by, view, "deleted", {"name": view.name, "query": view.query})
    SavedView.objects.filter(pk=view.pk).delete()
    return view


def _own(by: Actor, view_id: UUID) -> SavedView:
    """Their own view; a shared one of somebody else, to whoever administers."""
    view = SavedView.objects.select_for_update(of=("self",)).filter(pk=view_id).first()
    if view is None or not (view.shared or view.user_id == by.user_id):
        raise NotFound("there is no such view")
    if view.user_id != by.user_id and not by.may_everywhere(Action.ADMINISTER):
        raise Forbidden("the view belongs to somebody else")
    return view


def _may_share(by: Actor, shared: bool) -> None:
    if shared and not by.may_anywhere(Action.EDIT):
        raise Forbidden("sharing a view with everybody needs the right to edit", field="shared")
