"""What machines ask: does the process live, does the registry work, how much of what. /healthz and /readyz need no log-in: they
name and count nothing. /metrics counts, so it is open to this machine itself, and to a token that may see everything."""

from datetime import timedelta
from ipaddress import ip_address

from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from registry import metrics as figures
from registry.access import rights, throttle
from registry.access.actors import Action
from registry.access.services import authenticate_token
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
    if not _from_this_machine(request) and (refused := _must_see_everything(request)) is not None:
        return refused
    try:
        return HttpResponse(figures.text(), content_type="text/plain; version=0.0.4; charset=utf-8")
    except (DatabaseError, InterfaceError):
        return HttpResponse("the database cannot be used\n", status=503, content_type="text/plain")


def _from_this_machine(request: HttpRequest) -> bool:
    """Not even through a proxy that runs here: that asks for somebody else."""
    if any(name in request.headers for name in ("X-Forwarded-For", "X-Forwarded-Proto", "Forwarded")):
        return False
    try:
        return ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


def _must_see_everything(request: HttpRequest) -> HttpResponse | None:
    """The answer to who shows no token, or one that may not, or None."""
    address = request.META.get("REMOTE_ADDR", "")
    scheme, _, presented = request.headers.get("Authorization", "").partition(" ")
    token = authenticate_token(presented.strip(), address=address) if scheme.lower() == "bearer" else None
    if token is not None and rights.of_token(token).may_everywhere(Action.VIEW):
        return None
    if token is not None:
        return _said(403, "these figures count everything: the token has to be of somebody who may see everything\n")
    if presented and (wait := throttle.attempt("token", address=address)):
        return _said(429, f"too many wrong tokens from this address; try again in {wait} seconds\n")
    refused = _said(401, "from another machine these figures need a token: Authorization: Bearer spt_...\n")
    refused["WWW-Authenticate"] = 'Bearer realm="metrics"'
    return refused


def _said(status: int, text: str) -> HttpResponse:
    return HttpResponse(text, status=status, content_type="text/plain; charset=utf-8")


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
