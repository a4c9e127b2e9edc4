"""REST: the log of changes."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import AwareDatetime

from registry.operations import Limit, acting
from registry.people import log

router = Router()


class ChangedField(Schema):
    name: str
    before: str
    after: str


class ChangeOut(Schema):
    """One change. `object_id` and `request` find what else concerns the same thing, and what was changed together."""

    id: UUID
    at: datetime
    who: str
    through: str
    request: UUID
    kind: str
    object_id: str
    object: str
    action: str
    fields: list[ChangedField]


class ChangePage(Schema):
    """`next` is the `after` of the next question, or null at the end. A page may be short, or empty, before the end: who may read
    only a part of the log looks through some of it at a time."""

    items: list[ChangeOut]
    next: UUID | None


@router.get("/changes", response=ChangePage, operation_id="list_changes", tags=["changes"], summary="Who changed what")
def list_changes(
    request: HttpRequest,
    kind: Annotated[str, Query(max_length=40, description="asset, location, category, person, ...")] = "",
    object_id: Annotated[str, Query(max_length=40, description="Of this thing alone")] = "",
    user: Annotated[UUID | None, Query(description="By this user")] = None,
    request_id: Annotated[UUID | None, Query(alias="request", description="By this request, import or run")] = None,
    since: Annotated[AwareDatetime | None, Query()] = None,
    until: Annotated[AwareDatetime | None, Query()] = None,
    after: Annotated[UUID | None, Query(description="`next` of the answer before")] = None,
    limit: Limit = 50,
) -> Any:
    """Newest first."""
    wanted = log.Wanted(kind, object_id, user, request_id, since, until)
    found = log.find(acting(request), wanted, after=after, size=limit)
    return ChangePage(items=[_change_out(entry) for entry in found.entries], next=found.next)


def _change_out(entry: log.Entry) -> ChangeOut:
    change = entry.change
    return ChangeOut(
        id=change.pk, at=change.at, who=entry.who, through=change.through, request=change.request_id, kind=change.object_type,
        object_id=change.object_id, object=entry.name, action=change.action,
        fields=[ChangedField(name=field.name, before=field.before, after=field.after) for field in entry.fields],
    )  # fmt: skip
