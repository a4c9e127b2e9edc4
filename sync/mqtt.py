"""The MQTT port: all that Sightpost asks of a broker, in five verbs. MQTT 3.1.1, because brokers differ beyond it.

One `connect` is one connection with a client object of its own: a client that reconnects by itself sends again what it believes
unacknowledged, and retrying is the business of those who can tell what was committed. What arrives waits in a bounded queue;
what finds it full, or is too large to be ours, is dropped and counted.
"""

import asyncio
import contextlib
import socket
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from host.crash_points import reached
from sync.loopback import is_loopback
from sync.mqtt_link import BrokerUnavailable, Link, Message
from sync.tls import Tls, TlsUnusable, client_context

__all__ = ["BrokerUnavailable", "Login", "Message", "Session", "connect"]

CONNECT_TIMEOUT_S = 3.0  # a stop in the middle of an attempt waits this long at most
ANSWER_TIMEOUT_S = 10.0
GOODBYE_TIMEOUT_S = 1.0
KEEPALIVE_S = 15  # a half-open link is noticed within 1.5 times this


@dataclass(frozen=True, slots=True)
class Login:
    host: str
    port: int
    user: str
    password: str = field(repr=False)  # empty: a certificate says who we are
    tls: Tls | None = None  # without it the broker is on this machine


class Session:
    """One connection. Every call may raise BrokerUnavailable; then this session is of no use any more."""

    def __init__(self, link: Link, answer_timeout_s: float) -> None:
        self._link = link
        self._answer_timeout_s = answer_timeout_s

    async def subscribe(self, *filters: str) -> None:
        """Ask for what matches these filters, at QoS 1. A granted subscription proves no right to read."""
        await self._answered(self._link.subscribe([(one, 1) for one in filters]))

    async def publish(self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False) -> None:
        """Return when the broker has taken it (QoS 1) or it is on its way (QoS 0). Neither says that anybody received it."""
        answer = self._link.publish(topic, payload, qos, retain)
        reached("after_publish")
        await self._answered(answer)
        reached("after_puback")

    async def tell(self, messages: Sequence[Message]) -> None:
        """Send them at QoS 0, all at once; return when they are on their way."""
        sent = [self._link.publish(message.topic, message.payload, 0, message.retained) for message in messages]
        if sent:
            await self._answered(asyncio.gather(*sent))

    async def messages(self) -> AsyncIterator[Message]:
        """Yield what arrives until the connection ends, then raise BrokerUnavailable. One reader at a time."""
        while True:
            yield await self._link.next_message()

    async def _answered(self, answer: asyncio.Future[Any]) -> None:
        try:
            async with asyncio.timeout(self._answer_timeout_s):
                await answer
        except TimeoutError:
            raise BrokerUnavailable("the broker does not answer any more") from None


@contextlib.asynccontextmanager
async def connect(
    login: Login,
    client_id: str,
    *,
    will: Message | None = None,
    queue_limit: int = 100,
    dropped: Counter[str] | None = None,
    inflight: int = 20,
    connect_timeout_s: float = CONNECT_TIMEOUT_S,
    answer_timeout_s: float = ANSWER_TIMEOUT_S,
    keepalive_s: int = KEEPALIVE_S,
) -> AsyncIterator[Session]:
    """Open a connection with a clean session and close it on every way out. Raises BrokerUnavailable.

    `will` is published by the broker, at QoS 1, when the connection ends without our goodbye. `queue_limit` bounds the messages
    that wait to be read, `inflight` those that wait for the broker's word; `dropped` counts `queue_full` and `too_big`."""
    if login.tls is None and not is_loopback(login.host):
        raise BrokerUnavailable(f"the broker {login.host} is another machine, and nothing goes there without TLS")
    try:
        context = None if login.tls is None else client_context(login.tls)
    except TlsUnusable as exc:
        raise BrokerUnavailable(str(exc)) from None
    link = Link(
        client_id, login.user, login.password, context, will=will, queue_limit=queue_limit, dropped=dropped, inflight=inflight
    )
    try:
        try:
            await link.open(login.host, login.port, connect_timeout_s, answer_timeout_s, keepalive_s)
        except OSError as exc:
            raise BrokerUnavailable(_in_words(exc, login)) from exc
        yield Session(link, answer_timeout_s)
    finally:
        await link.close(GOODBYE_TIMEOUT_S)


def _in_words(exc: OSError, login: Login) -> str:
    where = f"{login.host}:{login.port}"
    match exc:
        case ConnectionRefusedError():
            return f"nothing listens at {where}: is the broker running there?"
        case socket.gaierror():
            return f"the name {login.host} is not known: check the broker's address and the network"
        case TimeoutError():
            return f"the broker {where} does not answer"
        case ssl.SSLCertVerificationError():
            return f"the certificate of the broker {where} is not accepted ({exc.verify_message}): {_remedy(exc.verify_code)}"
        case ssl.SSLError():
            return f"no TLS with {where} ({exc.reason or exc}): is this the broker's TLS port?"
    return f"the broker {where} cannot be reached: {exc.strerror or exc}"


def _remedy(code: int) -> str:
    match code:
        case 9 | 10:  # X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED
            return "check the clock of this machine, then the broker's certificate"
        case 62 | 64:  # X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH
            return "use a name that the certificate is for"
    return "it is not of the authority that we know; check the broker's address, or enrol this gateway again"
