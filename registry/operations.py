"""What the operations of all apps share: who is asking, how pages are asked for, strict bodies, and which version was seen.

A thing that can be changed is read with an ETag: its version, or what it says where it has none. PUT and PATCH ask for it as
If-Match, so that nobody's change is overwritten unseen; actions (POST) go by it where it is sent.
"""

import hashlib
from typing import Annotated, Any, TypeVar

from django.http import HttpRequest, HttpResponse
from ninja import Header, Query, Schema
from ninja.errors import HttpError
from pydantic import BaseModel, ConfigDict, Field

from registry.access.actors import Actor
from registry.paging import MAX_CURSOR_CHARS, MAX_PAGE
from registry.problems import Stale

Limit = Annotated[int, Query(ge=1, le=MAX_PAGE)]
Cursor = Annotated[str | None, Query(max_length=MAX_CURSOR_CHARS)]
IfMatch = Annotated[str | None, Header(alias="If-Match", max_length=100)]
Shown = TypeVar("Shown", bound=BaseModel)

READ_ONCE: dict[str, Any] = {  # beside the operation that reads one thing: it has an ETag, and what is known is not sent again
    "parameters": [
        {
            "in": "header",
            "name": "If-None-Match",
            "required": False,
            "description": "The ETag of what you have: answered by 304 and nothing else while it is the same",
            "schema": {"type": "string", "maxLength": 1000},
        }
    ],
    "responses": {
        200: {
            "headers": {
                "ETag": {
                    "description": "To be sent as If-Match with a change of it",
                    "required": True,
                    "schema": {"type": "string"},
                }
            }
        },
        304: {"description": "It is what If-None-Match names"},
    },
}


class Strict(Schema):
    """A body: a name it does not know is a mistake, not something to pass over."""

    model_config = ConfigDict(extra="forbid")


class Told(BaseModel):
    """What an answer tells of a row, made of its values. Ninja's Schema would look up each of them once more as if they were the
    columns of a row, which takes longer than reading a page from the database."""


class Paged(Schema):
    """`next` and `previous` are cursors to ask with, or null at the ends."""

    next: str | None = Field(description="The cursor of the next page, null on the last one")
    previous: str | None = Field(description="The cursor of the page before, null on the first one")


def acting(request: HttpRequest) -> Actor:
    """The caller, a person or a program, with their rights. Every operation is behind authentication."""
    actor: Actor = request.auth  # type: ignore[attr-defined]  # set by ninja
    return actor


def tagged(response: HttpResponse, shown: Shown) -> Shown:
    """What is shown, with its ETag: its version, or made of all it says where it has none."""
    response["ETag"] = tag_of(shown)
    return shown


def tag_of(shown: BaseModel) -> str:
    version = getattr(shown, "version", None)
    if version is not None:
        return f'"{version}"'
    return f'"{hashlib.sha256(shown.model_dump_json().encode()).hexdigest()[:32]}"'


def version_seen(if_match: str | None, row: Any) -> int:
    """The version that If-Match names; `*` means whatever there is. Raises Stale for anything that is no ETag of ours."""
    if _must_be_said(if_match) == "*":
        return int(row.version)
    tag = _bare(if_match or "")
    if not tag.isdecimal() or not tag.isascii() or len(tag) > 9:
        raise Stale(f"If-Match does not name a version of it; it is now {row.version}.")
    return int(tag)


def version_if_said(if_match: str | None, row: Any) -> int | None:
    """For an action that may do without: None where no If-Match was sent, and the newest is meant."""
    return version_seen(if_match, row) if if_match is not None else None


def must_be_as_seen(if_match: str | None, shown: BaseModel, *, asked: bool = True) -> None:
    """For a thing without versions: it says what it said when it was read. Its row is held, or changed only if it is still so.
    Raises Stale. `asked`: If-Match has to be there."""
    if if_match is None and not asked:
        return
    if _must_be_said(if_match) != "*" and f'"{_bare(if_match or "")}"' != tag_of(shown):
        raise Stale("It was changed meanwhile; read it again, then decide.")


def _must_be_said(if_match: str | None) -> str:
    if if_match is None:
        raise HttpError(428, "Send If-Match with the ETag you read, so that nobody's change is overwritten unseen.")
    return if_match.strip()


def _bare(tag: str) -> str:
    return tag.strip().removeprefix("W/").strip('"')
