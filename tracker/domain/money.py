"""Money is an integer count of minor units and an ISO 4217 code. Never a float, never added across currencies."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from math import lcm

# ISO 4217: every active code whose exponent is not 2. The others are in _TWO.
_ZERO = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE = "BHD IQD JOD KWD LYD OMR TND"
_FOUR = "CLF UYW"
_TWO = """
AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW CNY
COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR
JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO
NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS
TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG
"""
EXPONENTS: dict[str, int] = {
    code: exponent for exponent, codes in ((0, _ZERO), (2, _TWO), (3, _THREE), (4, _FOUR)) for code in codes.split()
}

# The plain decimal of every shop's JSON. No sign tricks, no thousands, no exponent.
_AMOUNT = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,12})?")

# Powers of ten: below a million million major units every amount and every sum of amounts fits a 64-bit integer.
_WIDEST = 12
_FINEST = 30


def currency_code(text: object) -> str:
    """`text` as a known ISO 4217 code in upper case. Raises ValueError: an unknown currency is never guessed."""
    code = text.strip().upper() if isinstance(text, str) else ""
    if code not in EXPONENTS:
        raise ValueError(f"unknown currency {text!r}: want an ISO 4217 code such as EUR")
    return code


def exact(amount: str | Decimal | int) -> Decimal:
    """`amount` in major units, exactly as written.

    A string must be a plain decimal with a point; floats are refused by type, and so is what no shop has ever sold for.
    Raises ValueError.
    """
    if isinstance(amount, str):
        if not _AMOUNT.fullmatch(amount):
            raise ValueError("not a plain decimal amount")
        amount = Decimal(amount)
    elif isinstance(amount, bool) or not isinstance(amount, Decimal | int):
        raise ValueError(f"not an amount: {type(amount).__name__}")
    elif isinstance(amount, int):
        amount = Decimal(amount)
    if not amount.is_finite() or (amount and not -_FINEST <= amount.adjusted() < _WIDEST):
        raise ValueError("amount out of range")
    return amount


def minor_units(amount: str | Decimal | int, currency: str) -> int:
    """`amount` in major units as a count of minor units, rounded half up away from zero, once. Raises ValueError."""
    numerator, denominator = exact(amount).as_integer_ratio()
    return round_half_up(Fraction(numerator * 10 ** EXPONENTS[currency], denominator))


def decimal_string(amount: int, currency: str) -> str:
    """`amount` minor units as a plain decimal in the currency's own exponent: 1050 EUR is "10.50", 1050 JPY "1050"."""
    exponent = EXPONENTS[currency]
    if not exponent:
        return str(amount)
    digits = str(abs(amount)).rjust(exponent + 1, "0")
    return f"{'-' if amount < 0 else ''}{digits[:-exponent]}.{digits[-exponent:]}"


def round_half_up(value: Fraction) -> int:
    """The nearest integer, halves away from zero: what a person with a pencil does."""
    part, whole = value.numerator, value.denominator
    magnitude = (2 * abs(part) + whole) // (2 * whole)
    return magnitude if part >= 0 else -magnitude


def allot(total: int, weights: Sequence[Fraction]) -> list[int]:
    """`total` minor units shared by `weights`, to the last unit: sum(result) == total.

    Largest remainder (Hamilton): each share is floored, and the units left over go to the largest remainders, ties to
    the earlier. The weights are not negative and sum to 1. Raises ValueError otherwise.
    """
    whole = lcm(*(weight.denominator for weight in weights))
    parts = [weight.numerator * (whole // weight.denominator) for weight in weights]
    if any(part < 0 for part in parts) or sum(parts) != whole:
        raise ValueError("weights must be ≥ 0 and sum to 1")
    sign, size = (-1, -total) if total < 0 else (1, total)
    shares = [size * part // whole for part in parts]
    by_remainder = sorted(range(len(parts)), key=lambda index: (-(size * parts[index] % whole), index))
    for index in by_remainder[: size - sum(shares)]:
        shares[index] += 1
    return [sign * share for share in shares]
