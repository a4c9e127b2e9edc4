"""REST: the log of changes."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router, Schema
from pydantic import AwareDatetime

from registry.access.actors import Action
from registry.operations import Limit, acting
from registry.people import log
from registry.people.changes_file import download
from registry.problems import Forbidden

router = Router(tags=["changes"])
KindOfThing = Annotated[str, Query(max_length=40, description="asset, location, category, person, ...")]
Of = Annotated[str, Query(max_length=40, description="Of this thing alone")]
ByUser = Annotated[UUID | None, Query(description="By this user")]
ByRequest = Annotated[UUID | None, Query(alias="request", description="By this request, import or run")]
Moment = Annotated[AwareDatetime | None, Query()]


class ChangedField(Schema):
    """`title` is what people call the field `name`."""

    name: str
    title: str
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


@router.get("/changes", response=ChangePage, operation_id="list_changes", summary="Who changed what")
def list_changes(
    request: HttpRequest,
    kind: KindOfThing = "",
    object_id: Of = "",
    user: ByUser = None,
    request_id: ByRequest = None,
    since: Moment = None,
    until: Moment = None,
    after: Annotated[UUID | None, Query(description="`next` of the answer before")] = None,
    limit: Limit = 50,
) -> Any:
    """Newest first."""
    wanted = log.Wanted(kind, object_id, user, request_id, since, until)
    found = log.find(acting(request), wanted, after=after, size=limit)
    return ChangePage(items=[_change_out(entry) for entry in found.entries], next=found.next)


@router.get(
    "/changes/file",
    operation_id="get_changes_file",
    summary="The log of changes as CSV",
    openapi_extra={
        "responses": {
            200: {"description": "The file", "content": {"text/csv": {"schema": {"type": "string", "format": "binary"}}}}
        }
    },
)
def get_changes_file(
    request: HttpRequest,
    kind: KindOfThing = "",
    object_id: Of = "",
    user: ByUser = None,
    request_id: ByRequest = None,
    since: Moment = None,
    until: Moment = None,
) -> HttpResponse:
    """What `GET /changes` lists for the same question, up to 100,000 changes: a row for every field that changed."""
    by = acting(request)
    if not by.may_anywhere(Action.CHANGES):
        raise Forbidden("the log of changes is for other roles")
    return download(by, log.Wanted(kind, object_id, user, request_id, since, until))


def _change_out(entry: log.Entry) -> ChangeOut:
    change = entry.change
    return ChangeOut(
        id=change.pk, at=change.at, who=entry.who, through=change.through, request=change.request_id, kind=change.object_type,
        object_id=change.object_id, object=entry.name, action=change.action,
        fields=[ChangedField(name=one.name, title=one.title, before=one.before, after=one.after) for one in entry.fields],
    )  # fmt: skip
