"""What passes between registry and gateway beside events, hello and acks: the port between the uplink and who answers.

The uplink knows no commands, no configuration and no certificates: it hands over what comes on a `down` topic and sends what is
said on an `up` topic. Whoever is told has to check everything; messages may come any number of times, or never.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Protocol

Publish = Callable[[str, bytes], Awaitable[None]]
"""(leaf, payload) to `up/<leaf>`, at QoS 1. Raises BrokerUnavailable: then the connection is over."""


class Correspondent(Protocol):
    """Called on the event loop."""

    @property
    def leaves(self) -> frozenset[str]:
        """The `down` topics it listens to, like `cmd`. Nobody else listens to them."""
        ...

    def told(self, leaf: str, payload: bytes) -> None:
        """These bytes came, unchecked and never retained. Returns at once and keeps a bounded number of them."""
        ...

    def greeted(self, server_time: datetime) -> None:
        """The registry has answered the hello of this connection, under its MAC; `server_time` is its clock then."""
        ...

    async def speak(self, publish: Publish) -> None:
        """Say what there is to say, for as long as a connection lasts: until cancelled."""
        ...
