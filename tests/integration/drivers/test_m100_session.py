"""The session with an emulated module over a pty."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from drivers.api import (
    Action,
    AntennaState,
    Connected,
    LineNoise,
    NotSupported,
    ReaderMisconfigured,
    ReaderUnavailable,
    RefusedSetting,
    Verb,
    Wiring,
)
from drivers.conformance import SYSTEM_CLOCK, Recorder
from drivers.emulated_device import Burst, TagInField
from drivers.emulated_line import EmulatedPty, attached
from drivers.m100.emulator import M100Emulator
from drivers.m100.reader import M100Reader, Timing

EPC = bytes.fromhex("30751feb705c5904e3d50d70")
QUICK = Timing(answer_s=0.2, poll_silence_s=0.2, idle_s=0.1)


def one_tag(_antenna: int) -> Sequence[TagInField]:
    return [TagInField(EPC, -55, pc=0x3400)]


@asynccontextmanager
async def running(
    tmp_path: Path, device: M100Emulator, options: Mapping[str, object] | None = None
) -> AsyncIterator[tuple[Recorder, M100Reader, EmulatedPty, "asyncio.Task[None]"]]:
    device.boot_s = 0.0
    line = EmulatedPty(tmp_path / "store")
    reader = M100Reader(Wiring("store", line.url, options or {}, SYSTEM_CLOCK), QUICK)
    sink = Recorder()
    async with attached(device, line):
        session = asyncio.create_task(reader.run(sink))
        try:
            yield sink, reader, line, session
        finally:
            session.cancel()
            await asyncio.wait([session])


async def test_reads_arrive_and_every_setting_is_sent(tmp_path: Path) -> None:
    device = M100Emulator(one_tag)
    options = {
        "region": "eu",
        "power_dbm": 26.5,
        "session": 2,
        "target": "B",
        "q": 7,
        "demodulator": {"mixer_gain": 2, "if_gain": 5, "threshold": 0x0100},
    }
    async with running(tmp_path, device, options) as (sink, _, _, _):
        await sink.until(lambda s: s.all_reads, "a read")
        assert (device.region, device.power, device.query, device.hopping) == (3, 2650, 0x12B8, True)
        assert (device.select_mode, device.demodulator) == (1, bytes.fromhex("02050100"))
    read = sink.all_reads[0]
    assert (read.reader, read.antenna, read.raw, read.rssi_dbm, read.pc) == ("store", 1, EPC, -55, 0x3400)
    assert sink.signals == [Connected("M100 V1.00", "V2.3.5"), AntennaState(1, True)]


async def test_a_fixed_channel_and_a_raw_power(tmp_path: Path) -> None:
    device = M100Emulator(one_tag)
    async with running(tmp_path, device, {"channel": 7, "power_raw": 1250}) as (sink, _, _, _):
        await sink.until(lambda s: s.all_reads, "a read")
        assert (device.channel, device.hopping, device.power) == (7, False, 1250)


async def test_an_empty_field_is_normal(tmp_path: Path) -> None:
    async with running(tmp_path, M100Emulator()) as (sink, _, _, session):
        await asyncio.sleep(3 * QUICK.poll_silence_s)
        assert not session.done()
    assert sink.signals == [Connected("M100 V1.00", "V2.3.5"), AntennaState(1, True)]


async def test_a_module_that_restarted_gets_everything_again(tmp_path: Path) -> None:
    device = M100Emulator(one_tag)
    async with running(tmp_path, device, {"region": "us", "power_dbm": 22}) as (sink, _, _, _):
        await sink.until(lambda s: s.all_reads, "a read")
        device.boot_s = 0.05
        device.power_cycle()
        count = len(sink.all_reads)
        await sink.until(lambda s: len(s.all_reads) > count + 2, "reads after the restart")
        assert (device.region, device.power) == (2, 2200)


async def test_polling_goes_on_when_the_count_is_used_up(tmp_path: Path) -> None:
    device = M100Emulator(one_tag)
    async with running(tmp_path, device) as (sink, _, _, _):
        await sink.until(lambda s: s.all_reads, "a read")
        device.polls_left = 1
        await sink.until(lambda s: device.polls_left > 10, "polling again")


async def test_a_module_left_polling_is_stopped_before_it_is_configured(tmp_path: Path) -> None:
    device = M100Emulator(one_tag)
    async with running(tmp_path, device) as (sink, reader, _, session):
        await sink.until(lambda s: s.all_reads, "a read")
        session.cancel()
        await asyncio.wait([session])
        async with asyncio.timeout(2):
            while device.polls_left:  # noqa: ASYNC110 - the device has no event to wait for
                await asyncio.sleep(0.01)
        device.polls_left = 60_000
        again = Recorder()
        second = asyncio.create_task(reader.run(again))
        await again.until(lambda s: len(s.all_reads) > 3, "reads of the second session")
        assert Connected("M100 V1.00", "V2.3.5") in again.signals
        second.cancel()
        await asyncio.wait([second])


async def test_busy_channels_are_told_when_they_stay_busy(tmp_path: Path) -> None:
    device = M100Emulator(one_tag, poll_s=0.002)
    async with running(tmp_path, device) as (sink, _, _, _):
        await sink.until(lambda s: AntennaState(1, True) in s.signals, "the antenna")
        device._poll = lambda: Burst(bytes.fromhex("bb01ff000120217e"), 0.002)  # type: ignore[method-assign]
        await sink.until(lambda s: AntennaState(1, False, "all channels are busy (error 20)") in s.signals, "the busy channels")
        del device._poll
        await sink.until(lambda s: s.signals[-1] == AntennaState(1, True), "the free channel")


async def test_a_refused_power_is_told_and_reading_goes_on(tmp_path: Path) -> None:
    async with running(tmp_path, M100Emulator(one_tag, max_power=2600), {"power_dbm": 30}) as (sink, _, _, _):
        await sink.until(lambda s: s.all_reads, "a read")
    assert RefusedSetting("power", "unknown command (error 17)") in sink.signals


@pytest.mark.parametrize(
    ("device", "options", "says"),
    [
        (M100Emulator(regions=frozenset({1})), {"region": "eu"}, r"options\.region"),
        (M100Emulator(refuses={0x27: 0x17}), {}, "no continuous polling"),
    ],
)
async def test_what_the_module_cannot_do_is_a_wrong_setting(
    tmp_path: Path, device: M100Emulator, options: dict[str, object], says: str
) -> None:
    async with running(tmp_path, device, options) as (_, _, _, session):
        with pytest.raises(ReaderMisconfigured, match=says):
            await session


async def test_a_module_that_goes_silent_is_unavailable(tmp_path: Path) -> None:
    device = M100Emulator(one_tag)
    async with running(tmp_path, device) as (sink, _, _, session):
        await sink.until(lambda s: s.all_reads, "a read")
        device.silent = True
        with pytest.raises(ReaderUnavailable, match="no module answers; check its power"):
            await session


async def test_another_kind_of_reader_is_noise(tmp_path: Path) -> None:
    device = M100Emulator()
    device._serve = lambda *_: Burst(bytes.fromhex("a00501720109de"), 0.0)  # type: ignore[method-assign]
    async with running(tmp_path, device) as (sink, _, _, session):
        with pytest.raises(ReaderUnavailable, match=r"check baudrate .* and driver"):
            await session
    assert [s for s in sink.signals if isinstance(s, LineNoise)][-1].skipped_bytes == 5 * 7


async def test_actions(tmp_path: Path) -> None:
    device = M100Emulator(one_tag)
    async with running(tmp_path, device) as (sink, reader, _, _):
        await sink.until(lambda s: s.all_reads, "a read")
        await reader.act(Action(Verb.SET_OUTPUT, pin=4, high=True))
        assert device.outputs == {4: True}
        with pytest.raises(NotSupported, match="no beeper"):
            await reader.act(Action(Verb.BEEP))
        with pytest.raises(NotSupported, match="pins 1 to 4"):
            await reader.act(Action(Verb.SET_OUTPUT, pin=5))
        await reader.act(Action(Verb.STOP))
        count, requests = len(sink.all_reads), device.requests
        await asyncio.sleep(3 * QUICK.idle_s)
        assert len(sink.all_reads) == count
        assert device.requests > requests, "a sign of life is asked for"
        await reader.act(Action(Verb.START))
        await sink.until(lambda s: len(s.all_reads) > count, "reads after the start")


async def test_a_stopped_module_that_goes_silent_is_unavailable(tmp_path: Path) -> None:
    device = M100Emulator(one_tag)
    async with running(tmp_path, device) as (sink, reader, _, session):
        await sink.until(lambda s: s.all_reads, "a read")
        await reader.act(Action(Verb.STOP))
        device.silent = True
        with pytest.raises(ReaderUnavailable, match="no longer answers"):
            await session
