"""Without TLS nothing leaves the machine: both ends ask here."""

import ipaddress


def is_loopback(host: str) -> bool:
    """Whether `host` is an address of this machine alone. Of names only `localhost` is: others may resolve anywhere."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
