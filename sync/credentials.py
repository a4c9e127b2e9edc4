"""Who a gateway is to the broker and to the registry: one JSON file that only its owner can read.

    {"gateway": "hamburg-1", "broker": "mqtt://127.0.0.1:8490", "password": "...", "mac_key": "<base64 of 32 bytes>"}
    {"gateway": "hamburg-1", "broker": "mqtts://registry.example.com:8883", "ca": "<PEM>", "certificate": "<PEM>", "key": "<PEM>",
     "mac_key": "<base64 of 32 bytes>"}

A password stays on its machine: to another one the way is TLS, with a certificate of the gateway's own. Who writes the file anew
replaces it whole, so that whoever reads it meanwhile has the old one or the new one.
"""

import base64
import binascii
import hmac
import os
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from host import private_files
from sync.loopback import is_loopback
from sync.tls import Tls, client_context
from sync.wire import VERSION

MAC_KEY_BYTES = 32
_MAX_FILE_BYTES = 64 * 1024
_GATEWAY_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


_changing = threading.Lock()


class CredentialsUnusable(Exception):
    """A person has to do something about the credentials file; the text says what."""


@dataclass(frozen=True, slots=True)
class Credentials:
    gateway: str  # also the MQTT user
    host: str
    port: int
    password: str = field(repr=False)  # empty where a certificate says who we are
    mac_key: bytes = field(repr=False)
    tls: Tls | None = None  # with certificate and key

    @property
    def user(self) -> str:
        return self.gateway

    @property
    def client_id(self) -> str:
        """On this machine everybody may choose one, and who takes another's ends that one's session: ours cannot be guessed.
        Elsewhere it is the gateway's own, by which the registry ends a session."""
        if self.tls is not None:
            return self.gateway
        return f"{self.gateway}-{hmac.digest(self.password.encode(), b'client id', 'sha256').hex()[:16]}"


class _File(msgspec.Struct):
    gateway: str
    broker: str
    mac_key: str
    password: str = ""
    ca: str = ""
    certificate: str = ""
    key: str = ""
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
            f"{path}: there is no such file; `sightpost enrol CODE` writes one, with a code that the registry gives out"
        ) from None
    except OSError as exc:
        raise CredentialsUnusable(f"{path}: cannot be read: {exc.strerror}") from exc
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # what the decoder says may quote the secret
        raise CredentialsUnusable(f"{path}: not a credentials file; have the registry write it again") from None
    try:
        return _checked(content)
    except ValueError as exc:
        raise CredentialsUnusable(f"{path}: {exc}") from None


def write_credentials(path: Path, credentials: Credentials) -> None:
    """Write the file for its owner alone, all or nothing. Raises OSError."""
    tls = credentials.tls
    host = f"[{credentials.host}]" if ":" in credentials.host else credentials.host
    content = _File(
        gateway=credentials.gateway,
        broker=f"{'mqtt' if tls is None else 'mqtts'}://{host}:{credentials.port}",
        mac_key=base64.b64encode(credentials.mac_key).decode(),
        password=credentials.password,
        ca="" if tls is None else tls.ca,
        certificate="" if tls is None else tls.certificate or "",
        key="" if tls is None else tls.key or "",
    )
    members = {name: value for name, value in msgspec.structs.asdict(content).items() if value != ""}
    private_files.write(path, msgspec.json.format(msgspec.json.encode(members), indent=2) + b"\n")


def change_credentials(source: Path, to: Path, change: Callable[[Credentials], Credentials]) -> None:
    """Write what `change` makes of the credentials in `source` to `source`, or to `to` where that cannot be written (systemd
    hands over files that nobody can replace). One at a time: a renewed certificate and a new key do not undo each other.

    Raises CredentialsUnusable, OSError, and whatever `change` raises; then nothing has changed."""
    with _changing:
        new = change(read_credentials(source))
        try:
            write_credentials(source, new)
        except OSError:
            if to == source:
                raise
            write_credentials(to, new)


def of_members(gateway: str, broker: str, mac_key: str, tls: Tls) -> Credentials:
    """Return the credentials that a file of these members would hold. Raises ValueError, whose text quotes no secret."""
    return _checked(_File(gateway, broker, mac_key, ca=tls.ca, certificate=tls.certificate or "", key=tls.key or ""))


def _checked(content: _File) -> Credentials:
    if content.v != VERSION:
        raise ValueError(f"version {content.v} is not {VERSION}: update the older side")
    if not is_gateway_id(content.gateway):
        raise ValueError("gateway: 1 to 64 of A-Z a-z 0-9 . _ -")
    scheme, host, port = _address(content.broker)
    tls = _tls(content) if scheme == "mqtts" else None
    if tls is None and not is_loopback(host):
        raise ValueError(
            f"broker: {host} is another machine, and the password would go there without TLS; use mqtts:// or 127.0.0.1"
        )
    if tls is None and not content.password:
        raise ValueError("password: empty")
    try:
        mac_key = base64.b64decode(content.mac_key, validate=True)
    except binascii.Error:
        raise ValueError("mac_key: not base64") from None
    if len(mac_key) != MAC_KEY_BYTES:
        raise ValueError(f"mac_key: {len(mac_key)} bytes, not {MAC_KEY_BYTES}")
    return Credentials(content.gateway, host, port, content.password if tls is None else "", mac_key, tls)


def _tls(content: _File) -> Tls:
    for name in ("ca", "certificate", "key"):
        if not getattr(content, name):
            raise ValueError(f"{name}: missing, and mqtts:// needs it")
    tls = Tls(content.ca, content.certificate, content.key)
    client_context(tls)
    return tls


def _address(broker: str) -> tuple[str, str, int]:
    url = urlsplit(broker)
    try:
        port = url.port
    except ValueError:
        port = None
    if url.scheme not in ("mqtt", "mqtts") or not url.hostname or not port or url.path or url.username:
        raise ValueError("broker: has the form mqtts://NAME:PORT, or mqtt://127.0.0.1:PORT on one machine")
    return url.scheme, url.hostname, port
