"""The MQTT port: all that Sightpost asks of a broker, in four verbs. MQTT 3.1.1, because brokers differ beyond it.

One `connect` is one connection with a client object of its own: a client that reconnects by itself sends again what it believes
unacknowledged, and retrying is the business of those who can tell what was committed. What arrives waits in a bounded queue;
what finds it full, or is too large to be ours, is dropped and counted.
"""

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

import aiomqtt
from paho.mqtt.reasoncodes import ReasonCode

from sync.wire import MAX_WIRE_BYTES

CONNECT_TIMEOUT_S = 3.0  # a stop in the middle of an attempt waits this long at most
ANSWER_TIMEOUT_S = 10.0
KEEPALIVE_S = 15  # a half-open link is noticed within 1.5 times this

_quiet = logging.getLogger("sync.mqtt.client")
_quiet.setLevel(logging.CRITICAL)  # every failure becomes a BrokerUnavailable, said once by whoever handles it

_REFUSED = {
    "Bad user name or password": "refuses user {user}: wrong password, or no such user",
    "Not authorized": "refuses user {user}: wrong password, or no such user",
    "Client identifier not valid": "refuses the client id",
    "Unsupported protocol version": "does not speak MQTT 3.1.1",
    "Server unavailable": "is there but takes no connections just now",
}


class BrokerUnavailable(Exception):
    """No connection to the broker, or not any more; the text says why. Trying again later may help."""


@dataclass(frozen=True, slots=True)
class Login:
    host: str
    port: int
    user: str
    password: str = field(repr=False)

    def __str__(self) -> str:
        return f"the broker {self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Message:
    topic: str
    payload: bytes
    retained: bool = False  # incoming: the broker had kept it; outgoing: it shall


class Session:
    """One connection. Every call may raise BrokerUnavailable; then this session is of no use any more."""

    def __init__(self, client: "_Client", login: Login) -> None:
        self._client = client
        self._login = login

    async def subscribe(self, *filters: str) -> None:
        """Ask for what matches these filters, at QoS 1. A granted subscription proves no right to read."""
        with self._translated():
            await self._client.subscribe([(one, 1) for one in filters])

    async def publish(self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False) -> None:
        """Return when the broker has taken it (QoS 1), or at once (QoS 0). Neither says that anybody received it."""
        with self._translated():
            await self._client.publish(topic, payload, qos, retain)

    async def messages(self) -> AsyncIterator[Message]:
        """Yield what arrives until the connection ends, then raise BrokerUnavailable. One reader at a time."""
        with self._translated():
            async for message in self._client.messages:
                payload = message.payload if isinstance(message.payload, bytes) else b""
                yield Message(message.topic.value, payload, message.retain)

    @property
    def dropped(self) -> int:
        """How many messages found the queue full."""
        return self._client.incoming.dropped

    @property
    def oversized(self) -> int:
        """How many messages were larger than anything of ours."""
        return self._client.incoming.oversized

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (aiomqtt.MqttError, OSError, ValueError) as exc:
            raise BrokerUnavailable(f"{self._login}: the connection is lost ({exc})") from exc


@contextlib.asynccontextmanager
async def connect(
    login: Login,
    client_id: str,
    *,
    will: Message | None = None,
    queue_limit: int = 100,
    inflight: int = 20,
    connect_timeout_s: float = CONNECT_TIMEOUT_S,
    answer_timeout_s: float = ANSWER_TIMEOUT_S,
    keepalive_s: int = KEEPALIVE_S,
) -> AsyncIterator[Session]:
    """Open a connection with a clean session and close it on every way out. Raises BrokerUnavailable.

    `will` is published by the broker, at QoS 1, when the connection ends without our goodbye. `queue_limit` bounds the messages
    that wait to be read, `inflight` those that wait for the broker's word."""
    client = _Client(
        login.host,
        login.port,
        username=login.user,
        password=login.password,
        identifier=client_id,
        protocol=aiomqtt.ProtocolVersion.V311,
        clean_session=True,
        will=None if will is None else aiomqtt.Will(will.topic, will.payload, qos=1, retain=will.retained),
        max_queued_incoming_messages=queue_limit,
        max_inflight_messages=inflight,
        queue_type=_Incoming,
        keepalive=keepalive_s,
        timeout=answer_timeout_s,
        logger=_quiet,
    )
    try:
        await client.enter(connect_timeout_s)
    except (aiomqtt.MqttError, OSError) as exc:
        raise BrokerUnavailable(_in_words(exc, login)) from exc
    try:
        yield Session(client, login)
    finally:
        await client.leave()


class _Incoming(asyncio.Queue[aiomqtt.Message]):
    """aiomqtt's queue, with our policy: full or oversized is dropped and counted, whatever came before stays."""

    def __init__(self, maxsize: int = 0) -> None:
        super().__init__(maxsize)
        self.dropped = 0
        self.oversized = 0

    def put_nowait(self, item: aiomqtt.Message) -> None:
        if isinstance(item.payload, bytes) and len(item.payload) > MAX_WIRE_BYTES:
            self.oversized += 1
        elif self.full():
            self.dropped += 1
        else:
            super().put_nowait(item)


class _Client(aiomqtt.Client):
    """aiomqtt's client, closed on every way out: it leaves the socket and a task behind when connecting fails or is cancelled."""

    @property
    def incoming(self) -> _Incoming:
        assert isinstance(self._queue, _Incoming)
        return self._queue

    async def enter(self, connect_timeout_s: float) -> None:
        self._client.connect_timeout = connect_timeout_s
        self.pending_calls_threshold = 1000  # a pipeline of publishes is what we want, not worth a warning
        entering = asyncio.ensure_future(self.__aenter__())
        try:
            await asyncio.shield(entering)
        except BaseException:
            await asyncio.wait({entering})  # cancelled: the thread that connects cannot be stopped, only awaited
            await self._abandon()
            raise

    async def leave(self) -> None:
        try:
            with contextlib.suppress(aiomqtt.MqttError):
                await self.__aexit__(None, None, None)
        finally:
            await self._abandon()

    async def _abandon(self) -> None:
        if (sock := self._client.socket()) is not None and sock.fileno() >= 0:
            self._loop.remove_reader(sock.fileno())
            self._loop.remove_writer(sock.fileno())
            sock.close()
        if self._misc_task is not None:
            self._misc_task.cancel()
            await asyncio.wait({self._misc_task})
        if self._disconnected.done() and not self._disconnected.cancelled():
            self._disconnected.exception()  # or asyncio complains that nobody asked


def _in_words(exc: Exception, login: Login) -> str:
    cause = exc.__context__ if isinstance(exc.__context__, OSError) else exc
    code = getattr(exc, "rc", None)
    if isinstance(code, ReasonCode):
        return f"{login} {_REFUSED.get(str(code), f'refuses the connection: {code}').format(user=login.user)}"
    if isinstance(cause, ConnectionRefusedError):
        return f"nothing listens at {login.host}:{login.port}: is the broker running there?"
    if isinstance(cause, socket.gaierror):
        return f"the name {login.host} is not known: check the broker's address and the network"
    if isinstance(cause, TimeoutError) or str(exc) == "Operation timed out":
        return f"{login} does not answer"
    return f"{login} cannot be reached: {cause}"
