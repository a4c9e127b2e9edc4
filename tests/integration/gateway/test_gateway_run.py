"""The whole gateway on real ptys and a real outbox: what it reads it stores, and what fails beside it stops nothing."""

import asyncio
import contextlib
import json
import random
import re
import socket
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from typer.testing import CliRunner

from drivers.emulated_line import EmulatedPty, Weather, attached
from drivers.r2000.emulator import R2000Emulator
from gateway.app import opener, outbox_path, run
from gateway.clock import SYSTEM
from gateway.commands import app
from gateway.health import Light, ReaderState
from gateway.status.server import CannotListen
from sync.credentials import Credentials, write_credentials
from sync.outbox import OutboxUnavailable
from sync.wire import Ack, EventKind, RecordKind
from tests.gateway_plant import settings_of, stored, tags, working


def reader(first: int, count: int = 1) -> R2000Emulator:
    return R2000Emulator(tags(first, count), boot_s=0.0)


async def test_what_is_read_becomes_rows(tmp_path: Path) -> None:
    line = EmulatedPty(tmp_path / "dock")
    settings = settings_of(tmp_path, {"dock": line.url})
    async with attached(reader(1, 5), line), working(settings) as gateway:
        await gateway.until(lambda now: now.outbox.last >= 5)
        now = gateway.now()
        assert now.readers[0].state is ReaderState.UP
        assert now.readers[0].reads_total >= 5
        assert {row.outcome for row in now.tail} & {"arrived in zone-dock", "arrived"}
        assert any(row.seq is not None and not row.delivered for row in now.tail)
        with await asyncio.to_thread(urllib.request.urlopen, f"{gateway.address}/status.json") as answer:
            assert json.load(answer)["site"] == "test"
    events = stored(settings)
    assert [event.kind for event in events[:5]] == [EventKind.ARRIVED] * 5
    assert len({event.identity for event in events}) == 5


async def test_an_unplugged_reader_is_red_with_its_reason_and_heals_while_another_goes_on(tmp_path: Path) -> None:
    dock, hall = EmulatedPty(tmp_path / "dock"), EmulatedPty(tmp_path / "hall")
    settings = settings_of(tmp_path, {"dock": dock.url, "hall": hall.url})
    async with attached(reader(1), dock), attached(reader(100), hall), working(settings) as gateway:
        await gateway.until(lambda now: all(row.state is ReaderState.UP and row.reads_total for row in now.readers))
        dock.unplug()
        took_s = await gateway.until(lambda now: now.readers[0].state is ReaderState.DOWN)
        assert took_s < 5
        now = gateway.now()
        assert str(dock.path) in now.readers[0].why
        assert now.hops[0].light is Light.ATTENTION
        assert now.hops[0].next_step
        assert now.sentence.startswith("1 of 2 readers is down (dock).")
        before = gateway.reader("hall").reads_total
        await asyncio.sleep(1.5)  # so that it has been looked for in vain more than once
        assert gateway.reader("hall").reads_total > before
        before = gateway.reader("dock").reads_total
        dock.plug()
        took_s = await gateway.until(lambda now: now.readers[0].state is ReaderState.UP and now.readers[0].reads_total > before)
        assert took_s < 5
        assert gateway.reader("dock").reconnects == 1


async def test_a_reader_with_wrong_options_is_parked_and_the_others_go_on(tmp_path: Path) -> None:
    line = EmulatedPty(tmp_path / "dock")
    more = '[[readers]]\nname = "bad"\ndriver = "r2000"\nurl = "/dev/x"\noptions = { power_dbm = 99 }\n'
    more += '[[readers]]\nname = "strange"\ndriver = "r200"\nurl = "/dev/y"\n'
    async with attached(reader(1), line), working(settings_of(tmp_path, {"dock": line.url}, more)) as gateway:
        await gateway.until(lambda now: gateway.reader("dock").reads_total > 0)
        bad, strange = gateway.reader("bad"), gateway.reader("strange")
        assert bad.state is strange.state is ReaderState.MISCONFIGURED
        assert "power_dbm" in bad.why
        assert "did you mean r2000" in strange.why


async def test_garbage_on_the_line_is_counted_and_shown_and_changes_nothing(tmp_path: Path) -> None:
    noise = Weather(random.Random(3), noise=0.5, tear_bytes=7)
    line = EmulatedPty(tmp_path / "dock", weather=noise)
    settings = settings_of(tmp_path, {"dock": line.url})
    async with attached(reader(1, 3), line), working(settings) as gateway:
        await gateway.until(lambda now: now.readers[0].reads_total > 50 and now.readers[0].skipped_bytes > 100, 20)
        assert gateway.reader("dock").state is ReaderState.UP
    assert len({event.identity for event in stored(settings)}) == 3


async def test_without_a_broker_it_keeps_storing(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    path = tmp_path / "c.json"
    line = EmulatedPty(tmp_path / "dock")
    settings = settings_of(tmp_path, {"dock": line.url}, f"[registry]\ncredentials = {json.dumps(str(path))}")
    async with attached(reader(1, 5), line), working(settings) as gateway:
        await gateway.until(lambda now: now.outbox.waiting >= 5)
        assert gateway.now().uplink_state == "no credentials"
        assert "there is no such file" in gateway.now().uplink_why
        await asyncio.to_thread(write_credentials, path, Credentials("test", "127.0.0.1", port, "secret", bytes(32)))
        await gateway.until(lambda now: now.uplink_state == "no broker" and "nothing listens" in now.uplink_why)
        broker = next(hop for hop in gateway.now().hops if hop.name == "broker")
        assert broker.light is Light.WAITING
        with pytest.raises(urllib.error.HTTPError) as refused:
            await asyncio.to_thread(urllib.request.urlopen, f"{gateway.address}/readyz")
        refused.value.close()
        assert refused.value.code == 503
    assert len(stored(settings)) >= 5


async def test_a_site_that_wants_it_hears_no_reader_while_the_outbox_is_full(tmp_path: Path) -> None:
    line = EmulatedPty(tmp_path / "dock")
    settings = settings_of(tmp_path, {"dock": line.url})
    changes = {"when_full": "stop", "outbox_mb": 1}
    settings = settings.model_copy(update={"gateway": settings.gateway.model_copy(update=changes)})
    outbox = opener(settings, SYSTEM)()
    scan = RecordKind.SCAN, b'"%s"' % (b"x" * 400)
    with contextlib.suppress(OutboxUnavailable):
        while True:
            outbox.append_records([scan] * 20)
    last = outbox.newest()[1]
    async with attached(reader(1, 50), line), working(settings) as gateway:
        await gateway.until(lambda now: now.readers[0].state is ReaderState.DOWN and now.outbox.dropped_reads > 10)
        now = gateway.now()
        assert "it is full, its quota of 1 MB is used up" in now.readers[0].why
        assert now.light is Light.FAILED
        assert re.search("its quota of 1 MB is used up; [0-9]+ events? held in memory, [0-9,]+ reads refused", now.sentence)
        newest = outbox.read_after(last - 1, 1, 10**6)[0][0]
        outbox.acknowledge(Ack(outbox.epoch, last, newest.event_id, 1000, newest.stored_at), nonce=None)
        await gateway.until(lambda now: now.readers[0].state is ReaderState.UP and now.light is not Light.FAILED)
    assert outbox.newest()[1] > last
    outbox.close()


async def test_an_unreadable_outbox_is_told_of_until_it_is_recovered(tmp_path: Path) -> None:
    line = EmulatedPty(tmp_path / "dock")
    settings = settings_of(tmp_path, {"dock": line.url})
    config = tmp_path / "gateway.toml"
    config.write_text(f'[gateway]\nsite = "test"\ndata_dir = {json.dumps(str(settings.gateway.data_dir))}\n')
    before = opener(settings, SYSTEM)()
    before.append_records([(RecordKind.SCAN, b'"%d"' % n) for n in range(200)])
    before.close()
    path = outbox_path(settings)
    path.write_bytes(bytes(4096) + path.read_bytes()[4096:])
    async with attached(reader(1), line), working(settings) as gateway:
        await gateway.until(lambda now: now.outbox.last >= 1)
        hop = next(hop for hop in gateway.now().hops if hop.name == "outbox")
        assert hop.light is Light.ATTENTION
        assert "could not be read" in hop.reason
        assert "sightpost outbox recover" in hop.next_step
        command = ["outbox", "recover", "-c", str(config)]
        done = await asyncio.to_thread(CliRunner().invoke, app, command, catch_exceptions=False)
        assert "200 records taken in" in done.output
        await gateway.until(lambda now: now.hops[2].light is Light.GOOD and now.outbox.waiting > 200)


async def test_a_restart_tells_nothing_twice(tmp_path: Path) -> None:
    line = EmulatedPty(tmp_path / "dock")
    settings = settings_of(tmp_path, {"dock": line.url}, kind="storage")
    async with attached(reader(1, 5), line):
        for _ in range(2):
            async with working(settings) as gateway:
                await gateway.until(lambda now: now.counters["sightings"] > 20)
    assert [event.kind for event in stored(settings)] == [EventKind.ARRIVED] * 5


async def test_a_taken_port_is_a_sentence_and_touches_nothing(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = settings_of(tmp_path, {})
        settings = settings.model_copy(update={"status": settings.status.model_copy(update={"port": port})})
        with pytest.raises(CannotListen, match=f"port {port} of 127.0.0.1 is taken"):
            await run(settings, asyncio.Event())
    assert not (tmp_path / "data").exists()


async def test_a_gateway_without_readers_says_so(tmp_path: Path) -> None:
    async with working(settings_of(tmp_path, {})) as gateway:
        assert gateway.now().sentence.startswith("Nothing to read")
