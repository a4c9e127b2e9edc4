"""`sightpost replay`: print the events of a recording, at its pace or as fast as it goes. The last word goes to stderr."""

import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Protocol

import msgspec

from gateway.location.telling import utc
from gateway.recording.framing import Damaged, NoRecording
from gateway.recording.replay import Replay, Told
from gateway.settings import Settings
from gateway.status.words import count, printable
from sync.wire import LocationEvent

FINE, DAMAGED, NO_RECORDING = 0, 1, 2


class Echo(Protocol):
    def __call__(self, message: str, *, err: bool = False) -> None: ...


def show(
    path: Path,
    settings: Settings | None,
    speed: float | None,
    as_json: bool,
    echo: Echo,
    *,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> int:
    """Print one line per event; return the exit code."""
    told = Told()
    line = in_json if as_json else in_words
    try:
        with path.open("rb") as file:
            replay = Replay(file, settings)
            told = replay.told
            started = clock()
            for now, events in replay.turns():
                if speed is not None:
                    ahead_s = (now.mono_ns - told.began.mono_ns) / 1e9 / speed - (clock() - started)
                    if ahead_s > 0:
                        sleep(ahead_s)
                for event in events:
                    echo(line(event))
    except NoRecording as exc:
        echo(f"{path}: {exc}", err=True)
        return NO_RECORDING
    except Damaged as exc:
        told.damage = str(exc)
    except BrokenPipeError:  # whoever read our lines has seen enough
        raise
    except OSError as exc:
        echo(f"{path} cannot be read: {exc.strerror or exc}", err=True)
        return NO_RECORDING
    except KeyboardInterrupt:
        told.ended = "stopped here"
    echo(summary(told), err=True)
    return DAMAGED if told.damage else FINE


def in_json(event: LocationEvent) -> str:
    return msgspec.json.encode(event).decode()


def in_words(event: LocationEvent) -> str:
    way = f"{event.zone_from or '-'} -> {event.zone_to or '-'}"
    parts = [
        f"{event.event_time:%Y-%m-%d %H:%M:%S}.{event.event_time.microsecond // 1000:03d}Z",
        f"{event.kind:<8}",
        f"{printable(event.identity, 60):<40}",
        f"{way:<24}",
        event.read_point,
    ]
    if event.direction is not None:
        parts.append(f"{event.direction} ({event.confidence or 0:.2f})")
    if event.reason is not None:
        parts.append(printable(event.reason, 100))
    return "  ".join(parts)


def summary(told: Told) -> str:
    """Return how much was replayed, and how the recording ends."""
    lasted = timedelta(seconds=(told.now.mono_ns - told.began.mono_ns) // 1_000_000_000)
    words = f"Site {printable(told.site, 40)} from {utc(told.began.wall_ms):%Y-%m-%d %H:%M:%S} UTC for {lasted}, recorded by "
    words += f"version {printable(told.software, 60)}: {count(told.reads, 'read')}, {count(told.events, 'event')}"
    if told.refused:
        words += f"; {count(told.refused, 'read')} refused then as now, because too many waited"
    if told.damage:
        return f"{words}. The file is damaged there: {printable(told.damage, 200)}."
    return f"{words}. It ends there: {printable(told.ended, 100)}." if told.ended else f"{words}."
