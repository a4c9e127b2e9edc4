"""A camera as a reader: a device path, rtsp://, http(s):// or a file in, barcodes out as reads of antenna 1.

Cheap to import: OpenCV and the decoders are loaded when a camera is opened, so a gateway without one never pays for them.
"""

import difflib
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from drivers.api import Action, NotSupported, Reader, ReaderMisconfigured, Sink, Wiring
from drivers.options import read_options

if TYPE_CHECKING:
    from drivers.camera.watch import Counters, Settings

ADDRESSES = ("rtsp", "rtsps", "http", "https")


class Options(msgspec.Struct, frozen=True):
    """`fps`: frames looked at per second. `every_s`: how often a scene that does not move is read all the same.

    `symbologies`: which to read (default: those of docks and assets). `login_file`: a file with `user:password`, readable by the
    gateway alone. `width`, `height`: asked of a camera behind a device path.
    """

    fps: float = 10.0
    every_s: float = 1.0
    symbologies: list[str] | None = None
    login_file: str | None = None
    width: int = 1280
    height: int = 720

    def __post_init__(self) -> None:
        for name, value, least, most in (
            ("fps", self.fps, 0.2, 60),
            ("every_s", self.every_s, 0.1, 3600),
            ("width", self.width, 64, 7680),
            ("height", self.height, 64, 4320),
        ):
            if not least <= value <= most:
                raise ValueError(f"{name} = {value:g} is not between {least:g} and {most:g}")


def open_reader(wiring: Wiring) -> Reader:
    """Build a camera reader; no device is touched. Raises ReaderMisconfigured."""
    try:
        from drivers.camera import decode, watch
    except ImportError as exc:
        raise ReaderMisconfigured(f"cameras need the extra `camera` of Sightpost: {exc}") from exc
    options = read_options(wiring.options, Options)
    symbologies = decode.DOCK if options.symbologies is None else frozenset(options.symbologies)
    if unknown := sorted(symbologies - decode.SYMBOLOGIES):
        near = difflib.get_close_matches(unknown[0], decode.SYMBOLOGIES, n=1) or sorted(decode.SYMBOLOGIES)
        raise ReaderMisconfigured(f"options.symbologies: {unknown[0]!r} is not known; did you mean {', '.join(near)}?")
    if not symbologies:
        raise ReaderMisconfigured("options.symbologies: at least one is needed")
    _check(wiring.url)
    settings = watch.Settings(
        name=wiring.name,
        url=wiring.url,
        login=_login(options, wiring.url),
        size=(options.width, options.height),
        fps=options.fps,
        every_s=options.every_s,
        symbologies=symbologies,
    )
    return CameraReader(wiring, settings)


def _check(url: str) -> None:
    scheme, colon, _ = url.partition("://")
    if not url or not colon or scheme == "file":
        if not url.removeprefix("file://"):
            raise ReaderMisconfigured("url is empty; give a device path, rtsp://, http(s):// or a file")
        return
    if scheme not in ADDRESSES:
        raise ReaderMisconfigured(
            f"url: {scheme}:// is not for cameras; give a device path, {'://, '.join(ADDRESSES)}:// or a file"
        )
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError as exc:
        raise ReaderMisconfigured(f"url: {exc}") from None
    if not host:
        raise ReaderMisconfigured(f"url: no host in {url!r}")
    if "@" in parts.netloc:
        raise ReaderMisconfigured(
            "url: a password does not belong into a configuration; write user:password into a file that the gateway alone may "
            "read (mode 0600) and name it by options.login_file"
        )


def _login(options: Options, url: str) -> str | None:
    if options.login_file is None:
        return None
    if url.partition("://")[0] not in ADDRESSES:
        raise ReaderMisconfigured("options.login_file: only a network camera has a login")
    path = Path(options.login_file)
    try:
        if path.stat().st_mode & 0o077:
            raise ReaderMisconfigured(f"options.login_file: others may read {path}; chmod 600 it")
        login = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as exc:
        raise ReaderMisconfigured(f"options.login_file: {path}: {exc}") from None
    if not login.partition(":")[0] or ":" not in login or not login.isprintable():
        raise ReaderMisconfigured(f"options.login_file: {path} does not hold one line user:password")
    return login


class CameraReader:
    """See `Reader`. `counters` are those of the running or last session, None before the first."""

    def __init__(self, wiring: Wiring, settings: "Settings") -> None:
        self.name = wiring.name
        self.counters: Counters | None = None
        self._clock = wiring.clock
        self._settings = settings

    async def run(self, sink: Sink) -> None:
        from drivers.camera.watch import Watch

        watch = Watch(self._settings, self._clock, sink)
        self.counters = watch.counters
        await watch.run()

    async def act(self, action: Action) -> None:
        raise NotSupported(f"a camera cannot {action.verb.replace('_', ' ')}")
