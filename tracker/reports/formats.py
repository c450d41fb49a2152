"""Which format works for whom and where: placements by format, tier and network, ranked from three of a kind on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from sqlalchemy.orm import Session

from tracker.domain import metrics
from tracker.domain.engagement import known_sum
from tracker.domain.rankings import Converted
from tracker.reports import _placements, _ranked
from tracker.reports._parts import in_order
from tracker.reports._performance import CURRENCY
from tracker.reports._placements import OWN, TIER_HELP, TOO_FEW, Placed, known_pairs, place_of_standing
from tracker.reports._ranked import CVR, STANDING, rate_cells, standings
from tracker.reports._shape import Column, Kind, Row, Scope

LEAST = 3  # placements: fewer are an anecdote

RANK = 42
GROUP = "Performance"
TITLE = "Formats × tiers × networks"
DESCRIPTION = "Placements by what they are made of, by whom and where they stand, with what they brought on average."
EMPTY = "Add placements with tracker placement add, and say how many follow each partner."
ENOUGH = "enough"
WORDS = {**_placements.WORDS, **_ranked.WORDS, TOO_FEW: "Too few to say", ENOUGH: "Enough"}
COLUMNS = (
    Column("format", "Format", Kind.WORD),
    Column("tier", "Tier", Kind.WORD, TIER_HELP),
    Column("network", "Network"),
    Column("placements", "Placements", Kind.INTEGER),
    Column("tracked", "Tracked", Kind.INTEGER, "Those with a link or a code: only they can be seen to sell."),
    Column("views", "Views", Kind.INTEGER, "Of the last snapshots within the days chosen, where views are known."),
    Column("engagement", "Engagement", Kind.INTEGER, "Likes, comments, shares and saves, those that are known."),
    Column("er", "ER", Kind.PERCENT, "Engagement / views of the placements for which both are known."),
    Column("clicks", "Clicks", Kind.INTEGER, "Clicks by people in the days chosen."),
    Column("ctr", "CTR", Kind.PERCENT, "Clicks / views of the placements for which both are known."),
    *CVR,
    STANDING,
    CURRENCY,
    Column("orders", "Orders", Kind.INTEGER, "Paid orders with a credit; one that placements share counts for each."),
    Column("revenue", "Net revenue", Kind.MONEY, "Net value credited to the placements' links and codes."),
    Column(
        "cost", "Cost", Kind.MONEY, "Spent on the placements themselves up to the last day; shared costs are left out."
    ),
    Column("cpa", "CPA", Kind.MONEY, "Cost / orders of the placements for which both are known."),
    Column("each", "Per placement", Kind.MONEY, "Net revenue / tracked placements."),
    Column("rank", "Rank", Kind.INTEGER, "By net revenue per placement, in the brand's currency; equal ones share it."),
    Column("sample", "Sample", Kind.WORD, f"With fewer than {LEAST} tracked placements no rank is given."),
)

Group = tuple[str, str | None, str]


def rows(session: Session, scope: Scope) -> list[Row]:
    """A row a format, tier, network and currency: the ranked ones first, the best in front, then the others by name.

    What has no currency stands on the first row of a group, and is None on the others.
    """
    found = _placements.placements(session, scope)
    groups: dict[Group, list[Placed]] = defaultdict(list)
    for placed in found.kept:
        groups[placed.placement.format, placed.standing, placed.placement.network].append(placed)
    means = {
        group: mean
        for group, members in groups.items()
        if _tracked(members) >= LEAST and (mean := _mean(members, found.first)) is not None
    }
    ranks = standings({group: None if group[1] == OWN else _converted(placed) for group, placed in groups.items()})
    each = [_rows(group, members, found.first, means, ranks[group]) for group, members in groups.items()]
    return sorted((row for rows in each for row in rows), key=lambda row: _place(row, found.first))


def _rows(
    group: Group, members: Sequence[Placed], first: str, means: dict[Group, Fraction], standing: str | None
) -> list[Row]:
    format_, tier, network = group
    named: Row = {"format": format_, "tier": tier, "network": network}
    counted = _counted(members) | {
        "rank": 1 + sum(mean > means[group] for mean in means.values()) if group in means else None,
        "sample": ENOUGH if group in means else TOO_FEW,
        "conversion": standing,
    }
    nothing: Row = dict.fromkeys(counted)
    currencies = in_order((currency for placed in members for currency in placed.currencies(first)), first)
    return [
        named | (counted if index == 0 else nothing) | _in_money(members, currency)
        for index, currency in enumerate(currencies)
    ]


def _counted(members: Sequence[Placed]) -> Row:
    engagement = known_pairs((placed.counters.engagement, placed.counters.views) for placed in members)
    converted = _converted(members)
    clicks = known_pairs((placed.clicks, placed.counters.views) for placed in members)
    return {
        "placements": len(members),
        "tracked": _tracked(members),
        "views": known_sum(placed.counters.views for placed in members),
        "engagement": known_sum(placed.counters.engagement for placed in members),
        "er": metrics.engagement_rate(*engagement),
        "clicks": known_sum(placed.clicks for placed in members),
        "ctr": metrics.click_through_rate(*clicks),
        **rate_cells(*((converted.orders, converted.clicks) if converted else (None, None))),
    }


def _in_money(members: Sequence[Placed], currency: str) -> Row:
    sold = [sold for placed in members if (sold := placed.sold(currency)) is not None]
    costs = [
        (placed.whole_cost(currency), each.orders if (each := placed.sold(currency)) else None) for placed in members
    ]
    return {
        "currency": currency,
        "orders": sum(each.orders for each in sold) if sold else None,
        "revenue": sum(each.revenue for each in sold) if sold else None,
        "cost": known_sum(placed.cost(currency) for placed in members),
        "cpa": metrics.whole_units(metrics.cost_per_order(*known_pairs(costs))),
        "each": metrics.whole_units(_mean(members, currency)),
    }


def _converted(members: Sequence[Placed]) -> Converted | None:
    """Orders through the links of those that have one, and the clicks on them."""
    known = [one for placed in members if (one := placed.converted) is not None]
    return Converted(sum(one.orders for one in known), sum(one.clicks for one in known)) if known else None


def _tracked(members: Sequence[Placed]) -> int:
    return sum(placed.tracked for placed in members)


def _mean(members: Sequence[Placed], currency: str) -> Fraction | None:
    """Net revenue of a tracked placement, in minor units."""
    sold = (placed.sold(currency) for placed in members if placed.tracked)
    return metrics.share(sum(each.revenue for each in sold if each), _tracked(members))


def _place(row: Row, first: str) -> tuple[Any, ...]:
    cells: dict[str, Any] = row
    rank = cells["rank"]
    named = (cells["format"], place_of_standing(cells["tier"]), cells["network"])
    return (cells["currency"] != first, cells["currency"], rank is None, rank or 0, *named)
