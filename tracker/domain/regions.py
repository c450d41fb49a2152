"""A region is a country and a large part of it, after ISO 3166-2: FR-75, US-CA. Too coarse to point at anybody.

It is the country with the shop's own code of the province; without one, with the first two characters of the postcode
(three of France's overseas departments); without either, the country alone. In France the postcode goes first: shops
name its departments in many ways, and its first two digits are the department.
"""

from __future__ import annotations

import re

_COUNTRY = re.compile(r"[A-Z]{2}")
_PROVINCE = re.compile(r"[A-Z0-9]{1,5}")
_POSTCODE = re.compile(r"[0-9]{4,6}")
_REGION = re.compile(r"[A-Z]{2}(?:-[A-Z0-9]{1,5})?")


def of_address(country: object, province: object = None, postcode: object = None) -> str | None:
    """The region of an address; None without a country of two letters. What cannot be read is left out."""
    land = _text(country)
    if not _COUNTRY.fullmatch(land):
        return None
    named, numbered = _of_province(land, _text(province)), _of_postcode(land, _text(postcode))
    part = (numbered or named) if land == "FR" else (named or numbered)
    return f"{land}-{part}" if part else land


def region(text: str) -> str:
    """`text` as a region in upper case. Raises ValueError."""
    found = text.strip().upper()
    if not _REGION.fullmatch(found):
        raise ValueError("want a region such as FR-75 or US-CA")
    return found


def _text(value: object) -> str:
    return value.strip().upper() if isinstance(value, str) else ""


def _of_province(land: str, province: str) -> str:
    code = province.removeprefix(f"{land}-")
    return code if _PROVINCE.fullmatch(code) else ""


def _of_postcode(land: str, postcode: str) -> str:
    digits = postcode.replace(" ", "").removeprefix(f"{land}-")
    if not _POSTCODE.fullmatch(digits):
        return ""
    return digits[: 3 if land == "FR" and digits.startswith(("97", "98")) else 2]
