"""Mosquitto's configuration, its users and what each may do: pure functions from users to text, and one that writes the files.

Nobody without a password, loopback only, every topic a user may touch named one by one, every queue bounded. The broker keeps
nothing over a restart and needs not: what is not acknowledged end to end is sent again.
"""

import base64
import enum
import hashlib
import itertools
import os
import pwd
import re
import secrets
import signal
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from host import private_files
from sync.loopback import is_loopback
from sync.topics import ROOT, segment

CONFIGURATION = "mosquitto.conf"
PASSWORDS = "passwords"
ACL = "acl"
PID = "mosquitto.pid"
INGEST_USER = "registry-ingest"
WORK_USER = "registry-work"
DEFAULT_PORT = 8490
MAX_PACKET_BYTES = 256 * 1024

_ITERATIONS = 1_000  # passwords are 256 random bits: stretching adds nothing, and the broker hashes in its only thread
_SALT_BYTES = 12
_USER = re.compile(r"[A-Za-z0-9._-]{1,64}")


class BrokerMisconfigured(Exception):
    """These settings would make an unsafe or unusable broker; the text says what to change."""


class Role(enum.StrEnum):
    GATEWAY = "gateway"
    INGEST = "ingest"
    WORK = "work"  # writes the asset topics and nothing else
    SUBSCRIBER = "subscriber"  # reads the live topics and nothing else
    ASSET_SUBSCRIBER = "asset-subscriber"  # reads the asset topics and nothing else


@dataclass(frozen=True, slots=True)
class BrokerUser:
    name: str
    role: Role
    password_hash: str = field(repr=False)  # by `hash_password`


def make_password() -> str:
    """Return 256 random bits as text."""
    return secrets.token_urlsafe(32)


def hash_password(password: str, salt: bytes | None = None) -> str:
    """Return mosquitto's `$7$` form: PBKDF2 with SHA-512."""
    salt = secrets.token_bytes(_SALT_BYTES) if salt is None else salt
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ITERATIONS)
    return f"$7${_ITERATIONS}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


def configuration_text(directory: Path, port: int, *, bind: str = "127.0.0.1", run_as: str) -> str:
    """Return mosquitto.conf. Raises BrokerMisconfigured: without TLS the broker listens on loopback only."""
    if not is_loopback(bind):
        raise BrokerMisconfigured(f"the broker has no TLS and must not listen on {bind}: use 127.0.0.1")
    if not 1 <= port <= 65535:
        raise BrokerMisconfigured(f"{port} is no port")
    if not str(directory).isprintable():
        raise BrokerMisconfigured(f"mosquitto's configuration cannot name a folder like this: {str(directory)!r}")
    return f"""\
# Written by sightpost-registry and replaced at every start of the broker; config/mosquitto.conf explains each line.
listener {port} {bind}
allow_anonymous false
allow_zero_length_clientid false
password_file {directory / PASSWORDS}
acl_file {directory / ACL}
user {run_as}
pid_file {directory / PID}
persistence false
persistent_client_expiration 1h
max_packet_size {MAX_PACKET_BYTES}
max_connections 2000
max_keepalive 600
max_inflight_messages 20
max_queued_messages 1000
max_queued_bytes 33554432
set_tcp_nodelay true
sys_interval 0
log_dest stderr
log_type error
log_type warning
log_type notice
connection_messages false
"""


def password_text(users: Iterable[BrokerUser]) -> str:
    """Return the password file. Raises BrokerMisconfigured."""
    return "".join(f"{user.name}:{user.password_hash}\n" for user in _checked(users))


def acl_text(users: Iterable[BrokerUser]) -> str:
    """Return who may read and write which topics; what is not named is not allowed. Raises BrokerMisconfigured."""
    return "\n".join("\n".join([f"user {user.name}", *_rights(user), ""]) for user in _checked(users))


def write_configuration(
    directory: Path, users: Iterable[BrokerUser], port: int = DEFAULT_PORT, *, bind: str = "127.0.0.1"
) -> Path:
    """Write the three files for the present user alone, each all or nothing; return the path of mosquitto.conf.

    Started by root, mosquitto would change to a user of its own who cannot read them, so the configuration names ours.
    Raises BrokerMisconfigured, OSError."""
    users = list(users)
    directory = directory.absolute()
    texts = {
        PASSWORDS: password_text(users),
        ACL: acl_text(users),
        CONFIGURATION: configuration_text(directory, port, bind=bind, run_as=_own_user()),
    }
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, text in texts.items():
        private_files.write(directory / name, text.encode())
    return directory / CONFIGURATION


def reload_users(directory: Path) -> bool:
    """Let a running broker read its password and ACL files again; return False when none runs."""
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
    match user.role:
        case Role.GATEWAY:
            return [
                f"topic write {ROOT}/g/{me}/up/#",
                f"topic write {ROOT}/live/{me}/#",
                f"topic read {ROOT}/g/{me}/down/#",
                f"topic read {ROOT}/registry/state",
            ]
        case Role.INGEST:
            return [
                f"topic read {ROOT}/g/+/up/#",
                f"topic write {ROOT}/g/+/down/#",
                f"topic write {ROOT}/registry/state",
            ]
        case Role.WORK:
            return [f"topic write {ROOT}/assets/#"]
        case Role.SUBSCRIBER:
            return [f"topic read {ROOT}/live/#"]
        case Role.ASSET_SUBSCRIBER:
            return [f"topic read {ROOT}/assets/#"]


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
