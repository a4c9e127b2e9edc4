"""Gateways whose certificates another authority has issued ([broker] ca_file). Each function is one transaction."""

import itertools
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import NameOID
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from registry import secret_files
from registry.access import changes as log
from registry.access.actors import Action, Actor
from registry.broker_login import pem
from registry.problems import Forbidden, Invalid
from registry.tracking.gateways import add_place, held, mac_key, take_over
from registry.tracking.models import Gateway
from registry.trust import certificates
from registry.trust.authority import Issued, described
from sync.credentials import Credentials
from sync.tls import Tls, TlsUnusable, client_context

MOST = 5  # certificates between the gateway's and its authority


@transaction.atomic
def add_certified_gateway(*, by: Actor, gateway_id: str, name: str | None, certificate: Path, key: Path) -> Credentials:
    """Make a gateway known that has this certificate already, and return its credentials.

    Raises Invalid, Taken, Forbidden, ReadableByOthers, OSError."""
    gateway = add_place(by=by, gateway_id=gateway_id, name=name)
    tls, issued = _checked(gateway_id, certificate, key)
    certificates.note(gateway_id, issued)
    return _credentials(gateway, tls)


@transaction.atomic
def renew_certified_gateway(*, by: Actor, gateway_id: str, certificate: Path, key: Path) -> Credentials:
    """Give a gateway, also a revoked one, new credentials with this certificate; the old ones are worth nothing from now on.

    Raises NotFound and what `add_certified_gateway` does."""
    if not by.may_everywhere(Action.ADMINISTER):
        raise Forbidden("gateways are renewed by administrators")
    gateway = held(gateway_id)
    tls, issued = _checked(gateway_id, certificate, key)
    certificates.note(gateway_id, issued)
    take_over(gateway, machine="", key_serial=gateway.key_serial + 1, fingerprint=issued.fingerprint)  # whichever has them
    log.record(by, gateway, "credentials renewed", fingerprint=issued.fingerprint)
    return _credentials(gateway, tls)


def _credentials(gateway: Gateway, tls: Tls) -> Credentials:
    host, port = settings.CONFIGURATION.broker.address
    return Credentials(gateway.pk, host, port, "", mac_key(gateway), tls)


def _checked(gateway_id: str, certificate: Path, key: Path) -> tuple[Tls, Issued]:
    authority = settings.CONFIGURATION.broker.ca_file
    if authority is None:
        raise Invalid(
            "the registry certifies its gateways itself, unless [broker] ca_file in registry.toml names another authority"
        )
    tls = Tls(pem(authority), pem(certificate), secret_files.read(key))
    try:
        client_context(tls)
        chain = x509.load_pem_x509_certificates(pem(certificate).encode())
        authorities = x509.load_pem_x509_certificates(tls.ca.encode())
    except TlsUnusable as exc:
        raise Invalid(f"{certificate}: {exc}", field="certificate") from None
    except ValueError:
        raise Invalid(f"{certificate}: not certificates in PEM", field="certificate") from None
    _must_name(gateway_id, chain[0], certificate)
    if not _issued(chain, authorities):
        raise Invalid(f"{certificate}: {authority} has not issued it", field="certificate")
    return tls, described(chain[0])


def _must_name(gateway_id: str, certificate: x509.Certificate, path: Path) -> None:
    names = [one.value for one in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if names != [gateway_id]:
        raise Invalid(f"{path}: its common name (CN) has to be {gateway_id}", field="certificate")
    if certificate.not_valid_after_utc <= timezone.now():
        raise Invalid(f"{path}: it ended at {certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC", field="certificate")


def _issued(chain: list[x509.Certificate], authorities: list[x509.Certificate]) -> bool:
    """Whether each certificate is issued by the next one, and the last by one of the authorities."""
    if len(chain) > MOST:
        return False
    links = list(itertools.pairwise(chain))
    return all(_by(one, issuer) for one, issuer in links) and any(_by(chain[-1], authority) for authority in authorities)


def _by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True
