"""Gateways that another authority certifies."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from registry.configuration import BrokerSection, Configuration
from registry.problems import Invalid, Taken
from registry.tracking.certified import add_certified_gateway, renew_certified_gateway
from registry.tracking.gateways import revoke_gateway
from registry.tracking.models import Gateway
from registry.trust.models import GatewayCertificate
from sync.credentials import read_credentials, write_credentials
from tests.certificates import client, fresh_authority
from tests.registry_world import ROOT

pytestmark = pytest.mark.django_db
THEIRS = fresh_authority()


@pytest.fixture
def site(tmp_path: Path, settings: Settings) -> Path:
    (tmp_path / "ca.pem").write_text(THEIRS.certificate_pem)
    section = {
        "host": "0.0.0.0", "names": ["registry.example.com"], "ca_file": tmp_path / "ca.pem",
        "certificate_file": tmp_path / "own.pem", "key_file": tmp_path / "own.key",
    }  # fmt: skip
    settings.CONFIGURATION = Configuration(data_dir=settings.DATA_DIR, broker=BrokerSection.model_validate(section))
    return tmp_path


def pair(site: Path, name: str = "hamburg", *, of: object = THEIRS, now: datetime | None = None) -> dict[str, Path]:
    tls = client(of, name, now=now)  # type: ignore[arg-type]
    (site / "c.pem").write_text(str(tls.certificate))
    (site / "c.key").write_text(str(tls.key))
    (site / "c.key").chmod(0o600)
    return {"certificate": site / "c.pem", "key": site / "c.key"}


def test_its_credentials_hold_its_certificate_and_the_broker_s_address(site: Path) -> None:
    made = add_certified_gateway(by=ROOT, gateway_id="hamburg", name=None, **pair(site))
    assert (made.host, made.port, made.password) == ("registry.example.com", 8883, "")
    write_credentials(site / "credentials.json", made)
    read = read_credentials(site / "credentials.json")
    assert (read.gateway, read.mac_key) == ("hamburg", made.mac_key)
    first = GatewayCertificate.objects.get()
    assert (first.gateway_id, first.revoked_at) == ("hamburg", None)

    same = renew_certified_gateway(by=ROOT, gateway_id="hamburg", certificate=site / "c.pem", key=site / "c.key")
    assert same.mac_key != made.mac_key
    first.refresh_from_db()
    assert first.revoked_at is None
    old = {name: path.rename(site / f"old-{path.name}") for name, path in pair(site).items()}
    renew_certified_gateway(by=ROOT, gateway_id="hamburg", **pair(site))
    renew_certified_gateway(by=ROOT, gateway_id="hamburg", **old)
    first.refresh_from_db()
    assert first.revoked_at is not None
    revoke_gateway(by=ROOT, gateway_id="hamburg")
    assert not GatewayCertificate.objects.filter(revoked_at=None).exists()
    with pytest.raises(Taken, match="was revoked"):
        renew_certified_gateway(by=ROOT, gateway_id="hamburg", **old)
    assert Gateway.objects.get().revoked_at is not None, "what is refused changes nothing"


def test_what_is_no_certificate_of_this_gateway_is_refused(site: Path) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=100)
    cases: list[tuple[Callable[[], dict[str, Path]], str]] = [
        (lambda: pair(site, "berlin"), "has to be hamburg"),
        (lambda: pair(site, of=fresh_authority()), "has not issued it"),
        (lambda: pair(site, now=long_ago), "it ended at"),
        (lambda: {**pair(site), "certificate": site / "ca.pem"}, "do not belong together"),
    ]
    for make, why in cases:
        with pytest.raises(Invalid, match=why):
            add_certified_gateway(by=ROOT, gateway_id="hamburg", name=None, **make())
    assert not Gateway.objects.exists()


def test_the_registry_s_own_authority_needs_no_files(site: Path, settings: Settings) -> None:
    settings.CONFIGURATION = Configuration(data_dir=settings.DATA_DIR)
    with pytest.raises(Invalid, match="certifies its gateways itself"):
        add_certified_gateway(by=ROOT, gateway_id="hamburg", name=None, **pair(site))
