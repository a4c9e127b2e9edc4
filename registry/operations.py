"""What the operations of all apps share: who is asking, how pages are asked for, strict bodies."""

from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Header, Query, Schema
from ninja.errors import HttpError
from pydantic import ConfigDict, Field

from registry.access.actors import Actor
from registry.paging import MAX_CURSOR_CHARS, MAX_PAGE
from registry.problems import Stale

Limit = Annotated[int, Query(ge=1, le=MAX_PAGE)]
Cursor = Annotated[str | None, Query(max_length=MAX_CURSOR_CHARS)]
IfMatch = Annotated[str | None, Header(alias="If-Match", max_length=100)]
IfNoneMatch = Annotated[str | None, Header(alias="If-None-Match", max_length=1000)]


class Strict(Schema):
    """A body: a name it does not know is a mistake, not something to pass over."""

    model_config = ConfigDict(extra="forbid")


class Paged(Schema):
    """`next` and `previous` are cursors to ask with, or null at the ends."""

    next: str | None = Field(description="The cursor of the next page, null on the last one")
    previous: str | None = Field(description="The cursor of the page before, null on the first one")


def acting(request: HttpRequest) -> Actor:
    """The caller, a person or a program, with their rights. Every operation is behind authentication."""
    actor: Actor = request.auth  # type: ignore[attr-defined]  # set by ninja
    return actor


def version_seen(if_match: str | None, row: Any) -> int:
    """The version that If-Match names; `*` means whatever there is. Raises Stale for anything that is no ETag of ours."""
    if if_match is None:
        raise HttpError(428, "Send If-Match with the ETag you read, so that nobody's change is overwritten unseen.")
    if if_match.strip() == "*":
        return int(row.version)
    tag = if_match.strip().removeprefix("W/").strip('"')
    if not tag.isdecimal() or not tag.isascii() or len(tag) > 9:
        raise Stale(f"If-Match does not name a version of it; it is now {row.version}")
    return int(tag)
