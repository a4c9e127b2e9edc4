"""A network camera's side: MJPEG over HTTP on the loopback, from pictures that a function gives. Can be unplugged and stall."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Final

import cv2
from cv2.typing import MatLike

PATH: Final = "/stream.mjpg"
QUALITY: Final = 85
MAX_REQUEST_BYTES: Final = 8192
MAX_UNSENT_BYTES: Final = 1024 * 1024  # a viewer that takes no more misses frames
_HEAD: Final = (
    b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n"
    b"Cache-Control: no-store\r\nConnection: close\r\n\r\n"
)


class MjpegCamera:
    """Made by `mjpeg_camera`. All methods belong to its event loop."""

    def __init__(self, picture: Callable[[], MatLike], fps: float, port: int) -> None:
        self._picture = picture
        self._frame_s = 1 / fps
        self._port = port
        self._server: asyncio.Server | None = None
        self._viewers: set[asyncio.StreamWriter] = set()
        self.stalled = False
        """True: connections stay, frames no longer come."""
        self.sent = 0
        """Frames made and given to whoever was watching."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}{PATH}"

    @property
    def viewers(self) -> int:
        return len(self._viewers)

    async def plug_in(self) -> None:
        """Answer at `url`, after unplugging at the same one."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port, limit=MAX_REQUEST_BYTES)
        self._port = self._server.sockets[0].getsockname()[1]

    async def unplug(self) -> None:
        """Drop every connection and answer no more."""
        if self._server is None:
            return
        self._server.close()
        for viewer in self._viewers:
            viewer.transport.abort()
        self._viewers.clear()
        self._server = None
        await asyncio.sleep(0)

    async def film(self) -> None:
        """Make pictures while somebody watches, until cancelled."""
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        while True:
            due_s = max(due_s + self._frame_s, loop.time())
            await asyncio.sleep(due_s - loop.time())
            if self._viewers and not self.stalled:
                part = await asyncio.to_thread(self._part)
                self.sent += 1
                for viewer in self._viewers:
                    if viewer.transport.get_write_buffer_size() < MAX_UNSENT_BYTES:
                        viewer.write(part)

    def _part(self) -> bytes:
        _, jpeg = cv2.imencode(".jpg", self._picture(), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
        return b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%b\r\n" % (jpeg.size, jpeg.tobytes())

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = await reader.readuntil(b"\r\n\r\n")
            if request.split(b" ")[:2] != [b"GET", PATH.encode()]:
                writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                return
            writer.write(_HEAD)
            self._viewers.add(writer)
            await reader.read()  # until the viewer hangs up
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # it went away, or is no viewer
        finally:
            self._viewers.discard(writer)
            writer.close()


@contextlib.asynccontextmanager
async def mjpeg_camera(picture: Callable[[], MatLike], *, fps: float = 15.0, port: int = 0) -> AsyncIterator[MjpegCamera]:
    """Run a camera that films `picture()`, grey or BGR; it is called in a worker thread. Port 0 takes a free one."""
    camera = MjpegCamera(picture, fps, port)
    await camera.plug_in()
    filming = asyncio.create_task(camera.film())
    try:
        yield camera
    finally:
        filming.cancel()
        await camera.unplug()
        with contextlib.suppress(asyncio.CancelledError):
            await filming
