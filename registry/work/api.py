"""REST: what nobody took, mails and messages that were given up or have perhaps been sent. For administrators."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import F
from django.http import HttpRequest
from ninja import Path, Router, Schema, Status

from registry.operations import Cursor, Limit, Paged, acting
from registry.paging import Order, Page, cut
from registry.work import outgoing
from registry.work.models import Outgoing

router = Router(tags=["undelivered"])
NEWEST = Order("newest", F("created_at"), "time", descending=True)


class MessageOut(Schema):
    """`error` says why nobody took it; what it says stays inside."""

    id: UUID
    sink: str
    topic: str
    attempts: int
    error: str
    created_at: datetime
    handed_over_at: datetime | None


class MessagePage(Paged):
    items: list[MessageOut]


@router.get("/undelivered", response=MessagePage, operation_id="list_undelivered", summary="What nobody took, newest first")
def list_undelivered(request: HttpRequest, cursor: Cursor = None, limit: Limit = 50) -> Any:
    page: Page[Outgoing] = cut(outgoing.undelivered(acting(request)), NEWEST, cursor, limit)
    return {"items": page.rows, "next": page.next, "previous": page.previous}


@router.post("/undelivered/{message_id}/repeat", response={204: None}, operation_id="repeat_undelivered", summary="Send it again")
def repeat_undelivered(request: HttpRequest, message_id: Path[UUID]) -> Any:
    outgoing.repeat(by=acting(request), message_id=message_id)
    return Status(204, None)


@router.delete("/undelivered/{message_id}", response={204: None}, operation_id="forget_undelivered", summary="Forget it")
def forget_undelivered(request: HttpRequest, message_id: Path[UUID]) -> Any:
    outgoing.forget(by=acting(request), message_id=message_id)
    return Status(204, None)
