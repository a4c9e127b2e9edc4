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
    RefusedSetting,
    Sink,
    Temperature,
    Verb,
    Wiring,
)
from drivers.link import Link
from drivers.options import read_options
from drivers.r2000.codec import Answer, AntennaFault, Cmd, Code, FrameDecoder, RoundEnd, RoundError, code_text, inventory_answer
from drivers.r2000.commands import Commands, configure
from drivers.r2000.options import BEEPER_MODES, R2000Options, Round, plan_rounds
from drivers.session import ActionQueue, Conversation
from drivers.transport import check_url, open_link


@dataclass(frozen=True, slots=True)
class Timing:
    """How long the session waits. The reader itself has no keep-alive: an inventory without an answer is how its death shows."""

    answer_s: float = 1.0  # for a setting; a round that still runs is waited for by asking again
    round_silence_s: float = 0.5  # longest pause inside a command, and for each antenna round in it with the slowest link:
    per_antenna_s: float = 0.25
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
        self.wiring = wiring
        self.timing = timing or Timing()
        self.actions = ActionQueue()
        self.reading = True  # what the last start or stop asked for
        self.beeping = False  # the beeper is on until a session turns it off

    async def run(self, sink: Sink) -> None:
        wiring = self.wiring
        async with open_link(wiring.url, baudrate=self.options.baudrate) as link:
            await _Session(self, link, sink).run()

    def decoder(self) -> FrameDecoder:
        return FrameDecoder(self.name)

    async def act(self, action: Action) -> None:
        await self.actions.submit(action)


class _Session:
    def __init__(self, owner: R2000Reader, link: Link, sink: Sink) -> None:
        self._owner = owner
        self._options = options = owner.options
        self._timing = owner.timing
        self._sink = sink
        self._actions = owner.actions
        self._decoder = owner.decoder()
        self._talk: Conversation[Answer] = Conversation(link, self._decoder, sink, owner.wiring)
        self._reader = Commands(owner.wiring.url, options, self._talk, self._decoder, owner.timing.answer_s)
        self._rounds = plan_rounds(options)
        self._set_up: tuple[tuple[Cmd, bytes], ...] = ()
        self._antennas: dict[int, AntennaState] = {}
        self._inputs: tuple[bool, ...] = ()
        self._now = asyncio.get_running_loop().time
        self._beeping_until = self._now()
        self._next_temperature = self._next_inputs = self._now()

    async def run(self) -> None:
        try:
            firmware = await self._reader.identify()
            await self._configure()
            self._sink.signal(Connected("R2000 family", firmware))
            with self._actions.accepted():
                while True:
                    await self._actions.carry_out(self._act)
                    await self._housekeeping()
                    if self._owner.reading:
                        await self._cycle()
                    else:
                        await self._talk.listen(0.1)
        finally:
            self._talk.tell_noise()

    async def _configure(self) -> None:
        await configure(self._reader, self._options, self._decoder, self._sink, self._antenna)
        self._set_up = ()

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
                code = await self._reader.set(command, data)
                if code != Code.SUCCESS:
                    for antenna in planned.antennas:
                        self._antenna(antenna, code)
                    return False
            self._set_up = planned.setup
        self._decoder.antenna_offset = planned.offset
        await self._reader.send(planned.command, planned.data)
        faults: dict[int, int] = {}
        patience_s = self._timing.round_silence_s + planned.antenna_rounds * self._timing.per_antenna_s
        while (left_s := patience_s - self._talk.silent_s) > 0:
            for answer in await self._talk.listen(left_s):
                self._reader.expect_no_restart(answer)
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
        await self._reader.ask(Cmd.FIRMWARE)
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
        if self._owner.beeping and now >= self._beeping_until:
            await self._reader.set(Cmd.BEEPER, bytes((BEEPER_MODES[self._options.beeper or "off"],)))
            self._owner.beeping = False
        if now >= self._next_temperature:
            self._next_temperature = now + (self._timing.temperature_s if self._owner.reading else self._timing.idle_s)
            answer = await self._reader.ask(Cmd.TEMPERATURE)  # also the sign of life while reading is stopped
            if len(answer) == 2:
                self._sink.signal(Temperature(float(answer[1] if answer[0] else -answer[1])))
        if self._options.inputs and now >= self._next_inputs:
            self._next_inputs = now + self._timing.inputs_s
            await self._tell_inputs()

    async def _tell_inputs(self) -> None:
        answer = await self._reader.ask(Cmd.READ_INPUTS)
        levels = tuple(bool(level) for level in answer) if len(answer) == 2 else ()
        for pin, level in enumerate(levels, start=1):
            if levels != self._inputs and (not self._inputs or self._inputs[pin - 1] != level):
                self._sink.signal(InputLevel(pin, level))
        self._inputs = levels

    async def _act(self, action: Action) -> None:
        match action.verb:
            case Verb.START:
                self._owner.reading = True
            case Verb.STOP:
                self._owner.reading = False
                self._next_temperature = self._now()  # the sign of life
            case Verb.BEEP:
                # There is no command for one beep: beep after each round for a moment.
                self._owner.beeping = True
                await self._do(Cmd.BEEPER, bytes((BEEPER_MODES["round"],)))
                self._beeping_until = self._now() + self._timing.beep_s
            case Verb.SET_OUTPUT:
                if action.pin not in (3, 4):
                    raise NotSupported(f"pin {action.pin} is no output; this reader has the outputs 3 and 4")
                await self._do(Cmd.WRITE_OUTPUT, bytes((action.pin, action.high)))

    async def _do(self, command: Cmd, data: bytes) -> None:
        code = await self._reader.set(command, data)
        if code != Code.SUCCESS:
            raise NotSupported(f"the reader refuses: {code_text(code)}")
