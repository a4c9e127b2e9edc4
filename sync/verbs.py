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


ARGUMENTS: dict[Verb, type[msgspec.Struct]] = {
    Verb.PING: Ping,
    Verb.IDENTIFY: Identify,
    Verb.REREAD: Reread,
    Verb.ZONE: Zone,
}
