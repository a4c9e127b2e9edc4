"""The session with an M100 module: identify, configure, then poll without end."""

import asyncio
import contextlib
from dataclasses import dataclass

from drivers.api import (
    Action,
    AntennaState,
    Connected,
    NotSupported,
    Reader,
    ReaderMisconfigured,
    ReaderUnavailable,
    RefusedSetting,
    Sink,
    Verb,
    Wiring,
)
from drivers.link import Link
from drivers.m100.codec import Answer, Cmd, Fault, FrameDecoder, Query, command, fault_text
from drivers.m100.options import REGIONS, M100Options
from drivers.options import read_options
from drivers.session import ActionQueue, Conversation
from drivers.transport import check_url, open_link

POLL_WITHOUT_END = bytes((Cmd.POLL, 0xFF, 0xFF))
"""The largest count. Nothing says that it has been reached: the module falls silent, and is told again."""
BUSY_POLLS = 25
"""So many polls in a row without a free channel are a fault of the place, not bad luck."""
OUTPUT_PINS = range(1, 5)
DIRECTION, LEVEL, OUTPUT = 0, 1, 1


@dataclass(frozen=True, slots=True)
class Timing:
    """How long the session waits. A module that polls says something after every poll, be it that there was no tag."""

    answer_s: float = 0.5
    poll_silence_s: float = 1.0
    idle_s: float = 5.0  # between questions while reading is stopped


def open_reader(wiring: Wiring) -> Reader:
    """Entry point `m100`. Raises ReaderMisconfigured."""
    return M100Reader(wiring)


class M100Reader:
    """One module; see `drivers.api.Reader`."""

    def __init__(self, wiring: Wiring, timing: Timing | None = None) -> None:
        self.name = wiring.name
        self.options = read_options(wiring.options, M100Options)
        check_url(wiring.url)
        self.wiring = wiring
        self.timing = timing or Timing()
        self.actions = ActionQueue()
        self.reading = True  # what the last start or stop asked for

    async def run(self, sink: Sink) -> None:
        wiring = self.wiring
        async with open_link(wiring.url, baudrate=self.options.baudrate) as link:
            await _Session(self, link, sink).run()

    def decoder(self) -> FrameDecoder:
        return FrameDecoder(self.name, check_tag_crc=self.options.check_tag_crc)

    async def act(self, action: Action) -> None:
        await self.actions.submit(action)


class _Session:
    def __init__(self, owner: M100Reader, link: Link, sink: Sink) -> None:
        self._owner = owner
        self._options = owner.options
        self._timing = owner.timing
        self._link = link
        self._sink = sink
        self._actions = owner.actions
        self._url = owner.wiring.url
        self._talk: Conversation[Answer] = Conversation(link, owner.decoder(), sink, owner.wiring)
        self._now = asyncio.get_running_loop().time
        self._busy_polls = 0
        self._antenna: AntennaState | None = None

    async def run(self) -> None:
        try:
            model, firmware = await self._identify()
            await self._configure()
            self._sink.signal(Connected(model, firmware))
            with self._actions.accepted():
                while True:
                    await (self._poll() if self._owner.reading else self._rest())
                    await self._actions.carry_out(self._act)
        finally:
            # A module left to itself would go on sending for minutes.
            with contextlib.suppress(ReaderUnavailable):
                self._link.write_now(command(Cmd.STOP))
            self._talk.tell_noise()

    # ---- identify and configure

    async def _identify(self) -> tuple[str, str]:
        """Return hardware and firmware. The module may still poll for a session that ended without a word: stop that first."""
        await self._talk.ask(command(Cmd.STOP), lambda a: a.command == Cmd.STOP, timeout_s=self._timing.answer_s)
        hardware = await self._information(0)
        if hardware is None:
            if self._talk.noisy:
                raise ReaderUnavailable(
                    f"{self._url} sends bytes that make no frame of an M100 module; "
                    f"check baudrate (now {self._options.baudrate}) and driver"
                )
            raise ReaderUnavailable(f"{self._url}: no module answers; check its power, the cable and baudrate")
        return hardware, await self._information(1) or "unknown"

    async def _information(self, selector: int) -> str | None:
        asked = bytes((selector,))
        answer = await self._talk.ask(
            command(Cmd.INFORMATION, asked),
            lambda a: a.command == Cmd.INFORMATION and a.parameters[:1] == asked,
            timeout_s=self._timing.answer_s,
            tries=3,
        )
        return None if answer is None else answer.parameters[1:].decode("ascii", "replace").strip()

    async def _configure(self) -> None:
        """Bring the module to the options. It has no flash: everything is sent in every session."""
        options = self._options
        if options.region is not None:
            fault = await self._set(Cmd.SET_REGION, bytes((REGIONS[options.region],)))
            if fault is not None:
                # It would go on sending on frequencies that are not allowed here.
                raise ReaderMisconfigured(
                    f"options.region: the module refuses it, {fault_text(fault)}; use a module built for this region"
                )
        hopping = options.channel is None
        self._told("channel", await self._set(Cmd.HOPPING, b"\xff" if hopping else b"\x00"))
        if options.channel is not None:
            self._told("channel", await self._set(Cmd.SET_CHANNEL, bytes((options.channel,))))
        if options.power is not None:
            self._told("power", await self._set(Cmd.SET_POWER, options.power.to_bytes(2, "big")))
        if options.demodulator is not None:
            self._told("demodulator", await self._set(Cmd.SET_DEMODULATOR, options.demodulator.encoded()))
        # Never select: every tag is to answer, not those that somebody once chose.
        self._told("select", await self._set(Cmd.SELECT_MODE, b"\x01"))
        await self._set_query()

    async def _set_query(self) -> None:
        options = self._options
        if options.session is None and options.target is None and options.q is None:
            return
        now = await self._ask(Cmd.GET_QUERY)
        if now.command == Cmd.ERROR or len(now.parameters) != 2:
            self._sink.signal(RefusedSetting("session, target, q", "the module does not tell its query parameter"))
            return
        query = Query(int.from_bytes(now.parameters, "big"))
        if options.session is not None:
            query = query.with_session(options.session)
        if options.target is not None:
            query = query.with_target("AB".index(options.target))
        if options.q is not None:
            query = query.with_q(options.q)
        self._told("session, target, q", await self._set(Cmd.SET_QUERY, query.value.to_bytes(2, "big")))

    def _told(self, setting: str, fault: int | None) -> None:
        if fault is not None:
            self._sink.signal(RefusedSetting(setting, fault_text(fault)))

    # ---- reading

    async def _poll(self) -> None:
        """Poll until an action waits. A module that fell silent has done its count, or restarted and forgot everything."""
        await self._talk.send(command(Cmd.POLL_MANY, POLL_WITHOUT_END))
        while not self._actions.waiting:
            reads = self._talk.read_count
            for answer in await self._talk.listen(min(0.1, self._timing.poll_silence_s)):
                if answer.command == Cmd.ERROR and answer.parameters:
                    self._poll_failed(answer.parameters[0])
            if self._talk.read_count != reads:
                self._poll_worked()
            if self._talk.silent_s >= self._timing.poll_silence_s:
                await self._identify()
                await self._configure()
                return
        await self._ask(Cmd.STOP)

    def _poll_failed(self, fault: int) -> None:
        match fault:
            case Fault.CHANNELS_BUSY:
                self._busy_polls += 1
                if self._busy_polls >= BUSY_POLLS:
                    self._tell_antenna(AntennaState(1, False, fault_text(fault)))
            case Fault.UNKNOWN_COMMAND:
                raise ReaderMisconfigured(f"{self._url}: the module knows no continuous polling; this driver cannot read with it")
            case _:  # no tag: an empty poll is normal
                self._poll_worked()

    def _poll_worked(self) -> None:
        self._busy_polls = 0
        self._tell_antenna(AntennaState(1, True))

    def _tell_antenna(self, state: AntennaState) -> None:
        if state != self._antenna:
            self._antenna = state
            self._sink.signal(state)

    async def _rest(self) -> None:
        """Reading is stopped: wait for an action, and ask now and then whether the module is still there."""
        ask_at = self._now() + self._timing.idle_s
        while not self._actions.waiting:
            await self._talk.listen(min(0.1, self._timing.idle_s))
            if self._now() >= ask_at:
                ask_at += self._timing.idle_s
                if await self._information(0) is None:
                    raise self._gone(Cmd.INFORMATION)

    async def _act(self, action: Action) -> None:
        match action.verb:
            case Verb.START:
                self._owner.reading = True
            case Verb.STOP:
                self._owner.reading = False
            case Verb.BEEP:
                raise NotSupported("this module has no beeper")
            case Verb.SET_OUTPUT:
                if action.pin not in OUTPUT_PINS:
                    raise NotSupported(f"pin {action.pin} is no output; this module has the pins 1 to 4")
                for operation, value in ((DIRECTION, OUTPUT), (LEVEL, int(action.high))):
                    answer = await self._ask(Cmd.GPIO, bytes((operation, action.pin, value)))
                    if answer.command == Cmd.ERROR:
                        raise NotSupported(f"the module refuses: {fault_text(answer.parameters[0])}")

    # ---- one command, one answer

    async def _set(self, code: Cmd, parameters: bytes) -> int | None:
        """Return None when the module took it, else its error."""
        answer = await self._ask(code, parameters)
        if answer.command == Cmd.ERROR:
            return answer.parameters[0]
        return None if answer.parameters == b"\x00" else answer.parameters[0] if answer.parameters else int(Fault.UNKNOWN_COMMAND)

    async def _ask(self, code: Cmd, parameters: bytes = b"") -> Answer:
        """Return the answer or the error. Raises ReaderUnavailable when there is neither."""
        # The answer to the select mode carries the number of the select parameter in both manuals; take either.
        right = {code, Cmd.SELECT_PARAMETER} if code == Cmd.SELECT_MODE else {code}

        def fits(answer: Answer) -> bool:
            if answer.command == Cmd.ERROR:  # what a last poll says does not answer a command
                return answer.parameters[:1] not in (b"", bytes((Fault.NO_TAG,)), bytes((Fault.CHANNELS_BUSY,)))
            return answer.command in right

        answer = await self._talk.ask(command(code, parameters), fits, timeout_s=self._timing.answer_s)
        if answer is None:
            raise self._gone(code)
        return answer

    def _gone(self, code: Cmd) -> ReaderUnavailable:
        return ReaderUnavailable(f"{self._url}: the module no longer answers (command {code:02X}); check its power and the cable")
