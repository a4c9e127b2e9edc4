"""The first page of the console: what there is of each kind, what is wrong with it, and where to look."""

from dataclasses import dataclass
from datetime import timedelta

from django.urls import reverse
from django.utils import timezone

from registry.access.models import User
from registry.tracking.models import Gap, Gateway, IngestWorker, Quarantine, UnknownTag
from registry.work.models import Outgoing, Run, WorkProcess

SILENT_AFTER = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Figure:
    """`trouble`: somebody has to look."""

    title: str
    said: str
    link: str
    trouble: bool = False


def figures() -> list[Figure]:
    living = timezone.now() - SILENT_AFTER
    dead, failed = Outgoing.objects.filter(dead=True).count(), Run.objects.filter(state="failed").count()
    refused, out = Quarantine.objects.count(), User.objects.filter(is_active=False).count()
    gateways = Gateway.objects.filter(revoked_at=None)
    offline = gateways.filter(state=Gateway.State.OFFLINE).count()
    works = WorkProcess.objects.filter(heartbeat_at__gte=living).exists()
    takes_in = IngestWorker.objects.filter(heartbeat_at__gte=living, connected=True).exists()
    waiting = Outgoing.objects.filter(dead=False).count()
    going = Run.objects.filter(state__in=["waiting", "running"]).count()
    users, known, tags, gaps = User.objects.count() - out, gateways.count(), UnknownTag.objects.count(), Gap.objects.count()
    return [
        Figure("Users", f"{users:,} may log in, {out:,} kept out", _list("access_user")),
        Figure("Outgoing", f"{waiting:,} waiting, {dead:,} given up", _list("work_outgoing"), dead > 0),
        Figure("Runs", f"{going:,} open, {failed:,} failed", _list("work_run"), failed > 0),
        Figure("Work process", "works" if works else "does not run", _list("work_workprocess"), not works),
        Figure("Ingest", "takes events in" if takes_in else "takes nothing in", _list("tracking_ingestworker"), not takes_in),
        Figure("Gateways", f"{known:,} in use, {offline:,} offline", _list("tracking_gateway"), offline > 0),
        Figure("Gaps", f"{gaps:,} declared by gateways", _list("tracking_gap"), gaps > 0),
        Figure("Refused records", f"{refused:,} kept aside", _list("tracking_quarantine"), refused > 0),
        Figure("Unknown tags", f"{tags:,} that no asset has", _list("tracking_unknowntag")),
    ]


def _list(name: str) -> str:
    return reverse(f"admin:{name}_changelist")
