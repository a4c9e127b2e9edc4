"""What a gateway can be ordered to do: every verb with its arguments. Both sides check by these; what else comes is refused.

None runs a shell, opens a path or names a device's address. A new verb comes here first, then in gateway/orders and
registry/orders.
"""

import enum
from typing import Annotated

import msgspec
from msgspec import Meta

from sync.wire import Rules, Text


class Verb(enum.StrEnum):
    PING = "ping"
    IDENTIFY = "identify"
    REREAD = "reread"
    ZONE = "zone"
    ROTATE_KEYS = "rotate_keys"


class Ping(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Say how you are."""


class Identify(msgspec.Struct, forbid_unknown_fields=True, frozen=True, omit_defaults=True):
    """Let one reader beep; or, with `pin`, switch that output of it on for a moment."""

    reader: Text
    pin: Annotated[int, Meta(ge=1, le=64)] | None = None


class Reread(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Read gateway.toml again."""


class Zone(msgspec.Struct, forbid_unknown_fields=True, frozen=True, omit_defaults=True):
    """Set parameters of the location engine for one zone; without any, those of gateway.toml hold again."""

    zone: Text
    rules: Rules = {}


class RotateKeys(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Go over to the next MAC key: `wrapped` is that key, under the one in use (key_wrap.py)."""

    serial: Annotated[int, Meta(ge=1, le=2**31 - 1)]
    wrapped: Annotated[str, Meta(max_length=100)]


class Nothing(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Who orders it names no arguments; the registry makes them."""


ARGUMENTS: dict[Verb, type[msgspec.Struct]] = {  # what whoever orders it says
    Verb.PING: Ping,
    Verb.IDENTIFY: Identify,
    Verb.REREAD: Reread,
    Verb.ZONE: Zone,
    Verb.ROTATE_KEYS: Nothing,
}
