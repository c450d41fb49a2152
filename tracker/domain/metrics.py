"""Every figure of the field, defined once. A ratio whose denominator is zero is unknown: None, never zero.

Money goes in as integer minor units of one currency and comes out as an exact fraction of a minor unit: whoever shows
it rounds it, once. Clicks are human clicks; bots and previews are in no denominator.
"""

from __future__ import annotations

from fractions import Fraction

from tracker.domain.money import round_half_up


def share(part: int, whole: int) -> Fraction | None:
    """`part` of `whole`, as a fraction of 1."""
    return Fraction(part, whole) if whole else None


def conversion_rate(orders: int, clicks: int) -> Fraction | None:
    """CVR: orders that came through a link / human clicks on it. An order by code alone had no click to convert."""
    return share(orders, clicks)


def average_order_value(value: int, orders: int) -> Fraction | None:
    """AOV: net value of the orders / their number, in minor units."""
    return share(value, orders)


def earnings_per_click(revenue: int, clicks: int) -> Fraction | None:
    """EPC: net revenue credited through links / human clicks on them, in minor units."""
    return share(revenue, clicks)


def whole_units(value: Fraction | None) -> int | None:
    """An amount in whole minor units, halves away from zero: for showing, at the very end."""
    return None if value is None else round_half_up(value)
