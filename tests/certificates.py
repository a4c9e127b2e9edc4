"""Authorities and certificates for tests, made by what the registry makes them with."""

import tempfile
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from registry.trust.authority import Authority, read_or_make
from sync.tls import Tls


def fresh_authority() -> Authority:
    with tempfile.TemporaryDirectory() as folder:
        return read_or_make(Path(folder))


def request(key: ec.EllipticCurvePrivateKey) -> str:
    """A certificate request of this key, for no name."""
    return (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([]))
        .sign(key, hashes.SHA256())
        .public_bytes(Encoding.PEM)
        .decode()
    )


def client(authority: Authority, name: str, *, now: datetime | None = None, days: int = 90) -> Tls:
    """What a gateway of this name shows, and the authority it believes."""
    key = ec.generate_private_key(ec.SECP256R1())
    issued = authority.issue(request(key), gateway_id=name, now=now or datetime.now(UTC), days=days)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return Tls(authority.certificate_pem, issued.pem, pem)
