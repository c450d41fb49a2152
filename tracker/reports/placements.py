"""Every placement with what the public did there and what it sold: views, likes, clicks and orders in one table."""

from __future__ import annotations

from fractions import Fraction

from sqlalchemy.orm import Session

from tracker.domain import metrics
from tracker.domain.engagement import LEAST_PEERS, RATE_CARD, earned_media_value
from tracker.reports import _placements, _ranked
from tracker.reports._performance import CURRENCY, by_revenue
from tracker.reports._placements import HOLLOW, NOT_HOLLOW, TIER_HELP, TOO_FEW, Placed, Placements
from tracker.reports._ranked import CVR, STANDING, rate_cells, standings
from tracker.reports._shape import Column, Kind, Row, Scope

RANK = 41
GROUP = "Performance"
TITLE = "Placements"
DESCRIPTION = "Videos, photos, stories and articles with their views, likes, clicks, shares and sales, side by side."
EMPTY = "Add a placement with tracker placement add, its counters with tracker snapshot add, and give it a link."
OWN_COUNT, CLAIM = "own_count", "agency_claim"
ORGANIC, REUSED, AMPLIFIED, BOTH = "organic_only", "reused", "amplified", "reused_and_amplified"
WORDS = {
    **_placements.WORDS,
    HOLLOW: "Hollow",
    NOT_HOLLOW: "Not hollow",
    TOO_FEW: "Too few to say",
    **_ranked.WORDS,
    OWN_COUNT: "You",
    CLAIM: "The agency alone",
    ORGANIC: "Organic",
    REUSED: "Reused",
    AMPLIFIED: "Amplified",
    BOTH: "Reused and amplified",
}
_COUNTED = ("views", "likes", "comments", "shares", "saves")
COLUMNS = (
    Column("placement_id", "Placement id", Kind.ID),
    Column("partner_id", "Partner id", Kind.ID),
    Column("partner", "Partner"),
    Column("network", "Network"),
    Column("format", "Format", Kind.WORD),
    Column("tier", "Tier", Kind.WORD, TIER_HELP),
    Column("url", "Where"),
    Column("campaign", "Campaign"),
    Column("published_at", "Published", Kind.MOMENT),
    Column("taken_at", "Counted", Kind.MOMENT, "The last snapshot within the days chosen; the counters are its own."),
    Column("counted_by", "Counted by", Kind.WORD, "An agency's claim is taken only where nobody else has counted."),
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
    *CVR,
    STANDING,
    CURRENCY,
    Column("orders", "Orders", Kind.INTEGER, "Paid orders with a credit of the placement's link or code."),
    Column("revenue", "Net revenue", Kind.MONEY, "Net value credited to the placement's links and codes."),
    Column("cost", "Cost", Kind.MONEY, "Spent on the placement itself up to the last day; shared costs are left out."),
    Column("roi", "ROI", Kind.PERCENT, "(Net revenue − cost) / cost, the placement's own."),
    Column("amplification", "Amplification", Kind.MONEY, "Paid media among the cost."),
    Column(
        "roi_without",
        "ROI, without",
        Kind.PERCENT,
        "The same less what amplification cost. Net revenue stays whole, as nobody knows which orders it brought: the"
        " true figure is lower.",
    ),
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
    Column("state", "State", Kind.WORD, "Reused where the brand shows it again, amplified where media were paid for."),
)


def rows(session: Session, scope: Scope) -> list[Row]:
    """A row a placement and currency, the largest revenue first.

    What has no currency stands on the first row of a placement, and is None on the others, so that it may be added up.
    """
    found = _placements.placements(session, scope)
    ranks = standings({placed.placement.id: placed.competes for placed in found.kept})
    each = [_rows(found, placed, ranks[placed.placement.id]) for placed in found.kept]
    return by_revenue([row for rows in each for row in rows], found.first)


def _rows(found: Placements, placed: Placed, standing: str | None) -> list[Row]:
    counted = _counted(found, placed) | {"conversion": standing}
    nothing: Row = dict.fromkeys(counted)
    described, currencies = _described(placed), placed.currencies(found.first)
    return [
        described | (counted if index == 0 else nothing) | _in_money(placed, currency)
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
        "tier": placed.standing,
        "url": placement.url,
        "campaign": placed.campaign,
        "published_at": placement.published_at,
        "state": _state(placed),
    }


def _state(placed: Placed) -> str:
    if placed.media:
        return BOTH if placed.placement.reused else AMPLIFIED
    return REUSED if placed.placement.reused else ORGANIC


def _counted(found: Placements, placed: Placed) -> Row:
    """What has no currency."""
    counters, engagement, converted = placed.counters, placed.counters.engagement, placed.converted
    return {
        "taken_at": placed.taken_at,
        "counted_by": None if placed.taken_at is None else CLAIM if placed.claimed else OWN_COUNT,
        **{name: getattr(counters, name) for name in _COUNTED},
        "engagement": engagement,
        "er": metrics.engagement_rate(engagement, counters.views),
        "er_followers": metrics.engagement_rate(engagement, placed.partner.followers),
        "clicks": placed.clicks,
        "ctr": metrics.click_through_rate(placed.clicks, counters.views),
        **rate_cells(*((converted.orders, converted.clicks) if converted else (None, None))),
        "hollow": found.hollow(placed),
    }


def _in_money(placed: Placed, currency: str) -> Row:
    sold, counters, cost = placed.sold(currency), placed.counters, placed.whole_cost(currency)
    earned, media = sold.revenue if sold else None, placed.media.get(currency)
    emv = earned_media_value(counters) if currency == RATE_CARD.currency else None
    return {
        "currency": currency,
        "orders": sold.orders if sold else None,
        "revenue": earned,
        "cost": placed.cost(currency),
        "roi": None if earned is None or cost is None else metrics.return_on_investment(earned, cost),
        "amplification": media,
        "roi_without": _without(earned, cost, media),
        "cpm": metrics.whole_units(metrics.cost_per_mille(cost, counters.views)),
        "cpv": metrics.whole_units(metrics.cost_per_view(cost, counters.views)),
        "cpe": metrics.whole_units(metrics.cost_per_engagement(cost, counters.engagement)),
        "emv": metrics.whole_units(emv),
    }


def _without(earned: int | None, cost: int | None, media: int | None) -> Fraction | None:
    return None if earned is None or cost is None or not media else metrics.return_without_media(earned, cost, media)
