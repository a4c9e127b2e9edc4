"""What machines ask: does the process live, does the registry work, how much of what. No log-in: no asset is named here."""

from datetime import timedelta

from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from registry import metrics as figures
from registry.checking import unapplied
from registry.tracking.models import IngestWorker
from registry.work.models import WorkProcess

WORKER_SILENT_AFTER = timedelta(seconds=6)  # it reports every 2 s; so does the work process

_migrated = False


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers."""
    return HttpResponse("ok\n", content_type="text/plain")


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """200 when the database is up to date and an ingest worker takes in from the broker, else 503; each check in words. The work
    process is told of and does not count: what it does can wait, gateways cannot."""
    checks = {"database": _database()}
    checks["ingest"] = _ingest() if checks["database"] == "ok" else "unknown"
    ready = all(word == "ok" for word in checks.values())
    checks["work"] = _work() if checks["database"] == "ok" else "unknown"
    return JsonResponse({"ready": ready, "checks": checks}, status=200 if ready else 503)


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """The text format of Prometheus."""
    try:
        return HttpResponse(figures.text(), content_type="text/plain; version=0.0.4; charset=utf-8")
    except (DatabaseError, InterfaceError):
        return HttpResponse("the database cannot be used\n", status=503, content_type="text/plain")


def _database() -> str:
    global _migrated
    try:
        missing = 0 if _migrated else unapplied()
        IngestWorker.objects.exists()
    except (DatabaseError, InterfaceError):
        return "cannot be used"
    _migrated = missing == 0
    return "ok" if _migrated else f"{missing} migrations are missing"


def _work() -> str:
    living = WorkProcess.objects.filter(heartbeat_at__gte=timezone.now() - WORKER_SILENT_AFTER).first()
    return (living.why or "ok") if living is not None else "it does not run"


def _ingest() -> str:
    workers = IngestWorker.objects.filter(heartbeat_at__gte=timezone.now() - WORKER_SILENT_AFTER)
    if any(worker.connected for worker in workers):
        return "ok"
    return "not connected to the broker" if workers else "no worker runs"
