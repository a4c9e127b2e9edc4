"""Gateways: how they are, how far each outbox is taken in, what is missing, what was refused, which tags nobody has."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.decorators import display

from registry.console.shown import Shown
from registry.console.site import site
from registry.tracking.models import Gap, Gateway, GatewayEpoch, IngestWorker, Quarantine, UnknownTag

PAYLOAD_SHOWN = 2_000  # bytes


@admin.register(Gateway, site=site)
class Gateways(Shown):
    list_display = ("id", "name", "condition", "last_batch_at", "health_at", "outboxes", "software", "clock_quality")
    list_filter = ("state",)
    search_fields = ("id", "name")
    fields = (
        "id", "name", "condition", "state_reason", "state_at", "last_hello_at", "last_batch_at", "clock_quality", "software",
        "health", "health_at", "created_at", "revoked_at", "key_serial",
    )  # fmt: skip
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        found: QuerySet[Any] = super().get_queryset(request)
        return found.annotate(outbox_count=Count("epochs"))

    @display(
        description="State",
        label={"online": "success", "offline": "danger", "stopped": "warning", "never": "info", "revoked": "warning"},
    )
    def condition(self, gateway: Any) -> str:
        return "revoked" if gateway.revoked_at is not None else str(gateway.state)

    @display(description="Outboxes", ordering="outbox_count")
    def outboxes(self, gateway: Any) -> int:
        return int(gateway.outbox_count)


@admin.register(GatewayEpoch, site=site)
class Outboxes(Shown):
    """`through`: up to there nothing is missing; the ranges are committed above it, so between them something is under way."""

    list_display = ("gateway", "ordinal", "through", "above", "last_hello_at", "epoch")
    list_filter = ("gateway",)
    ordering = ("gateway", "-ordinal")
    fields = ("gateway", "ordinal", "epoch", "through", "through_id", "ranges", "boot_id", "machine_hash", "last_hello_at")
    readonly_fields = fields

    @display(description="Committed above")
    def above(self, epoch: Any) -> str:
        return ", ".join(f"{first}-{last}" for first, last, *_ in epoch.ranges[:5]) + (" …" if len(epoch.ranges) > 5 else "")


@admin.register(Gap, site=site)
class Gaps(Shown):
    list_display = ("gateway", "first", "last", "records", "reason", "declared_at")
    list_select_related = ("epoch__gateway",)
    ordering = ("-declared_at",)
    fields = ("epoch", "first", "last", "records", "reason", "declared_at")
    readonly_fields = fields

    @display(description="Gateway")
    def gateway(self, gap: Any) -> str:
        return str(gap.epoch.gateway_id)

    @display(description="Records")
    def records(self, gap: Any) -> int:
        return int(gap.last - gap.first + 1)


@admin.register(IngestWorker, site=site)
class Workers(Shown):
    list_display = ("worker", "alive", "connected", "queued", "heartbeat_at", "started_at", "why")
    fields = ("worker", "alive", "connected", "pid", "queued", "started_at", "heartbeat_at", "why", "counters")
    readonly_fields = fields

    @display(description="Lives", boolean=True)
    def alive(self, worker: Any) -> bool:
        return bool((timezone.now() - worker.heartbeat_at).total_seconds() < 10)


@admin.register(Quarantine, site=site)
class Refused(Shown):
    list_display = ("received_at", "gateway", "code", "text", "seq", "rejected")
    list_filter = ("code", "gateway")
    list_select_related = ("gateway",)
    ordering = ("-id",)
    fields = ("received_at", "gateway", "epoch", "seq", "event_id", "code", "text", "rejected", "content")
    readonly_fields = fields

    @display(description="Content")
    def content(self, one: Any) -> str:
        whole = bytes(one.payload)
        more = f" … {len(whole):,} bytes" if len(whole) > PAYLOAD_SHOWN else ""
        return whole[:PAYLOAD_SHOWN].decode(errors="replace") + more


@admin.register(UnknownTag, site=site)
class Tags(Shown):
    list_display = ("identity", "gateway", "zone", "first_seen", "last_seen", "count")
    list_filter = ("gateway",)
    list_select_related = ("gateway", "zone")
    search_fields = ("identity",)
    ordering = ("-last_seen",)
    fields = ("identity", "raw", "symbology", "gateway", "read_point", "zone", "location", "first_seen", "last_seen", "count")
    readonly_fields = fields
