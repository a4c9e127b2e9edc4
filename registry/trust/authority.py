"""The authority of this registry: it says which keys are gateways' and which is the broker's. Pure but for reading its file.

Its key and its certificate lie in one file in data_dir, made the first time they are needed. Whatever it issues is backdated by a
day: a gateway whose clock was never set believes a certificate that is young.
"""

import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from registry import secret_files
from registry.problems import Invalid

DAYS: Final = 90  # a gateway that is offline for weeks is not locked out
BACKDATED: Final = timedelta(days=1)
BACKDATED_SERVER: Final = timedelta(days=700)  # with its days to come not more than the 825 that some clients accept
LIFE: Final = timedelta(days=20 * 365)  # of the authority
MAX_CSR_BYTES: Final = 4096
_KEY = re.compile(r"-----BEGIN PRIVATE KEY-----\n.+?-----END PRIVATE KEY-----\n?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Issued:
    """One certificate of a gateway."""

    pem: str
    fingerprint: str  # SHA-256 of the DER, 64 hex digits
    serial: str  # hex
    not_before: datetime
    not_after: datetime


@dataclass(frozen=True, slots=True)
class Authority:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey = field(repr=False)

    @property
    def certificate_pem(self) -> str:
        return _pem(self.certificate)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate's DER, 64 hex digits: what a gateway that enrols knows the registry by."""
        return self.certificate.fingerprint(hashes.SHA256()).hex()

    def issue(self, csr_pem: str, *, gateway_id: str, now: datetime, days: int = DAYS) -> Issued:
        """Certify the key of a gateway. Of the request only the key counts: who it is, is for us to say.

        Raises Invalid when it is not a request for a P-256 key, signed by that key."""
        end = _whole(now) + timedelta(days=days)
        certificate = self._certify(_requested_key(csr_pem), gateway_id, ExtendedKeyUsageOID.CLIENT_AUTH, (), _start(now), end)
        return described(certificate)

    def serve_as(self, names: Sequence[str], *, now: datetime, days: int = DAYS) -> tuple[str, str]:
        """Return (certificate, key), both PEM, of a server that is reached by these host names and addresses.

        It is backdated to the authority's beginning, where that is not years ago: a gateway that comes back without a clock has
        the time of its last file, and must believe a certificate that was made since."""
        key = ec.generate_private_key(ec.SECP256R1())
        start = max(self.certificate.not_valid_before_utc, _whole(now) - BACKDATED_SERVER)
        end = _whole(now) + timedelta(days=days)
        certificate = self._certify(key.public_key(), names[0][:64], ExtendedKeyUsageOID.SERVER_AUTH, names, start, end)
        return _pem(certificate), _key_pem(key)

    def issued(self, certificate: x509.Certificate) -> bool:
        try:
            certificate.verify_directly_issued_by(self.certificate)
        except (ValueError, TypeError, InvalidSignature):
            return False
        return True

    def revocations(self, serials: Iterable[str], *, now: datetime) -> str:
        """Return the list of revoked certificates as PEM. It ends with the authority: under one that ended nobody gets in."""
        start = _start(now)
        builder = x509.CertificateRevocationListBuilder().issuer_name(self.certificate.subject).last_update(start)
        builder = builder.next_update(self.certificate.not_valid_after_utc)
        for serial in serials:
            revoked = x509.RevokedCertificateBuilder().serial_number(int(serial, 16)).revocation_date(start)
            builder = builder.add_revoked_certificate(revoked.build())
        return builder.sign(self.key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()

    def _certify(
        self,
        key: ec.EllipticCurvePublicKey,
        name: str,
        purpose: x509.ObjectIdentifier,
        hosts: Sequence[str],
        start: datetime,
        end: datetime,
    ) -> x509.Certificate:
        ours = self.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        builder = (
            x509.CertificateBuilder()
            .subject_name(_named(name))
            .issuer_name(self.certificate.subject)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(min(end, self.certificate.not_valid_after_utc))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(ours), critical=False)
        )
        if hosts:
            builder = builder.add_extension(x509.SubjectAlternativeName([_host(one) for one in hosts]), critical=False)
        return builder.sign(self.key, hashes.SHA256())


def read_or_make(data_dir: Path) -> Authority:
    """Return the authority of this registry, the same to all processes that ask. Raises ReadableByOthers, Invalid, OSError."""
    text = secret_files.read_or_make(data_dir, secret_files.AUTHORITY, _make)
    try:
        key = load_pem_private_key("".join(_KEY.findall(text)).encode(), None)
        certificate = x509.load_pem_x509_certificate(_KEY.sub("", text).encode())
    except (ValueError, UnsupportedAlgorithm):
        raise Invalid(f"{data_dir / secret_files.AUTHORITY} is damaged; put it back from a backup") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        raise Invalid(
            f"{data_dir / secret_files.AUTHORITY}: key and certificate do not belong together; put it back from a backup"
        )
    return Authority(certificate, key)


def described(certificate: x509.Certificate) -> Issued:
    return Issued(
        _pem(certificate),
        certificate.fingerprint(hashes.SHA256()).hex(),
        f"{certificate.serial_number:x}",
        certificate.not_valid_before_utc,
        certificate.not_valid_after_utc,
    )


def _make() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    name = _named(f"Sightpost authority {identifier.digest.hex()[:8]}")
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_start(now))
        .not_valid_after(_whole(now) + LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(identifier, critical=False)
        .sign(key, hashes.SHA256())
    )
    return _key_pem(key) + _pem(certificate)


def _requested_key(csr_pem: str) -> ec.EllipticCurvePublicKey:
    if len(csr_pem) > MAX_CSR_BYTES:
        raise Invalid(f"csr: larger than {MAX_CSR_BYTES} bytes", field="csr")
    try:
        request = x509.load_pem_x509_csr(csr_pem.encode())
        key = request.public_key()
        signed = request.is_signature_valid
    except (ValueError, UnsupportedAlgorithm):
        raise Invalid("csr: not a certificate request in PEM", field="csr") from None
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise Invalid("csr: the key is not on the curve P-256", field="csr")
    if not signed:
        raise Invalid("csr: not signed by the key that it names", field="csr")
    return key


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates, key_cert_sign=signs_certificates, crl_sign=signs_certificates,
        content_commitment=False, key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False,
        decipher_only=False,
    )  # fmt: skip


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _host(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _whole(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(microsecond=0)


def _start(now: datetime) -> datetime:
    return _whole(now) - BACKDATED


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()


def _key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
