"""`sightpost record`: ask the gateway of these settings to record, and wait for the file."""

import time
from collections.abc import Callable
from pathlib import Path

from gateway.recording.request import FOLDER, UNFINISHED, Request, ask, asked, withdraw
from gateway.settings import Settings

FINE, NOT_RECORDED = 0, 1
LOOK_EVERY_S = 0.2
PATIENCE_S = 5.0  # the gateway looks once a second

Say = Callable[[dict[str, object]], None]


def record(settings: Settings, minutes: float, megabytes: int, say: Say, wait: Callable[[float], None] = time.sleep) -> int:
    """Record until the limits, the gateway's end or Ctrl-C; return an exit code."""
    now_ms = time.time_ns() // 1_000_000
    name = time.strftime(f"{settings.gateway.site}-%Y%m%d-%H%M%S.rec", time.localtime(now_ms / 1000))
    request = Request(name, minutes, megabytes, now_ms + round(minutes * 60_000))
    folder = settings.gateway.data_dir
    try:
        ask(folder, request)
    except FileExistsError:
        say({"what": "refused", "says": "a recording is under way already; it ends by itself, or with the command that began it"})
        return NOT_RECORDED
    except OSError as exc:
        say({"what": "refused", "says": f"the gateway cannot be asked: {exc}; ask as root or as the gateway's own account"})
        return NOT_RECORDED
    try:
        path = folder / FOLDER / name
        say({"what": "asked", "says": f"at most {minutes:g} minutes and {megabytes} MB; Ctrl-C ends it earlier"})
        _wait_for_end(folder, request, path, say, wait)
    except KeyboardInterrupt:
        withdraw(folder, request)
        _wait_until(path.exists, PATIENCE_S, wait)
    finally:
        withdraw(folder, request)
    if path.exists():
        say({"what": "recorded", "file": str(path), "bytes": path.stat().st_size})
        return FINE
    say({"what": "refused", "says": "nothing was recorded; the gateway's journal says why: `journalctl -u sightpost`"})
    return NOT_RECORDED


def _wait_for_end(folder: Path, request: Request, path: Path, say: Say, wait: Callable[[float], None]) -> None:
    """Return when the file is complete, or the gateway does not want to."""
    part = path.with_name(path.name + UNFINISHED)

    def begun() -> bool:
        return part.exists() or path.exists() or not _still_asked(folder, request)

    if not _wait_until(begun, PATIENCE_S, wait):
        say({"what": "waiting", "says": "no gateway runs with these settings; it will be recorded from its start"})
        _wait_until(begun, None, wait)
    if part.exists():
        say({"what": "recording", "file": str(part)})
    _wait_until(lambda: not part.exists(), None, wait)


def _wait_until(so: Callable[[], bool], within_s: float | None, wait: Callable[[float], None]) -> bool:
    looks = 0
    while not so():
        if within_s is not None and looks * LOOK_EVERY_S >= within_s:
            return False
        looks += 1
        wait(LOOK_EVERY_S)
    return True


def _still_asked(folder: Path, request: Request) -> bool:
    try:
        return asked(folder) == request
    except (ValueError, OSError):  # somebody has put something else there
        return False
