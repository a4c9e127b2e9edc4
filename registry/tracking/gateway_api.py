"""REST: how the gateways are, and one of them with its outboxes and what of it never comes."""

from datetime import datetime
from typing import Annotated, Any, Literal

from django.http import HttpRequest, HttpResponse
from ninja import Path, Query, Router, Schema, Status
from pydantic import Field

from registry.access.actors import Actor
from registry.operations import READ_ONCE, Cursor, Limit, Paged, Strict, acting, tagged
from registry.paging import cut_sorted
from registry.problems import NotFound
from registry.tracking import fleet, gateway_view, machines
from registry.tracking.fleet import GatewayRow
from registry.tracking.models import Gateway

router = Router(tags=["gateways"])
Condition = Literal["good", "waiting", "attention", "failed", "unknown"]


class GatewayTrouble(Schema):
    """`text` goes behind the gateway's name."""

    kind: str
    state: Condition
    text: str


class ReaderOut(Schema):
    name: str
    state: str
    why: str


class GatewayHop(Schema):
    """One station of the path from the readers to the registry, in the gateway's own words."""

    name: str
    light: Condition
    rate: str
    reason: str
    step: str


class GatewayOut(Schema):
    """`condition` is the worst of `troubles`, which come worst first. `waiting` and `oldest_age_s` are the outbox's, as of
    `health_at`; `clock_off_s` is how far its clock was ahead of ours then. `missing_lately`: records that it has declared in the
    last 7 days that they will never come. `quarantined` is null for those who may not look into the quarantine. `machine`: the
    hash of the machine that it runs on; of two that say so (`held`) the one from before."""

    id: str
    name: str
    condition: Condition
    troubles: list[GatewayTrouble]
    state: str
    state_reason: str
    state_at: datetime | None
    last_heard_at: datetime | None
    last_hello_at: datetime | None
    last_batch_at: datetime | None
    clock_quality: str
    clock_off_s: float | None
    software: str
    waiting: int | None
    oldest_age_s: float | None
    days_left: float | None
    missing_lately: int
    certificate_ends: datetime | None
    quarantined: int | None
    readers: list[ReaderOut]
    health_at: datetime | None
    machine: str
    held: bool = Field(description="Two machines are in use under its name, and nobody has said which one it is")
    replaces: str | None = Field(description="The gateway in whose place it is")
    revoked_at: datetime | None


class GatewayPage(Paged):
    items: list[GatewayOut]


class GatewayEpochOut(Schema):
    """One outbox of the gateway: everything up to `through` is committed here, and `ranges` above it; `missing` never comes."""

    epoch: str
    ordinal: int
    through: int
    ranges: list[tuple[int, int]]
    missing: int
    machine: str
    last_hello_at: datetime


class GatewayGap(Schema):
    epoch: str
    first: int
    last: int
    reason: str
    declared_at: datetime


class WholeGateway(GatewayOut):
    """With its path as its own page shows it, the latest of its outboxes (present first) and gaps (newest first)."""

    path: list[GatewayHop]
    doors: list[str]
    started_at: datetime | None
    machines: list[str] = Field(description="Hashes of those that said they are it: the one it is first, then others, refused")
    replaced_by: str | None
    epochs: list[GatewayEpochOut]
    gaps: list[GatewayGap]


class Machine(Strict):
    """`machine` is the beginning of its hash, at least 4 characters."""

    machine: Annotated[str, Field(min_length=4, max_length=200)]


@router.get("/gateways", response=GatewayPage, operation_id="list_gateways", summary="How the gateways are")
def list_gateways(
    request: HttpRequest,
    q: Annotated[str | None, Query(max_length=200, description="A part of the name or id")] = None,
    revoked: Annotated[bool | None, Query(description="Only those that are revoked, or only those that are not")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Any:
    """Worst first; each says how it is and what is wrong with it. The order is that of the moment: between two pages a gateway
    that gets better or worse may move."""
    by = acting(request)
    found = fleet.named(Gateway.objects.visible_to(by), q or "")
    if revoked is not None:
        found = found.filter(revoked_at__isnull=not revoked)
    page = cut_sorted(fleet.gateway_rows(by, found), lambda row: row.gateway.pk, cursor, limit)
    return {"items": [gateway_out(by, row) for row in page.rows], "next": page.next, "previous": page.previous}


@router.get(
    "/gateways/{gateway_id}",
    response=WholeGateway,
    operation_id="get_gateway",
    summary="Read a gateway",
    openapi_extra=READ_ONCE,
)
def get_gateway(request: HttpRequest, response: HttpResponse, gateway_id: Annotated[str, Path(max_length=40)]) -> Any:
    by = acting(request)
    gateway = Gateway.objects.visible_to(by).filter(pk=gateway_id.replace("\0", "")).first()
    if gateway is None:
        raise NotFound("There is no such gateway.")
    view = gateway_view.gateway_view(by, gateway)
    health = view.row.health
    epochs = [
        GatewayEpochOut(
            epoch=row.epoch.epoch,
            ordinal=row.epoch.ordinal,
            through=row.epoch.through,
            ranges=[(first, last) for first, last, _ in row.epoch.ranges],
            missing=row.missing,
            machine=row.epoch.machine_hash,
            last_hello_at=row.epoch.last_hello_at,
        )
        for row in view.epochs
    ]
    gaps = [
        GatewayGap(epoch=g.epoch.epoch, first=g.first, last=g.last, reason=g.reason, declared_at=g.declared_at)
        for g in (row.gap for row in view.gaps)
    ]
    return tagged(
        response,
        WholeGateway(
            **gateway_out(by, view.row).model_dump(),
            path=[GatewayHop(name=h.name, light=h.light, rate=h.rate, reason=h.reason, step=h.step) for h in health.hops],  # type: ignore[arg-type]
            doors=list(health.doors),
            started_at=health.started_at,
            machines=view.machines,
            replaced_by=view.replaced_by.pk if view.replaced_by is not None else None,
            epochs=epochs,
            gaps=gaps,
        ),
    )


@router.post(
    "/gateways/{gateway_id}/machine",
    response={204: None},
    operation_id="trust_machine",
    summary="Say which machine a gateway is",
)
def trust_machine(request: HttpRequest, gateway_id: Annotated[str, Path(max_length=40)], body: Machine) -> Any:
    """Of two in use under one name; the other is refused from then on."""
    machines.trust_machine(by=acting(request), gateway_id=gateway_id.replace("\0", ""), machine=body.machine)
    return Status(204, None)


def gateway_out(by: Actor, row: GatewayRow) -> GatewayOut:
    gateway, health = row.gateway, row.health
    return GatewayOut(
        id=gateway.pk,
        name=gateway.name,
        condition=row.state,  # type: ignore[arg-type]
        troubles=[GatewayTrouble(kind=t.kind, state=t.state, text=t.words) for t in row.troubles],  # type: ignore[arg-type]
        state=gateway.state,
        state_reason=gateway.state_reason,
        state_at=gateway.state_at,
        last_heard_at=row.last_heard,
        last_hello_at=gateway.last_hello_at,
        last_batch_at=gateway.last_batch_at,
        clock_quality=gateway.clock_quality,
        clock_off_s=health.clock_off_s,
        software=gateway.software,
        waiting=health.waiting,
        oldest_age_s=health.oldest_age_s,
        days_left=health.days_left,
        missing_lately=row.gaps_lately,
        certificate_ends=row.certificate_ends,
        quarantined=row.quarantined,
        readers=[ReaderOut(name=r.name, state=r.word, why=r.why) for r in health.readers],
        health_at=gateway.health_at,
        machine=gateway.machine if by.sees_all_places() else "",
        held=gateway.held_at is not None,
        replaces=gateway.replaces_id,
        revoked_at=gateway.revoked_at,
    )
