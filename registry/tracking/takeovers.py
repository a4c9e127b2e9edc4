"""Ends the sessions of gateways that were revoked or got other credentials.

A broker asks who somebody is when they connect, and leaves an open session alone. But no two sessions have one client id: whoever
connects by the id of another ends that one's. So does ingest, as itself, once the broker's files keep the gateway out. It works
at a broker that runs elsewhere, too. A gateway on this machine has an id that we do not know (sync/credentials.py): our broker
looks at its password again when it reads its files, and ends that session itself.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from django.db import InterfaceError, OperationalError

from registry.broker_files import refresh
from registry.configuration import Configuration
from registry.secret_files import ReadableByOthers
from registry.texts import for_log
from registry.trust import sessions
from sync import mqtt
from sync.broker import BrokerMisconfigured

log = logging.getLogger(__name__)

LOOK_EVERY_S = 2.0
RELOADED_AFTER_S = 0.2  # a running broker has read its files again by then

InThread = Callable[[Callable[[], Any]], Awaitable[Any]]


async def end_sessions(configuration: Configuration, login: mqtt.Login, in_thread: InThread, counts: Counter[str]) -> None:
    """Look for them until cancelled. What fails is tried again at the next look; it waits in the database."""
    why = ""
    while True:
        try:
            if due := await in_thread(sessions.due):
                await in_thread(partial(refresh, configuration))
                await asyncio.sleep(RELOADED_AFTER_S)
            for one in due:
                async with mqtt.connect(login, one.gateway_id):
                    pass
                await in_thread(partial(sessions.ended, one))
                counts["sessions_ended"] += 1
                log.info("gateway %s: whatever session it had is ended", one.gateway_id)
            why = ""
        except (mqtt.BrokerUnavailable, BrokerMisconfigured, ReadableByOthers, OSError, OperationalError, InterfaceError) as exc:
            if str(exc) != why:
                log.warning("sessions that are to end go on: %s", for_log(str(exc)))
            why = str(exc)
        await asyncio.sleep(LOOK_EVERY_S)
