"""From the outgoing queue to the broker: at QoS 1, and a row goes once the broker has it.

The broker may get a message twice when we die between its word and our commit: subscribers tell by `event_id`.
"""

import asyncio
import json
import logging
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final

from django.db import InterfaceError, OperationalError

from registry.broker_login import client_id
from registry.texts import for_log
from registry.work import outgoing
from registry.work.models import Outgoing
from sync import mqtt
from sync.broker import MAX_PACKET_BYTES

log = logging.getLogger(__name__)

AT_ONCE: Final = 200
IDLE_S: Final = 0.5
LARGEST: Final = MAX_PACKET_BYTES - 2_048  # bytes of a payload; the topic stands beside it
FIRST_PAUSE_S: Final = 0.2
LONGEST_PAUSE_S: Final = 10.0

InThread = Callable[[Callable[[], Any]], Awaitable[Any]]


class ToMqtt:
    """Keeps one connection while there is something to send, and as long as it lasts. `why` says what keeps it from sending."""

    def __init__(self, login: mqtt.Login, in_thread: InThread, counts: Counter[str], rng: random.Random) -> None:
        self._login = login
        self._in_thread = in_thread
        self._counts = counts
        self._rng = rng
        self.why = ""

    async def run(self, stop: asyncio.Event) -> None:
        failures = 0
        while not stop.is_set():
            try:
                if not await self._in_thread(partial(outgoing.due, Outgoing.Sink.MQTT, most=1)):
                    await _pause(stop, IDLE_S)
                    continue
                async with mqtt.connect(self._login, client_id("registry-work")) as session:
                    log.log(logging.INFO if self.why else logging.DEBUG, "sending to the broker at port %d", self._login.port)
                    failures, self.why = 0, ""
                    await self._send(session, stop)
            except mqtt.BrokerUnavailable as exc:
                self.why = str(exc)
            except (OperationalError, InterfaceError) as exc:
                self.why = f"the database cannot be used: {for_log(str(exc))}"
            if self.why and not stop.is_set():
                failures += 1
                log.log(logging.WARNING if failures == 1 else logging.DEBUG, "MQTT: %s; trying again", self.why)
                await _pause(stop, self._rng.uniform(0, min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(failures, 10))))

    async def _send(self, session: mqtt.Session, stop: asyncio.Event) -> None:
        """Send what is due until the connection ends or `stop`. Raises BrokerUnavailable."""
        while not stop.is_set():
            messages = await self._in_thread(partial(outgoing.due, Outgoing.Sink.MQTT, most=AT_ONCE))
            if not messages:
                await _pause(stop, IDLE_S)
                continue
            lost: BaseException | None = None
            sent = []
            answers = await asyncio.gather(*(self._publish(session, one) for one in messages), return_exceptions=True)
            for message, answer in zip(messages, answers, strict=True):
                if isinstance(answer, BaseException):
                    lost = lost or answer
                elif answer:
                    sent.append(message.pk)
            left: set[Any] = set(sent)
            while left and not stop.is_set():  # whoever is just replacing them is soon done
                left = await self._in_thread(partial(outgoing.arrived, list(left)))
                if left:
                    await asyncio.sleep(0.02)
            self._counts["sent_mqtt"] += len(sent)
            if lost is not None:
                raise lost

    async def _publish(self, session: mqtt.Session, message: Outgoing) -> bool:
        said = message.payload
        payload = b"" if said is None else json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()
        if len(payload) > LARGEST:
            self._counts["dead_mqtt"] += 1
            await self._in_thread(partial(outgoing.give_up, message, f"{len(payload):,} bytes are too many for the broker"))
            return False
        await session.publish(message.topic, payload, retain=message.retain)
        return True


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
