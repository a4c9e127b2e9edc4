"""What the authority certifies, and what it refuses to."""

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from registry.problems import Invalid
from registry.secret_files import ReadableByOthers
from registry.trust.authority import read_or_make

NOW = datetime(2026, 11, 23, 12, 30, 15, 999, tzinfo=UTC)


def request(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey, name: str = "gate-1") -> str:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    how = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, how).public_bytes(Encoding.PEM).decode()


def p256() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def test_it_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    authority = read_or_make(tmp_path)
    assert read_or_make(tmp_path).certificate == authority.certificate
    assert [(path.name, path.stat().st_mode & 0o777) for path in tmp_path.iterdir()] == [("authority.pem", 0o600)]
    assert "PRIVATE" not in repr(authority) + authority.certificate_pem
    openssl = subprocess.run(
        ["openssl", "x509", "-noout", "-fingerprint", "-sha256"], input=authority.certificate_pem.encode(), capture_output=True
    )
    assert openssl.stdout.decode().strip().split("=")[1].replace(":", "").lower() == authority.fingerprint
    (tmp_path / "authority.pem").chmod(0o644)
    with pytest.raises(ReadableByOthers):
        read_or_make(tmp_path)


def test_of_a_request_only_the_key_counts(tmp_path: Path) -> None:
    authority, key = read_or_make(tmp_path), p256()
    issued = authority.issue(request(key, "registry-ingest"), gateway_id="gate-1", now=NOW)
    certificate = x509.load_pem_x509_certificate(issued.pem.encode())
    assert certificate.subject.rfc4514_string() == "CN=gate-1"
    assert certificate.public_key() == key.public_key()
    assert certificate.fingerprint(hashes.SHA256()).hex() == issued.fingerprint
    assert int(issued.serial, 16) == certificate.serial_number
    assert issued.not_before == NOW.replace(microsecond=0) - timedelta(days=1)
    assert issued.not_after == NOW.replace(microsecond=0) + timedelta(days=90)
    assert authority.issued(certificate)
    (tmp_path / "other").mkdir()
    assert not read_or_make(tmp_path / "other").issued(certificate)


def test_nothing_outlives_the_authority(tmp_path: Path) -> None:
    authority = read_or_make(tmp_path)
    issued = authority.issue(request(p256()), gateway_id="gate-1", now=NOW, days=100_000)
    assert issued.not_after == authority.certificate.not_valid_after_utc


@pytest.mark.parametrize(
    ("csr", "why"),
    [
        (request(rsa.generate_private_key(65537, 2048)), "P-256"),
        (request(ec.generate_private_key(ec.SECP384R1())), "P-256"),
        (request(ed25519.Ed25519PrivateKey.generate()), "P-256"),
        ("", "not a certificate request"),
        ("\udc80", "not a certificate request"),
        ("-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n", "not a certificate request"),
        ("x" * 5000, "larger than"),
    ],
)
def test_what_it_does_not_certify(tmp_path: Path, csr: str, why: str) -> None:
    with pytest.raises(Invalid, match=why):
        read_or_make(tmp_path).issue(csr, gateway_id="gate-1", now=NOW)


def test_a_request_has_to_be_signed_by_its_own_key(tmp_path: Path) -> None:
    der = bytearray(x509.load_pem_x509_csr(request(p256()).encode()).public_bytes(Encoding.DER))
    mine = p256().public_key().public_numbers()
    at = der.index(b"\x03\x42\x00\x04") + 4
    der[at : at + 64] = mine.x.to_bytes(32) + mine.y.to_bytes(32)
    forged = x509.load_der_x509_csr(bytes(der)).public_bytes(Encoding.PEM).decode()
    with pytest.raises(Invalid, match="not signed"):
        read_or_make(tmp_path).issue(forged, gateway_id="gate-1", now=NOW)


def test_a_damaged_file_says_what_to_do(tmp_path: Path) -> None:
    read_or_make(tmp_path)
    path = tmp_path / "authority.pem"
    path.write_text(path.read_text().replace("BEGIN CERT", "BEGIN DIRT"))
    with pytest.raises(Invalid, match="put it back from a backup"):
        read_or_make(tmp_path)
