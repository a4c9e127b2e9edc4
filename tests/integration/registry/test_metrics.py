"""/metrics in a format that Prometheus reads, and docs/metrics-registry.md lists all of it."""

from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from registry.access.services import issue_token
from registry.assets.models import Location
from registry.metrics import COUNTERS, reference
from registry.tracking.models import IngestWorker
from registry.work.models import WorkProcess
from tests.integration.registry.conftest import Site, event
from tests.registry_world import ROOT, actor, make_user

pytestmark = pytest.mark.django_db

DOCS = Path(__file__).parents[3] / "docs" / "metrics-registry.md"


def test_the_reference_is_up_to_date() -> None:
    assert DOCS.read_text() == reference()


def test_what_ingest_counts_is_told(site: Site) -> None:
    site.tell(event("seen", "tag:x", "hall-a"))
    site.deliver(site.record(b"[]"))
    site.say(("events", b"garbage"))
    now = timezone.now()
    IngestWorker.objects.create(worker="1", pid=1, started_at=now, heartbeat_at=now, connected=True, counters=dict(site.counts))
    families = {f.name: f for f in text_string_to_metric_families(Client().get("/metrics").content.decode())}

    def value(name: str, **labels: str) -> float:
        return next(s.value for s in families[name].samples if labels.items() <= s.labels.items())

    assert value("sightpost_registry_events", worker="1") == 1
    assert value("sightpost_registry_rejected_records", reason="bad_shape") == 1
    assert value("sightpost_registry_refused_messages", reason="bad_mac") == 1
    assert value("sightpost_registry_gateways", state="never") == 1
    assert value("sightpost_registry_unknown_tags") == 1
    assert value("sightpost_registry_unmapped_zones") == 1
    assert value("sightpost_registry_quarantined_records") == 1
    assert value("sightpost_registry_newest_event_age_seconds") < 60
    counted = {name for name in site.counts if not name.startswith(("refused_", "rejected_"))}
    assert counted <= COUNTERS.keys(), "a counter that /metrics does not show"


def test_from_elsewhere_the_figures_need_a_token_that_sees_everything(hall: Location) -> None:
    assert Client().get("/metrics").status_code == 200, "this machine itself"
    for far in ({"REMOTE_ADDR": "192.0.2.7"}, {"HTTP_X_FORWARDED_FOR": "192.0.2.7"}, {"HTTP_X_FORWARDED_PROTO": "https"}):
        client = Client(**far)  # type: ignore[arg-type]
        refused = client.get("/metrics")
        assert (refused.status_code, b"sightpost_registry" in refused.content) == (401, False)
        assert "Bearer" in refused["WWW-Authenticate"]
        assert client.get("/metrics", headers={"Authorization": "Bearer spt_a_b"}).status_code == 401
    guest = make_user("guest", "viewer", place=hall)
    tokens = {
        403: issue_token(by=actor(guest), name="of a guest", user=guest)[1],
        200: issue_token(by=ROOT, name="prometheus")[1],
    }
    for status, text in tokens.items():
        assert client.get("/metrics", headers={"Authorization": f"Bearer {text}"}).status_code == status
    assert client.get("/healthz").status_code == 200


def test_ready_says_what_is_missing() -> None:
    answer = Client().get("/readyz")
    assert (answer.status_code, answer.json()["checks"]) == (
        503,
        {"database": "ok", "ingest": "no worker runs", "work": "it does not run"},
    )
    now = timezone.now()
    IngestWorker.objects.create(worker="1", pid=1, started_at=now, heartbeat_at=now, connected=False, why="nothing listens")
    assert Client().get("/readyz").json()["checks"]["ingest"] == "not connected to the broker"
    IngestWorker.objects.update(connected=True)
    assert Client().get("/readyz").status_code == 200, "work can wait"
    WorkProcess.objects.create(name="work", pid=1, started_at=now, heartbeat_at=now, counters={"sent_mail": 3})
    assert Client().get("/readyz").json() == {"ready": True, "checks": {"database": "ok", "ingest": "ok", "work": "ok"}}
    assert b"sightpost_registry_work_sent_mail_total 3.0" in Client().get("/metrics").content
    assert Client().post("/readyz").status_code == 405
