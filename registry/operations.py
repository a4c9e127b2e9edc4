"""What the operations of all apps share: who is asking, how pages are asked for, strict bodies."""

from typing import Annotated

from django.http import HttpRequest
from ninja import Header, Query, Schema
from pydantic import ConfigDict, Field

from registry.access.actors import Actor
from registry.paging import MAX_CURSOR_CHARS, MAX_PAGE

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
