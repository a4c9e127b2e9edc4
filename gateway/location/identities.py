"""What each raw code says, resolved once and remembered for a while."""

from collections.abc import Callable
from functools import lru_cache

from drivers.api import Kind, Read
from identity.resolve import Identity, resolve_barcode, resolve_epc

REMEMBERED = 2_048  # codes that are no known tag's own (`Tags.coded`); the least recently asked for goes

Resolve = Callable[[bytes, Kind, int | None, str | None, frozenset[str]], Identity]
"""(raw, kind, protocol control word, symbology, company prefixes) to an identity. Never raises."""


def resolve(raw: bytes, kind: Kind, pc: int | None, symbology: str | None, prefixes: frozenset[str]) -> Identity:
    return resolve_epc(raw, pc, prefixes) if kind is Kind.UHF else resolve_barcode(raw, symbology)


class Identities:
    """A bounded cache before `resolve`: labels, and codes that come late, are read again and again."""

    def __init__(self, resolve: Resolve, prefixes: frozenset[str]) -> None:
        def of(raw: bytes, kind: Kind, pc: int | None, symbology: str | None) -> Identity:
            return resolve(raw, kind, pc, symbology, prefixes)

        self._of = lru_cache(REMEMBERED)(of)

    def of(self, read: Read) -> Identity:
        return self._of(read.raw, read.kind, read.pc, read.symbology)


def code_text(code: bytes) -> str:
    """Return the code of a radio tag as events carry it."""
    return code.hex().upper()[:512]


def raw_text(read: Read) -> str:
    """Return the code as an event carries it: hex for radio tags, text for barcodes, at most 512 characters."""
    return read.raw.decode(errors="replace")[:512] if read.kind is Kind.BARCODE else code_text(read.raw)
