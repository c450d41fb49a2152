"""A campaign's objective picks its headline figures, and a goal is a target for one of them between two days.

What adds up over days (views, clicks, orders) has a pace; a rate or a price (ROI, CVR, CPA) has none: it is held
against its target as it stands.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from tracker.domain.catalog import Objective
from tracker.domain.money import EXPONENTS, decimal_string, exact
from tracker.errors import say


class Unit(StrEnum):
    """What a metric is counted in."""

    COUNT = "count"
    MONEY = "money"  # of the brand's currency
    PERCENT = "percent"
    RATIO = "ratio"  # so many to 1


class Metric(StrEnum):
    """What a goal may be about."""

    VIEWS = "views"
    LIKES = "likes"
    COMMENTS = "comments"
    SHARES = "shares"
    SAVES = "saves"
    ENGAGEMENT = "engagement"
    HASHTAG_USES = "hashtag_uses"
    CLICKS = "clicks"
    ORDERS = "orders"
    NEW_CUSTOMERS = "new_customers"
    REVENUE = "revenue"
    RETURN_RATIO = "return_ratio"
    ROI = "roi"
    CVR = "cvr"
    CTR = "ctr"
    ENGAGEMENT_RATE = "engagement_rate"
    CPM = "cpm"
    CPE = "cpe"
    CPC = "cpc"
    CPA = "cpa"
    CPA_NEW = "cpa_new"


@dataclass(frozen=True, slots=True)
class Measure:
    """What a metric is called and how it is defined, in English. `adds` says whether its days add up: it has a pace.

    Of a price less is better.
    """

    title: str
    definition: str
    unit: Unit = Unit.COUNT
    adds: bool = False
    less_is_better: bool = False


def _count(title: str, definition: str) -> Measure:
    return Measure(title, definition, adds=True)


def _price(title: str, definition: str) -> Measure:
    return Measure(title, definition, Unit.MONEY, less_is_better=True)


MEASURES: dict[Metric, Measure] = {
    Metric.VIEWS: _count("Views", "Views of the placements, as last counted: how far the campaign reaches."),
    Metric.LIKES: _count("Likes", "Likes of the placements, as last counted."),
    Metric.COMMENTS: _count("Comments", "Comments on the placements, as last counted."),
    Metric.SHARES: _count("Shares", "Shares of the placements, as last counted."),
    Metric.SAVES: _count("Saves", "Saves of the placements, as last counted."),
    Metric.ENGAGEMENT: _count("Engagement", "Likes, comments, shares and saves together, the known ones."),
    Metric.HASHTAG_USES: _count("Hashtag uses", "Uses of the campaign's hashtag, as last counted."),
    Metric.CLICKS: _count("Clicks", "Clicks by people; bots and link previews are left out."),
    Metric.ORDERS: _count("Orders", "Paid orders with a credit in the campaign, each once."),
    Metric.NEW_CUSTOMERS: _count("New customers", "Paid orders of customers known to be new."),
    Metric.REVENUE: Measure("Net revenue", "Net value credited to the campaign, less refunds.", Unit.MONEY, adds=True),
    Metric.RETURN_RATIO: Measure("Return", "Net return for each unit spent on everything: 5 is 5:1.", Unit.RATIO),
    Metric.ROI: Measure("ROI", "(Net return − everything spent) / everything spent.", Unit.PERCENT),
    Metric.CVR: Measure("CVR", "Conversion rate: orders that came through a link, per click.", Unit.PERCENT),
    Metric.CTR: Measure("CTR", "Click-through rate: clicks on the placements' links, per view.", Unit.PERCENT),
    Metric.ENGAGEMENT_RATE: Measure("Engagement rate", "Likes, comments, shares and saves, per view.", Unit.PERCENT),
    Metric.CPM: _price("CPM", "Everything spent, for a thousand views."),
    Metric.CPE: _price("CPE", "Everything spent, per like, comment, share or save."),
    Metric.CPC: _price("CPC", "Everything spent, per click."),
    Metric.CPA: _price("CPA", "Everything spent, per order."),
    Metric.CPA_NEW: _price("CPA, new customers", "Everything spent, per order of a new customer."),
}

HEADLINE: dict[Objective, tuple[Metric, ...]] = {
    Objective.AWARENESS: (Metric.CPM, Metric.VIEWS),
    Objective.ENGAGEMENT: (Metric.ENGAGEMENT_RATE, Metric.CPE),
    Objective.TRAFFIC: (Metric.CTR, Metric.CPC),
    Objective.SALES: (Metric.ROI, Metric.CVR, Metric.CPA),
    Objective.NEW_CUSTOMERS: (Metric.CPA_NEW, Metric.CVR),
}
# A campaign whose objective nobody has said is shown as one for sales: profit first.
UNSAID = Objective.SALES

# What is suggested as a goal's metric first: what an objective wants, then everything else.
GOALS: dict[Objective, tuple[Metric, ...]] = {
    Objective.AWARENESS: (Metric.VIEWS, Metric.HASHTAG_USES, Metric.CPM),
    Objective.ENGAGEMENT: (Metric.ENGAGEMENT, Metric.SHARES, Metric.ENGAGEMENT_RATE, Metric.CPE),
    Objective.TRAFFIC: (Metric.CLICKS, Metric.CTR, Metric.CPC),
    Objective.SALES: (Metric.REVENUE, Metric.ORDERS, Metric.RETURN_RATIO, Metric.CVR, Metric.CPA),
    Objective.NEW_CUSTOMERS: (Metric.NEW_CUSTOMERS, Metric.CPA_NEW, Metric.CVR),
}

OBJECTIVES: dict[Objective, str] = {
    Objective.AWARENESS: "Awareness",
    Objective.ENGAGEMENT: "Engagement",
    Objective.TRAFFIC: "Traffic",
    Objective.SALES: "Sales",
    Objective.NEW_CUSTOMERS: "New customers",
}

# What pages translate by variable.
SENTENCES: tuple[str, ...] = (
    *OBJECTIVES.values(),
    *(measure.title for measure in MEASURES.values()),
    *(measure.definition for measure in MEASURES.values()),
)

MOST = 10**12


def headline(objective: Objective | None) -> tuple[Metric, ...]:
    """The metrics that stand at the head of a campaign's page and report."""
    return HEADLINE[objective or UNSAID]


def suggested(objective: Objective | None) -> list[Metric]:
    """Every metric, those that suit the objective first."""
    first = GOALS[objective or UNSAID]
    return [*first, *(metric for metric in Metric if metric not in first)]


def amount_of(text: str, metric: Metric, currency: str) -> Fraction:
    """What a target says, in the metric's base unit: minor units, a share of 1, or a number. Raises ValueError.

    `text` is a decimal in the metric's unit: 5000, 250.00, 2.5 (percent, with or without the sign), 5 or 5:1.
    """
    unit, bare = MEASURES[metric].unit, text.strip()
    bare = bare.removesuffix("%").strip() if unit is Unit.PERCENT else bare
    bare = bare.removesuffix(":1").strip() if unit is Unit.RATIO else bare
    try:
        value = Fraction(exact(bare))
    except ValueError:
        raise ValueError(say("want %(examples)s", examples=EXAMPLES[unit])) from None
    if not 0 < value <= MOST or (unit is Unit.COUNT and value.denominator != 1):
        raise ValueError(say("want %(examples)s, above zero", examples=EXAMPLES[unit]))
    return value * _base(unit, currency)


def text_of(amount: Fraction, metric: Metric, currency: str) -> str:
    """An amount in the base unit as a decimal string in the metric's unit: the inverse of `amount_of`."""
    unit = MEASURES[metric].unit
    if unit is Unit.MONEY and amount.denominator == 1:
        return decimal_string(int(amount), currency)
    value = amount / _base(unit, currency)
    if value.denominator == 1:
        return str(value.numerator)
    digits = f"{float(value):.6f}".rstrip("0")
    return digits.rstrip(".")


EXAMPLES: dict[Unit, str] = {
    Unit.COUNT: "a whole number such as 5000",
    Unit.MONEY: "an amount such as 2500.00",
    Unit.PERCENT: "a percentage such as 2.5",
    Unit.RATIO: "a return such as 5 or 5:1",
}


def _base(unit: Unit, currency: str) -> Fraction:
    """How many base units one of the metric's unit is."""
    if unit is Unit.MONEY:
        return Fraction(10 ** EXPONENTS[currency])
    return Fraction(1, 100) if unit is Unit.PERCENT else Fraction(1)
