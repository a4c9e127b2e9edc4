"""What somebody chose for a print, and what of it does not go together. Pure."""

import enum
from dataclasses import dataclass
from typing import Final

from registry.labels.marks import MEANINGFUL, Carries, Symbol
from registry.labels.stocks import DEFAULT, NO_OFFSET, Offset, stock
from registry.labels.zpl import DPIS
from registry.problems import Invalid

MOST_ASSET_TYPE: Final = 999_999  # of the shortest company prefix


class Output(enum.StrEnum):
    PDF = "pdf"
    ZPL = "zpl"


class Scheme(enum.StrEnum):
    """How a code of our own is made. NUMBER is the asset's number as plain text."""

    GIAI = "giai"
    GRAI = "grai"
    NUMBER = "number"


@dataclass(frozen=True, slots=True)
class Choice:
    """How labels are to be. `assign`: those that lack the code get one first, a GS1 key by `scheme` (`asset_type` is that of a
    GRAI). `tags`: the printer writes an EPC into the tag of each label."""

    stock: str = DEFAULT
    symbol: Symbol = Symbol.QR
    carries: Carries = Carries.NUMBER
    output: Output = Output.PDF
    assign: bool = False
    scheme: Scheme = Scheme.GIAI
    asset_type: int = 0
    start: int = 1
    offset: Offset = NO_OFFSET
    dpi: int = 203
    tags: bool = False
    company: bool = True

    @property
    def needs_gs1_key(self) -> bool:
        return self.tags or self.carries is not Carries.NUMBER

    @property
    def needs(self) -> tuple[Scheme, ...]:
        """The codes that an asset has to have for this."""
        number = (Scheme.NUMBER,) if self.carries is Carries.NUMBER else ()
        return (*number, self.scheme) if self.needs_gs1_key else number

    def checked(self) -> "Choice":
        """Raises Invalid, with the field at fault, for what does not go together."""
        on = stock(self.stock)
        next(on.places(self.start, self.offset))
        if self.carries not in MEANINGFUL[self.symbol]:
            ways = " or ".join(MEANINGFUL[self.symbol])
            raise Invalid(
                f"carries: on a label, {self.symbol.words} carries {ways}; choose that, or another symbol", field="carries"
            )
        if self.scheme is Scheme.NUMBER:
            raise Invalid("scheme: a GS1 key is a GIAI or a GRAI", field="scheme")
        if self.output is Output.ZPL and on.per_page > 1:
            raise Invalid(f"stock: {on.title} is a sheet; a label printer needs a roll or a tape", field="stock")
        if self.dpi not in DPIS:
            raise Invalid(f"dpi: {self.dpi} is not one of {', '.join(map(str, DPIS))}", field="dpi")
        if self.tags and self.output is Output.PDF:
            raise Invalid("tags: a PDF cannot write RFID tags; choose ZPL for an RFID printer", field="tags")
        return self
