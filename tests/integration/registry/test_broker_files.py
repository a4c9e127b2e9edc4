"""What the registry writes for a broker that is open to other machines."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from registry import broker_login
from registry.broker_files import problems, refresh, renew_certificate
from registry.configuration import BrokerSection, Configuration
from registry.exits import CannotGoOn
from registry.secret_files import ReadableByOthers
from registry.tracking.gateways import add_gateway, revoke_gateway
from registry.trust import certificates
from registry.trust.authority import read_or_make
from sync import mqtt
from sync.broker import BrokerMisconfigured, Network
from tests.certificates import client, fresh_authority
from tests.mosquitto import Mosquitto, free_port
from tests.registry_world import ROOT

pytestmark = pytest.mark.django_db


def opened(data_dir: Path, *names: str, **more: object) -> Configuration:
    section = {"host": "0.0.0.0", "names": list(names) or ["registry.example.com"], **more}
    return Configuration(data_dir=data_dir, broker=BrokerSection.model_validate(section))


def certificate(data_dir: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate((data_dir / "broker" / "certificate.pem").read_bytes())


def names(data_dir: Path) -> list[str]:
    found = certificate(data_dir).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return [str(one.value) for one in found]


def test_its_certificate_is_of_our_authority_and_made_anew_only_when_it_has_to_be(tmp_path: Path) -> None:
    refresh(opened(tmp_path, "registry.example.com", "192.0.2.7", "2001:db8::1"))
    first = certificate(tmp_path)
    assert read_or_make(tmp_path).issued(first)
    assert names(tmp_path) == ["registry.example.com", "192.0.2.7", "2001:db8::1"]
    same = opened(tmp_path, *names(tmp_path))
    refresh(same)
    renew_certificate(same)
    assert certificate(tmp_path) == first
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "broker").iterdir()} == {0o600}

    refresh(opened(tmp_path, "other.example.com"))
    assert names(tmp_path) == ["other.example.com"]
    (tmp_path / "broker" / "key.pem").write_text("damaged")
    refresh(opened(tmp_path, "other.example.com"))
    assert "PRIVATE KEY" in (tmp_path / "broker" / "key.pem").read_text()


def test_with_another_authority_the_broker_has_another_certificate(tmp_path: Path) -> None:
    configuration = opened(tmp_path)
    refresh(configuration)
    first = certificate(tmp_path)
    (tmp_path / "authority.pem").unlink()
    refresh(configuration)
    ours = read_or_make(tmp_path)
    assert ours.issued(certificate(tmp_path))
    assert not ours.issued(first)
    assert (tmp_path / "broker" / "authority.pem").read_text() == ours.certificate_pem


def test_it_is_renewed_before_it_ends(tmp_path: Path) -> None:
    configuration = opened(tmp_path)
    refresh(configuration)
    then = datetime.now(UTC) - timedelta(days=61)
    pem, key = read_or_make(tmp_path).serve_as(["registry.example.com"], now=then)
    (tmp_path / "broker" / "certificate.pem").write_text(pem)
    (tmp_path / "broker" / "key.pem").write_text(key)
    renew_certificate(configuration)
    assert certificate(tmp_path).not_valid_after_utc > datetime.now(UTC) + timedelta(days=80)


def test_nothing_is_written_for_other_machines_until_it_is_opened(tmp_path: Path) -> None:
    closed = Configuration(data_dir=tmp_path)
    refresh(closed)
    renew_certificate(closed)
    assert {path.name for path in (tmp_path / "broker").iterdir()} == {"mosquitto.conf", "passwords", "acl"}


def test_whoever_is_revoked_stands_on_the_list(tmp_path: Path) -> None:
    add_gateway(by=ROOT, gateway_id="gate-1")
    ours = read_or_make(tmp_path)
    issued = ours.issue(_request(), gateway_id="gate-1", now=datetime.now(UTC))
    certificates.note("gate-1", issued)
    refresh(opened(tmp_path))
    assert "user gate-1\n" in (tmp_path / "broker" / "acl-gateways").read_text()
    revoke_gateway(by=ROOT, gateway_id="gate-1")
    refresh(opened(tmp_path))
    listed = x509.load_pem_x509_crl((tmp_path / "broker" / "revoked.pem").read_bytes())
    assert [f"{one.serial_number:x}" for one in listed] == [issued.serial]
    assert listed.is_signature_valid(ours.certificate.public_key())  # type: ignore[arg-type]
    assert listed.next_update_utc == ours.certificate.not_valid_after_utc
    assert "gate-1" not in (tmp_path / "broker" / "acl-gateways").read_text()


def test_an_authority_elsewhere_takes_over(tmp_path: Path) -> None:
    theirs = fresh_authority()
    pem, key = theirs.serve_as(["registry.example.com"], now=datetime.now(UTC))
    for name, text in (("ca.pem", theirs.certificate_pem), ("own.pem", pem), ("own.key", key)):
        (tmp_path / name).write_text(text)
    files = {"ca_file": tmp_path / "ca.pem", "certificate_file": tmp_path / "own.pem", "key_file": tmp_path / "own.key"}
    configuration = opened(tmp_path, **files)
    with pytest.raises(ReadableByOthers):
        refresh(configuration)
    [told] = problems(configuration)
    assert told.endswith(f"chmod 600 {tmp_path / 'own.key'}")
    (tmp_path / "own.key").chmod(0o600)
    refresh(configuration)
    assert (tmp_path / "broker" / "authority.pem").read_text() == theirs.certificate_pem
    assert not (tmp_path / "authority.pem").exists(), "and ours is not even made"

    newer, new_key = theirs.serve_as(["registry.example.com"], now=datetime.now(UTC))
    (tmp_path / "own.pem").write_text(newer)
    with pytest.raises(BrokerMisconfigured, match="do not belong together"):
        renew_certificate(configuration)
    assert "do not belong together" in problems(configuration)[0]
    (tmp_path / "own.key").write_text(new_key)
    renew_certificate(configuration)
    assert (tmp_path / "broker" / "certificate.pem").read_text() == newer
    assert problems(configuration) == []
    (tmp_path / "ca.pem").unlink()
    assert problems(configuration) == [f"{tmp_path / 'ca.pem'}: No such file or directory"]


def test_how_the_registry_logs_in_to_a_broker_elsewhere(tmp_path: Path) -> None:
    tls = client(fresh_authority(), "sightpost-registry")
    for name, text in (("ca.pem", tls.ca), ("own.pem", tls.certificate), ("own.key", tls.key), ("password", "a secret\n")):
        (tmp_path / name).write_text(str(text))
        (tmp_path / name).chmod(0o600)
    there = {"run": False, "url": "mqtts://broker.example.com:8883", "ca_file": tmp_path / "ca.pem"}

    def section(**more: object) -> Configuration:
        return Configuration(data_dir=tmp_path, broker=BrokerSection.model_validate({**there, **more}))

    by_certificate = section(certificate_file=tmp_path / "own.pem", key_file=tmp_path / "own.key")
    login = broker_login.of_ingest(by_certificate)
    assert (login.host, login.port, login.user, login.password) == ("broker.example.com", 8883, "sightpost-registry", "")
    assert login.tls is not None
    assert (login.tls.ca, login.tls.certificate, login.tls.key) == (tls.ca, tls.certificate, str(tls.key).strip())
    login = broker_login.of_work(section(user="me", password_file=tmp_path / "password"))
    assert (login.user, login.password) == ("me", "a secret")
    assert login.tls is not None
    assert login.tls.key is None
    assert "a secret" not in repr(login)
    (tmp_path / "ca.pem").write_bytes(b"\xff\x00 no PEM")
    with pytest.raises(CannotGoOn, match="ca: not a certificate"):
        broker_login.of_ingest(by_certificate)
    assert "ca: not a certificate" in problems(by_certificate)[0]


async def test_the_registry_uses_a_broker_elsewhere_by_certificate_or_password(tmp_path: Path) -> None:
    theirs = fresh_authority()
    pem, key = theirs.serve_as(["localhost"], now=datetime.now(UTC))
    network = Network("127.0.0.1", free_port(), theirs.certificate_pem, None, pem, key, free_port())
    mosquitto = Mosquitto(tmp_path / "elsewhere", subscribers=("registry",), network=network)
    tls = client(theirs, "sightpost-registry")
    for name, text in (
        ("ca", tls.ca),
        ("own.pem", tls.certificate),
        ("own.key", tls.key),
        ("word", mosquitto.passwords["registry"]),
    ):
        (tmp_path / name).write_text(str(text))
        (tmp_path / name).chmod(0o600)

    def there(port: int | None, **more: object) -> Configuration:
        section = {"run": False, "url": f"mqtts://localhost:{port}", "ca_file": tmp_path / "ca", **more}
        return Configuration(data_dir=tmp_path, broker=BrokerSection.model_validate(section))

    mosquitto.start()
    try:
        by_certificate = there(network.port, certificate_file=tmp_path / "own.pem", key_file=tmp_path / "own.key")
        by_password = there(network.subscribers_port, user="registry", password_file=tmp_path / "word")
        for login in (broker_login.of_ingest(by_certificate), broker_login.of_work(by_password)):
            async with mqtt.connect(login, "registry-1") as session:
                await session.publish("sightpost/1/registry/state", b"{}")
    finally:
        mosquitto.kill()


def _request() -> str:
    from cryptography.hazmat.primitives.asymmetric import ec

    from tests.certificates import request

    return request(ec.generate_private_key(ec.SECP256R1()))
