"""What waits to go out, runs, and the process that works on both."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.decorators import display

from registry.console.shown import Shown, called_by, for_each
from registry.console.site import site
from registry.work import outgoing, runs
from registry.work.models import Outgoing, Run, WorkProcess

RUN_COLOURS = {"waiting": "info", "running": "info", "done": "success", "failed": "danger", "cancelled": "warning"}


@admin.register(Outgoing, site=site)
class Waiting(Shown):
    """What it says is not shown: a mail may carry a link that opens something."""

    list_display = ("topic", "sink", "condition", "created_at", "attempts", "next_at", "error")
    list_filter = ("sink", "dead")
    search_fields = ("topic",)
    search_help_text = "Topic or address"
    ordering = ("-id",)
    fields = ("sink", "topic", "key", "condition", "created_at", "attempts", "next_at", "handed_over_at", "error")
    readonly_fields = fields
    actions = ("repeat", "forget")

    @display(description="State", label={"waits": "info", "put off": "warning", "given up": "danger"})
    def condition(self, message: Any) -> str:
        return "given up" if message.dead else "put off" if message.attempts else "waits"

    @admin.action(description="Send again what was given up")
    def repeat(self, request: HttpRequest, rows: QuerySet[Any]) -> None:
        for_each(request, rows, lambda by, one: outgoing.repeat(by=by, message_id=one.pk), "sent again")

    @admin.action(description="Forget what was given up")
    def forget(self, request: HttpRequest, rows: QuerySet[Any]) -> None:
        for_each(request, rows, lambda by, one: outgoing.forget(by=by, message_id=one.pk), "forgotten")


@admin.register(Run, site=site)
class Runs(Shown):
    list_display = ("kind_said", "condition", "who", "progress", "created_at", "finished_at", "message")
    list_filter = ("state", "kind")
    ordering = ("-id",)
    fields = (
        "kind_said", "condition", "who", "progress", "failed", "starts", "created_at", "started_at", "finished_at", "message",
        "request_id",
    )  # fmt: skip
    readonly_fields = fields
    actions = ("cancel", "resume")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        found: QuerySet[Any] = super().get_queryset(request)
        return found.annotate(by_name=called_by("user"))

    @display(description="Kind", ordering="kind")
    def kind_said(self, run: Any) -> str:
        return str(run.kind).replace("_", " ").capitalize()

    @display(description="State", label=RUN_COLOURS, ordering="state")
    def condition(self, run: Any) -> str:
        return str(run.state)

    @display(description="For")
    def who(self, run: Any) -> str:
        return str(run.by_name or ("a token" if run.token else "the registry"))

    @display(description="Done")
    def progress(self, run: Any) -> str:
        return f"{run.done:,} of {run.total:,}" + (f", {run.failed:,} refused" if run.failed else "")

    @admin.action(description="Cancel: what is done stays done")
    def cancel(self, request: HttpRequest, rows: QuerySet[Any]) -> None:
        for_each(request, rows, lambda by, run: runs.cancel(by=by, run_id=run.pk), "cancelled")

    @admin.action(description="Go on with what failed or was cancelled")
    def resume(self, request: HttpRequest, rows: QuerySet[Any]) -> None:
        for_each(request, rows, lambda by, run: runs.resume(by=by, run_id=run.pk), "gone on with")


@admin.register(WorkProcess, site=site)
class Processes(Shown):
    list_display = ("name", "alive", "heartbeat_at", "started_at", "pid", "why")
    fields = ("name", "alive", "pid", "started_at", "heartbeat_at", "why", "counters")
    readonly_fields = fields

    @display(description="Lives", boolean=True)
    def alive(self, process: Any) -> bool:
        return bool((timezone.now() - process.heartbeat_at).total_seconds() < 10)
