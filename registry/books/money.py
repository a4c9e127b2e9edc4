"""Amounts of a currency: decimals, rounded half up to its smallest unit.

Everything of the books that calculates does so inside `exact()`: 50 digits, so that a division is off by less than any tie
that amounts of NUMERIC(20,4) can come near to.
"""

from contextlib import AbstractContextManager
from decimal import ROUND_HALF_UP, Context, Decimal, localcontext
from fractions import Fraction
from typing import Final

from registry.problems import Invalid

ZERO: Final = Decimal(0)
LARGEST: Final = Decimal("9999999999999999")  # NUMERIC(20,4)


def _codes(text: str) -> frozenset[str]:
    return frozenset(text.split())


# ISO 4217, the currencies in circulation (List One), by how many decimals their smallest unit has
NO_DECIMALS: Final = _codes("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF")
THREE_DECIMALS: Final = _codes("BHD IQD JOD KWD LYD OMR TND")
TWO_DECIMALS: Final = _codes(
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC CUP CVE "
    "CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW "
    "KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK "
    "PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS "
    "UAH USD UYU UZS VED VES WST XCD YER ZAR ZMW ZWG"
)
_DIGITS = Context(prec=50, rounding=ROUND_HALF_UP)


def exact() -> AbstractContextManager[Context]:
    """The arithmetic of the books, for a `with`."""
    return localcontext(_DIGITS)


def unit_of(currency: str) -> Decimal:
    """The smallest amount of `currency`: 0.01 for EUR, 1 for JPY, 0.001 for KWD. Raises Invalid for one we do not know."""
    if currency in TWO_DECIMALS:
        return Decimal("0.01")
    if currency in NO_DECIMALS:
        return Decimal(1)
    if currency in THREE_DECIMALS:
        return Decimal("0.001")
    raise Invalid(
        f"currency: {currency[:20]!r} is no currency in use; three capital letters of ISO 4217, like EUR", field="currency"
    )


def rounded(amount: Decimal, unit: Decimal) -> Decimal:
    """`amount` to whole units, half up."""
    return amount.quantize(unit, ROUND_HALF_UP, _DIGITS)


def share_of(amount: Decimal, share: Fraction, unit: Decimal) -> Decimal:
    """`share` of `amount`, rounded once."""
    with exact():
        return rounded(amount * share.numerator / share.denominator, unit)


def check_amount(field: str, amount: Decimal, unit: Decimal) -> None:
    """Raise Invalid unless `amount` is a sum of money: a number, not negative, whole units, within NUMERIC(20,4)."""
    if not amount.is_finite():
        raise Invalid(f"{field}: {amount} is no amount", field=field)
    if amount < 0:
        raise Invalid(f"{field}: {amount:.6g} is negative; 0 or more is allowed", field=field)
    if amount > LARGEST:
        raise Invalid(f"{field}: {amount:.6g} is too large; at most {LARGEST}", field=field)
    if amount % unit != 0:
        raise Invalid(
            f"{field}: {amount:.20g} is not a whole number of {unit}, the smallest amount of this currency", field=field
        )
