"""paho's client on the event loop, through the callbacks that paho offers for it.

No thread but for the connect, which paho only does blocking. The end of a connection, however it comes, ends every call that
waits for it.
"""

import asyncio
import contextlib
import socket
import ssl
import threading
from collections import Counter, deque
from dataclasses import dataclass
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.reasoncodes import ReasonCode

from sync.wire import MAX_WIRE_BYTES

_HOUSEKEEPING_S = 1.0
_REFUSED = {
    "Bad user name or password": "the broker refuses user {user}: wrong password, or no such user",
    "Not authorized": "the broker refuses user {user}: wrong password, or no such user",
    "Client identifier not valid": "the broker refuses our client id",
    "Unsupported protocol version": "the broker does not speak MQTT 3.1.1",
    "Server unavailable": "the broker is there but takes no connections just now",
}


class BrokerUnavailable(Exception):
    """No connection to the broker, or not any more; the text says why. Trying again later may help."""


@dataclass(frozen=True, slots=True)
class Message:
    topic: str
    payload: bytes
    retained: bool = False  # incoming: the broker had kept it; a will: it shall


class Link:
    """Used once: `open`, then the rest, then `close` in any case. Everything but the connect happens in the loop's thread."""

    def __init__(
        self,
        client_id: str,
        user: str,
        password: str,
        tls: ssl.SSLContext | None,
        *,
        will: Message | None,
        queue_limit: int,
        dropped: Counter[str] | None,
        inflight: int,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._shows_certificate = tls is not None and not password
        self._thread = threading.get_ident()
        self._user = user
        self._queue_limit = queue_limit
        self._dropped: Counter[str] = Counter() if dropped is None else dropped
        self._incoming: deque[Message] = deque()  # bounded by queue_limit
        self._arrived = asyncio.Event()
        self._greeted: asyncio.Future[None] = self._loop.create_future()
        self._ended = asyncio.Event()
        self._why_ended = ""
        self._answers: dict[int, asyncio.Future[None]] = {}  # by message id; bounded by what callers wait for
        self._housekeeping: asyncio.TimerHandle | None = None
        client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id, clean_session=True, protocol=paho.MQTTv311, reconnect_on_failure=False
        )
        if tls is not None:
            client.tls_set_context(tls)
        if password:
            client.username_pw_set(user, password)
        client.max_inflight_messages_set(inflight)
        if will:
            client.will_set(will.topic, will.payload, qos=1, retain=will.retained)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.on_publish = lambda _c, _u, mid, _reason, _p: self._answered(mid)
        client.on_subscribe = lambda _c, _u, mid, _reasons, _p: self._answered(mid)
        client.on_socket_open = self._on_socket_open
        client.on_socket_close = lambda _c, _u, sock: self._unwatch(sock)
        client.on_socket_register_write = lambda _c, _u, sock: self._in_loop(self._watch_write, sock)
        client.on_socket_unregister_write = lambda _c, _u, sock: self._in_loop(self._unwatch_write, sock)
        self._paho = client

    async def open(self, host: str, port: int, timeout_s: float, answer_timeout_s: float, keepalive_s: int) -> None:
        """Connect within `timeout_s`, log in within `answer_timeout_s`: that can be longer, for it can be given up at any time.

        Raises OSError while there is no connection, BrokerUnavailable when the broker wants none."""
        self._paho.connect_timeout = timeout_s
        connecting = self._loop.run_in_executor(None, self._paho.connect, host, port, keepalive_s)
        try:
            await asyncio.shield(connecting)
        except asyncio.CancelledError:
            await asyncio.wait({connecting})  # a thread cannot be stopped, only awaited
            connecting.exception()
            raise
        self._keep_house()
        async with asyncio.timeout(answer_timeout_s):
            await self._greeted

    def subscribe(self, filters: list[tuple[str, int]]) -> asyncio.Future[None]:
        """Return what is done when the broker has answered, and fails with BrokerUnavailable when the connection ends first."""
        code, mid = self._paho.subscribe(filters)
        return self._answer_to(code, mid)

    def publish(self, topic: str, payload: bytes, qos: int, retain: bool) -> asyncio.Future[None]:
        """Return what is done when the broker has it (QoS 1) or it is sent (QoS 0); it may fail as that of `subscribe`."""
        message = self._paho.publish(topic, payload, qos, retain)
        return self._answer_to(message.rc, message.mid)

    async def next_message(self) -> Message:
        """Raises BrokerUnavailable when the connection has ended and everything that came before was read."""
        while not self._incoming:
            if self._ended.is_set():
                raise BrokerUnavailable(self._why_ended)
            self._arrived.clear()
            await self._arrived.wait()
        return self._incoming.popleft()

    async def close(self, timeout_s: float) -> None:
        """Say goodbye, so that no will is published, and let go of everything, also when nobody listens any more."""
        try:
            if self._greeted.done() and not self._ended.is_set():
                self._paho.disconnect()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(timeout_s):
                        await self._ended.wait()
        finally:
            self._end("the connection is closed")
            if (sock := self._paho.socket()) is not None:
                self._unwatch(sock)
                sock.close()

    def _answer_to(self, code: MQTTErrorCode, mid: int | None) -> asyncio.Future[None]:
        answer: asyncio.Future[None] = self._loop.create_future()
        if self._ended.is_set() or code != MQTTErrorCode.MQTT_ERR_SUCCESS or mid is None:
            answer.set_exception(BrokerUnavailable(self._why_ended or paho.error_string(code)))
        else:
            self._answers[mid] = answer
            answer.add_done_callback(lambda _: self._answers.pop(mid, None))
        return answer

    def _answered(self, mid: int) -> None:
        if (answer := self._answers.pop(mid, None)) is not None and not answer.done():
            answer.set_result(None)

    def _on_connect(self, client: paho.Client, userdata: Any, flags: Any, reason: ReasonCode, properties: Any) -> None:
        if self._greeted.done():
            return
        if reason.is_failure:
            text = _REFUSED.get(str(reason), f"the broker refuses the connection: {reason}")
            self._greeted.set_exception(BrokerUnavailable(text.format(user=self._user)))
        else:
            self._greeted.set_result(None)

    def _on_disconnect(self, client: paho.Client, userdata: Any, flags: Any, reason: ReasonCode, properties: Any) -> None:
        if self._shows_certificate and not self._greeted.done():  # what a broker does that does not accept it
            self._end(
                f"the broker does not take the certificate of {self._user}: it has ended, is revoked or of another authority"
            )
        else:
            self._end(f"the connection to the broker is lost ({reason})")

    def _on_message(self, client: paho.Client, userdata: Any, message: paho.MQTTMessage) -> None:
        if len(message.payload) > MAX_WIRE_BYTES:
            self._dropped["too_big"] += 1
        elif len(self._incoming) >= self._queue_limit:
            self._dropped["queue_full"] += 1
        else:
            self._incoming.append(Message(message.topic, bytes(message.payload), message.retain))
            self._arrived.set()

    def _on_socket_open(self, client: paho.Client, userdata: Any, sock: Any) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else a small message waits 40 ms for the other side's TCP
        self._in_loop(self._watch, sock)

    def _end(self, why: str) -> None:
        if self._ended.is_set():
            return
        self._why_ended = why
        self._ended.set()
        self._arrived.set()
        if self._housekeeping:
            self._housekeeping.cancel()
        for answer in [self._greeted, *self._answers.values()]:
            if not answer.done():
                answer.set_exception(BrokerUnavailable(why))
        if not self._greeted.cancelled():
            self._greeted.exception()  # asked for here, or asyncio complains when `open` was cancelled

    def _keep_house(self) -> None:
        if not self._ended.is_set():
            self._paho.loop_misc()  # pings, and ends a connection whose other side has gone silent
            self._housekeeping = self._loop.call_later(_HOUSEKEEPING_S, self._keep_house)

    def _watch(self, sock: Any) -> None:
        self._loop.add_reader(sock, self._read, sock)

    def _read(self, sock: Any) -> None:
        self._guarded(self._paho.loop_read)
        if isinstance(sock, ssl.SSLSocket) and sock.fileno() >= 0 and sock.pending():
            self._loop.call_soon(self._read, sock)  # TLS has decrypted more than was read, and the selector cannot see that

    def _watch_write(self, sock: Any) -> None:
        if sock.fileno() >= 0:
            self._loop.add_writer(sock, self._guarded, self._paho.loop_write)

    def _unwatch_write(self, sock: Any) -> None:
        if sock.fileno() >= 0:
            self._loop.remove_writer(sock)

    def _unwatch(self, sock: Any) -> None:
        if sock.fileno() >= 0:
            self._loop.remove_reader(sock)
            self._loop.remove_writer(sock)

    def _guarded(self, step: Any) -> None:
        try:
            step()
        except (OSError, ValueError) as exc:  # ValueError: what came is not MQTT
            self._end(f"the connection to the broker is lost ({exc})")

    def _in_loop(self, call: Any, *args: Any) -> None:
        if threading.get_ident() == self._thread:
            call(*args)
        else:
            self._loop.call_soon_threadsafe(call, *args)
