"""Mosquitto's configuration, its users and what each may do: pure functions from users to text, and one that writes the files.

Three doors, each with files of its own, so that nobody comes in by one with what is worth something at another:

    this machine   a password                                   the registry's processes, gateways and subscribers beside it
    gateways       TLS and a certificate: its name is the user  gateways elsewhere
    subscribers    TLS and a password                           dashboards and home automation elsewhere

Only the first is there until somebody opens the others. Every topic a user may touch is named one by one, every queue bounded.
The broker keeps nothing over a restart and needs not: what is not acknowledged end to end is sent again.
"""

import base64
import enum
import hashlib
import ipaddress
import itertools
import os
import pwd
import re
import secrets
import signal
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from host import private_files
from sync.loopback import is_loopback
from sync.topics import DOWN, HOME_ASSISTANT, ROOT, UP, segment

CONFIGURATION = "mosquitto.conf"
PASSWORDS = "passwords"
ACL = "acl"
GATEWAYS_ACL = "acl-gateways"
SUBSCRIBERS_PASSWORDS = "passwords-subscribers"
SUBSCRIBERS_ACL = "acl-subscribers"
AUTHORITY = "authority.pem"
REVOKED = "revoked.pem"
CERTIFICATE = "certificate.pem"
KEY = "key.pem"
PID = "mosquitto.pid"
INGEST_USER = "registry-ingest"
WORK_USER = "registry-work"
DEFAULT_PORT = 8490
MAX_PACKET_BYTES = 256 * 1024
MEMORY_BYTES = 256 * 1024 * 1024

_ITERATIONS = 1_000  # passwords are 256 random bits: stretching adds nothing, and the broker hashes in its only thread
_SALT_BYTES = 12
_USER = re.compile(r"[A-Za-z0-9._-]{1,64}")


class BrokerMisconfigured(Exception):
    """These settings would make an unsafe or unusable broker; the text says what to change."""


class Role(enum.StrEnum):
    GATEWAY = "gateway"
    INGEST = "ingest"
    WORK = "work"  # writes what the registry tells of assets and gateways
    SUBSCRIBER = "subscriber"  # reads what gateways tell and how they are, and nothing else
    ASSET_SUBSCRIBER = "asset-subscriber"  # reads the asset topics and nothing else
    FULL_SUBSCRIBER = "full-subscriber"  # reads both


SUBSCRIBERS = (Role.SUBSCRIBER, Role.ASSET_SUBSCRIBER, Role.FULL_SUBSCRIBER)


@dataclass(frozen=True, slots=True)
class BrokerUser:
    name: str
    role: Role
    password_hash: str = field(repr=False)  # by `hash_password`


@dataclass(frozen=True, slots=True)
class Network:
    """What is open to other machines, and by which certificates. All texts are PEM."""

    bind: str  # an address of this machine, or 0.0.0.0 or :: for all of them
    port: int  # of gateways
    authority: str  # whoever it certified is the gateway of that name
    revoked: str | None  # its list; without one it keeps a list elsewhere, or none
    certificate: str  # of the broker
    key: str = field(repr=False)
    subscribers_port: int | None = None


def make_password() -> str:
    """Return 256 random bits as text."""
    return secrets.token_urlsafe(32)


def hash_password(password: str, salt: bytes | None = None) -> str:
    """Return mosquitto's `$7$` form: PBKDF2 with SHA-512."""
    salt = secrets.token_bytes(_SALT_BYTES) if salt is None else salt
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ITERATIONS)
    return f"$7${_ITERATIONS}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


def configuration_text(
    directory: Path, port: int, *, bind: str = "127.0.0.1", run_as: str, network: Network | None = None
) -> str:
    """Return mosquitto.conf. Raises BrokerMisconfigured: without TLS the broker listens on loopback only."""
    if not is_loopback(bind):
        raise BrokerMisconfigured(f"this port has no TLS and must not listen on {bind}: use 127.0.0.1")
    for one in [port, *([network.port, network.subscribers_port] if network is not None else [])]:
        if one is not None and not 1 <= one <= 65535:
            raise BrokerMisconfigured(f"{one} is no port")
    if not str(directory).isprintable():
        raise BrokerMisconfigured(f"mosquitto's configuration cannot name a folder like this: {str(directory)!r}")
    return f"""\
# Written by sightpost-registry and replaced at every start of the broker; config/mosquitto.conf explains each line.
per_listener_settings true
user {run_as}
pid_file {directory / PID}
persistence false
persistent_client_expiration 1h
max_packet_size {MAX_PACKET_BYTES}
max_keepalive 600
max_inflight_messages 20
max_queued_messages 1000
max_queued_bytes 33554432
memory_limit {MEMORY_BYTES}
set_tcp_nodelay true
sys_interval 0
log_dest stderr
log_type error
log_type warning
log_type notice
connection_messages false

listener {port} {bind}
allow_anonymous false
allow_zero_length_clientid false
password_file {directory / PASSWORDS}
acl_file {directory / ACL}
max_connections 2000
{_doors(directory, network) if network is not None else ""}"""


def _doors(directory: Path, network: Network) -> str:
    try:
        ipaddress.ip_address(network.bind)
    except ValueError:
        raise BrokerMisconfigured(f"{network.bind!r} is no address of this machine; use one, or 0.0.0.0 for all") from None
    revoked = f"crlfile {directory / REVOKED}\n" if network.revoked is not None else ""
    gateways = f"""
listener {network.port} {network.bind}
allow_anonymous false
allow_zero_length_clientid false
acl_file {directory / GATEWAYS_ACL}
cafile {directory / AUTHORITY}
{revoked}certfile {directory / CERTIFICATE}
keyfile {directory / KEY}
tls_version tlsv1.2
require_certificate true
use_identity_as_username true
use_username_as_clientid true
max_connections 2000
"""
    if network.subscribers_port is None:
        return gateways
    return f"""{gateways}
listener {network.subscribers_port} {network.bind}
allow_anonymous false
allow_zero_length_clientid false
password_file {directory / SUBSCRIBERS_PASSWORDS}
acl_file {directory / SUBSCRIBERS_ACL}
certfile {directory / CERTIFICATE}
keyfile {directory / KEY}
tls_version tlsv1.2
use_username_as_clientid true
max_connections 500
"""


def password_text(users: Iterable[BrokerUser]) -> str:
    """Return the password file. Raises BrokerMisconfigured."""
    return "".join(f"{user.name}:{user.password_hash}\n" for user in _checked(users))


def acl_text(users: Iterable[BrokerUser]) -> str:
    """Return who may read and write which topics; what is not named is not allowed. Raises BrokerMisconfigured."""
    return "\n".join("\n".join([f"user {user.name}", *_rights(user), ""]) for user in _checked(users))


def write_configuration(
    directory: Path,
    users: Iterable[BrokerUser],
    port: int = DEFAULT_PORT,
    *,
    bind: str = "127.0.0.1",
    network: Network | None = None,
) -> Path:
    """Write the files for the present user alone, each all or nothing; return the path of mosquitto.conf.

    Started by root, mosquitto would change to a user of its own who cannot read them, so the configuration names ours.
    Raises BrokerMisconfigured, OSError."""
    users = list(users)
    directory = directory.absolute()
    texts = {PASSWORDS: password_text(users), ACL: acl_text(users)}
    if network is not None:
        texts |= _of_the_network(network, users)
    texts[CONFIGURATION] = configuration_text(directory, port, bind=bind, run_as=_own_user(), network=network)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, text in texts.items():
        private_files.write(directory / name, text.encode())
    return directory / CONFIGURATION


def _of_the_network(network: Network, users: list[BrokerUser]) -> Mapping[str, str]:
    """The files that only the doors to other machines need: neither ingest's name nor its password is worth anything there."""
    subscribers = [user for user in users if user.role in SUBSCRIBERS]
    return {
        GATEWAYS_ACL: acl_text(user for user in users if user.role is Role.GATEWAY),
        SUBSCRIBERS_PASSWORDS: password_text(subscribers),
        SUBSCRIBERS_ACL: acl_text(subscribers),
        AUTHORITY: network.authority,
        CERTIFICATE: network.certificate,
        KEY: network.key,
        **({REVOKED: network.revoked} if network.revoked is not None else {}),
    }


def reload_users(directory: Path) -> bool:
    """Let a running broker read users, rights, certificates and what is revoked again; return False when none runs."""
    try:
        pid = int((directory / PID).read_text())
        if Path(f"/proc/{pid}/comm").read_text().strip() != "mosquitto":  # the number may be another process's by now
            return False
        os.kill(pid, signal.SIGHUP)
    except (OSError, ValueError):
        return False
    return True


def _rights(user: BrokerUser) -> list[str]:
    me = segment(user.name)
    live = [f"topic read {ROOT}/live/#", f"topic read {ROOT}/gateways/#", f"topic read {HOME_ASSISTANT}/device/#"]
    assets = [f"topic read {ROOT}/assets/#"]
    match user.role:
        case Role.GATEWAY:
            return [
                *(f"topic write {ROOT}/g/{me}/up/{leaf}" for leaf in UP),
                f"topic write {ROOT}/live/{me}/+/+",
                *(f"topic read {ROOT}/g/{me}/down/{leaf}" for leaf in DOWN),
                f"topic read {ROOT}/registry/state",
            ]
        case Role.INGEST:
            return [
                *(f"topic read {ROOT}/g/+/up/{leaf}" for leaf in UP),
                *(f"topic write {ROOT}/g/+/down/{leaf}" for leaf in DOWN),
                f"topic write {ROOT}/registry/state",
            ]
        case Role.WORK:
            return [
                f"topic write {ROOT}/assets/#",
                f"topic write {ROOT}/gateways/#",
                f"topic write {HOME_ASSISTANT}/device/#",
            ]
        case Role.SUBSCRIBER:
            return live
        case Role.ASSET_SUBSCRIBER:
            return assets
        case Role.FULL_SUBSCRIBER:
            return live + assets


def _checked(users: Iterable[BrokerUser]) -> list[BrokerUser]:
    found = sorted(users, key=lambda user: user.name)
    for user in found:
        if not _USER.fullmatch(user.name):
            raise BrokerMisconfigured(f"user {user.name!r}: 1 to 64 of A-Z a-z 0-9 . _ -")
        if "\n" in user.password_hash or not user.password_hash.startswith("$7$"):
            raise BrokerMisconfigured(f"user {user.name}: the password hash is not one of ours")
    if twice := {a.name for a, b in itertools.pairwise(found) if a.name == b.name}:
        raise BrokerMisconfigured(f"users named twice: {', '.join(sorted(twice))}")
    return found


def _own_user() -> str:
    """The name behind our uid, whatever the environment says; a uid without a name is not root's, and mosquitto keeps it."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return "mosquitto"
