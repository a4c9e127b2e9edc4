"""How a gateway gets its identity: the one-time code, and what the two sides say over HTTPS. Pure.

    registry.example.com:8491/q2ff-kzdr-...        where to ask, then in one word what to believe and what to show

The word holds the first half of the SHA-256 of the registry's CA certificate (a second certificate with the same 128 bits cannot
be made), 80 random bits and a checksum over all of it, the address too: Bech32m as in BIP 350, whose 32 characters leave out what
looks alike. The gateway asks for the CA's certificate first and says the secret only to who is proven by it.
"""

import re
import secrets
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Annotated

import msgspec
from msgspec import Meta

from sync.wire import VERSION, Pem, Text

CA_PATH = "/ca"  # GET: the CA's certificate, PEM
ENROL_PATH = "/enrol"  # POST: an Ask, answered by a Given or a Refused
PIN_BYTES = 16
SECRET_BYTES = 10
MAX_CODE_CHARS = 400
MAX_ASK_BYTES = 16 * 1024
MAX_ANSWER_BYTES = 64 * 1024

_CHARS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_CHECK_CHARS = 6
_WORD_CHARS = -(-8 * (PIN_BYTES + SECRET_BYTES) // 5) + _CHECK_CHARS
_BECH32M = 0x2BC830A3
_GENERATORS = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_ADDRESS = re.compile(r"([a-z0-9.-]{1,253}|\[[0-9a-f:.]{2,45}\]):([1-9][0-9]{0,4})")


class CodeUnusable(Exception):
    """A person has to type or paste the code again, or ask for another; the text says why."""


@dataclass(frozen=True, slots=True)
class Code:
    """`pin`: the first PIN_BYTES of the SHA-256 of the CA's certificate (DER)."""

    host: str
    port: int
    pin: bytes
    secret: bytes = field(repr=False)

    def __str__(self) -> str:
        """As people are shown it, in groups of four."""
        address = _address(self.host, self.port)
        digits = _to_digits(self.pin + self.secret)
        word = "".join(_CHARS[digit] for digit in (*digits, *_checksum(address, digits)))
        return f"{address}/{'-'.join(word[at : at + 4] for at in range(0, len(word), 4))}"

    def believes(self, ca_der: bytes) -> bool:
        """Is this the certificate that the code was made for?"""
        return secrets.compare_digest(sha256(ca_der).digest()[:PIN_BYTES], self.pin)


class Ask(msgspec.Struct, frozen=True, rename={"version": "v"}):
    """A gateway that wants in. `machine` tells two machines apart, as in hello."""

    secret: Annotated[str, Meta(pattern="^[0-9a-f]{20}$")]  # hex, 2 * SECRET_BYTES digits
    csr: Pem
    machine: Text
    software: Text
    version: int = VERSION

    def __repr__(self) -> str:
        return f"Ask(machine={self.machine!r}, software={self.software!r})"


class Given(msgspec.Struct, frozen=True, rename={"version": "v"}):
    """What a gateway needs from now on. `approved`: it is believed at once; else an administrator has to say so first."""

    gateway: Text
    broker: Text  # mqtts://host:port
    ca: Pem
    certificate: Pem
    mac_key: Text  # base64 of 32 bytes
    approved: bool
    version: int = VERSION

    def __repr__(self) -> str:
        return f"Given(gateway={self.gateway!r}, broker={self.broker!r}, approved={self.approved})"


class Refused(msgspec.Struct, frozen=True, rename={"version": "v"}):
    """Why not, as a sentence for the person who typed the code."""

    refused: Text
    version: int = VERSION


def make_code(host: str, port: int, ca_fingerprint: str) -> Code:
    """Return a fresh code; `ca_fingerprint` is the SHA-256 of the authority's certificate in hex. Raises ValueError unless this
    is an address that gateways can go to."""
    if _ADDRESS.fullmatch(_address(host.lower(), port)) is None or not 1 <= port <= 65535:
        raise ValueError(f"{host}:{port} is no address that gateways could go to")
    return Code(host.lower(), port, bytes.fromhex(ca_fingerprint)[:PIN_BYTES], secrets.token_bytes(SECRET_BYTES))


def in_groups(fingerprint: str) -> str:
    """As both sides show it, so that people can compare: eight digits and a blank."""
    return " ".join(fingerprint[at : at + 8] for at in range(0, len(fingerprint), 8))


def read_code(text: str) -> Code:
    """Understand what somebody typed or pasted: case, blanks and hyphens do not matter. Raises CodeUnusable."""
    if len(text) > MAX_CODE_CHARS:
        raise CodeUnusable(f"this is no code: {len(text)} characters are too many")
    address, slash, word = "".join(text.lower().split()).rpartition("/")
    word = word.replace("-", "")
    found = _ADDRESS.fullmatch(address)
    if not slash or found is None or int(found[2]) > 65535:
        raise CodeUnusable("this is no code; one looks like registry.example.com:8491/q2ff-kzdr-... and is pasted whole")
    if strange := sorted(set(word) - set(_CHARS)):
        raise CodeUnusable(f"the code is mistyped: there is no {' or '.join(map(repr, strange[:3]))} in codes")
    if len(word) != _WORD_CHARS:
        raise CodeUnusable(f"the code is incomplete: {len(word)} characters after the slash, not {_WORD_CHARS}")
    digits = [_CHARS.index(char) for char in word]
    if _polymod(_spread(address) + digits) != _BECH32M:
        raise CodeUnusable("the code is mistyped: its checksum does not hold; compare it, the address too, with what was shown")
    content = _to_bytes(digits[:-_CHECK_CHARS])
    return Code(found[1].strip("[]"), int(found[2]), content[:PIN_BYTES], content[PIN_BYTES:])


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _to_digits(content: bytes) -> list[int]:
    """As base32 does: five bits each, the last one filled up with zeros."""
    bits = 8 * len(content)
    number = int.from_bytes(content) << (-bits % 5)
    return [number >> shift & 31 for shift in range(bits + (-bits % 5) - 5, -1, -5)]


def _to_bytes(digits: list[int]) -> bytes:
    number = 0
    for digit in digits:
        number = number << 5 | digit
    size = 5 * len(digits) // 8
    return (number >> 5 * len(digits) - 8 * size).to_bytes(size)


def _checksum(address: str, digits: list[int]) -> list[int]:
    check = _polymod(_spread(address) + digits + [0] * _CHECK_CHARS) ^ _BECH32M
    return [check >> 5 * (_CHECK_CHARS - 1 - at) & 31 for at in range(_CHECK_CHARS)]


def _spread(address: str) -> list[int]:
    """BIP 173's expansion of the part that people read."""
    return [ord(char) >> 5 for char in address] + [0] + [ord(char) & 31 for char in address]


def _polymod(values: list[int]) -> int:
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for at, generator in enumerate(_GENERATORS):
            check ^= generator if top >> at & 1 else 0
    return check
