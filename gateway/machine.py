"""Which machine this is: the registry tells a gateway that came back from a copy of its card in another machine."""

import hashlib
from pathlib import Path

SCHEME = "2"  # of the hash; one of another scheme says nothing about whether the machine is the same
_MACHINE_ID = Path("/etc/machine-id")  # is on the card, and copied with it
_BOARD_SERIAL = Path("/sys/firmware/devicetree/base/serial-number")
_INTERFACES = Path("/sys/class/net")
_BUILT_IN = ("pci", "platform")  # what is plugged in by USB may be another one tomorrow


def machine_hash() -> str:
    """Return what tells this machine from another with the same credentials. Its ids themselves are nobody's business."""
    parts = _text(_MACHINE_ID), _text(_BOARD_SERIAL) or _wired_address()
    return f"{SCHEME}:{hashlib.blake2s(chr(0).join(parts).encode(), key=b'sightpost gateway', digest_size=16).hexdigest()}"


def _wired_address() -> str:
    """The hardware address of the first network interface that is built in, or nothing."""
    try:
        interfaces = sorted(_INTERFACES.iterdir())
    except OSError:
        return ""
    return min((_text(one / "address") for one in interfaces if _is_built_in(one)), default="")


def _is_built_in(interface: Path) -> bool:
    if (interface / "phy80211").exists() or _text(interface / "addr_assign_type") != "0":
        return False
    return (interface / "device" / "subsystem").resolve().name in _BUILT_IN


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip("\0\n ")
    except OSError:
        return ""
