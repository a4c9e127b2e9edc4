"""`sightpost enrol CODE`: from a one-time code to the credentials of this gateway. Of the key that is made here nobody else ever
has a copy.

The code says which authority to believe, but does not hold its certificate: that is fetched first, over a connection that proves
nothing and is told nothing, and held against the code. The secret is said over a second one, which that authority vouches for.
"""

import contextlib
import http.client
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final, TypeVar

from gateway.keys import fingerprint_of, make_key
from sync.credentials import Credentials, of_members, write_credentials
from sync.enrolment import CA_PATH, ENROL_PATH, MAX_ANSWER_BYTES, Ask, Code, Given, Refused
from sync.tls import Tls, client_context
from sync.wire import WireError, decode, encode

ANSWER_WITHIN_S: Final = 20.0
TRIES: Final = 3  # asked again with the same key, the registry says the same again
PAUSE_S: Final = 2.0
_WRONG_TIME: Final = {9: "not valid yet", 10: "not valid any more"}  # OpenSSL's X509_V_ERR_...

_Said = TypeVar("_Said", Given, Refused)


class CannotEnrol(Exception):
    """A person has to do something first; the text says what."""


class NoAnswer(CannotEnrol):
    """Nobody answers there. Trying again may help."""


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What this gateway is now. `fingerprint`: of its certificate, SHA-256 in hex, as the registry shows it."""

    credentials: Credentials
    fingerprint: str
    approved: bool


def enrol(code: Code, *, machine: str, software: str, to: Path, sleep: Callable[[float], None] = time.sleep) -> Enrolled:
    """Get this gateway's credentials and write them to the file `to`. Raises CannotEnrol."""
    _must_be_writable(to)
    ca = _authority(code, sleep)
    key = make_key()
    ask = encode(Ask(secret=code.secret.hex(), csr=key.request, machine=machine, software=software))
    given = _given(code, ca, ask, sleep)
    try:
        credentials = of_members(given.gateway, given.broker, given.mac_key, Tls(given.ca, given.certificate, key.pem))
        enrolled = Enrolled(credentials, fingerprint_of(given.certificate), given.approved)
        write_credentials(to, credentials)
    except ValueError as exc:
        raise CannotEnrol(f"what the registry gave is of no use: {exc}") from None
    except OSError as exc:
        raise CannotEnrol(f"{to} cannot be written: {exc.strerror}; mend that, then ask for another code") from None
    return enrolled


def _must_be_writable(to: Path) -> None:
    """A code is good for one machine once: find out before."""
    try:
        to.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = to.with_name(f".{to.name}.probe")
        probe.touch(mode=0o600)
        probe.unlink()
    except OSError as exc:
        raise CannotEnrol(
            f"{to.parent} cannot be written to: {exc.strerror}; run this as root, or as who runs the gateway"
        ) from None


def _authority(code: Code, sleep: Callable[[float], None]) -> str:
    """Return the certificate of the registry's authority, PEM: the one that the code was made for. Raises CannotEnrol."""
    proves_nothing = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    proves_nothing.check_hostname = False
    proves_nothing.verify_mode = ssl.CERT_NONE  # what comes is held against the code, and nothing is said
    status, body = _first_answer(code, proves_nothing, sleep)
    try:
        der = ssl.PEM_cert_to_DER_cert(body.decode("ascii")) if status == HTTPStatus.OK else b""
    except ValueError:
        der = b""
    if not der:
        raise CannotEnrol(f"what answers at {_place(code)} is no registry that gateways can enrol at; compare the code's address")
    if not code.believes(der):
        raise CannotEnrol(
            f"what answers at {_place(code)} is not the registry that this code is from: its authority is another one."
            " It was told nothing; find out who that is before you try again"
        )
    return ssl.DER_cert_to_PEM_cert(der)


def _first_answer(code: Code, context: ssl.SSLContext, sleep: Callable[[float], None]) -> tuple[int, bytes]:
    """The registry begins to listen a second or two after it has given out a code. Raises CannotEnrol."""
    for _ in range(TRIES - 1):
        with contextlib.suppress(NoAnswer):
            return _exchange(code, context, "GET", CA_PATH)
        sleep(PAUSE_S)
    return _exchange(code, context, "GET", CA_PATH)


def _given(code: Code, ca: str, ask: bytes, sleep: Callable[[float], None]) -> Given:
    """Raises CannotEnrol."""
    context = client_context(Tls(ca))
    for left in reversed(range(TRIES)):
        try:
            status, body = _exchange(code, context, "POST", ENROL_PATH, ask)
            if status == HTTPStatus.OK:
                return _read(body, Given)
            refused = CannotEnrol(f"the registry says: {_read(body, Refused).refused}")
        except NoAnswer as exc:
            status, refused = HTTPStatus.SERVICE_UNAVAILABLE, exc
        if status != HTTPStatus.SERVICE_UNAVAILABLE or not left:
            raise refused
        sleep(PAUSE_S)
    raise AssertionError("the last try returns or raises")


def _exchange(code: Code, context: ssl.SSLContext, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
    """Return (status, body). Raises CannotEnrol, NoAnswer."""
    connection = http.client.HTTPSConnection(code.host, code.port, timeout=ANSWER_WITHIN_S, context=context)
    try:
        connection.request(method, path, body or None, {"Content-Type": "application/json"} if body else {})
        answer = connection.getresponse()
        return answer.status, answer.read(MAX_ANSWER_BYTES)
    except ssl.SSLCertVerificationError as exc:
        if why := _WRONG_TIME.get(exc.verify_code):
            now = time.strftime("%d %b %Y %H:%M UTC", time.gmtime())
            raise CannotEnrol(f"by this machine's clock ({now}) the registry's certificate is {why}; set the clock") from None
        raise CannotEnrol(
            f"what answers at {_place(code)} is not proven by the registry's authority: {exc.verify_message}"
        ) from None
    except ssl.SSLError:
        raise CannotEnrol(f"what answers at {_place(code)} does not speak TLS as we do; compare the code's address") from None
    except socket.gaierror:
        raise NoAnswer(f"nobody here knows the name {code.host}; compare it with the code, or mend the name service") from None
    except TimeoutError:
        raise NoAnswer(
            f"{_place(code)} does not answer within {ANSWER_WITHIN_S:.0f} s; is a firewall between here and there?"
        ) from None
    except ConnectionRefusedError:
        raise NoAnswer(
            f"nobody listens at {_place(code)}; the registry does while a code is out, for 30 minutes, and only if it runs"
        ) from None
    except OSError as exc:
        raise NoAnswer(f"{_place(code)} cannot be reached: {exc.strerror or exc}") from None
    except http.client.HTTPException:
        raise CannotEnrol(f"what answers at {_place(code)} does not speak HTTP; compare the code's address") from None
    finally:
        connection.close()


def _read(body: bytes, kind: type[_Said]) -> _Said:
    try:
        return decode(body, kind)
    except WireError as exc:
        raise CannotEnrol(f"this gateway does not understand the registry's answer: {exc}") from None


def _place(code: Code) -> str:
    return f"{code.host}:{code.port}"
