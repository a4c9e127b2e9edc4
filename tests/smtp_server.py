"""A mail server on loopback that speaks real SMTP and keeps what it accepted. Runs in a thread of the test process.

`answers` gives commands another answer: {"RCPT": b"550 no such user"}. `hold_after_text`: it takes the end of a mail's text,
counts the mail as accepted, and says nothing any more, as a server does that dies in that moment.
"""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage


@dataclass
class Smtp:
    port: int = 0
    accepted: list[EmailMessage] = field(default_factory=list)
    answers: dict[str, bytes] = field(default_factory=dict)
    hold_after_text: bool = False
    pause_before_answer_s: float = 0.0
    connections: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        writer.write(b"220 test ESMTP\r\n")
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while line := await reader.readline():
                verb = line[:4].decode().strip().upper()
                if verb in self.answers:
                    writer.write(self.answers[verb] + b"\r\n")
                elif verb == "EHLO":
                    writer.write(b"250-test\r\n250 8BITMIME\r\n")
                elif verb == "DATA":
                    writer.write(b"354 go on\r\n")
                    await writer.drain()
                    text = await reader.readuntil(b"\r\n.\r\n")
                    unstuffed = text.removesuffix(b".\r\n").replace(b"\r\n..", b"\r\n.")
                    if "TEXT" in self.answers:
                        writer.write(self.answers["TEXT"] + b"\r\n")
                        continue
                    self.accepted.append(message_from_bytes(unstuffed, policy=policy.default))
                    if self.hold_after_text:
                        await asyncio.sleep(3600)
                    await asyncio.sleep(self.pause_before_answer_s)
                    writer.write(b"250 taken\r\n")
                elif verb == "QUIT":
                    writer.write(b"221 bye\r\n")
                    await writer.drain()
                    break
                else:
                    writer.write(b"250 ok\r\n")
                await writer.drain()
        writer.close()


@contextmanager
def smtp_server() -> Iterator[Smtp]:
    smtp = Smtp()
    loop = asyncio.new_event_loop()
    ready, stop = threading.Event(), asyncio.Event()

    async def main() -> None:
        server = await asyncio.start_server(smtp.serve, "127.0.0.1", 0)
        smtp.port = server.sockets[0].getsockname()[1]
        ready.set()
        await stop.wait()
        server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    thread = threading.Thread(target=loop.run_until_complete, args=(main(),), name="smtp")
    thread.start()
    ready.wait(10)
    try:
        yield smtp
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()
