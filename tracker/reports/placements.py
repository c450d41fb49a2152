"""Every placement with what the public did there and what it sold: views, likes, clicks and orders in one table."""

from __future__ import annotations

from sqlalchemy.orm import Session

from tracker.domain import metrics
from tracker.domain.engagement import LEAST_PEERS, RATE_CARD, earned_media_value
from tracker.reports import _placements
from tracker.reports._performance import CURRENCY, by_revenue
from tracker.reports._placements import HOLLOW, NOT_HOLLOW, TOO_FEW, Placed, Placements
from tracker.reports._shape import Column, Kind, Row, Scope

RANK = 41
GROUP = "Performance"
TITLE = "Placements"
DESCRIPTION = "Videos, photos, stories and articles with their views, likes, clicks, shares and sales, side by side."
EMPTY = "Add a placement with tracker placement add, its counters with tracker snapshot add, and give it a link."
REUSED = "reused"
WORDS = {
    **_placements.WORDS,
    HOLLOW: "Hollow",
    NOT_HOLLOW: "Not hollow",
    TOO_FEW: "Too few to say",
    REUSED: "Reused",
}
_COUNTED = ("views", "likes", "comments", "shares", "saves")
COLUMNS = (
    Column("placement_id", "Placement id", Kind.ID),
    Column("partner_id", "Partner id", Kind.ID),
    Column("partner", "Partner"),
    Column("network", "Network"),
    Column("format", "Format", Kind.WORD),
    Column("tier", "Tier", Kind.WORD, "By the partner's followers: nano, micro from 10 000, macro from 100 000, mega."),
    Column("url", "Where"),
    Column("campaign", "Campaign"),
    Column("published_at", "Published", Kind.MOMENT),
    Column("taken_at", "Counted", Kind.MOMENT, "The last snapshot within the days chosen; the counters are its own."),
    Column("views", "Views", Kind.INTEGER, "As the network counts them, since the publication."),
    Column("likes", "Likes", Kind.INTEGER),
    Column("comments", "Comments", Kind.INTEGER),
    Column("shares", "Shares", Kind.INTEGER),
    Column("saves", "Saves", Kind.INTEGER),
    Column("engagement", "Engagement", Kind.INTEGER, "Likes, comments, shares and saves, those that are known."),
    Column("er", "ER", Kind.PERCENT, "Engagement rate: engagement / views."),
    Column("er_followers", "ER by followers", Kind.PERCENT, "Engagement / the partner's followers."),
    Column("clicks", "Clicks", Kind.INTEGER, "Clicks by people in the days chosen, on the placement's links."),
    Column(
        "ctr",
        "CTR",
        Kind.PERCENT,
        "Click-through rate: clicks / views. Choose days from the publication on: views are counted since then.",
    ),
    CURRENCY,
    Column("orders", "Orders", Kind.INTEGER, "Paid orders with a credit of the placement's link or code."),
    Column("revenue", "Net revenue", Kind.MONEY, "Net value credited to the placement's links and codes."),
    Column("cost", "Cost", Kind.MONEY, "Spent on the placement itself up to the last day; shared costs are left out."),
    Column("cpm", "CPM", Kind.MONEY, "Cost / thousand views."),
    Column("cpv", "CPV", Kind.MONEY, "Cost / view, to the smallest coin; the cost of a thousand is finer."),
    Column("cpe", "CPE", Kind.MONEY, "Cost / engagement."),
    Column(
        "emv",
        "EMV (estimate)",
        Kind.MONEY,
        f"Earned media value, an estimate by the rates of card {RATE_CARD.version}: a convention, not money earned.",
    ),
    Column(
        "hollow",
        "Hollow",
        Kind.WORD,
        "Three quarters of its peers engage less and sell more. Peers are the brand's placements of the same tier and "
        f"format; with fewer than {LEAST_PEERS} of them nothing is said.",
    ),
    Column("reused", "Reused", Kind.WORD, "The brand shows it again elsewhere."),
)


def rows(session: Session, scope: Scope) -> list[Row]:
    """A row a placement and currency, the largest revenue first.

    What has no currency stands on the first row of a placement, and is None on the others, so that it may be added up.
    """
    found = _placements.placements(session, scope)
    each = [_rows(found, placed) for placed in found.kept]
    return by_revenue([row for rows in each for row in rows], found.first)


def _rows(found: Placements, placed: Placed) -> list[Row]:
    counted = _counted(found, placed)
    nothing: Row = dict.fromkeys(counted)
    currencies = placed.currencies(found.first)
    return [
        _described(placed) | (counted if index == 0 else nothing) | _in_money(placed, currency)
        for index, currency in enumerate(currencies)
    ]


def _described(placed: Placed) -> Row:
    placement = placed.placement
    return {
        "placement_id": placement.id,
        "partner_id": placed.partner.id,
        "partner": placed.partner.name,
        "network": placement.network,
        "format": placement.format,
        "tier": placed.tier,
        "url": placement.url,
        "campaign": placed.campaign,
        "published_at": placement.published_at,
        "reused": REUSED if placement.reused else None,
    }


def _counted(found: Placements, placed: Placed) -> Row:
    """What has no currency."""
    counters = placed.counters
    return {
        "taken_at": placed.taken_at,
        **{name: getattr(counters, name) for name in _COUNTED},
        "engagement": counters.engagement,
        "er": metrics.engagement_rate(counters.engagement, counters.views),
        "er_followers": metrics.engagement_rate(counters.engagement, placed.partner.followers),
        "clicks": placed.clicks,
        "ctr": metrics.click_through_rate(placed.clicks, counters.views),
        "hollow": found.hollow(placed),
    }


def _in_money(placed: Placed, currency: str) -> Row:
    sold, counters, cost = placed.sold(currency), placed.counters, placed.whole_cost(currency)
    emv = earned_media_value(counters) if currency == RATE_CARD.currency else None
    return {
        "currency": currency,
        "orders": sold.orders if sold else None,
        "revenue": sold.revenue if sold else None,
        "cost": placed.cost(currency),
        "cpm": metrics.whole_units(metrics.cost_per_mille(cost, counters.views)),
        "cpv": metrics.whole_units(metrics.cost_per_view(cost, counters.views)),
        "cpe": metrics.whole_units(metrics.cost_per_engagement(cost, counters.engagement)),
        "emv": metrics.whole_units(emv),
    }
