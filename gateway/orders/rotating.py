"""The verb `rotate_keys`: from the moment the credentials file is replaced, the gateway signs with its next MAC key.

The registry goes over at the first message under it and believes both until then, so neither a lost message nor a stop at any
moment locks anybody out. Who runs the uplink notices the new file and begins a conversation with it.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec

from gateway.orders.desk import Do, Failed, Refused
from sync.credentials import Credentials, CredentialsUnusable, change_credentials
from sync.key_wrap import NotWrapped, unwrap
from sync.verbs import RotateKeys


def rotate_keys(source: Callable[[], Path], to: Path) -> Do:
    """`source` is where the credentials are; where that cannot be written, they come from `to` from then on."""

    async def do(arguments: bytes) -> str:
        asked = msgspec.json.decode(arguments, type=RotateKeys)
        await asyncio.to_thread(_rotate, source(), to, asked)
        return f"the key with serial {asked.serial} is in use"

    return do


def _rotate(source: Path, to: Path, asked: RotateKeys) -> None:
    def rotated(now: Credentials) -> Credentials:
        return replace(now, mac_key=unwrap(asked.wrapped, under=now.mac_key, gateway=now.gateway, serial=asked.serial))

    try:
        change_credentials(source, to, rotated)
    except (CredentialsUnusable, NotWrapped) as exc:
        raise Refused(str(exc)) from None
    except OSError as exc:
        raise Failed(f"{to}: cannot be written: {exc.strerror}; the key in use stays") from exc
