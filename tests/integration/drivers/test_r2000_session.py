"""The session with an emulated reader over a pty."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from drivers.api import (
    Action,
    AntennaState,
    Connected,
    InputLevel,
    LineNoise,
    NotSupported,
    ReaderMisconfigured,
    ReaderUnavailable,
    RefusedSetting,
    Temperature,
    Verb,
    Wiring,
)
from drivers.conformance import SYSTEM_CLOCK, Recorder
from drivers.emulated_device import TagInField
from drivers.emulated_line import EmulatedPty, attached
from drivers.r2000.emulator import R2000Emulator
from drivers.r2000.reader import R2000Reader, Timing

EPC = bytes.fromhex("e20030166613012115507 4ef".replace(" ", ""))
QUICK = Timing(
    answer_s=0.3,
    round_silence_s=0.3,
    per_antenna_s=0.0,
    fault_pause_s=0.05,
    idle_s=0.1,
    temperature_s=0.2,
    inputs_s=0.02,
    beep_s=0.1,
)


def one_tag_each(antenna: int) -> Sequence[TagInField]:
    return [TagInField(EPC[:-1] + bytes((antenna,)), -50 - antenna)]


@asynccontextmanager
async def running(
    tmp_path: Path, device: R2000Emulator, options: Mapping[str, object] | None = None, timing: Timing = QUICK
) -> AsyncIterator[tuple[Recorder, R2000Reader, EmulatedPty, "asyncio.Task[None]"]]:
    device.boot_s = 0.0
    line = EmulatedPty(tmp_path / "door-3")
    reader = R2000Reader(Wiring("door-3", line.url, options or {}, SYSTEM_CLOCK), timing)
    sink = Recorder()
    async with attached(device, line):
        session = asyncio.create_task(reader.run(sink))
        try:
            yield sink, reader, line, session
        finally:
            session.cancel()
            await asyncio.wait([session])


async def test_reads_of_two_antennas_arrive_with_antenna_strength_and_frequency(tmp_path: Path) -> None:
    device = R2000Emulator(one_tag_each)
    async with running(tmp_path, device, {"antennas": [1, 2], "power_dbm": 27, "region": "etsi"}) as (sink, _, _, _):
        await sink.until(lambda s: {r.antenna for r in s.all_reads} == {1, 2}, "a read of each antenna")
    read = next(r for r in sink.all_reads if r.antenna == 2)
    assert (read.reader, read.raw[-1], read.rssi_dbm, read.pc) == ("door-3", 2, -52, 0x3000)
    assert read.frequency_khz in range(865_000, 868_500, 500)
    assert Connected("R2000 family", "1.9") in sink.signals
    assert {AntennaState(1, True), AntennaState(2, True)} <= set(sink.signals)
    assert device.power_dbm == [27] * 4
    assert device.kept.power_dbm == [30] * 4, "the power is set in RAM: flash wears out"


async def test_one_antenna_is_read_by_the_real_time_command(tmp_path: Path) -> None:
    async with running(tmp_path, R2000Emulator(one_tag_each, ports=8), {"antennas": [6]}) as (sink, _, _, _):
        await sink.until(lambda s: len(s.all_reads) >= 3, "three reads")
    assert {r.antenna for r in sink.all_reads} == {6}


async def test_a_gen2_session_has_each_antenna_asked_in_turn(tmp_path: Path) -> None:
    async with running(tmp_path, R2000Emulator(one_tag_each), {"antennas": [1, 3], "session": 1}) as (sink, _, _, _):
        await sink.until(lambda s: {r.antenna for r in s.all_reads} == {1, 3}, "both antennas")


async def test_both_groups_of_a_sixteen_port_reader(tmp_path: Path) -> None:
    async with running(tmp_path, R2000Emulator(one_tag_each, ports=16), {"antennas": [2, 7, 9, 16]}) as (sink, _, _, _):
        await sink.until(lambda s: {r.antenna for r in s.all_reads} == {2, 7, 9, 16}, "all four antennas")
    assert all(r.raw[-1] == r.antenna for r in sink.all_reads)


async def test_a_reader_without_fast_switching_is_asked_antenna_by_antenna(tmp_path: Path) -> None:
    device = R2000Emulator(one_tag_each, refuses={0x8A: 0x11})
    async with running(tmp_path, device, {"antennas": [1, 2]}) as (sink, _, _, _):
        await sink.until(lambda s: {r.antenna for r in s.all_reads} == {1, 2}, "both antennas")
    assert [s.setting for s in sink.signals if isinstance(s, RefusedSetting)] == ["antennas"]


async def test_an_empty_field_is_normal(tmp_path: Path) -> None:
    async with running(tmp_path, R2000Emulator(), {"antennas": [1, 2]}) as (sink, _, _, session):
        await asyncio.sleep(4 * QUICK.round_silence_s)
        assert not session.done()
    assert not sink.batches
    assert not [s for s in sink.signals if isinstance(s, LineNoise)]


async def test_a_missing_antenna_is_told_and_told_again_when_it_is_back(tmp_path: Path) -> None:
    device = R2000Emulator(one_tag_each)
    device.missing = {2}
    async with running(tmp_path, device, {"antennas": [1, 2], "antenna_check_db": 3}) as (sink, _, _, _):
        lost = AntennaState(2, False, "antenna missing (code 22)")
        await sink.until(lambda s: lost in s.signals and s.all_reads, "the missing antenna, and reads of the other")
        assert {r.antenna for r in sink.all_reads} == {1}
        device.missing = set()
        await sink.until(lambda s: AntennaState(2, True) in s.signals, "the antenna that is back")


async def test_settings_in_flash_are_written_only_when_they_differ(tmp_path: Path) -> None:
    device = R2000Emulator(one_tag_each)
    options = {"antennas": [1, 3], "power_dbm": [20, 25], "link_profile": "m4-300k", "region": "etsi", "antenna_check_db": 3}
    async with running(tmp_path, device, options) as (sink, reader, _, session):
        await sink.until(lambda s: s.all_reads, "reads")
        assert device.kept.power_dbm == [20, 30, 25, 30]
        assert (device.kept.link_profile, device.kept.region) == (0xD2, bytes((2, 0, 6)))
        writes = device.flash_writes
        session.cancel()
        await asyncio.wait([session])
        again, second = Recorder(), None
        second = asyncio.create_task(reader.run(again))
        await again.until(lambda s: s.all_reads, "reads of the second session")
        second.cancel()
        await asyncio.wait([second])
    assert device.flash_writes == writes


async def test_a_user_defined_region_gives_its_own_frequencies(tmp_path: Path) -> None:
    region = {"start_khz": 916_000, "spacing_khz": 200, "channels": 4}
    async with running(tmp_path, R2000Emulator(one_tag_each), {"region": region}) as (sink, _, _, _):
        await sink.until(lambda s: len({r.frequency_khz for r in s.all_reads}) == 4, "four frequencies")
    assert {r.frequency_khz for r in sink.all_reads} == {916_000, 916_200, 916_400, 916_600}


async def test_power_falls_back_to_flash_on_firmware_without_the_temporary_command(tmp_path: Path) -> None:
    device = R2000Emulator(one_tag_each, refuses={0x66: 0x11})
    async with running(tmp_path, device, {"power_dbm": 22}) as (sink, _, _, _):
        await sink.until(lambda s: s.all_reads, "reads")
    assert device.kept.power_dbm == [22] * 4
    assert not [s for s in sink.signals if isinstance(s, RefusedSetting)]


async def test_a_refused_power_is_told_and_reading_goes_on(tmp_path: Path) -> None:
    async with running(tmp_path, R2000Emulator(one_tag_each, refuses={0x66: 0x48}), {"power_dbm": 33}) as (sink, _, _, _):
        await sink.until(lambda s: s.all_reads, "reads")
    assert RefusedSetting("power_dbm", "power out of range (code 48)") in sink.signals


@pytest.mark.parametrize(
    ("options", "says"),
    [({"region": "etsi"}, r"options\.region.*code 49"), ({"antennas": [1, 5]}, r"options\.antennas.*no antenna 5")],
)
async def test_what_the_reader_cannot_do_is_a_wrong_setting(tmp_path: Path, options: dict[str, object], says: str) -> None:
    async with running(tmp_path, R2000Emulator(regions=frozenset({1})), options) as (_, _, _, session):
        with pytest.raises(ReaderMisconfigured, match=says):
            await session


async def test_a_reader_that_goes_silent_is_unavailable(tmp_path: Path) -> None:
    device = R2000Emulator(one_tag_each)
    async with running(tmp_path, device) as (sink, _, _, session):
        await sink.until(lambda s: s.all_reads, "reads")
        device.silent = True
        with pytest.raises(ReaderUnavailable, match="no longer answers"):
            await session


async def test_a_reader_that_restarted_unnoticed_gets_its_settings_again(tmp_path: Path) -> None:
    device = R2000Emulator(one_tag_each)
    async with running(tmp_path, device, {"power_dbm": 24}) as (sink, _, _, _):
        await sink.until(lambda s: s.all_reads, "reads")
        device.boot_s = 0.1
        device.power_cycle()
        count = len(sink.all_reads)
        await sink.until(lambda s: len(s.all_reads) > count + 5, "reads after the restart")
    assert device.power_dbm == [24] * 4


async def test_nobody_answers(tmp_path: Path) -> None:
    device = R2000Emulator()
    device.silent = True
    async with running(tmp_path, device) as (_, _, _, session):
        with pytest.raises(ReaderUnavailable, match="no reader answers; check its power"):
            await session


async def test_only_the_reader_with_the_configured_address_is_heard(tmp_path: Path) -> None:
    async with running(tmp_path, R2000Emulator(one_tag_each, address=7), {"address": 7}) as (sink, _, _, _):
        await sink.until(lambda s: s.all_reads, "reads")
    async with running(tmp_path, R2000Emulator(one_tag_each, address=7), {"address": 8}) as (_, _, _, session):
        with pytest.raises(ReaderUnavailable, match="address"):
            await session


async def test_actions(tmp_path: Path) -> None:
    device = R2000Emulator(one_tag_each)
    async with running(tmp_path, device, {"inputs": True}) as (sink, reader, _, _):
        with pytest.raises(ReaderUnavailable, match="not connected"):
            await reader.act(Action(Verb.BEEP))
        await sink.until(lambda s: s.all_reads, "reads")
        await reader.act(Action(Verb.SET_OUTPUT, pin=4, high=True))
        assert device.outputs == {3: False, 4: True}
        with pytest.raises(NotSupported, match="outputs 3 and 4"):
            await reader.act(Action(Verb.SET_OUTPUT, pin=1, high=True))
        await reader.act(Action(Verb.BEEP))
        assert device.kept.beeper == 1
        device.inputs[1] = True
        await sink.until(lambda s: InputLevel(1, True) in s.signals, "the input")
        await reader.act(Action(Verb.STOP))
        assert device.kept.beeper in (0, 1)
        count = len(sink.all_reads)
        told = len([s for s in sink.signals if isinstance(s, Temperature)])
        await sink.until(lambda s: len([t for t in s.signals if t == Temperature(23.0)]) > told + 1, "signs of life")
        assert len(sink.all_reads) == count
        assert device.kept.beeper == 0, "the beeper is quiet again"
        await reader.act(Action(Verb.START))
        await sink.until(lambda s: len(s.all_reads) > count, "reads after the start")


async def test_an_action_fails_when_the_line_hangs_up(tmp_path: Path) -> None:
    device = R2000Emulator(one_tag_each)
    async with running(tmp_path, device) as (sink, reader, line, session):
        await sink.until(lambda s: s.all_reads, "reads")
        device.silent = True
        beep = asyncio.create_task(reader.act(Action(Verb.BEEP)))
        await asyncio.sleep(0.05)
        line.unplug()
        with pytest.raises(ReaderUnavailable, match="hung up"):
            await beep
        with pytest.raises(ReaderUnavailable, match="hung up"):
            await session
