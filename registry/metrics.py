"""The figures at /metrics: what ingest workers write down of themselves, and what the tables hold. docs/metrics-registry.md is
`reference()`."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count, QuerySet
from django.utils import timezone

from registry.assets.models import Asset
from registry.tracking.models import Gateway, IngestWorker, LocationEvent, Quarantine, UnknownTag, Zone
from registry.work.models import Outgoing, Run, WorkProcess

COUNTERS = {  # totals of an ingest worker since its start, by the name they are counted under
    "messages": "messages of gateways taken from the queue",
    "batches": "event batches of known gateways",
    "records": "records in them, repeated ones too",
    "events": "location events stored, each once",
    "raw_records": "records of kinds kept raw",
    "repeated": "records that were stored already",
    "gaps": "gaps that gateways declared",
    "hellos": "hellos answered",
    "acks": "acknowledgements sent",
    "events_of_unknown_tags": "events of identities that no asset has",
    "replayed_assets": "assets replayed because an event came late",
    "clock_fixes": "boots of which a gateway said how wrong its clock had been",
    "implausible_clock_fixes": "such that cannot be true",
    "no_hello": "batches of an outbox that has not said hello",
    "unknown_gateway": "messages under the name of no known gateway",
    "revoked_gateway": "messages of revoked gateways",
    "unknown_leaf": "messages on topics that mean nothing",
    "foreign_topics": "messages on topics of nobody",
    "too_many_epochs": "hellos of a gateway that began too many outboxes",
    "dropped_ingest_queue_full": "messages dropped because the database was behind",
    "dropped_gateway_share": "messages dropped because too many of one gateway waited",
    "retained": "messages dropped because somebody had the broker keep them",
    "dropped_queue_full": "messages dropped before the queue",
    "dropped_too_big": "messages larger than the wire allows",
    "dropped_from_quarantine": "refused records forgotten because there were too many",
    "dropped_unstorable": "messages that the database refused as a whole",
    "failed_transactions": "transactions that failed and were tried again",
    "alarm_conflicts": "records under keys that other content has",
    "alarm_other_machine": "gateways that moved to another machine",
    "alarm_two_machines": "gateways found in use on two machines at once, and held",
    "alarm_refused_machine": "hellos of a machine that was decided against",
    "held_gateway": "messages of held gateways",
    "old_hellos": "hellos that were said before, or by a machine that was put back: answered, not believed",
    "old_health": "health messages that were said before, or were under way for more than five minutes: not believed",
    "sessions_ended": "sessions ended of gateways that were revoked or got other credentials",
}
WORK_COUNTERS = {  # totals of the work process since its start
    "sent_mqtt": "messages that the broker took",
    "dead_mqtt": "messages too large for the broker",
    "dropped_mqtt": "messages for the broker forgotten because too many waited",
    "sent_mail": "mails that the mail server took",
    "deferred_mail": "attempts that the mail server put off",
    "dead_mail": "mails that the mail server refused for good",
    "uncertain_mail": "mails that were perhaps sent: the connection or the process ended at the wrong moment",
    "run_steps": "steps of runs done",
    "failed_jobs": "due jobs that ended by an error",
}
TABLES: dict[str, tuple[str, Callable[[], QuerySet[Any]]]] = {
    "assets": ("assets on the books", Asset.objects.all),
    "unknown_tags": ("identities that no asset has", UnknownTag.objects.all),
    "unmapped_zones": ("zones without a place", Zone.objects.unmapped),
    "quarantined_records": ("records in quarantine that nobody has decided on", Quarantine.objects.open),
}
PREFIXES = {
    "refused_": ("sightpost_registry_refused_messages_total", "messages that are none, by reason"),
    "rejected_": ("sightpost_registry_rejected_records_total", "records quarantined and acknowledged as rejected, by reason"),
}


@dataclass(slots=True)
class Family:
    name: str
    kind: str
    text: str
    samples: list[tuple[dict[str, str], float]] = field(default_factory=list)

    def lines(self) -> Iterator[str]:
        yield f"# HELP {self.name} {self.text}"
        yield f"# TYPE {self.name} {self.kind}"
        for labels, value in self.samples:
            inside = ",".join(f'{name}="{_escaped(label)}"' for name, label in labels.items())
            yield f"{self.name}{{{inside}}} {value!r}" if inside else f"{self.name} {value!r}"


def text() -> str:
    """Raises DatabaseError."""
    families = [*_of_workers(list(IngestWorker.objects.all())), *_of_work(), *_of_tables()]
    return "\n".join(line for family in families for line in family.lines()) + "\n"


def reference() -> str:
    """Return docs/metrics-registry.md: a row for every family, from the families themselves."""
    families = [*_of_workers([]), *_of_work(look=False), *_of_tables(look=False)]
    rows = "".join(f"| `{family.name}` | {family.kind} | {family.text} |\n" for family in families)
    return f"""# Metrics of a registry

`http://127.0.0.1:8480/metrics` answers in the text format of Prometheus: on the registry's own machine without a log-in, through
the proxy in front with a token (`Authorization: Bearer spt_...`, scope `read`) of somebody who may see everything, for these
figures count what lies in every place. `sightpost-registry tokens add` makes one. The totals of an ingest worker begin with its
process and are written down every two seconds.

| name | type | what it counts |
|---|---|---|
{rows}"""


def _of_workers(workers: list[IngestWorker]) -> Iterator[Family]:
    now = timezone.now()
    connected = Family("sightpost_registry_ingest_connected", "gauge", "1 while the worker is connected to the broker")
    beat = Family("sightpost_registry_ingest_heartbeat_age_seconds", "gauge", "since the worker last said that it lives")
    queued = Family("sightpost_registry_ingest_queued_messages", "gauge", "messages that wait for the database")
    by_name = {name: Family(f"sightpost_registry_{name}_total", "counter", meaning) for name, meaning in COUNTERS.items()}
    by_prefix = {prefix: Family(name, "counter", meaning) for prefix, (name, meaning) in PREFIXES.items()}
    for worker in workers:
        who = {"worker": worker.worker}
        connected.samples.append((who, float(worker.connected)))
        beat.samples.append((who, (now - worker.heartbeat_at).total_seconds()))
        queued.samples.append((who, float(worker.queued)))
        for name, family in by_name.items():
            family.samples.append((who, float(worker.counters.get(name, 0))))
        for name, count in sorted(worker.counters.items()):
            for prefix, family in by_prefix.items():
                if name.startswith(prefix):
                    family.samples.append(({**who, "reason": name.removeprefix(prefix)}, float(count)))
    return iter((connected, beat, queued, *by_name.values(), *by_prefix.values()))


def _of_work(*, look: bool = True) -> Iterator[Family]:
    """The work process and its queues; without `look` the families alone."""
    beat = Family("sightpost_registry_work_heartbeat_age_seconds", "gauge", "since the work process last said that it lives")
    waiting = Family("sightpost_registry_outgoing_waiting", "gauge", "messages that wait to go out, by sink")
    dead = Family("sightpost_registry_outgoing_dead", "gauge", "messages that nobody took, by sink")
    open_runs = Family("sightpost_registry_open_runs", "gauge", "runs that wait or are worked on, by kind")
    totals = {name: Family(f"sightpost_registry_work_{name}_total", "counter", text) for name, text in WORK_COUNTERS.items()}
    if look:
        for process in WorkProcess.objects.all():
            beat.samples.append(({}, (timezone.now() - process.heartbeat_at).total_seconds()))
            for name, family in totals.items():
                family.samples.append(({}, float(process.counters.get(name, 0))))
        for family, is_dead in ((waiting, False), (dead, True)):
            rows = Outgoing.objects.filter(dead=is_dead).order_by().values_list("sink").annotate(number=Count("pk"))
            by_sink = dict(rows)
            family.samples = [({"sink": sink}, float(by_sink.get(sink, 0))) for sink in ("mqtt", "mail")]
        runs = Run.objects.filter(state__in=[Run.State.WAITING, Run.State.RUNNING]).order_by().values_list("kind")
        open_runs.samples = [({"kind": kind}, float(number)) for kind, number in runs.annotate(number=Count("pk"))]
    return iter((beat, waiting, dead, open_runs, *totals.values()))


def _of_tables(*, look: bool = True) -> list[Family]:
    """What the tables hold; without `look` the families alone."""
    gateways = Family("sightpost_registry_gateways", "gauge", "gateways, by state")
    age = Family("sightpost_registry_newest_event_age_seconds", "gauge", "since the last location event was stored")
    counted = [Family(f"sightpost_registry_{name}", "gauge", meaning) for name, (meaning, _) in TABLES.items()]
    if look:
        states = dict(Gateway.objects.filter(revoked_at=None).order_by().values_list("state").annotate(number=Count("pk")))
        gateways.samples = [({"state": state}, float(states.get(state, 0))) for state in Gateway.State.values]
        newest = LocationEvent.objects.order_by("-recorded_time").values_list("recorded_time", flat=True).first()
        age.samples = [({}, (timezone.now() - newest).total_seconds())] if newest is not None else []
        for family, (_, rows) in zip(counted, TABLES.values(), strict=True):
            family.samples = [({}, float(rows().count()))]
    return [gateways, age, *counted]


def _escaped(label: str) -> str:
    return label.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
