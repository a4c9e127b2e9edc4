"""/metrics: one snapshot per scrape as OpenMetrics families. docs/metrics.md is `reference()`, and a test holds them together.

prometheus_client's global registry and its collectors of the process stay out: what stands here is what the reference lists.
"""

import enum
import sys
from collections.abc import Callable, Iterator, Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric, StateSetMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from gateway.health import Light, OutboxRow, ReaderRow, ReaderState, Snapshot
from gateway.status.stream import Live
from sync.wire import ClockQuality


def not_ready(snapshot: Snapshot) -> str | None:
    """Return None while events reach the registry, else which part of the delivery is not well, and why."""
    for hop in snapshot.hops:
        if hop.name in ("broker", "registry") and hop.light is not Light.GOOD:
            return f"{hop.name}: {hop.reason}"
    return None


class Metrics(Collector):
    """`exposed` calls `snapshot` once and renders what it says in the format that was asked for."""

    def __init__(self, snapshot: Callable[[], Snapshot], live: Live) -> None:
        self._snapshot = snapshot
        self._live = live
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def describe(self) -> list[Metric]:
        return []  # else registering would collect, and that takes a snapshot

    def collect(self) -> Iterator[Metric]:
        return families(self._snapshot(), self._live.watching, self._live.refused)

    def exposed(self, accept: str) -> tuple[bytes, str]:
        """Return the body and its Content-Type: OpenMetrics where `accept` names it, else the older text format."""
        encode, media_type = choose_encoder(accept)
        return encode(self._registry), media_type


def families(now: Snapshot, streams: int, streams_refused: int) -> Iterator[Metric]:
    """Yield every family, those without a sample too."""
    yield InfoMetricFamily("sightpost_gateway", "Site and version of this gateway.", {"site": now.site, "version": now.version})
    yield _gauge("start_time_seconds", "When the gateway started.", now.started_wall_ms / 1000)
    yield _gauge("ready", "1 while events reach the registry, else 0; what /readyz answers.", int(not_ready(now) is None))
    yield _states("clock_quality", "How far the wall clock is to be trusted.", ClockQuality, [((), now.clock_quality)])
    hops = [((hop.name,), hop.light) for hop in now.hops]
    yield _states("hop", "Light of each hop on the way from the readers to the registry, by hop.", Light, hops, "hop")
    yield from _of_readers(now.readers)
    yield from _of_outbox(now.outbox)
    delivered = _seconds(now.last_delivered_wall_ms)
    yield _gauge("last_delivered_time_seconds", "When the registry last acknowledged something; absent before that.", delivered)
    counters = CounterMetricFamily("sightpost_counter", "Everything the gateway counts, by name.", labels=["name"])
    for name, value in sorted(now.counters.items()):
        counters.add_metric([name], value)
    yield counters
    yield _gauge("status_streams", "Live status pages open now.", streams)
    yield _counter("status_streams_refused", "Live pages refused because too many were open.", streams_refused)


def reference() -> str:
    """Return docs/metrics.md: a row for every family, from the families themselves."""
    rows = []
    for family in families(_NOTHING, 0, 0):
        suffix = {"counter": "_total", "info": "_info"}.get(family.type, "")
        rows.append(f"| `{family.name}{suffix}` | {family.type} | {family.documentation} |")
    return "\n".join([_HEAD, *rows, _FOOT])


def _of_readers(readers: tuple[ReaderRow, ...]) -> Iterator[Metric]:
    states = [((row.name,), row.state) for row in readers]
    yield _states("reader_state", "State of each reader's session, by reader.", ReaderState, states, "reader")
    counts: tuple[tuple[str, str, Callable[[ReaderRow], int]], ...] = (
        ("reads", "Reads handed on, by reader.", lambda row: row.reads_total),
        ("reconnects", "Sessions opened after the first, by reader.", lambda row: row.reconnects),
        ("rejected_frames", "Frames that failed their check, by reader.", lambda row: row.rejected_frames),
        ("skipped_bytes", "Bytes that belong to no frame, by reader.", lambda row: row.skipped_bytes),
    )
    for name, text, value in counts:
        family = CounterMetricFamily(f"sightpost_reader_{name}", text, labels=["reader"])
        for row in readers:
            family.add_metric([row.name], value(row))
        yield family
    last = GaugeMetricFamily(
        "sightpost_reader_last_read_time_seconds", "When each reader last read, by reader.", labels=["reader"]
    )
    text = "1 for an antenna that is well, else 0, by reader and antenna."
    antennas = GaugeMetricFamily("sightpost_reader_antenna_ok", text, labels=["reader", "antenna"])
    for row in readers:
        if row.last_read_wall_ms is not None:
            last.add_metric([row.name], row.last_read_wall_ms / 1000)
        for antenna in row.antennas:
            antennas.add_metric([row.name, str(antenna.antenna)], int(antenna.ok))
    yield from (last, antennas)


def _of_outbox(row: OutboxRow) -> Iterator[Metric]:
    oldest = _seconds(row.oldest_wall_ms)
    yield _gauge("outbox_last_seq", "Newest sequence number of this epoch.", row.last)
    yield _gauge("outbox_acked_seq", "Sequence number up to which the registry has everything.", row.acked)
    yield _gauge("outbox_waiting_records", "Records on disk that the registry has not acknowledged.", row.waiting)
    yield _gauge("outbox_oldest_time_seconds", "When the oldest waiting record was stored; absent when none waits.", oldest)
    yield _gauge("outbox_file_bytes", "Size of the outbox file.", row.file_bytes)
    yield _gauge("outbox_days_left", "Days until the quota is full at this rate; absent when it is not filling.", row.days_left)
    yield _gauge("outbox_commit_seconds", "How long the last commit took.", row.commit_ms / 1000)
    yield _gauge("outbox_quota_bytes", "What the outbox may take.", row.quota_bytes)
    text = "Records that had to go for room, each declared to the registry, since the outbox was made, by reason."
    dropped = CounterMetricFamily("sightpost_outbox_dropped_records", text, labels=["reason"])
    for reason, records in row.dropped:
        dropped.add_metric([reason], records)
    yield dropped
    yield _counter("dropped_reads", "Reads refused because the queue before the engine was full.", row.dropped_reads)


def _gauge(name: str, text: str, value: float | None) -> Metric:
    family = GaugeMetricFamily(f"sightpost_{name}", text, labels=())
    if value is not None:
        family.add_metric((), value)
    return family


def _counter(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(f"sightpost_{name}", text, value)


def _states(
    name: str, text: str, states: type[enum.StrEnum], found: Sequence[tuple[tuple[str, ...], str]], *labels: str
) -> StateSetMetricFamily:
    family = StateSetMetricFamily(f"sightpost_{name}", text, labels=labels)
    for values, current in found:
        family.add_metric(values, {state.value: state.value == current for state in states})
    return family


def _seconds(wall_ms: int | None) -> float | None:
    return None if wall_ms is None else wall_ms / 1000


_NOTHING = Snapshot(
    sentence="",
    light=Light.UNKNOWN,
    hops=(),
    readers=(),
    tail=(),
    outbox=OutboxRow("", 0, 0, 0, None, 0, None, 0, 0.0),
    uplink_state="",
    uplink_why="",
    last_delivered_wall_ms=None,
    clock_quality="",
    version="",
    started_wall_ms=0,
    now_wall_ms=0,
    site="",
)
_HEAD = """# Metrics of a gateway

`http://127.0.0.1:8470/metrics` answers in OpenMetrics, or in the older Prometheus text to those who ask for that. One scrape is
one look at the gateway. Times are Unix seconds, so that an age is `time() - x`. This page is what
`python -m gateway.status.metrics` prints.

| name | type | what it says |
|---|---|---|"""
_FOOT = """
Worth an alarm:

- `sightpost_ready == 0` for 10 minutes, `time() - sightpost_outbox_oldest_time_seconds > 3600`
- `sightpost_reader_state{sightpost_reader_state="up"} == 0` for 2 minutes, `sightpost_reader_antenna_ok == 0`
- `increase(sightpost_outbox_dropped_records_total[1h]) > 0`
- `sightpost_outbox_days_left < 3`, `increase(sightpost_dropped_reads_total[10m]) > 0`
- `sightpost_clock_quality{sightpost_clock_quality="unset"} == 1`
"""

if __name__ == "__main__":
    sys.stdout.write(reference())
