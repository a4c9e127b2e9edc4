"""An RTSP camera's side: JPEG over RTP (RFC 2435), interleaved in the RTSP connection, from pictures that a function gives.

Speaks as much RTSP as a player needs (RFC 2326): OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN. On the loopback only.
"""

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Final

import cv2
from cv2.typing import MatLike

MAX_REQUEST_BYTES: Final = 8192
PACKET_BYTES: Final = 1400
_CLOCK_HZ: Final = 90_000
_PAYLOAD_TYPE: Final = 26  # JPEG
_MARKER: Final = 0x80
_SUBSAMPLED_420: Final = 1
_TABLES_IN_BAND: Final = 255
_SDP: Final = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=camera\r\nt=0 0\r\nm=video 0 RTP/AVP 26\r\na=control:track1\r\n"


def packets(jpeg: bytes, timestamp: int, first_number: int) -> Iterator[bytes]:
    """Return the RTP packets of one baseline 4:2:0 JPEG with standard Huffman tables, which OpenCV writes."""
    tables, width, height, scan = _taken_apart(jpeg)
    offset, number = 0, first_number
    while offset < len(scan):
        head = struct.pack(">IBBBB", offset, _SUBSAMPLED_420, _TABLES_IN_BAND, width // 8, height // 8)
        if offset == 0:
            head += struct.pack(">HH", 0, len(tables)) + tables
        part = scan[offset : offset + PACKET_BYTES - len(head)]
        offset += len(part)
        last = _MARKER if offset == len(scan) else 0
        yield struct.pack(">BBHII", 0x80, last | _PAYLOAD_TYPE, number & 0xFFFF, timestamp & 0xFFFFFFFF, 1) + head + part
        number += 1


def _taken_apart(jpeg: bytes) -> tuple[bytes, int, int, bytes]:
    """Return the quantisation tables, width, height and scan of a JPEG file."""
    tables, width, height, at = b"", 0, 0, 2
    while True:
        marker, length = struct.unpack_from(">HH", jpeg, at)
        body = jpeg[at + 4 : at + 2 + length]
        at += 2 + length
        if marker == 0xFFDB:
            tables += b"".join(body[start + 1 : start + 65] for start in range(0, len(body), 65))
        elif marker == 0xFFC0:
            height, width = struct.unpack_from(">HH", body, 1)
        elif marker == 0xFFDA:
            return tables, width, height, jpeg[at:-2]


class RtspCamera:
    """Made by `rtsp_camera`."""

    def __init__(self, picture: Callable[[], MatLike], fps: float) -> None:
        self._picture = picture
        self._frame_s = 1 / fps
        self._playing: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"rtsp://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/stream1"

    async def plug_in(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=MAX_REQUEST_BYTES)

    def unplug(self) -> None:
        """Drop every connection and answer no more."""
        if self._server is not None:
            self._server.close()
        for viewer in self._playing:
            viewer.transport.abort()
        self._playing.clear()

    async def film(self) -> None:
        """Send pictures to whoever plays, until cancelled."""
        frame = number = 0
        while True:
            await asyncio.sleep(self._frame_s)
            frame += 1
            if not self._playing:
                continue
            jpeg = await asyncio.to_thread(self._jpeg)
            stream = b""
            for packet in packets(jpeg, round(frame * self._frame_s * _CLOCK_HZ), number):
                stream += struct.pack(">cBH", b"$", 0, len(packet)) + packet
                number += 1
            for viewer in self._playing:
                viewer.write(stream)

    def _jpeg(self) -> bytes:
        picture = self._picture()
        colour = cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR) if picture.ndim == 2 else picture
        return cv2.imencode(".jpg", colour, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                while (first := await reader.readexactly(1)) == b"$":  # the player's own reports
                    await reader.readexactly(struct.unpack(">BH", await reader.readexactly(3))[1])
                request = (first + await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                verb = request.split(" ", 1)[0]
                writer.write(self._answer(verb, request))
                if verb == "PLAY":
                    self._playing.add(writer)
                elif verb == "TEARDOWN":
                    return
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # it went away, or is no player
        finally:
            self._playing.discard(writer)
            writer.close()

    def _answer(self, verb: str, request: str) -> bytes:
        fields = {
            name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in request.split("\r\n")[1:])
        }
        lines, body = [f"CSeq: {fields.get('cseq', '0')}", "Session: 1"], ""
        match verb:
            case "OPTIONS":
                lines.append("Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN")
            case "DESCRIBE":
                body = _SDP
                lines += [f"Content-Base: {self.url}/", "Content-Type: application/sdp", f"Content-Length: {len(body)}"]
            case "SETUP":
                if "RTP/AVP/TCP" not in fields.get("transport", ""):
                    return f"RTSP/1.0 461 Unsupported Transport\r\n{lines[0]}\r\n\r\n".encode()
                lines.append("Transport: RTP/AVP/TCP;unicast;interleaved=0-1")
        return ("RTSP/1.0 200 OK\r\n" + "\r\n".join(lines) + "\r\n\r\n" + body).encode()


@contextlib.asynccontextmanager
async def rtsp_camera(picture: Callable[[], MatLike], *, fps: float = 15.0) -> AsyncIterator[RtspCamera]:
    """Run a camera that films `picture()`, grey or BGR; it is called in a worker thread. Sides are multiples of 8 below 2048."""
    camera = RtspCamera(picture, fps)
    await camera.plug_in()
    filming = asyncio.create_task(camera.film())
    try:
        yield camera
    finally:
        filming.cancel()
        camera.unplug()
        with contextlib.suppress(asyncio.CancelledError):
            await filming
