"""REST: the log of changes."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from django.http import HttpRequest, HttpResponseBase
from ninja import Query, Router, Schema
from pydantic import AwareDatetime, Field

from registry.access.actors import Action
from registry.operations import Limit, acting
from registry.people import log
from registry.people.changes_file import download
from registry.problems import Forbidden

router = Router(tags=["changes"])


class Asked(Schema):
    """Which changes; what is not said restricts nothing."""

    kind: str = Field("", max_length=40, description="asset, location, category, person, ...")
    object_id: str = Field("", max_length=40, description="Of this thing alone")
    user: UUID | None = Field(None, description="By this user")
    request: UUID | None = Field(None, description="By this request, import or run")
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None

    def wanted(self) -> log.Wanted:
        return log.Wanted(self.kind, self.object_id, self.user, self.request, self.since, self.until)


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
    asked: Query[Asked],
    after: Annotated[UUID | None, Query(description="`next` of the answer before")] = None,
    limit: Limit = 50,
) -> Any:
    """Newest first."""
    found = log.find(acting(request), asked.wanted(), after=after, size=limit)
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
    asked: Query[Asked],
) -> HttpResponseBase:
    """What `GET /changes` lists for the same question, up to 100,000 changes: a row for every field that changed."""
    by = acting(request)
    if not by.may_anywhere(Action.CHANGES):
        raise Forbidden("the log of changes is for other roles")
    return download(by, asked.wanted())


def _change_out(entry: log.Entry) -> ChangeOut:
    change = entry.change
    return ChangeOut(
        id=change.pk, at=change.at, who=entry.who, through=change.through, request=change.request_id, kind=change.object_type,
        object_id=change.object_id, object=entry.name, action=change.action,
        fields=[ChangedField(name=one.name, title=one.title, before=one.before, after=one.after) for one in entry.fields],
    )  # fmt: skip
