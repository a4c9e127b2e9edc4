"""A gateway's next MAC key, handed over under the one in use: AES key wrap (RFC 3394), which also tells if it was tampered with.

Whoever has the key in use can follow the change; whoever has only seen what passed cannot. `cryptography` is loaded when needed:
a gateway does this once in months.
"""

import base64
import binascii
import hmac

from sync.credentials import MAC_KEY_BYTES


class NotWrapped(Exception):
    """This is not a key that was wrapped under that one, for this gateway and serial."""


def wrap(new: bytes, *, under: bytes, gateway: str, serial: int) -> str:
    """Return the new key as text that only who has `under` can read."""
    from cryptography.hazmat.primitives.keywrap import aes_key_wrap

    return base64.urlsafe_b64encode(aes_key_wrap(_wrapping(under, gateway, serial), new)).decode()


def unwrap(wrapped: str, *, under: bytes, gateway: str, serial: int) -> bytes:
    """Raises NotWrapped."""
    from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap

    try:
        new = aes_key_unwrap(_wrapping(under, gateway, serial), base64.b64decode(wrapped, altchars=b"-_", validate=True))
    except (binascii.Error, InvalidUnwrap, ValueError):
        raise NotWrapped("the new key was not wrapped under the key in use") from None
    if len(new) != MAC_KEY_BYTES:
        raise NotWrapped(f"a key has {MAC_KEY_BYTES} bytes, not {len(new)}")
    return new


def _wrapping(under: bytes, gateway: str, serial: int) -> bytes:
    return hmac.digest(under, f"sightpost key wrap\0{gateway}\0{serial}".encode(), "sha256")
