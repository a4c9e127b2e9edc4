"""REST: transfers from place to place, with their way and their arrival."""

from collections.abc import Callable
from typing import Annotated, Any, Literal
from uuid import UUID

from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Path, Query, Router, Status

from registry.access.actors import Actor
from registry.assets.trees_api import location_or_404
from registry.custody import lists, transfers
from registry.custody.models import Transfer, TransferItem
from registry.custody.schemas import Arrivals, NewTransfer, TransferOut, TransferPage, transfers_out, with_assets
from registry.operations import READ_ONCE, Cursor, IfMatch, Limit, acting, tagged, version_if_said
from registry.paging import Order, Page, cut
from registry.problems import NotFound

router = Router()
TRANSFERS = Order("number", F("number"), descending=True)


@router.get(
    "/transfers", response=TransferPage, operation_id="list_transfers", tags=["transfers"], summary="Transfers, newest first"
)
def list_transfers(
    request: HttpRequest,
    state: Annotated[Literal["open", "way", "overdue", "closed"] | None, Query()] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Any:
    by = acting(request)
    found = lists.transfers(by, state, now=timezone.now()).prefetch_related(with_assets(TransferItem))
    page: Page[Transfer] = cut(found, TRANSFERS, cursor, limit)
    return TransferPage(items=transfers_out(by, page.rows), next=page.next, previous=page.previous)


@router.post(
    "/transfers", response={201: TransferOut}, operation_id="request_transfer", tags=["transfers"], summary="Ask for a transfer"
)
def request_transfer(request: HttpRequest, response: HttpResponse, body: NewTransfer) -> Any:
    by = acting(request)
    made = transfers.request(
        by=by,
        asset_ids=body.assets,
        from_location=location_or_404(by, body.from_location),
        to_location=location_or_404(by, body.to_location),
        due_at=body.due_at,
        note=body.note,
        new_home=body.new_home,
    )
    return Status(201, _shown(by, response, made.pk))


@router.get(
    "/transfers/{transfer_id}",
    response=TransferOut,
    operation_id="get_transfer",
    tags=["transfers"],
    summary="Read a transfer",
    openapi_extra=READ_ONCE,
)
def get_transfer(request: HttpRequest, response: HttpResponse, transfer_id: Path[UUID]) -> Any:
    return _shown(acting(request), response, transfer_id)


def _step(name: str, does: Callable[..., Transfer], summary: str) -> None:
    """One step of a transfer, of the version that If-Match names if it is sent."""

    @router.post(
        f"/transfers/{{transfer_id}}/{name}",
        response=TransferOut,
        operation_id=f"{name}_transfer",
        tags=["transfers"],
        summary=summary,
    )
    def step(request: HttpRequest, response: HttpResponse, transfer_id: Path[UUID], if_match: IfMatch = None) -> Any:
        by = acting(request)
        does(by=by, transfer_id=transfer_id, version=version_if_said(if_match, _transfer(by, transfer_id)))
        return _shown(by, response, transfer_id)


_step("dispatch", transfers.dispatch, "Send it off")
_step("refuse", transfers.refuse, "Say no to a request")
_step("cancel", transfers.cancel, "Call it off")


@router.post(
    "/transfers/{transfer_id}/arrivals",
    response=TransferOut,
    operation_id="confirm_arrivals",
    tags=["transfers"],
    summary="Say of assets that they have arrived",
)
def arrivals(request: HttpRequest, response: HttpResponse, transfer_id: Path[UUID], body: Arrivals) -> Any:
    by = acting(request)
    transfer = _transfer(by, transfer_id)
    items = list(transfer.items.filter(asset__in=body.assets).values_list("pk", flat=True))
    transfers.confirm_by_hand(by=by, transfer_id=transfer_id, item_ids=items)
    return _shown(by, response, transfer_id)


def _transfer(by: Actor, transfer_id: UUID) -> Transfer:
    seen = Transfer.objects.visible_to(by).select_related("from_location", "to_location")
    found = seen.prefetch_related(with_assets(TransferItem)).filter(pk=transfer_id).first()
    if found is None:
        raise NotFound("There is no such transfer.")
    return found


def _shown(by: Actor, response: HttpResponse, transfer_id: UUID) -> TransferOut:
    return tagged(response, transfers_out(by, [_transfer(by, transfer_id)])[0])
