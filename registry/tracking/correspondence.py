"""What passes between registry and gateways beside events, hello and acks: the port between ingest and who speaks (taking_in.py).

Ingest has the one session that may write to gateways, so commands, configuration and certificates go through it and not through
the outgoing queue: they are sealed for one gateway, of use for minutes only, and said again until they are answered.
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from registry.tracking.intake import Message


class Spoken(NamedTuple):
    """To be published on `down/<leaf>` of a gateway, sealed already."""

    gateway: str
    leaf: str
    payload: bytes


class Correspondent(Protocol):
    """Called in ingest's database thread, outside of any transaction. What raises OperationalError or InterfaceError is tried
    again."""

    @property
    def leaves(self) -> frozenset[str]:
        """The `up` topics it listens to, like `reply`; with `hello` among them it hears what ingest then takes in."""
        ...

    def take(self, messages: Sequence[Message], counts: Counter[str]) -> None:
        """These came: unchecked, perhaps more than once."""
        ...

    def due(self) -> Sequence[Spoken]:
        """What is to be said now, a bounded number; asked twice a second while there is a connection. It may be lost."""
        ...
