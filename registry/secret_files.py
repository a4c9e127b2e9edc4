"""Secrets of this registry: files of mode 0600 in data_dir, made the first time they are needed.

Only what the registry must be able to say again lies here. Passwords and tokens of others are kept as hashes in the database.
"""

import hmac
import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from host import private_files

SECRET_KEY = "secret-key"  # noqa: S105 - a file's name: signs sessions and cookies
MASTER_KEY = "mac-master-key"  # the gateways' MAC keys and token hashes are derived from it
BROKER_PASSWORD = "broker-password"  # noqa: S105 - a file's name: what ingest logs in to the broker with
WORK_PASSWORD = "broker-password-work"  # noqa: S105 - a file's name: what the work process logs in with
RANDOM = (SECRET_KEY, MASTER_KEY, BROKER_PASSWORD, WORK_PASSWORD)
AUTHORITY = "authority.pem"  # key and certificate of our own authority (trust/authority.py)
ALL = (*RANDOM, AUTHORITY)


class ReadableByOthers(Exception):
    """The file's mode lets other users of this machine read it. The text says what to do."""


def prepare(data_dir: Path) -> None:
    """Make the folder, for us alone. Raises OSError."""
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)


def read_or_make(data_dir: Path, name: str, make: Callable[[], str] = lambda: secrets.token_urlsafe(32)) -> str:
    """Return the secret of this name, by default 256 random bits in text. Several processes may ask at once: all get the same.

    Raises ReadableByOthers, OSError."""
    path = data_dir / name
    with suppress(FileNotFoundError):
        return read(path)
    prepare(data_dir)
    fresh = path.with_name(f".{name}.{os.getpid()}.{secrets.token_hex(4)}")
    private_files.write(fresh, (make() + "\n").encode())
    with suppress(FileExistsError):  # another process was faster: its secret counts
        os.link(fresh, path)
    fresh.unlink()
    return read(path)


def read(path: Path) -> str:
    """Return the secret in this file. Raises ReadableByOthers, OSError."""
    if path.stat().st_mode & 0o077:
        raise ReadableByOthers(f"{path} may be read by others; run: chmod 600 {path}")
    return path.read_text(encoding="utf-8").strip()


def derive(data_dir: Path, *purpose: str) -> bytes:
    """Return 32 bytes for one purpose, always the same ones, from which no other purpose's can be guessed."""
    label = "\0".join(purpose).encode()
    return hmac.digest(read_or_make(data_dir, MASTER_KEY).encode(), label, "sha256")


def gateway_mac_key(data_dir: Path, gateway: str, key_serial: int) -> bytes:
    """The key of one gateway's messages. A new serial is a new key: so a lost one is replaced."""
    return derive(data_dir, "gateway-mac", gateway, str(key_serial))
