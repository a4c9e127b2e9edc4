"""The session with an "A0" reader: identify, configure, then inventory after inventory."""

import asyncio
from dataclasses import dataclass

from drivers.api import (
    Action,
    AntennaState,
    Connected,
    InputLevel,
    NotSupported,
    Reader,
    ReaderMisconfigured,
    ReaderUnavailable,
    RefusedSetting,
    Sink,
    Temperature,
    Verb,
    Wiring,
)
from drivers.options import read_options
from drivers.r2000.codec import (
    BROADCAST,
    SYSTEM_CHANNELS_KHZ,
    Answer,
    AntennaFault,
    Cmd,
    Code,
    FrameDecoder,
    RoundEnd,
    RoundError,
    code_text,
    inventory_answer,
    request,
    user_channels_khz,
)
from drivers.r2000.options import BEEPER_MODES, LINK_PROFILES, R2000Options, Round, plan_rounds
from drivers.session import ActionQueue, Conversation
from drivers.transport import Link, check_url, open_link


@dataclass(frozen=True, slots=True)
class Timing:
    """How long the session waits. The reader itself has no keep-alive: an inventory without an answer is how its death shows."""

    answer_s: float = 1.0  # for a setting; a round that still runs is waited for by asking again
    round_silence_s: float = 2.5  # longest pause inside a round, eight antennas with the slowest link profile
    fault_pause_s: float = 0.5  # between rounds that no antenna could do
    idle_s: float = 5.0  # between questions while reading is stopped
    temperature_s: float = 60.0
    inputs_s: float = 0.2
    beep_s: float = 1.0


def open_reader(wiring: Wiring) -> Reader:
    """Entry point `r2000`. Raises ReaderMisconfigured."""
    return R2000Reader(wiring)


class R2000Reader:
    """One reader of the family; see `drivers.api.Reader`."""

    def __init__(self, wiring: Wiring, timing: Timing | None = None) -> None:
        self.name = wiring.name
        self.options = read_options(wiring.options, R2000Options)
        check_url(wiring.url)
        self._wiring = wiring
        self._timing = timing or Timing()
        self._actions = ActionQueue()

    async def run(self, sink: Sink) -> None:
        wiring = self._wiring
        async with open_link(wiring.url, wiring.clock, wiring.tap, baudrate=self.options.baudrate) as link:
            await _Session(wiring, self.options, self._timing, link, sink, self._actions).run()

    async def act(self, action: Action) -> None:
        await self._actions.submit(action)


class _Session:
    def __init__(
        self, wiring: Wiring, options: R2000Options, timing: Timing, link: Link, sink: Sink, actions: ActionQueue
    ) -> None:
        self._options = options
        self._timing = timing
        self._sink = sink
        self._actions = actions
        self._decoder = FrameDecoder(wiring.name)
        self._talk: Conversation[Answer] = Conversation(link, self._decoder, sink, wiring.clock)
        self._url = wiring.url
        self._address = BROADCAST if options.address is None else options.address
        self._rounds = plan_rounds(options)
        self._set_up: tuple[tuple[Cmd, bytes], ...] = ()
        self._antennas: dict[int, AntennaState] = {}
        self._inputs: tuple[bool, ...] = ()
        self._now = asyncio.get_running_loop().time
        self._beeping_until: float | None = None
        self._next_temperature = self._next_inputs = self._now()

    async def run(self) -> None:
        try:
            firmware = await self._identify()
            await self._configure()
            self._sink.signal(Connected("R2000 family", firmware))
            with self._actions.accepted():
                while True:
                    await self._actions.carry_out(self._act)
                    await self._housekeeping()
                    if self._actions.reading:
                        await self._cycle()
                    else:
                        await self._talk.listen(0.1)
        finally:
            self._talk.tell_noise()

    # ---- identify and configure

    async def _identify(self) -> str:
        """Return the firmware; from here on only the reader that answered is listened to."""
        answer = await self._talk.ask(
            request(self._address, Cmd.FIRMWARE),
            lambda a: a.command == Cmd.FIRMWARE and len(a.data) == 2,
            timeout_s=self._timing.answer_s,
            tries=3,
        )
        if answer is None:
            if self._talk.noisy:
                raise ReaderUnavailable(
                    f"{self._url} sends bytes that make no frame of this reader family; "
                    f"check baudrate (now {self._options.baudrate}) and driver"
                )
            raise ReaderUnavailable(f"{self._url}: no reader answers; check its power, the cable, baudrate and address")
        self._address = self._decoder.address = answer.address
        return f"{answer.data[0]}.{answer.data[1]}"

    async def _configure(self) -> None:
        """Bring the reader to the options. What it keeps in flash is written only when it differs: flash wears out."""
        options = self._options
        await self._set_region()
        if isinstance(options.power_dbm, int):
            await self._set_power(options.power_dbm)
        elif options.power_dbm is not None:
            wanted = options.powers_dbm(await self._ask(Cmd.GET_POWER))
            await self._keep("power_dbm", Cmd.GET_POWER, Cmd.SET_POWER, wanted or b"")
        if options.link_profile is not None:
            profile = bytes((LINK_PROFILES[options.link_profile],))
            await self._keep("link_profile", Cmd.GET_LINK_PROFILE, Cmd.SET_LINK_PROFILE, profile)
        if options.antenna_check_db is not None:
            await self._keep("antenna_check_db", Cmd.GET_DETECTOR, Cmd.SET_DETECTOR, bytes((options.antenna_check_db,)))
        if options.beeper is not None:
            self._told("beeper", await self._set(Cmd.BEEPER, bytes((BEEPER_MODES[options.beeper],))))
        await self._try_antennas()

    async def _set_region(self) -> None:
        wanted = self._options.region_encoded()
        now = await self._ask(Cmd.GET_REGION)
        if wanted is not None and now != wanted:
            code = await self._set(Cmd.SET_REGION, wanted)
            if code != Code.SUCCESS:
                # It would go on sending on frequencies that are not allowed here.
                raise ReaderMisconfigured(
                    f"options.region: the reader refuses it, {code_text(code)}; use a reader built for this region"
                )
            now = wanted
        if len(now) == 6 and now[0] == 4:
            self._decoder.channels_khz = user_channels_khz(int.from_bytes(now[3:], "big"), now[1] * 10)
        else:
            self._decoder.channels_khz = SYSTEM_CHANNELS_KHZ

    async def _set_power(self, dbm: int) -> None:
        code = await self._set(Cmd.SET_POWER_IN_RAM, bytes((dbm,)))
        if code in (Code.FAIL, Code.PARAMETER):  # older firmware knows only the command that writes flash
            now = await self._ask(Cmd.GET_POWER)
            code = Code.SUCCESS if set(now) == {dbm} else await self._set(Cmd.SET_POWER, bytes((dbm,)))
        self._told("power_dbm", code)

    async def _try_antennas(self) -> None:
        """Select every antenna once: a port that does not exist is a wrong setting, a missing antenna is not."""
        grouped = max(self._options.antennas) > 8
        for antenna in self._options.antennas:
            group, port = divmod(antenna - 1, 8)
            code = await self._set(Cmd.SET_ANTENNA_GROUP, bytes((group,))) if grouped else Code.SUCCESS
            if code == Code.SUCCESS:
                code = await self._set(Cmd.SET_ANTENNA, bytes((port,)))
            if code in (Code.ANTENNA_ID, Code.PARAMETER) or (grouped and code == Code.FAIL):
                raise ReaderMisconfigured(
                    f"options.antennas: the reader has no antenna {antenna}, {code_text(code)}; name only ports that it has"
                )
            self._antenna(antenna, code)
        self._set_up = ()

    async def _keep(self, setting: str, get: Cmd, put: Cmd, wanted: bytes) -> None:
        if await self._ask(get) != wanted:
            self._told(setting, await self._set(put, wanted))

    def _told(self, setting: str, code: int) -> None:
        if code != Code.SUCCESS:
            self._sink.signal(RefusedSetting(setting, code_text(code)))

    # ---- reading

    async def _cycle(self) -> None:
        """Do every round once. The reader stops after each; the next command follows at once."""
        worked = False
        for planned in self._rounds:
            worked |= await self._round(planned)
        if not worked:
            await asyncio.sleep(self._timing.fault_pause_s)

    async def _round(self, planned: Round) -> bool:
        """Return True when at least one antenna did its round."""
        if planned.setup != self._set_up:
            self._set_up = ()
            for command, data in planned.setup:
                code = await self._set(command, data)
                if code != Code.SUCCESS:
                    for antenna in planned.antennas:
                        self._antenna(antenna, code)
                    return False
            self._set_up = planned.setup
        self._decoder.antenna_offset = planned.offset
        await self._talk.send(request(self._address, planned.command, planned.data))
        faults: dict[int, int] = {}
        while self._talk.silent_s < self._timing.round_silence_s:
            for answer in await self._talk.listen(self._timing.round_silence_s - self._talk.silent_s):
                self._expect_no_restart(answer)
                if answer.command != planned.command:
                    continue
                match inventory_answer(answer):
                    case RoundEnd():
                        for antenna in planned.antennas:
                            self._antenna(antenna, faults.get(antenna, Code.SUCCESS))
                        return len(faults) < len(planned.antennas)
                    case AntennaFault(port, code):
                        faults[port + planned.offset] = code
                    case RoundError(code):
                        return self._round_refused(planned, code)
                    case None:
                        pass
        await self._recover()
        return True

    def _round_refused(self, planned: Round, code: int) -> bool:
        if planned.command == Cmd.FAST_SWITCH and code in (Code.FAIL, Code.PARAMETER, Code.ANTENNA_ID):
            self._sink.signal(RefusedSetting("antennas", f"no fast switching, {code_text(code)}; each antenna is read in turn"))
            self._rounds = plan_rounds(self._options, fast_switch=False)
            return True
        for antenna in planned.antennas:
            self._antenna(antenna, code)
        return False

    async def _recover(self) -> None:
        """A round did not end: its end was lost in noise, or the reader restarted and forgot its RAM, or it is gone."""
        await self._ask(Cmd.FIRMWARE)
        await self._configure()

    def _antenna(self, antenna: int, code: int) -> None:
        ok = code == Code.SUCCESS
        state = AntennaState(antenna, ok, "" if ok else code_text(code))
        if self._antennas.get(antenna) != state:
            self._antennas[antenna] = state
            self._sink.signal(state)

    # ---- between rounds

    async def _housekeeping(self) -> None:
        now = self._now()
        if self._beeping_until is not None and now >= self._beeping_until:
            self._beeping_until = None
            await self._set(Cmd.BEEPER, bytes((BEEPER_MODES[self._options.beeper or "off"],)))
        if now >= self._next_temperature:
            self._next_temperature = now + (self._timing.temperature_s if self._actions.reading else self._timing.idle_s)
            answer = await self._ask(Cmd.TEMPERATURE)  # also the sign of life while reading is stopped
            if len(answer) == 2:
                self._sink.signal(Temperature(float(answer[1] if answer[0] else -answer[1])))
        if self._options.inputs and now >= self._next_inputs:
            self._next_inputs = now + self._timing.inputs_s
            await self._tell_inputs()

    async def _tell_inputs(self) -> None:
        answer = await self._ask(Cmd.READ_INPUTS)
        levels = tuple(bool(level) for level in answer) if len(answer) == 2 else ()
        for pin, level in enumerate(levels, start=1):
            if levels != self._inputs and (not self._inputs or self._inputs[pin - 1] != level):
                self._sink.signal(InputLevel(pin, level))
        self._inputs = levels

    async def _act(self, action: Action) -> None:
        match action.verb:
            case Verb.START:
                self._actions.reading = True
            case Verb.STOP:
                self._actions.reading = False
                self._next_temperature = self._now()  # the sign of life
            case Verb.BEEP:
                # There is no command for one beep: beep after each round for a moment.
                await self._do(Cmd.BEEPER, bytes((BEEPER_MODES["round"],)))
                self._beeping_until = self._now() + self._timing.beep_s
            case Verb.SET_OUTPUT:
                if action.pin not in (3, 4):
                    raise NotSupported(f"pin {action.pin} is no output; this reader has the outputs 3 and 4")
                await self._do(Cmd.WRITE_OUTPUT, bytes((action.pin, action.high)))

    async def _do(self, command: Cmd, data: bytes) -> None:
        code = await self._set(command, data)
        if code != Code.SUCCESS:
            raise NotSupported(f"the reader refuses: {code_text(code)}")

    # ---- one question, one answer

    async def _set(self, command: Cmd, data: bytes) -> int:
        """Return the code the reader answers."""
        return (await self._ask(command, data))[0]

    async def _ask(self, command: Cmd, data: bytes = b"") -> bytes:
        """Return the data of the answer. Raises ReaderUnavailable when there is none."""
        answer = await self._talk.ask(
            request(self._address, command, data), lambda a: a.command == command, timeout_s=self._timing.answer_s
        )
        if answer is None:
            raise ReaderUnavailable(
                f"{self._url}: the reader no longer answers (command {command:02X}); check its power and the cable"
            )
        self._expect_no_restart(answer)
        return answer.data

    def _expect_no_restart(self, answer: Answer) -> None:
        if answer.data == bytes((Code.RESTARTED,)) and answer.command not in _MAY_ANSWER_ANY_BYTE:
            raise ReaderUnavailable(f"{self._url}: the reader restarted; it is configured anew")


_MAY_ANSWER_ANY_BYTE = frozenset((Cmd.GET_POWER, Cmd.GET_DETECTOR, Cmd.GET_ANTENNA, Cmd.GET_LINK_PROFILE))
