"""Questions to an "A0" reader, one at a time, and bringing it to its options."""

from collections.abc import Callable

from drivers.api import ReaderMisconfigured, ReaderUnavailable, RefusedSetting, Sink
from drivers.r2000.codec import (
    BROADCAST,
    SYSTEM_CHANNELS_KHZ,
    Answer,
    Cmd,
    Code,
    FrameDecoder,
    code_text,
    request,
    user_channels_khz,
)
from drivers.r2000.options import BEEPER_MODES, LINK_PROFILES, R2000Options
from drivers.session import Conversation

_MAY_ANSWER_ANY_BYTE = frozenset((Cmd.GET_POWER, Cmd.GET_DETECTOR, Cmd.GET_ANTENNA, Cmd.GET_LINK_PROFILE))


class Commands:
    """What one session asks its reader. Raises ReaderUnavailable when an answer does not come."""

    def __init__(
        self, url: str, options: R2000Options, talk: Conversation[Answer], decoder: FrameDecoder, answer_s: float
    ) -> None:
        self._url = url
        self._options = options
        self._talk = talk
        self._decoder = decoder
        self._answer_s = answer_s
        self.address = BROADCAST if options.address is None else options.address

    async def identify(self) -> str:
        """Return the firmware; from here on only the reader that answered is listened to."""
        answer = await self._talk.ask(
            request(self.address, Cmd.FIRMWARE),
            lambda a: a.command == Cmd.FIRMWARE and len(a.data) == 2,
            timeout_s=self._answer_s,
            tries=3,
        )
        if answer is None:
            if self._talk.noisy:
                raise ReaderUnavailable(
                    f"{self._url} sends bytes that make no frame of this reader family; "
                    f"check baudrate (now {self._options.baudrate}) and driver"
                )
            raise ReaderUnavailable(f"{self._url}: no reader answers; check its power, the cable, baudrate and address")
        self.address = self._decoder.address = answer.address
        return f"{answer.data[0]}.{answer.data[1]}"

    async def ask(self, command: Cmd, data: bytes = b"") -> bytes:
        """Return the data of the answer."""
        answer = await self._talk.ask(
            request(self.address, command, data), lambda a: a.command == command, timeout_s=self._answer_s
        )
        if answer is None:
            raise ReaderUnavailable(
                f"{self._url}: the reader no longer answers (command {command:02X}); check its power and the cable"
            )
        self.expect_no_restart(answer)
        return answer.data

    async def set(self, command: Cmd, data: bytes) -> int:
        """Return the code the reader answers."""
        return (await self.ask(command, data))[0]

    async def send(self, command: Cmd, data: bytes) -> None:
        """Send a command whose answers the caller listens for."""
        await self._talk.send(request(self.address, command, data))

    def expect_no_restart(self, answer: Answer) -> None:
        """A reader that restarted has forgotten its RAM: raise, so that it is configured again."""
        if answer.data == bytes((Code.RESTARTED,)) and answer.command not in _MAY_ANSWER_ANY_BYTE:
            raise ReaderUnavailable(f"{self._url}: the reader restarted; it is configured again")


async def configure(
    reader: Commands, options: R2000Options, decoder: FrameDecoder, sink: Sink, tell_antenna: Callable[[int, int], None]
) -> None:
    """Bring the reader to the options. What it keeps in flash is written only when it differs: flash wears out.

    What it refuses is told as RefusedSetting. Raises ReaderMisconfigured when it cannot work that way.
    """

    def told(setting: str, code: int) -> None:
        if code != Code.SUCCESS:
            sink.signal(RefusedSetting(setting, code_text(code)))

    async def keep(setting: str, get: Cmd, put: Cmd, wanted: bytes) -> None:
        if await reader.ask(get) != wanted:
            told(setting, await reader.set(put, wanted))

    await _set_region(reader, options, decoder)
    if isinstance(options.power_dbm, int):
        told("power_dbm", await _set_power(reader, options.power_dbm))
    elif options.power_dbm is not None:
        wanted = options.powers_dbm(await reader.ask(Cmd.GET_POWER))
        await keep("power_dbm", Cmd.GET_POWER, Cmd.SET_POWER, wanted)
    if options.link_profile is not None:
        profile = bytes((LINK_PROFILES[options.link_profile],))
        await keep("link_profile", Cmd.GET_LINK_PROFILE, Cmd.SET_LINK_PROFILE, profile)
    if options.antenna_check_db is not None:
        await keep("antenna_check_db", Cmd.GET_DETECTOR, Cmd.SET_DETECTOR, bytes((options.antenna_check_db,)))
    if options.beeper is not None:
        told("beeper", await reader.set(Cmd.BEEPER, bytes((BEEPER_MODES[options.beeper],))))
    await _try_antennas(reader, options, tell_antenna)


async def _set_region(reader: Commands, options: R2000Options, decoder: FrameDecoder) -> None:
    wanted = options.region_encoded()
    now = await reader.ask(Cmd.GET_REGION)
    if wanted is not None and now != wanted:
        code = await reader.set(Cmd.SET_REGION, wanted)
        if code != Code.SUCCESS:
            # It would go on sending on frequencies that are not allowed here.
            raise ReaderMisconfigured(
                f"options.region: the reader refuses it, {code_text(code)}; use a reader built for this region"
            )
        now = wanted
    if len(now) == 6 and now[0] == 4:
        decoder.channels_khz = user_channels_khz(int.from_bytes(now[3:], "big"), now[1] * 10)
    else:
        decoder.channels_khz = SYSTEM_CHANNELS_KHZ


async def _set_power(reader: Commands, dbm: int) -> int:
    code = await reader.set(Cmd.SET_POWER_IN_RAM, bytes((dbm,)))
    if code not in (Code.FAIL, Code.PARAMETER):
        return code
    now = await reader.ask(Cmd.GET_POWER)  # older firmware knows only the command that writes flash
    return Code.SUCCESS if set(now) == {dbm} else await reader.set(Cmd.SET_POWER, bytes((dbm,)))


async def _try_antennas(reader: Commands, options: R2000Options, tell_antenna: Callable[[int, int], None]) -> None:
    """Select every antenna once: a port that does not exist is a wrong setting, a missing antenna is not."""
    grouped = max(options.antennas) > 8
    for antenna in options.antennas:
        group, port = divmod(antenna - 1, 8)
        code = await reader.set(Cmd.SET_ANTENNA_GROUP, bytes((group,))) if grouped else int(Code.SUCCESS)
        if code == Code.SUCCESS:
            code = await reader.set(Cmd.SET_ANTENNA, bytes((port,)))
        if code in (Code.ANTENNA_ID, Code.PARAMETER) or (grouped and code == Code.FAIL):
            raise ReaderMisconfigured(
                f"options.antennas: the reader has no antenna {antenna}, {code_text(code)}; name only ports that it has"
            )
        tell_antenna(antenna, code)
