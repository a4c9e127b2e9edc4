"""REST: what was refused, and deciding on it. For administrators."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from django.db.models import F
from django.http import HttpRequest
from ninja import Path, Query, Router, Schema
from pydantic import Field

from registry.operations import Cursor, Limit, Paged, Strict, acting
from registry.paging import Order, cut
from registry.problems import NotFound
from registry.tracking import quarantine
from registry.tracking.models import Quarantine

router = Router(tags=["quarantine"])
NEWEST = Order("received", F("received_at"), "time", descending=True)


class QuarantinedOut(Schema):
    """`code` says why in one word, `text` in a sentence. `outcome` is empty while nobody has decided, then `taken_in`, `known`
    (it was stored already) or `discarded` with its `note`."""

    id: UUID
    gateway: str
    epoch: str
    seq: int
    event_id: UUID | None
    code: str
    text: str
    received_at: datetime
    settled_at: datetime | None
    outcome: str
    note: str


class QuarantinedWhole(QuarantinedOut):
    """`content` is the record as it came, indented where it is JSON."""

    content: str


class QuarantinePage(Paged):
    items: list[QuarantinedOut]


class QuarantineChoice(Strict):
    ids: Annotated[list[UUID], Field(min_length=1, max_length=quarantine.AT_ONCE)]


class QuarantineDiscard(QuarantineChoice):
    reason: Annotated[str, Field(min_length=1, max_length=300)]


class QuarantineResult(Schema):
    """`outcome` is empty where the record stays, and `why` then says what is in the way."""

    id: UUID
    outcome: str
    why: str


class QuarantineResults(Schema):
    results: list[QuarantineResult]


class QuarantineDiscarded(Schema):
    discarded: int


@router.get("/quarantine", response=QuarantinePage, operation_id="list_quarantine", summary="What was refused, newest first")
def list_quarantine(
    request: HttpRequest,
    gateway: Annotated[str | None, Query(max_length=40)] = None,
    code: Annotated[str | None, Query(max_length=40)] = None,
    settled: Annotated[bool, Query(description="Those that somebody has decided on")] = False,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Any:
    found = quarantine.wanted(acting(request), gateway=gateway, code=code, settled=settled)
    page = cut(found, NEWEST, cursor, limit)
    return {"items": [out(row) for row in page.rows], "next": page.next, "previous": page.previous}


@router.post(
    "/quarantine/preview", response=QuarantineResults, operation_id="preview_quarantined", summary="What trying again would do"
)
def preview_quarantined(request: HttpRequest, body: QuarantineChoice) -> Any:
    """Nothing is changed."""
    return _results(quarantine.preview(by=acting(request), ids=set(body.ids)))


@router.post(
    "/quarantine/retry", response=QuarantineResults, operation_id="retry_quarantined", summary="Take records in after all"
)
def retry_quarantined(request: HttpRequest, body: QuarantineChoice) -> Any:
    """As if they had just arrived; what still cannot be taken stays."""
    return _results(quarantine.retry(by=acting(request), ids=set(body.ids)))


@router.post(
    "/quarantine/discard", response=QuarantineDiscarded, operation_id="discard_quarantined", summary="Decide not to take them in"
)
def discard_quarantined(request: HttpRequest, body: QuarantineDiscard) -> Any:
    """They are still kept, with the reason."""
    return {"discarded": quarantine.discard(by=acting(request), ids=set(body.ids), reason=body.reason)}


@router.get(
    "/quarantine/{record_id}", response=QuarantinedWhole, operation_id="get_quarantined", summary="Read one with its content"
)
def get_quarantined(request: HttpRequest, record_id: Path[UUID]) -> Any:
    record = quarantine.visible_to(acting(request)).filter(pk=record_id).first()
    if record is None:
        raise NotFound("There is no such record in the quarantine.")
    return QuarantinedWhole(**out(record).model_dump(), content=quarantine.content(record))


def _results(results: list[quarantine.Result]) -> dict[str, Any]:
    return {"results": [{"id": result.record.pk, "outcome": result.outcome, "why": result.why} for result in results]}


def out(record: Quarantine) -> QuarantinedOut:
    return QuarantinedOut(
        id=record.pk,
        gateway=record.gateway_id,
        epoch=record.epoch,
        seq=record.seq,
        event_id=record.event_id,
        code=record.code,
        text=record.text,
        received_at=record.received_at,
        settled_at=record.settled_at,
        outcome=record.outcome,
        note=record.note,
    )
