"""Who a gateway is to the broker and to the registry: one JSON file that only its owner can read.

`{"gateway": "hamburg-1", "broker": "mqtt://127.0.0.1:8490", "password": "...", "mac_key": "<base64 of 32 bytes>"}`
"""

import base64
import binascii
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from host import private_files
from sync.loopback import is_loopback
from sync.wire import VERSION

MAC_KEY_BYTES = 32
_MAX_FILE_BYTES = 64 * 1024
_GATEWAY_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class CredentialsUnusable(Exception):
    """A person has to do something about the credentials file; the text says what."""


@dataclass(frozen=True, slots=True)
class Credentials:
    gateway: str  # also the MQTT user and client id
    host: str
    port: int
    password: str = field(repr=False)
    mac_key: bytes = field(repr=False)

    @property
    def user(self) -> str:
        return self.gateway


class _File(msgspec.Struct):
    gateway: str
    broker: str
    password: str
    mac_key: str
    v: int = VERSION


def is_gateway_id(text: str) -> bool:
    """A gateway id stands in topics, ACLs and client ids as it is: 1 to 64 of A-Z a-z 0-9 . _ -"""
    return _GATEWAY_ID.fullmatch(text) is not None


def read_credentials(path: Path) -> Credentials:
    """Read the file. Raises CredentialsUnusable."""
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_mode & 0o077:
                raise CredentialsUnusable(f"{path}: other users can read this secret; run: chmod 600 {path}")
            content = msgspec.json.decode(file.read(_MAX_FILE_BYTES), type=_File)
    except FileNotFoundError:
        raise CredentialsUnusable(
            f"{path}: there is no such file; `sightpost-registry gateways add NAME --local` on the registry writes one"
        ) from None
    except OSError as exc:
        raise CredentialsUnusable(f"{path}: cannot be read: {exc.strerror}") from exc
    except (msgspec.DecodeError, UnicodeDecodeError):  # what the decoder says may quote the secret
        raise CredentialsUnusable(f"{path}: not a credentials file; have the registry write it again") from None
    try:
        return _checked(content)
    except ValueError as exc:
        raise CredentialsUnusable(f"{path}: {exc}") from None


def write_credentials(path: Path, credentials: Credentials) -> None:
    """Write the file for its owner alone, all or nothing. Raises OSError."""
    content = _File(
        gateway=credentials.gateway,
        broker=f"mqtt://{credentials.host}:{credentials.port}",
        password=credentials.password,
        mac_key=base64.b64encode(credentials.mac_key).decode(),
    )
    private_files.write(path, msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n")


def _checked(content: _File) -> Credentials:
    if content.v != VERSION:
        raise ValueError(f"version {content.v} is not {VERSION}: update the older side")
    if not is_gateway_id(content.gateway):
        raise ValueError("gateway: 1 to 64 of A-Z a-z 0-9 . _ -")
    if not content.password:
        raise ValueError("password: empty")
    host, port = _address(content.broker)
    try:
        mac_key = base64.b64decode(content.mac_key, validate=True)
    except binascii.Error:
        raise ValueError("mac_key: not base64") from None
    if len(mac_key) != MAC_KEY_BYTES:
        raise ValueError(f"mac_key: {len(mac_key)} bytes, not {MAC_KEY_BYTES}")
    return Credentials(content.gateway, host, port, content.password, mac_key)


def _address(broker: str) -> tuple[str, int]:
    url = urlsplit(broker)
    try:
        port = url.port
    except ValueError:
        port = None
    if url.scheme != "mqtt" or not url.hostname or not port or url.path or url.username:
        raise ValueError("broker: has the form mqtt://127.0.0.1:PORT")
    if not is_loopback(url.hostname):
        raise ValueError(f"broker: {url.hostname} is another machine, and the password would go there without TLS; use 127.0.0.1")
    return url.hostname, port
