"""Every figure of the field, defined once. A ratio whose denominator is zero is unknown: None, never zero.

Money goes in as integer minor units of one currency and comes out as an exact fraction of a minor unit: whoever shows
it rounds it, once. Clicks are human clicks; bots and previews are in no denominator.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from math import ceil, sqrt

from tracker.domain.money import round_half_up


def share(part: int | None, whole: int | None) -> Fraction | None:
    """`part` of `whole`, as a fraction of 1; None where either is unknown."""
    return Fraction(part, whole) if part is not None and whole else None


def conversion_rate(orders: int | None, clicks: int | None) -> Fraction | None:
    """CVR: orders that came through a link / human clicks on it. An order by code alone had no click to convert."""
    return share(orders, clicks)


@dataclass(frozen=True, slots=True)
class Interval:
    """Where a rate truly lies 95 times of 100, both ends shares of 1."""

    low: Fraction
    high: Fraction


_NORMAL_95 = 1.959963984540054  # the two-sided 95 % quantile of the normal distribution
_FINEST = 10**12  # nearer than any figure is shown, and wider than what floats lose on the way


def wilson_interval(successes: int | None, trials: int | None) -> Interval | None:
    """The 95 % interval of a rate of `successes` in `trials`; None without a trial, or with more successes than trials.

    Wilson's score interval (E. B. Wilson, 1927): it stays within 0 and 1, and holds for few and rare successes. The
    trials are taken to be independent; orders of clicks made before the days chosen can outnumber their clicks.
    """
    if successes is None or not trials or not 0 <= successes <= trials:
        return None
    rate, square = successes / trials, _NORMAL_95**2
    middle = rate + square / (2 * trials)
    reach = _NORMAL_95 * sqrt(rate * (1 - rate) / trials + square / (4 * trials**2))
    ends = ((middle - reach) / (1 + square / trials), (middle + reach) / (1 + square / trials))
    low, high = (Fraction(round(min(max(end, 0.0), 1.0) * _FINEST), _FINEST) for end in ends)
    return Interval(low, high)


def average_order_value(value: int, orders: int) -> Fraction | None:
    """AOV: net value of the orders / their number, in minor units."""
    return share(value, orders)


def earnings_per_click(revenue: int, clicks: int) -> Fraction | None:
    """EPC: net revenue credited through links / human clicks on them, in minor units."""
    return share(revenue, clicks)


def click_through_rate(clicks: int | None, views: int | None) -> Fraction | None:
    """CTR: human clicks on a placement's links / its views."""
    return share(clicks, views)


def like_rate(likes: int | None, views: int | None) -> Fraction | None:
    """Likes / views: the funnel's first step."""
    return share(likes, views)


def clicks_per_like(clicks: int | None, likes: int | None) -> Fraction | None:
    """Human clicks / likes: the funnel's second step. More than 1 where people click and do not like."""
    return share(clicks, likes)


def orders_per_click(orders: int | None, clicks: int | None) -> Fraction | None:
    """Credited orders, by link or by code / human clicks: the funnel's third step, which CVR narrows to links."""
    return share(orders, clicks)


def revenue_per_mille(revenue: int | None, views: int | None) -> Fraction | None:
    """Net revenue for a thousand views, in minor units: the funnel from its first step to its last."""
    return cost_per_mille(revenue, views)


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


def cost_per_order(spent: int | None, orders: int | None) -> Fraction | None:
    """CPA: everything spent / orders (or the orders of new customers), in minor units."""
    return share(spent, orders)


def cost_per_click(spent: int | None, clicks: int) -> Fraction | None:
    """CPC: everything spent / human clicks, in minor units."""
    return share(spent, clicks)


def return_on_ad_spend(revenue: int, media: int) -> Fraction | None:
    """ROAS: net return / paid media alone (amplification). It says nothing of fees, time and goods."""
    return share(revenue, media)


def return_without_media(revenue: int, spent: int, media: int) -> Fraction | None:
    """ROI had the paid amplification cost nothing: (net return − other spending) / other spending.

    The return stays whole, for nobody knows which orders amplification brought: the true figure without it is lower.
    """
    return return_on_investment(revenue, spent - media)


def lifetime_value(value: int, customers: int) -> Fraction | None:
    """LTV: net value, less refunds, of the orders of customers within a window from each one's first order / customers.

    In minor units. The first order counts; what the goods cost is not taken off.
    """
    return share(value, customers)


def value_per_acquisition(value: Fraction | None, cost: Fraction | None) -> Fraction | None:
    """LTV / CAC: what a new customer is worth for each unit spent to win one."""
    return value / cost if value is not None and cost else None


def fee_per_thousand(fee: int | None, audience: int | None) -> Fraction | None:
    """The fee for a thousand followers or views, in minor units."""
    return cost_per_mille(fee, audience)


def beyond(value: Fraction | None, usual: Fraction | None) -> Fraction | None:
    """How far a value lies from the usual one, as a share of it: 0.5 is half as much again, −0.5 half as much."""
    return (value - usual) / usual if value is not None and usual else None


def return_per_hour(revenue: int | None, minutes: int | None) -> Fraction | None:
    """Net return for each hour of people's time, in minor units. Other spending is not taken off."""
    each = share(revenue, minutes)
    return None if each is None else each * 60


def return_per_thousand(revenue: int | None, engagement: int | None) -> Fraction | None:
    """Net return for a thousand likes, comments, shares and saves, in minor units."""
    each = share(revenue, engagement)
    return None if each is None else each * 1000


def whole_units(value: Fraction | None) -> int | None:
    """An amount in whole minor units, halves away from zero: for showing, at the very end."""
    return None if value is None else round_half_up(value)
