"""One datagram to the service manager (sd_notify)."""

import logging
import socket

log = logging.getLogger(__name__)


def notify(address: str | None, message: str) -> None:
    """Tell the manager at `address` (its NOTIFY_SOCKET); without one nothing happens, and one that cannot be reached stops
    nothing."""
    if not address:
        return
    path = "\0" + address[1:] if address.startswith("@") else address
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as manager:
            manager.connect(path)
            manager.send(message.encode())
    except OSError as exc:
        log.warning("cannot tell systemd %r: %s", message.splitlines()[0], exc)
