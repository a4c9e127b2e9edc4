"""Every parser of what comes from the wire or from people, as one function from bytes; it lets its one documented error pass.

A corpus file holds what the parser gets before it is sealed: so a mutation goes behind the MAC, as far as somebody with the key
gets. `packet` takes the bytes as they are on the wire.
"""

import base64
import gzip
import hmac
import os
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import msgspec

from registry.tracking import parsing
from sync import topics
from sync.credentials import CredentialsUnusable, read_credentials
from sync.enrolment import Ask, CodeUnusable, Given, Refused, read_code
from sync.verbs import ARGUMENTS
from sync.wire import Batch, Command, LiveEvent, Purpose, State, WireError, check_batch, decode, live_event, unseal
from tests.unit.sync.wire_samples import KEY, SEALED

CORPUS = Path(__file__).with_name("corpus")

Parser = Callable[[bytes], None]


def sealed(purpose: Purpose, body: bytes) -> bytes:
    """As whoever has the key can seal anything that ends in a brace; what is large is gzipped."""
    body = body if body.endswith(b"}") else body + b"}"
    mac = base64.urlsafe_b64encode(hmac.digest(KEY, purpose.value.encode() + b"\0" + body, "sha256")).rstrip(b"=")
    payload = body[:-1] + b',"mac":"' + mac + b'"}'
    return gzip.compress(payload, compresslevel=1, mtime=0) if len(payload) > 2048 else payload


def _unsealed(kind: type[msgspec.Struct], purpose: Purpose, body: bytes) -> None:
    with suppress(WireError):
        message = unseal(sealed(purpose, body), kind, purpose, KEY)
        if isinstance(message, Batch):
            check_batch(message)
            for record in message.records:
                with suppress(WireError):
                    live_event("g", record)
        elif isinstance(message, Command):
            for arguments in ARGUMENTS.values():
                with suppress(msgspec.DecodeError, UnicodeDecodeError):
                    msgspec.json.decode(message.arguments, type=arguments)


def _registry(parse: Callable[[bytes, bytes], object], purpose: Purpose, body: bytes) -> None:
    with suppress(WireError):
        told = parse(sealed(purpose, body), KEY)
        if isinstance(told, parsing.Told):
            assert all(1 <= bad.seq < 2**63 for bad in told.bad)
            assert not any("\0" in (good.event.identity if good.event else "") for good in told.good)


def _decoded(kind: type[msgspec.Struct], body: bytes) -> None:
    with suppress(WireError):
        decode(body, kind)


def _state(body: bytes) -> None:
    with suppress(WireError):
        assert parsing.state(body).state in {"online", "offline", "stopped"}


def _packet(payload: bytes) -> None:
    """Whoever made it has no key, unless it is a message of ours as it is."""
    for kind, purpose in {(type(message), purpose) for message, purpose in SEALED.values()}:
        with suppress(WireError):
            unseal(payload, kind, purpose, KEY)


def _topic(text: bytes) -> None:
    named = topics.gateway_of(text.decode(errors="replace"))
    assert named is None or (all(named) and not any("/" in part for part in named))


def _code(text: bytes) -> None:
    with suppress(CodeUnusable):
        code = read_code(text.decode(errors="replace"))
        assert read_code(str(code)) == code


def _credentials(content: bytes) -> None:
    file = os.memfd_create("credentials", os.MFD_CLOEXEC)
    try:
        os.fchmod(file, 0o600)
        os.write(file, content)
        with suppress(CredentialsUnusable):
            read_credentials(Path(f"/proc/self/fd/{file}"))
    finally:
        os.close(file)


PARSERS: dict[str, Parser] = {
    **{name: partial(_unsealed, type(message), purpose) for name, (message, purpose) in SEALED.items()},
    "registry-hello": partial(_registry, parsing.hello, Purpose.HELLO),
    "registry-events": partial(_registry, parsing.events, Purpose.EVENTS),
    "registry-health": partial(_registry, parsing.health, Purpose.HEALTH),
    "registry-state": _state,
    "state": partial(_decoded, State),
    "live_event": partial(_decoded, LiveEvent),
    "enrolment-ask": partial(_decoded, Ask),
    "enrolment-given": partial(_decoded, Given),
    "enrolment-refused": partial(_decoded, Refused),
    "enrolment-code": _code,
    "credentials": _credentials,
    "packet": _packet,
    "topic": _topic,
}
