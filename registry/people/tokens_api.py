"""REST: tokens that let programs in."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from django.db.models import F
from django.http import HttpRequest, HttpResponse
from ninja import Path, Router, Schema, Status
from pydantic import AwareDatetime, Field

from registry.access import services
from registry.access.actors import Action
from registry.access.models import ApiToken, User
from registry.operations import Cursor, Limit, Paged, Strict, acting
from registry.paging import Order, cut

router = Router()
BY_TOKEN = Order("name", F("name"))


class TokenOut(Schema):
    id: UUID
    name: str
    prefix: str
    scope: str
    person: str | None
    allowed_ips: list[str]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


class TokenPage(Paged):
    items: list[TokenOut]


class NewToken(Strict):
    name: Annotated[str, Field(min_length=1, max_length=80)]
    scope: Literal["read", "write"] = "read"
    expires_at: AwareDatetime | None = None
    allowed_ips: list[Annotated[str, Field(max_length=50)]] = Field(default_factory=list, max_length=services.MOST_NETWORKS)


class NewTokenOut(Schema):
    """`text` is the token itself; nobody can show it again."""

    token: TokenOut
    text: str


@router.get("/tokens", response=TokenPage, operation_id="list_tokens", tags=["tokens"], summary="Tokens, without their secrets")
def list_tokens(request: HttpRequest, cursor: Cursor = None, limit: Limit = 50) -> Any:
    by = acting(request)
    found = ApiToken.objects.select_related("user__person")
    if not by.may_everywhere(Action.ADMINISTER):
        found = found.filter(user=by.user_id) if by.user_id is not None else found.filter(pk__in=[by.token_id])
    page = cut(found, BY_TOKEN, cursor, limit)
    return TokenPage(items=[_token_out(row) for row in page.rows], next=page.next, previous=page.previous)


@router.post(
    "/tokens", response={201: NewTokenOut}, operation_id="create_token", tags=["tokens"], summary="Make a token of one's own"
)
def create_token(request: HttpRequest, response: HttpResponse, body: NewToken) -> Any:
    """It may what its maker may, within its scope."""
    by = acting(request)
    user = User.objects.get(pk=by.user_id) if by.user_id is not None else None
    token, text = services.issue_token(
        by=by, name=body.name, scope=body.scope, user=user, expires_at=body.expires_at, allowed_ips=body.allowed_ips
    )
    response["Cache-Control"] = "no-store"
    return Status(201, NewTokenOut(token=_token_out(token), text=text))


@router.post("/tokens/{token_id}/revoke", response=TokenOut, operation_id="revoke_token", tags=["tokens"], summary="End a token")
def revoke_token(request: HttpRequest, token_id: Path[UUID]) -> Any:
    return _token_out(services.revoke_token(by=acting(request), token_id=token_id))


def _token_out(token: ApiToken) -> TokenOut:
    owner = str(getattr(token.user, "person", None) or token.user.username) if token.user is not None else None
    return TokenOut(
        id=token.pk, name=token.name, prefix=token.prefix, scope=token.scope, person=owner, allowed_ips=token.allowed_ips,
        created_at=token.created_at, expires_at=token.expires_at, last_used_at=token.last_used_at, revoked_at=token.revoked_at,
    )  # fmt: skip
