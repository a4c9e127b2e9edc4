"""How the registry's own processes log in to the broker: by a password on this machine, or as [broker] url says elsewhere."""

import secrets
from pathlib import Path

from registry import secret_files
from registry.configuration import Configuration
from registry.exits import CannotGoOn
from sync.broker import INGEST_USER, WORK_USER
from sync.mqtt import Login
from sync.tls import Tls, TlsUnusable, client_context


def of_ingest(configuration: Configuration) -> Login:
    """Raises CannotGoOn, ReadableByOthers, OSError."""
    return _login(configuration, INGEST_USER, secret_files.BROKER_PASSWORD)


def of_work(configuration: Configuration) -> Login:
    """Raises CannotGoOn, ReadableByOthers, OSError."""
    return _login(configuration, WORK_USER, secret_files.WORK_PASSWORD)


def client_id(name: str) -> str:
    """Another one for each connection: who cannot guess it cannot end the session by connecting under it."""
    return f"{name}-{secrets.token_hex(4)}"


def pem(path: Path) -> str:
    """The text of a file of certificates; one that is no text is none that fits, and says so later. Raises OSError."""
    return path.read_text(encoding="ascii", errors="replace")


def _login(configuration: Configuration, user: str, secret: str) -> Login:
    section = configuration.broker
    if section.url is None or section.ca_file is None:
        return Login(section.local_host, section.port, user, secret_files.read_or_make(configuration.data_dir, secret))
    password = secret_files.read(section.password_file) if section.password_file is not None else ""
    certificate = pem(section.certificate_file) if section.certificate_file is not None else None
    key = secret_files.read(section.key_file) if section.key_file is not None else None
    tls = Tls(pem(section.ca_file), certificate, key)
    try:
        client_context(tls)
    except TlsUnusable as exc:
        raise CannotGoOn(f"[broker] in registry.toml, {exc}") from None
    host, port = section.address
    return Login(host, port, section.user, password, tls)
