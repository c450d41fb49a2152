"""Every figure of the field, defined once. A ratio whose denominator is zero is unknown: None, never zero.

Money goes in as integer minor units of one currency and comes out as an exact fraction of a minor unit: whoever shows
it rounds it, once. Clicks are human clicks; bots and previews are in no denominator.
"""

from __future__ import annotations

from enum import StrEnum
from fractions import Fraction
from math import ceil

from tracker.domain.money import round_half_up


def share(part: int | None, whole: int | None) -> Fraction | None:
    """`part` of `whole`, as a fraction of 1; None where either is unknown."""
    return Fraction(part, whole) if part is not None and whole else None


def conversion_rate(orders: int, clicks: int) -> Fraction | None:
    """CVR: orders that came through a link / human clicks on it. An order by code alone had no click to convert."""
    return share(orders, clicks)


def average_order_value(value: int, orders: int) -> Fraction | None:
    """AOV: net value of the orders / their number, in minor units."""
    return share(value, orders)


def earnings_per_click(revenue: int, clicks: int) -> Fraction | None:
    """EPC: net revenue credited through links / human clicks on them, in minor units."""
    return share(revenue, clicks)


def click_through_rate(clicks: int | None, views: int | None) -> Fraction | None:
    """CTR: human clicks on a placement's links / its views."""
    return share(clicks, views)


def engagement_rate(engagement: int | None, audience: int | None) -> Fraction | None:
    """ER: likes, comments, shares and saves / views, or / followers."""
    return share(engagement, audience)


def cost_per_mille(cost: int | None, views: int | None) -> Fraction | None:
    """CPM: what was spent for a thousand views, in minor units."""
    each = share(cost, views)
    return None if each is None else each * 1000


def cost_per_view(cost: int | None, views: int | None) -> Fraction | None:
    """CPV: what was spent / views, in minor units."""
    return share(cost, views)


def cost_per_engagement(cost: int | None, engagement: int | None) -> Fraction | None:
    """CPE: what was spent / likes, comments, shares and saves, in minor units."""
    return share(cost, engagement)


class Standing(StrEnum):
    """Where a return stands against its target: a return that is exactly the target has reached it."""

    BELOW = "below"
    REACHED = "reached"
    EXCEPTIONAL = "exceptional"


def return_on_investment(revenue: int, spent: int) -> Fraction | None:
    """ROI: (net return − spent) / spent. The spending is everything: money, people, goods and commissions."""
    return share(revenue - spent, spent)


def return_ratio(revenue: int, spent: int) -> Fraction | None:
    """What came back for each unit spent: net return / spent, so 5 is 5:1."""
    return share(revenue, spent)


def standing(revenue: int, spent: int, target: Fraction) -> Standing | None:
    """Whether the ratio is below its target, on it, or above it, compared exactly."""
    ratio = return_ratio(revenue, spent)
    if ratio is None:
        return None
    return Standing.REACHED if ratio == target else Standing.EXCEPTIONAL if ratio > target else Standing.BELOW


def missing_return(revenue: int, spent: int, target: Fraction) -> int | None:
    """The least net return in minor units that is still missing to the target; 0 where it is reached."""
    return max(0, ceil(target * spent - revenue)) if spent else None


def break_even_ratio(margin: Fraction | None) -> Fraction | None:
    """The ratio at which nothing is lost: 1 / margin, the share of the net value that is not cost of goods."""
    return 1 / margin if margin else None


def profit(revenue: int, spent: int, margin: Fraction | None) -> Fraction | None:
    """What is left once goods and spending are paid: margin × net return − spent, in minor units."""
    return None if margin is None else margin * revenue - spent


def cost_per_order(spent: int, orders: int) -> Fraction | None:
    """CPA: everything spent / orders (or the orders of new customers), in minor units."""
    return share(spent, orders)


def cost_per_click(spent: int, clicks: int) -> Fraction | None:
    """CPC: everything spent / human clicks, in minor units."""
    return share(spent, clicks)


def return_on_ad_spend(revenue: int, media: int) -> Fraction | None:
    """ROAS: net return / paid media alone (amplification). It says nothing of fees, time and goods."""
    return share(revenue, media)


def whole_units(value: Fraction | None) -> int | None:
    """An amount in whole minor units, halves away from zero: for showing, at the very end."""
    return None if value is None else round_half_up(value)
