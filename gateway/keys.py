"""The gateway's own keys and certificates. A key is made here and sent nowhere.

`cryptography` takes 9 MB of memory, so the daemon loads it only when it makes a key; what it has to know of its certificate every
day is read by `life_of`.
"""

import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256

_SEQUENCE, _VERSION, _UTC_TIME = 0x30, 0xA0, 0x17
_END = "-----END CERTIFICATE-----"


@dataclass(frozen=True, slots=True)
class Key:
    """A P-256 key, and the request for a certificate of it (PKCS #10). Both PEM."""

    request: str
    pem: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Life:
    """From when until when a certificate is good."""

    not_before: datetime
    not_after: datetime

    def part(self, share: float) -> datetime:
        """When so much of it is over."""
        return self.not_before + share * (self.not_after - self.not_before)


def make_key() -> Key:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = ec.generate_private_key(ec.SECP256R1())
    # Whose it is stands not in it: the registry goes by the code, or by who signed the message.
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return Key(request.public_bytes(Encoding.PEM).decode(), pem)


def fingerprint_of(pem: str) -> str:
    """SHA-256 of the first certificate in hex, as the registry shows it. Raises ValueError."""
    return sha256(_der(pem)).hexdigest()


def life_of(pem: str) -> Life:
    """Of the first certificate. Raises ValueError.

    Certificate ::= { { [0] version, serial, algorithm, issuer, { notBefore, notAfter }, ... }, ... }: RFC 5280, 4.1."""
    _, certificate, _ = _element(_der(pem))
    _, members, _ = _element(certificate)
    tag, _, after = _element(members)
    rest = after if tag == _VERSION else members
    for _ in ("serial", "algorithm", "issuer"):
        _, _, rest = _element(rest)
    tag, validity, _ = _element(rest)
    if tag != _SEQUENCE:
        raise ValueError("not a certificate")
    first, second = _element(validity), _element(_element(validity)[2])
    return Life(_moment(*first[:2]), _moment(*second[:2]))


def _der(pem: str) -> bytes:
    head, end, _ = pem.strip().partition(_END)
    return ssl.PEM_cert_to_DER_cert(head + end)


def _element(der: bytes) -> tuple[int, bytes, bytes]:
    """Return (tag, content, what follows) of the first element. Raises ValueError."""
    if len(der) < 2:
        raise ValueError("not a certificate: it ends too early")
    size, at = der[1], 2
    if size & 0x80:
        at += size & 0x7F
        size = int.from_bytes(der[2:at])
    if len(der) < at + size:
        raise ValueError("not a certificate: it ends too early")
    return der[0], der[at : at + size], der[at + size :]


def _moment(tag: int, text: bytes) -> datetime:
    """UTCTime has two digits for the year, 1950 to 2049; GeneralizedTime four. Both end with Z there."""
    said = text.decode("ascii")
    if tag == _UTC_TIME:
        said = ("19" if said[:2] >= "50" else "20") + said
    return datetime.strptime(said, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
