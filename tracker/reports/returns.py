"""What was spent and what came back: everything that it cost against the net revenue that it is credited with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from typing import Any

from sqlalchemy.orm import Session

from tracker.domain import metrics
from tracker.domain.costs import Cell, Resource
from tracker.ledger.tables import Campaign, Credit
from tracker.reports import _returns
from tracker.reports._parts import Credited, Key, credited
from tracker.reports._returns import CREDIT_CAMPAIGN, Books, Spent
from tracker.reports._shape import Column, Kind, Row, Scope

RANK = 5
GROUP = "Money"
FILTERS = ("model", "channel", "partner", "campaign")
TITLE = "What came back"
DESCRIPTION = (
    "All that was spent in these days against the net revenue of the orders placed in them. ROI = (net revenue − spent)"
    " / spent. Left out: tests, orders not yet paid, what was refunded, withdrawn costs, and amounts in other"
    " currencies, which are counted apart. The cost of the goods sold is only in the profit and the break-even."
)
EMPTY = "Note what was spent: tracker cost add --campaign NAME --kind fee --amount 250.00."
TOTAL, CAMPAIGN, OUTSIDE, PARTNER, UNSHARED = "total", "campaign", "outside_campaigns", "partner", "without_partner"
WORDS = {
    CAMPAIGN: "Campaign",
    OUTSIDE: "Outside campaigns",
    PARTNER: "Partner",
    UNSHARED: "Without a partner",
    metrics.Standing.BELOW.value: "Below",
    metrics.Standing.REACHED.value: "Reached",
    metrics.Standing.EXCEPTIONAL.value: "Exceptional",
}
COLUMNS = (
    Column("what", "What", Kind.WORD, "Campaigns add up to the total, and so do partners: the same money, seen twice."),
    Column("campaign_id", "Campaign id", Kind.ID),
    Column("campaign", "Campaign"),
    Column("partner_id", "Partner id", Kind.ID),
    Column("partner", "Partner"),
    Column("currency", "Currency"),
    Column(
        "spent",
        "Spent",
        Kind.MONEY,
        "Money, people, goods and commissions. What a campaign's partners share is divided in equal parts, or by"
        " credited revenue where the cost says so; what the brand's campaigns share, over those that ran that day.",
    ),
    Column("money", "Money", Kind.MONEY, "Fees, production, agency, amplification and other costs."),
    Column("people", "People", Kind.MONEY, "Hours at their rate."),
    Column("goods", "Goods", Kind.MONEY, "Gifts at cost, not at what they sell for."),
    Column(
        "commissions",
        "Commissions",
        Kind.MONEY,
        "Owed for the orders of these days, less what was reversed; paid or not.",
    ),
    Column("revenue", "Net revenue", Kind.MONEY, "Credited net value of the paid orders, less refunds."),
    Column("orders", "Orders", Kind.INTEGER, "Paid orders with a credit; an order that several share counts for each."),
    Column("new_customers", "New customers", Kind.INTEGER, "Those of the orders whose customer is known to be new."),
    Column("ratio", "Return", Kind.NUMBER, "Net revenue / spent: 5 is five back for each one spent, 5:1."),
    Column("target", "Target", Kind.NUMBER, "The return aimed at: the campaign's own, or the brand's."),
    Column("standing", "Standing", Kind.WORD, "Below the target, exactly on it (reached) or above it (exceptional)."),
    Column("missing", "Still missing", Kind.MONEY, "The net revenue still missing to the target."),
    Column("roi", "ROI", Kind.PERCENT, "(Net revenue − spent) / spent."),
    Column("media", "Amplification", Kind.MONEY, "Paid media among what was spent."),
    Column(
        "roi_without",
        "ROI, without amplification",
        Kind.PERCENT,
        "(Net revenue − other spending) / other spending. Net revenue stays whole, as nobody knows which orders"
        " amplification brought: the true figure is lower.",
    ),
    Column("profit", "Profit", Kind.MONEY, "Margin × net revenue − spent, where a margin is given."),
    Column("break_even", "Break-even", Kind.NUMBER, "The return at which nothing is lost: 1 / margin."),
    Column("cpa", "CPA", Kind.MONEY, "Spent / orders."),
    Column("cpa_new", "CPA, new customers", Kind.MONEY, "Spent / orders of new customers."),
    Column("clicks", "Clicks", Kind.INTEGER, "Clicks by people; bots and link previews are left out."),
    Column("cpc", "CPC", Kind.MONEY, "Spent / clicks."),
    Column("roas", "ROAS", Kind.NUMBER, "Net revenue / amplification alone: fees, time and goods are not in it."),
    Column("foreign_costs", "Other currencies: costs", Kind.INTEGER, "Costs in other currencies, not added."),
    Column("foreign_orders", "Other currencies: orders", Kind.INTEGER, "Orders in other currencies, not added."),
)


def rows(session: Session, scope: Scope) -> list[Row]:
    """The total, a row a campaign and a row a partner, the most spent first; none where nothing happened."""
    scope = replace(scope, network=None)  # what is spent has none
    books = _returns.read(session, scope)
    whole = _total(session, scope, books)
    if not any(whole[key] for key in ("spent", "orders", "foreign_costs", "foreign_orders")):
        return []
    return [whole, *_by_campaign(session, scope, books), *_by_partner(session, scope, books)]


def total(session: Session, scope: Scope) -> Row:
    """The first row alone, whether or not anything happened."""
    scope = replace(scope, network=None)
    return _total(session, scope, _returns.read(session, scope, by_partner=False))


def by_campaign(session: Session, scope: Scope) -> list[Row]:
    """The rows of the campaigns alone, and of what stands outside them."""
    return _by_campaign(session, scope, _returns.read(session, scope, by_partner=False))


def _total(session: Session, scope: Scope, books: Books) -> Row:
    earned = credited(session, scope, Credit.brand_id)
    campaign = books.campaigns.get(scope.campaign_id or "")
    return {**_nobody(TOTAL), **_figures(books, books.spent(books.cells), earned, scope.brand_id, campaign)}


def _by_campaign(session: Session, scope: Scope, books: Books) -> list[Row]:
    earned = credited(session, scope, CREDIT_CAMPAIGN)
    found = []
    for campaign_id, cells in _grouped(books.cells, 0, earned, books.brand.id).items():
        campaign = books.campaigns.get(campaign_id)
        who = {"campaign_id": campaign_id, "campaign": campaign.name} if campaign else {}
        figures = _figures(books, books.spent(cells), earned, campaign_id, campaign)
        found.append({**_nobody(CAMPAIGN if campaign else OUTSIDE), **who, **figures})
    return _in_order(found)


def _by_partner(session: Session, scope: Scope, books: Books) -> list[Row]:
    earned = credited(session, scope, Credit.partner_id)
    campaign = books.campaigns.get(scope.campaign_id or "")
    found = []
    for partner_id, cells in _grouped(books.cells, 1, earned, "").items():
        partner = books.partners.get(partner_id)
        who = {"partner_id": partner_id, "partner": partner.name} if partner else {}
        figures = _figures(books, books.spent(cells), earned, partner_id, campaign)
        found.append({**_nobody(PARTNER if partner else UNSHARED), **who, **figures})
    return _in_order(found)


def _grouped(cells: Iterable[Cell], part: int, earned: Iterable[Key], nobody: str) -> dict[str, list[Cell]]:
    """The cells of each campaign (part 0) or partner (part 1), or of `nobody`; those who only earned have no cell."""
    found: dict[str, list[Cell]] = {subject: [] for subject, _ in earned}
    for cell in cells:
        found.setdefault(cell[part] or nobody, []).append(cell)
    return found


def _in_order(found: list[Row]) -> list[Row]:
    """The most spent first, then the most earned; what belongs to nobody at the end."""

    def rank(row: dict[str, Any]) -> tuple[Any, ...]:
        name = row["campaign"] or row["partner"]
        return (name is None, -row["spent"], -row["revenue"], name)

    kept = (
        row
        for row in found
        if any(row[key] for key in ("spent", "orders", "clicks", "foreign_costs", "foreign_orders"))
    )
    return sorted(kept, key=rank)


def _nobody(what: str) -> Row:
    return {"what": what, "campaign_id": None, "campaign": None, "partner_id": None, "partner": None}


def _figures(books: Books, spent: Spent, earned: dict[Key, Credited], subject: str, campaign: Campaign | None) -> Row:
    """The figures of a subject, with the target and the margin of the campaign, or else the brand's."""
    currency = books.brand.currency
    back = earned.get((subject, currency), Credited())
    elsewhere = sum(one.orders for (who, other), one in earned.items() if who == subject and other != currency)
    target = Fraction((campaign and campaign.target_return) or books.brand.target_return)
    margin = (campaign and campaign.margin) or books.brand.margin
    return {
        "currency": currency,
        "spent": spent.total,
        **{resource.value: spent.by[resource] for resource in Resource},
        "revenue": back.revenue,
        "orders": back.orders,
        "new_customers": back.new_orders,
        "media": spent.media,
        "roi_without": _without(back.revenue, spent),
        **_return(back.revenue, spent.total, target, Fraction(margin) if margin else None),
        **_each(back, spent),
        "foreign_costs": len(spent.foreign),
        "foreign_orders": elsewhere,
    }


def _return(revenue: int, spent: int, target: Fraction, margin: Fraction | None) -> Row:
    standing = metrics.standing(revenue, spent, target)
    return {
        "ratio": metrics.return_ratio(revenue, spent),
        "target": target,
        "standing": standing.value if standing else None,
        "missing": metrics.missing_return(revenue, spent, target),
        "roi": metrics.return_on_investment(revenue, spent),
        "profit": metrics.whole_units(metrics.profit(revenue, spent, margin)),
        "break_even": metrics.break_even_ratio(margin),
    }


def _without(revenue: int, spent: Spent) -> Fraction | None:
    return metrics.return_without_media(revenue, spent.total, spent.media) if spent.media else None


def _each(back: Credited, spent: Spent) -> Row:
    """Prices are unknown where nothing was spent: then nobody has noted what it cost."""
    known = spent.total or None
    return {
        "cpa": metrics.whole_units(metrics.cost_per_order(known, back.orders)),
        "cpa_new": metrics.whole_units(metrics.cost_per_order(known, back.new_orders)),
        "clicks": spent.clicks,
        "cpc": metrics.whole_units(metrics.cost_per_click(known, spent.clicks)),
        "roas": metrics.return_on_ad_spend(back.revenue, spent.media),
    }
