"""The socket that gateways come to with a code: HTTPS with a certificate of our own authority, there only while a code is out.

Anybody may connect who reaches the address, so everything is bounded: connections in all and by address, the time of the TLS
handshake and of the whole exchange, the size of a request (conversation.py), wrong codes (services.py).
"""

import asyncio
import logging
import socket
import ssl
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connections
from django.utils import timezone

from registry.configuration import Configuration
from registry.enrolment import answering, services
from registry.enrolment.addresses import enrolment_host
from registry.enrolment.conversation import Answer, Request, converse
from registry.exits import CannotGoOn
from registry.problems import Problem
from registry.secret_files import ReadableByOthers
from registry.serve import bind
from registry.texts import for_log
from registry.trust import authority
from sync.tls import server_context

log = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
AT_ONCE = 32
AT_ONCE_OF_ADDRESS = 4
ACCEPT_EVERY_S = 0.01
HANDSHAKE_WITHIN_S = 5.0
ANSWER_WITHIN_S = 15.0  # all of it, from the first byte on
CERTIFIED_DAYS = 2  # a fresh one each time that we begin to listen, and a code is good for half an hour

Result = TypeVar("Result")


class Listener:
    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._section = configuration.enrolment
        self._accepted: set[socket.socket] = set()  # and nobody speaks with them yet
        self._from: Counter[str] = Counter()
        self._database = ThreadPoolExecutor(max_workers=1, thread_name_prefix="enrolment")
        self._complained = ""

    async def run(self) -> None:
        """Listen while a code is out, until cancelled."""
        listening: asyncio.Task[None] | None = None
        try:
            while True:
                wanted = await self._is_wanted(listening is not None)
                if listening is not None and (listening.done() or not wanted):
                    await _ended(listening)
                    listening = None
                if wanted and listening is None:
                    listening = await self._begin()
                await asyncio.sleep(LOOK_EVERY_S)
        finally:
            if listening is not None:
                await _ended(listening)
            self._database.shutdown()

    async def _is_wanted(self, so_far: bool) -> bool:
        try:
            return await self._in_thread(services.is_any_open)
        except (DatabaseError, InterfaceError) as exc:
            self._complain(f"the database cannot be used: {exc}")
            return so_far

    async def _begin(self) -> asyncio.Task[None] | None:
        try:
            ours = authority.read_or_make(settings.DATA_DIR)
            certificate, key = ours.serve_as([enrolment_host(self._configuration)], now=timezone.now(), days=CERTIFIED_DAYS)
            context = server_context(certificate, key)
            listening = bind(self._section.host, self._section.port)
        except (CannotGoOn, Problem, ReadableByOthers, OSError) as exc:
            self._complain(str(exc).replace("[web]", "[enrolment]"))
            return None
        listening.setblocking(False)
        self._complained = ""
        log.info("a code is out: gateways may enrol at %s:%d", self._section.host, self._section.port)
        return asyncio.create_task(self._listen(listening, context), name="enrolment listener")

    async def _listen(self, listening: socket.socket, context: ssl.SSLContext) -> None:
        """Accept and answer until cancelled."""
        loop = asyncio.get_running_loop()
        conversations: set[asyncio.Task[None]] = set()

        def accept() -> None:
            loop.remove_reader(listening)
            with suppress(OSError):  # nobody any more, or too many open files
                while len(conversations) < AT_ONCE:  # the others wait in the kernel
                    connected, peer = listening.accept()
                    self._accepted.add(connected)
                    task = loop.create_task(self._one(connected, str(peer[0]), context), name="enrolment")
                    conversations.add(task)
                    task.add_done_callback(ended)
            loop.call_later(ACCEPT_EVERY_S, again)

        def again() -> None:
            if listening.fileno() >= 0:
                loop.add_reader(listening, accept)

        def ended(task: asyncio.Task[None]) -> None:
            conversations.discard(task)
            if not task.cancelled() and (bug := task.exception()) is not None:
                log.error("enrolment: a conversation failed", exc_info=bug)

        with listening:
            again()
            try:
                await asyncio.Event().wait()
            finally:
                loop.remove_reader(listening)
                for task in conversations:
                    task.cancel()
                if conversations:
                    await asyncio.wait(conversations)
                while self._accepted:
                    self._accepted.pop().close()

    async def _one(self, connected: socket.socket, address: str, context: ssl.SSLContext) -> None:
        """One connection, from beginning to end."""
        self._from[address] += 1
        writer: asyncio.StreamWriter | None = None
        try:
            self._accepted.discard(connected)
            if self._from[address] > AT_ONCE_OF_ADDRESS:
                return connected.close()
            async with asyncio.timeout(ANSWER_WITHIN_S):
                reader, writer = await _handshake(connected, context)
                await converse(reader, writer, lambda request: self._answer(request, address))
                writer.close()
                await writer.wait_closed()
        except (TimeoutError, OSError) as exc:  # ssl.SSLError is one
            log.debug("enrolment: %s: %s", address, exc)
        finally:
            if writer is not None:
                writer.transport.abort()
            self._from[address] -= 1
            if not self._from[address]:
                del self._from[address]

    async def _answer(self, request: Request, address: str) -> Answer:
        try:
            return await self._in_thread(lambda: answering.answer(request, address))
        except (DatabaseError, InterfaceError) as exc:
            log.error("enrolment: the database cannot be used: %s", for_log(str(exc)))
            return answering.UNAVAILABLE

    async def _in_thread(self, call: Callable[[], Result]) -> Result:
        def calling() -> Result:
            try:
                return call()
            finally:
                connections.close_all()

        return await asyncio.get_running_loop().run_in_executor(self._database, calling)

    def _complain(self, sentence: str) -> None:
        """Once, not every second."""
        if sentence != self._complained:
            self._complained = sentence
            log.error("nobody can enrol: %s", for_log(sentence, 500))


async def _handshake(connected: socket.socket, context: ssl.SSLContext) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    transport, protocol = await loop.connect_accepted_socket(
        lambda: asyncio.StreamReaderProtocol(reader), connected, ssl=context, ssl_handshake_timeout=HANDSHAKE_WITHIN_S
    )
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
