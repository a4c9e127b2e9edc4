"""What the daemon reads of its certificate without a library, against the library."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from gateway.keys import Life, fingerprint_of, life_of, make_key

START = datetime(2026, 1, 1, tzinfo=UTC)
KEY = ec.generate_private_key(ec.SECP256R1())
moments = st.integers(-631_152_000, 10_413_792_000).map(lambda second: datetime.fromtimestamp(second, UTC))  # 1950 to 2300


def certificate(start: datetime, end: datetime, name: str = "hamburg") -> x509.Certificate:
    named = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder().subject_name(named).issuer_name(named).public_key(KEY.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(start).not_valid_after(end)
    return builder.sign(KEY, hashes.SHA256())


def pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()


@given(moments, st.timedeltas(timedelta(0), timedelta(days=40_000)), st.text("abc", min_size=1, max_size=60))
def test_a_life_is_what_the_certificate_says(start: datetime, span: timedelta, name: str) -> None:
    one = certificate(start, start + span, name)
    life = life_of(pem(one))
    assert (life.not_before, life.not_after) == (one.not_valid_before_utc, one.not_valid_after_utc)


def test_of_several_certificates_the_first_counts() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    first, second = certificate(now, now + timedelta(days=90)), certificate(now, now + timedelta(days=9))
    assert life_of(pem(first) + pem(second)).not_after == now + timedelta(days=90)
    assert fingerprint_of(pem(first) + pem(second)) == first.fingerprint(hashes.SHA256()).hex()


def test_two_thirds_of_ninety_days_are_sixty() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    assert Life(start, start + timedelta(days=90)).part(2 / 3) == start + timedelta(days=60)


@given(st.binary(max_size=300))
def test_what_is_no_certificate_is_one_kind_of_error(noise: bytes) -> None:
    import ssl

    for text in (
        noise.decode(errors="replace"),
        ssl.DER_cert_to_PEM_cert(noise),
        pem(certificate(START, START))[:200],
    ):
        with pytest.raises(ValueError):  # noqa: PT011 - its own text or the codecs
            life_of(text)


def test_a_key_is_made_once_and_its_request_is_signed_by_it() -> None:
    one, other = make_key(), make_key()
    request = x509.load_pem_x509_csr(one.request.encode())
    assert request.is_signature_valid
    assert isinstance(request.public_key(), ec.EllipticCurvePublicKey)
    assert one.pem != other.pem
    assert "PRIVATE" not in repr(one)
