"""Frames from a camera, a network stream or a file, and which of them are worth a look. Blocking: runs in a thread of its own."""

import enum
import math
import os
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import quote, urlsplit, urlunsplit

import cv2
from cv2.typing import MatLike

from drivers.api import ReaderUnavailable

cv2.setNumThreads(1)  # a gateway has better uses for its other cores than halves of one frame

OPEN_TIMEOUT_S: Final = 4.0
READ_TIMEOUT_S: Final = 3.0
"""A stream that sends nothing for so long is down. Both also bound how long closing can take: OpenCV cannot be interrupted."""

MAX_GRABS_PER_S: Final = 120  # a server that sends a recording as fast as it can must not take a core
USUAL_FILE_FPS: Final = 25.0


class Source(Protocol):
    """Something that gives frames. `grab` takes the next one cheaply; `picture` decodes the one taken."""

    size: tuple[int, int]
    frame_s: float | None  # how long a frame lasts in a recording; None: the source keeps its own time

    def grab(self) -> bool: ...

    def picture(self) -> MatLike | None: ...

    def close(self) -> None: ...


def open_source(url: str, login: str | None, size: tuple[int, int]) -> Source:
    """Open a device path, an rtsp:// or http(s):// address, or a file. `login` is "user:password" for an address.

    `size` is asked of a device only: others have the size they have. Raises ReaderUnavailable, without the login in its text.
    """
    if url.startswith("/dev/"):
        if not Path(url).exists():
            raise ReaderUnavailable(f"{url} is not there; check that the camera is plugged in")
        if not os.access(url, os.R_OK | os.W_OK):
            raise ReaderUnavailable(f"{url} may not be opened; add the gateway's user to the group 'video'")
        return _Capture(url, url, cv2.CAP_V4L2, size, None)
    if "://" in url and not url.startswith("file://"):
        _answers(url)
        return _Capture(url, _with_login(url, login), cv2.CAP_FFMPEG, None, None)
    path = url.removeprefix("file://")
    if not Path(path).is_file():
        raise ReaderUnavailable(f"{path}: no such file")
    return _Capture(url, path, cv2.CAP_FFMPEG, None, USUAL_FILE_FPS)


class _Capture:
    """An opened cv2.VideoCapture."""

    def __init__(self, shown: str, address: str, api: int, size: tuple[int, int] | None, usual_fps: float | None) -> None:
        limits = []
        if api == cv2.CAP_FFMPEG:  # one decoding thread: several would each hold a frame back
            limits = [
                (cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, round(OPEN_TIMEOUT_S * 1000)),
                (cv2.CAP_PROP_READ_TIMEOUT_MSEC, round(READ_TIMEOUT_S * 1000)),
                (cv2.CAP_PROP_N_THREADS, 1),
            ]
        self._capture = cv2.VideoCapture(address, api, [number for limit in limits for number in limit])
        if not self._capture.isOpened():
            self._capture.release()
            raise ReaderUnavailable(f"{shown} gives no video that can be decoded; check the address, the login and the format")
        if size is not None:  # compressed, or USB carries a few frames a second only; and no queue of old frames
            self._capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
            self._capture.set(cv2.CAP_PROP_FRAME_WIDTH, size[0])
            self._capture.set(cv2.CAP_PROP_FRAME_HEIGHT, size[1])
            self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        width, height = (round(self._capture.get(p)) for p in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
        self.size = (width, height)
        self.frame_s: float | None = None
        if usual_fps is not None:
            fps = self._capture.get(cv2.CAP_PROP_FPS)
            self.frame_s = 1 / (fps if math.isfinite(fps) and 1 <= fps <= 240 else usual_fps)

    def grab(self) -> bool:
        return self._capture.grab()

    def picture(self) -> MatLike | None:
        good, picture = self._capture.retrieve()
        return picture if good else None

    def close(self) -> None:
        self._capture.release()


def grey(picture: MatLike) -> MatLike:
    return cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY) if picture.ndim == 3 else picture


def _answers(url: str) -> None:
    """Connect once and hang up: OpenCV does not say why it cannot. Raises ReaderUnavailable."""
    parts = urlsplit(url)
    port = parts.port or {"rtsp": 554, "rtsps": 322, "https": 443}.get(parts.scheme, 80)
    try:
        socket.create_connection((parts.hostname or "", port), timeout=OPEN_TIMEOUT_S / 2).close()
    except OSError as exc:
        reason = exc.strerror or str(exc)
        raise ReaderUnavailable(f"{parts.hostname}:{port}: {reason}; check the camera's power and network") from None


def _with_login(url: str, login: str | None) -> str:
    if login is None:
        return url
    user, _, password = login.partition(":")
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{quote(user, safe='')}:{quote(password, safe='')}@{parts.netloc}"))


class Look(enum.IntEnum):
    """What the gate says of a frame."""

    NONE = 0
    CHECK = 1  # nothing has moved for a while
    MOVED = 2


class Gate:
    """Looks at a moving scene, and at a still one only now and then. Costs 0.1 ms a frame at 720p; a decode costs 10 to 60.

    A cell is 16 x 16 points of a 720p frame, averaged from 16 samples, so that a sensor's grain does not move it: a label of
    100 x 40 points moves ten cells.
    """

    CELLS: Final = (80, 45)
    MOVED_BY: Final = 12  # grey levels
    MOVED_CELLS: Final = 6
    SETTLING_LOOKS: Final = 4  # after a movement: the first frames are still blurred, and one decode is not believed

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._reference: MatLike | None = None
        self._settling = 0
        self._checking = 0
        self._due_s = -math.inf

    def look(self, picture: MatLike, at_s: float) -> Look:
        """What to do with this picture, taken at `at_s` on any steady clock."""
        cells = self._cells(picture)
        moved = self._reference is None or self._differs(cells, self._reference)
        if moved:
            self._reference = cells
            self._settling = self.SETTLING_LOOKS
        if self._settling:
            self._settling -= 1
            self._due_s = at_s + self._every_s
            return Look.MOVED
        if at_s >= self._due_s:
            self._due_s = at_s + self._every_s
            self._checking = 2  # one decode is not believed
        if self._checking:
            self._checking -= 1
            return Look.CHECK
        return Look.NONE

    def _cells(self, picture: MatLike) -> MatLike:
        width, height = self.CELLS
        samples = cv2.resize(picture, (width * 4, height * 4), interpolation=cv2.INTER_NEAREST)
        return cv2.resize(grey(samples), (width, height), interpolation=cv2.INTER_AREA)

    def _differs(self, cells: MatLike, reference: MatLike) -> bool:
        return cv2.countNonZero(cv2.inRange(cv2.absdiff(cells, reference), (self.MOVED_BY,), (255,))) >= self.MOVED_CELLS


@dataclass(frozen=True, slots=True)
class Frame:
    """A grey picture to look at, and when it was taken."""

    grey: MatLike
    moved: bool
    mono_ns: int
    wall_ms: int


class Newest:
    """Hands frames from one thread to another, one at a time: a newer frame takes the place of one not yet taken."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._frame: Frame | None = None
        self._closed = False
        self.replaced = 0

    def put(self, frame: Frame) -> None:
        with self._changed:
            if self._frame is not None:
                self.replaced += 1
            self._frame = frame
            self._changed.notify()

    def take(self) -> Frame | None:
        """Wait for a frame. None: closed, and nothing left."""
        with self._changed:
            self._changed.wait_for(lambda: self._frame is not None or self._closed)
            frame, self._frame = self._frame, None
            return frame

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()


class Pace:
    """When to take a frame, and whether to look at it."""

    def __init__(self, frame_s: float | None, fps: float, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._least_s = 1 / MAX_GRABS_PER_S if frame_s is None else frame_s
        self._recorded = frame_s is not None
        self._next_grab_s = now_s()
        self._look_s = 1 / fps
        self._next_look_s = now_s()

    def wait_s(self) -> float:
        """How long to wait before taking the next frame. A recording that fell behind catches up; a live source does not."""
        now_s = self._now_s()
        wait_s = self._next_grab_s - now_s
        self._next_grab_s = (self._next_grab_s if self._recorded else max(now_s, self._next_grab_s)) + self._least_s
        return max(0.0, wait_s)

    def look_due(self) -> bool:
        """Whether the frame just taken is the next of those looked at, `fps` a second."""
        now_s = self._now_s()
        if now_s < self._next_look_s:
            return False
        self._next_look_s = max(self._next_look_s + self._look_s, now_s)
        return True
