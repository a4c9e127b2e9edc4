"""Keys that a company gives out from its own GS1 company prefix, and the EPC to write into the tag of a key.

A company prefix has 6 to 12 digits (a U.P.C. company prefix gets a 0 in front). A number without leading zeros fits the 96-bit
codings, so that tag and barcode say the same; `most_giais` and `most_grais` say how far that goes.
"""

from collections.abc import Iterable
from typing import Final

from identity import epc, keys

SHORTEST, LONGEST = 6, 12  # digits of a company prefix
FILTER: Final = (
    0  # "all others". With 0 the second byte of a tag is never a printable character, so no tag of ours looks like text
)
_GRAI_DIGITS: Final = 12  # prefix and asset type together


def is_prefix(text: str) -> bool:
    return text.isascii() and text.isdigit() and SHORTEST <= len(text) <= LONGEST


def giai(prefix: str, number: int) -> str:
    """Return the key of the company's individual asset `number`. Raises epc.DoesNotFit beyond `most_giais`."""
    if not 0 < number <= most_giais(prefix):
        raise epc.DoesNotFit(f"the prefix {prefix} has individual asset references 1 to {most_giais(prefix)}, not {number}")
    return keys.join("8004", f"{prefix}{number}")


def most_giais(prefix: str) -> int:
    """The last reference that giai-96 holds behind this prefix: by its digits or by its bits, whichever ends first."""
    bits = 82 - epc.PREFIX_BITS[LONGEST - len(prefix)]
    return int(min(10 ** (epc.GIAI_96.digits - len(prefix)), 1 << bits)) - 1


def grai(prefix: str, asset_type: int, number: int) -> str:
    """Return the key of the asset `number` of one of the company's asset types. Raises epc.DoesNotFit."""
    digits = _GRAI_DIGITS - len(prefix)
    if not 0 <= asset_type < 10**digits:
        raise epc.DoesNotFit(f"the prefix {prefix} has asset types 0 to {10**digits - 1}, not {asset_type}")
    if not 0 < number <= most_grais():
        raise epc.DoesNotFit(f"an asset type has serial numbers 1 to {most_grais()}, not {number}")
    grai_type = f"{prefix}{asset_type:0{digits}d}" if digits else prefix
    return keys.join("8003", f"0{grai_type}{keys.check_digit(grai_type)}{number}")


def most_grais() -> int:
    """The last serial of one asset type that grai-96 holds."""
    return (1 << epc.GRAI_96.rest_bits) - 1


def prefix_of(key: str, prefixes: Iterable[str]) -> str | None:
    """Which of these company prefixes the GS1 key begins with, the longest if several; None for a key of somebody else."""
    kind, value = keys.split(key)
    begins = value[1:] if kind in ("00", "01", "01+21", "8003") else value
    return max((p for p in prefixes if kind[0].isdigit() and begins.startswith(p)), key=len, default=None)


def to_write(key: str, prefixes: Iterable[str]) -> epc.Epc:
    """Return the EPC that says `key` in a tag: 96 bits where they hold it, else the long coding. Raises epc.DoesNotFit for a key
    of none of these prefixes: where a foreign prefix ends cannot be seen, and a guess would be somebody else's number."""
    prefix = prefix_of(key, prefixes)
    if prefix is None:
        raise epc.DoesNotFit(f"{key} does not begin with a company prefix of ours, so no EPC can be made of it")
    return epc.from_key(key, len(prefix), FILTER)
