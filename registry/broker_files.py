"""The broker's files in data_dir/broker (passwords, rights, certificates): written before each start of the broker, when
somebody is let in or kept out, and when a certificate is about to end."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from django.utils import timezone

from host import private_files
from registry import broker_login, secret_files
from registry.broker_login import pem
from registry.configuration import BrokerSection, Configuration
from registry.exits import CannotGoOn
from registry.tracking.gateways import broker_users
from registry.trust.authority import Authority, read_or_make
from registry.trust.certificates import revoked_serials
from sync import broker
from sync.broker import BrokerMisconfigured, Network
from sync.tls import Tls, TlsUnusable, client_context

RENEWED_BEFORE = timedelta(days=30)  # of its end


def refresh(configuration: Configuration) -> Path:
    """Write the files from what the database knows and let a running broker read them again; return the path of mosquitto.conf.

    Raises BrokerMisconfigured, ReadableByOthers, OSError."""
    section = configuration.broker
    directory = configuration.data_dir / "broker"
    with _one_at_a_time(configuration.data_dir):
        network = _network(section, configuration.data_dir, directory) if section.is_open else None
        path = broker.write_configuration(directory, broker_users(), section.port, bind=section.local_host, network=network)
    broker.reload_users(directory)
    return path


def authority_pem(configuration: Configuration) -> str:
    """The certificate of whoever vouches for the broker. Raises ReadableByOthers, OSError."""
    ours = configuration.broker.ca_file
    return pem(ours) if ours is not None else read_or_make(configuration.data_dir).certificate_pem


def problems(configuration: Configuration) -> list[str]:
    """What keeps the certificates that registry.toml names from being of use. Writes nothing."""
    section = configuration.broker
    try:
        if section.url is not None:
            broker_login.of_ingest(configuration)
        elif section.ca_file is not None and section.is_open:
            _network(section, configuration.data_dir, configuration.data_dir / "broker")
    except (CannotGoOn, BrokerMisconfigured, secret_files.ReadableByOthers) as exc:
        return [str(exc)]
    except OSError as exc:
        return [f"{exc.filename}: {exc.strerror}"]
    return []


def renew_certificate(configuration: Configuration) -> None:
    """Give a running broker its next certificate: of our own before the old one ends, of another authority once the file is new.

    Raises as `refresh`."""
    section, directory = configuration.broker, configuration.data_dir / "broker"
    present = directory / broker.CERTIFICATE
    if not section.is_open or not present.exists():
        return
    if _network(section, configuration.data_dir, directory).certificate != present.read_text():
        refresh(configuration)


@contextmanager
def _one_at_a_time(data_dir: Path) -> Iterator[None]:
    """Else who looked into the database earlier might write later, and let in again whom somebody has just kept out."""
    file = private_files.open_lock(data_dir / "broker.lock")
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)


def _network(section: BrokerSection, data_dir: Path, directory: Path) -> Network:
    if section.ca_file is not None and section.certificate_file is not None and section.key_file is not None:
        authority, revoked = pem(section.ca_file), None
        certificate, key = pem(section.certificate_file), secret_files.read(section.key_file)
        _must_fit(authority, certificate, key)
    else:
        ours = read_or_make(data_dir)
        authority, revoked = ours.certificate_pem, ours.revocations(revoked_serials(), now=timezone.now())
        certificate, key = _server(ours, section.names, directory)
    return Network(section.host, section.tls_port, authority, revoked, certificate, key, section.subscribers_port)


def _server(authority: Authority, names: list[str], directory: Path) -> tuple[str, str]:
    """The broker's certificate and key: those that it has, unless they end soon or the names are others by now."""
    try:
        pem, key = (directory / broker.CERTIFICATE).read_text(), (directory / broker.KEY).read_text()
        certificate = x509.load_pem_x509_certificate(pem.encode())
        client_context(Tls(authority.certificate_pem, pem, key))
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        same = [str(name.value) for name in found] == names
    except (OSError, ValueError, x509.ExtensionNotFound):
        same = False
    if same and authority.issued(certificate) and certificate.not_valid_after_utc - timezone.now() > RENEWED_BEFORE:
        return pem, key
    return authority.serve_as(names, now=timezone.now())


def _must_fit(authority: str, certificate: str, key: str) -> None:
    try:
        client_context(Tls(authority, certificate, key))
    except TlsUnusable as exc:
        raise BrokerMisconfigured(f"[broker] in registry.toml, {exc}") from None
