"""From the outgoing queue to the mail server, one mail after the other, none twice.

SMTP has one moment in which nobody can know: between the end of the mail's text and the server's word. Everything before it may
be repeated, for a server keeps nothing that was cut short. So the dialogue is held up to that moment, then `handed_over_at` is
committed, then the end of the text goes out. A mail that has this mark after a crash has perhaps been sent: it is told to be so,
and not repeated by itself. Its Message-ID is always the same, so that most mail programs show a repeated one once.
"""

import base64
import logging
import smtplib
import ssl
from collections import Counter
from collections.abc import Callable
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from pathlib import Path
from random import Random
from typing import Final

from registry import secret_files
from registry.configuration import MailSection
from registry.texts import for_log
from registry.work import outgoing
from registry.work.models import Outgoing

log = logging.getLogger(__name__)

AT_ONCE: Final = 50
TIMEOUT_S: Final = 30.0


class ServerUnavailable(Exception):
    """No mail can be sent now, whichever it is; the text says why."""


def send_due(section: MailSection, counts: Counter[str], rng: Random, *, stopping: Callable[[], bool]) -> int:
    """Send the mails whose turn it is over one connection; return how many were dealt with. Raises ServerUnavailable."""
    if uncertain := outgoing.settle_uncertain():  # the database failed us after the server had it
        counts["uncertain_mail"] += uncertain
    messages = outgoing.due(Outgoing.Sink.MAIL, most=AT_ONCE)
    if not messages:
        return 0
    with _connection(section) as server:
        for number, message in enumerate(messages):
            if stopping():
                return number
            _send(server, section, message, counts, rng)
    return len(messages)


def composed(message: Outgoing, sender: str) -> EmailMessage:
    """The mail of a row, the same at every attempt."""
    said = message.payload or {}
    mail = EmailMessage(policy=SMTP)
    mail["From"] = sender
    mail["To"] = message.topic
    mail["Subject"] = said["subject"]
    mail["Date"] = format_datetime(message.created_at)
    mail["Message-ID"] = f"<{message.pk}@{parseaddr(sender)[1].rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(said["text"])
    for one in said.get("attachments", ()):
        main, _, sub = one["type"].partition(";")[0].partition("/")
        mail.add_attachment(base64.b64decode(one["base64"]), maintype=main, subtype=sub, filename=one["name"])
    return mail


class _connection:  # noqa: N801 - used like a function
    """An SMTP connection that is logged in; leaving it says goodbye. Raises ServerUnavailable."""

    def __init__(self, section: MailSection) -> None:
        self._section = section

    def __enter__(self) -> smtplib.SMTP:
        section = self._section
        self._server = server = smtplib.SMTP(timeout=TIMEOUT_S)
        try:
            server.connect(section.host, section.port)
            if section.starttls:
                server.starttls(context=ssl.create_default_context())
            if section.user:
                assert section.password_file is not None  # the settings see to it
                server.login(section.user, secret_files.read(Path(section.password_file)))
            server.ehlo_or_helo_if_needed()
        except (smtplib.SMTPException, secret_files.ReadableByOthers, OSError) as exc:
            server.close()
            raise ServerUnavailable(f"the mail server {section.host}:{section.port} cannot be used: {_words(exc)}") from exc
        return server

    def __exit__(self, *_: object) -> None:
        try:
            self._server.quit()
        except (smtplib.SMTPException, OSError):
            self._server.close()


def _send(server: smtplib.SMTP, section: MailSection, message: Outgoing, counts: Counter[str], rng: Random) -> None:
    """Raises ServerUnavailable when the connection is gone."""
    try:
        answer = _dialogue(server, section, message)
    except (smtplib.SMTPException, OSError) as exc:
        if message.handed_over_at is not None:
            log.warning("mail %s to %s was perhaps sent: %s", message.pk, for_log(message.topic), _words(exc))
            counts["uncertain_mail"] += 1
            outgoing.give_up(message, outgoing.PERHAPS)
            raise ServerUnavailable(_words(exc)) from exc
        outgoing.put_off(message, _words(exc), jitter=rng.random())
        raise ServerUnavailable(_words(exc)) from exc
    except (ValueError, LookupError) as exc:  # an address or a subject that cannot stand in a mail
        answer = (550, str(exc))
    code, said = answer
    if code == 250:
        outgoing.arrived([message.pk])
        counts["sent_mail"] += 1
        return
    why = f"{section.host} said {code} {said}"
    if 400 <= code < 500:
        dead = outgoing.put_off(message, why, jitter=rng.random())
    else:
        outgoing.give_up(message, why)
        dead = True
    counts["dead_mail" if dead else "deferred_mail"] += 1
    log.warning(
        "mail %s to %s was not taken%s: %s", message.pk, for_log(message.topic), " for good" if dead else "", for_log(why)
    )
    server.rset()


def _dialogue(server: smtplib.SMTP, section: MailSection, message: Outgoing) -> tuple[int, str]:
    """Hand one mail over; return the server's last word."""
    mail = composed(message, section.sender)
    recipient = parseaddr(message.topic)[1]
    if not recipient:
        return 550, "there is no address"
    for code, said in (_said(server.mail(parseaddr(section.sender)[1])), _said(server.rcpt(recipient))):
        if code not in (250, 251):
            return code, said
    code, said = _said(server.docmd("DATA"))
    if code != 354:
        return code, said
    text = mail.as_bytes()
    stuffed = b"\r\n".join(b"." + line if line.startswith(b".") else line for line in text.rstrip(b"\r\n").split(b"\r\n"))
    server.send(stuffed + b"\r\n")
    if not outgoing.handed_over(message):
        raise smtplib.SMTPServerDisconnected("the message was taken back")
    server.send(b".\r\n")
    return _said(server.getreply())


def _said(answer: tuple[int, bytes]) -> tuple[int, str]:
    return answer[0], answer[1].decode("utf-8", "replace")


def _words(exc: BaseException) -> str:
    match exc:
        case ConnectionRefusedError():
            return "nothing listens there"
        case TimeoutError():
            return "it does not answer"
        case smtplib.SMTPAuthenticationError():
            return "it refuses user and password"
        case smtplib.SMTPResponseException():
            return f"{exc.smtp_code} {exc.smtp_error!r}"
        case OSError():
            return exc.strerror or str(exc)
    return str(exc)
