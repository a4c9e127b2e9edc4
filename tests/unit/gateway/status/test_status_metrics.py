"""/metrics says what the snapshot says, in a format its own parser takes, and docs/metrics.md lists all of it."""

import asyncio
import dataclasses
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from gateway.health import Light, Snapshot
from gateway.status.metrics import Metrics, not_ready, reference
from gateway.status.stream import Live
from tests import status_samples

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def scraped(snapshot: Snapshot) -> dict[tuple[str, tuple[str, ...]], float]:
    live = Live(dict, asyncio.Event())
    live.refused = 3
    body, media_type = Metrics(lambda: snapshot, live).exposed(OPENMETRICS)
    assert media_type.startswith("application/openmetrics-text; version=1.0.0")
    families = text_string_to_metric_families(body.decode())  # type: ignore[no-untyped-call]
    return {
        (s.name, tuple(value for _, value in sorted(s.labels.items()))): s.value for family in families for s in family.samples
    }


def test_the_numbers_are_the_snapshots() -> None:
    values = scraped(status_samples.in_trouble())
    now = status_samples.NOW / 1000
    assert values["sightpost_gateway_info", ("hamburg", "0.1.0")] == 1
    assert values["sightpost_ready", ()] == 0
    assert values["sightpost_hop", ("broker", "failed")] == 1
    assert values["sightpost_hop", ("broker", "good")] == 0
    assert values["sightpost_reader_state", ("store", "down")] == 1
    assert values["sightpost_reader_reads_total", ("door-3",)] == 182_340
    assert values["sightpost_reader_antenna_ok", ("2", "door-3")] == 0
    assert values["sightpost_reader_last_read_time_seconds", ("door-3",)] == pytest.approx(now - 0.4)
    assert ("sightpost_reader_last_read_time_seconds", ("belt-cam",)) not in values
    assert values["sightpost_outbox_waiting_records", ()] == 4120
    assert values["sightpost_outbox_oldest_time_seconds", ()] == pytest.approx(now - 3 * 3600)
    assert values["sightpost_dropped_reads_total", ()] == 31
    assert values["sightpost_counter_total", ("suppressed_parked",)] == 77
    assert values["sightpost_clock_quality", ("holdover",)] == 1
    assert values["sightpost_status_streams_refused_total", ()] == 3


def test_what_is_not_known_is_absent_and_not_zero() -> None:
    names = {name for name, _ in scraped(status_samples.empty())}
    assert "sightpost_last_delivered_time_seconds" not in names
    assert "sightpost_outbox_oldest_time_seconds" not in names
    assert "sightpost_outbox_days_left" not in names
    assert "sightpost_outbox_waiting_records" in names


def test_who_does_not_ask_for_openmetrics_gets_the_older_text() -> None:
    body, media_type = Metrics(status_samples.well, Live(dict, asyncio.Event())).exposed("")
    assert media_type.startswith("text/plain; version=0.0.4")
    assert b"sightpost_dropped_reads_total 0.0" in body


def test_the_reference_lists_every_family() -> None:
    assert (Path(__file__).parents[4] / "docs/metrics.md").read_text() == reference(), (
        "run: python -m gateway.status.metrics > docs/metrics.md"
    )
    listed = {line.split("`")[1] for line in reference().splitlines() if line.startswith("| `")}
    assert {name for name, _ in scraped(status_samples.in_trouble())} <= listed | {"sightpost_gateway_info"}


def test_ready_means_that_events_reach_the_registry() -> None:
    well = status_samples.well()
    assert not_ready(well) is None
    assert not_ready(status_samples.in_trouble()) == "broker: connection refused by 127.0.0.1:8490"
    readers_down = dataclasses.replace(well.hops[0], light=Light.FAILED)
    assert not_ready(dataclasses.replace(well, light=Light.FAILED, hops=(readers_down, *well.hops[1:]))) is None
    connecting = dataclasses.replace(well.hops[4], light=Light.WAITING, reason="saying hello")
    assert not_ready(dataclasses.replace(well, hops=(*well.hops[:4], connecting))) == "registry: saying hello"
