"""REST: codes by which gateways get in, and whoever used one. For administrators."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from django.db.models import F
from django.http import HttpRequest, HttpResponse
from ninja import Path, Query, Router, Schema, Status
from pydantic import Field

from registry.enrolment import services
from registry.enrolment.models import Enrolment, Window
from registry.operations import Cursor, Limit, Paged, Strict, acting
from registry.paging import Order, cut

router = Router(tags=["enrolment"])
NEWEST_WINDOW = Order("opened", F("opened_at"), "time", descending=True)
NEWEST = Order("enrolled", F("enrolled_at"), "time", descending=True)


class NewEnrolmentCode(Strict):
    gateway: Annotated[str, Field(min_length=1, max_length=40, description="Lower-case letters, digits and hyphens")]
    name: Annotated[str | None, Field(max_length=200, description="Of a new gateway; without one it is called by its id")] = None
    replaces: bool = Field(False, description="The gateway exists: another machine, or a new key, is to take its place")
    approve_at_once: bool = Field(False, description="Whoever uses the code is believed without another word")


class CodeOut(Schema):
    """A code that is given out and not used yet."""

    id: UUID
    gateway: str
    approve_at_once: bool
    opened_at: datetime
    expires_at: datetime


class NewCodeOut(Schema):
    """`text` is what is typed at the gateway, behind `sightpost enrol`; nobody can show it again."""

    code: CodeOut
    text: str


class CodePage(Paged):
    items: list[CodeOut]


class EnrolmentOut(Schema):
    """A machine that has used a code. `fingerprint` is the SHA-256 of its certificate; the machine shows the same one."""

    id: UUID
    gateway: str
    state: Literal["waiting", "approved", "refused"]
    fingerprint: str
    machine: str
    software: str
    address: str
    enrolled_at: datetime
    decided_at: datetime | None
    used_again_at: datetime | None = Field(description="When somebody else has shown the same code since")


class EnrolmentPage(Paged):
    items: list[EnrolmentOut]


@router.get("/enrolment-codes", response=CodePage, operation_id="list_enrolment_codes", summary="Codes that are given out")
def list_codes(request: HttpRequest, cursor: Cursor = None, limit: Limit = 50) -> Any:
    page = cut(services.open_windows(acting(request)), NEWEST_WINDOW, cursor, limit)
    return CodePage(items=[_code_out(row) for row in page.rows], next=page.next, previous=page.previous)


@router.post("/enrolment-codes", response={201: NewCodeOut}, operation_id="create_enrolment_code", summary="Give out a code")
def create_code(request: HttpRequest, response: HttpResponse, body: NewEnrolmentCode) -> Any:
    """It is good for 30 minutes and for one machine. One that was given out before for the gateway is worth nothing then."""
    opened = services.open_window(
        by=acting(request), gateway_id=body.gateway, name=body.name, new=not body.replaces, at_once=body.approve_at_once
    )
    response["Cache-Control"] = "no-store"
    return Status(201, NewCodeOut(code=_code_out(opened.window), text=str(opened.code)))


@router.delete(
    "/enrolment-codes/{window_id}", response={204: None}, operation_id="take_back_enrolment_code", summary="Take a code back"
)
def take_back_code(request: HttpRequest, window_id: Path[UUID]) -> Any:
    services.close_window(by=acting(request), window_id=window_id)
    return Status(204, None)


@router.get("/enrolments", response=EnrolmentPage, operation_id="list_enrolments", summary="Machines that used a code")
def list_enrolments(
    request: HttpRequest,
    state: Annotated[Literal["waiting", "approved", "refused"] | None, Query()] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Any:
    found = services.enrolments(acting(request))
    page = cut(found if state is None else found.filter(state=state), NEWEST, cursor, limit)
    return EnrolmentPage(items=[_enrolment_out(row) for row in page.rows], next=page.next, previous=page.previous)


@router.post("/enrolments/{enrolment_id}/approve", response=EnrolmentOut, operation_id="approve_enrolment", summary="Believe it")
def approve(request: HttpRequest, enrolment_id: Path[UUID]) -> Any:
    """From now on this machine is the gateway, and no other."""
    return _enrolment_out(services.approve(by=acting(request), enrolment_id=enrolment_id))


@router.post("/enrolments/{enrolment_id}/refuse", response=EnrolmentOut, operation_id="refuse_enrolment", summary="Keep it out")
def refuse(request: HttpRequest, enrolment_id: Path[UUID]) -> Any:
    return _enrolment_out(services.refuse(by=acting(request), enrolment_id=enrolment_id))


def _code_out(window: Window) -> CodeOut:
    return CodeOut(
        id=window.pk, gateway=window.gateway_id, approve_at_once=window.at_once, opened_at=window.opened_at,
        expires_at=window.expires_at,
    )  # fmt: skip


def _enrolment_out(one: Enrolment) -> EnrolmentOut:
    return EnrolmentOut.model_validate(
        {
            "id": one.pk, "gateway": one.gateway_id, "state": one.state, "fingerprint": one.fingerprint, "machine": one.machine,
            "software": one.software, "address": one.address, "enrolled_at": one.enrolled_at, "decided_at": one.decided_at,
            "used_again_at": one.used_again_at,
        }
    )  # fmt: skip
