"""Small accounts beside large ones, and beside the brand's own: engagement, conversion and return by tier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from tracker.domain import metrics
from tracker.domain.engagement import known_sum
from tracker.domain.rankings import Converted
from tracker.domain.tiers import TITLES, tier_of
from tracker.ledger.tables import Credit, Link, Partner
from tracker.reports import _ranked, _returns
from tracker.reports._clicks import Clicks, clicks
from tracker.reports._parts import Credited, Key, credited
from tracker.reports._performance import CURRENCY
from tracker.reports._placements import OWN, TIER_HELP, Counted, counted, known_pairs, place_of_standing
from tracker.reports._ranked import CVR, STANDING, rate_cells, standings
from tracker.reports._returns import Books
from tracker.reports._shape import Column, Kind, Row, Scope

RANK = 46
GROUP = "Performance"
FILTERS = ("model", "channel", "partner", "campaign")
TITLE = "Tiers"
DESCRIPTION = (
    "Engagement, conversion and return by how many follow a partner, with the brand's own accounts to compare with."
    " Partners who neither have followers noted nor a placement are left out."
)
EMPTY = "Say how many follow each partner: tracker partner edit NAME --followers 12000."
UNKNOWN = "tier_unknown"
WORDS = {**{str(tier): title for tier, title in TITLES.items()}, **_ranked.WORDS, UNKNOWN: "Followers unknown"}
COLUMNS = (
    Column("tier", "Tier", Kind.WORD, TIER_HELP),
    Column("partners", "Partners", Kind.INTEGER),
    Column("placements", "Placements", Kind.INTEGER, "Published up to the last day."),
    Column("measured", "Measured", Kind.INTEGER, "Placements with known views and interactions: the sample of ER."),
    Column("views", "Views", Kind.INTEGER, "Of the last snapshots within the days chosen, where views are known."),
    Column("engagement", "Engagement", Kind.INTEGER, "Likes, comments, shares and saves, those that are known."),
    Column("er", "ER", Kind.PERCENT, "Engagement / views of the placements for which both are known."),
    Column("clicks", "Clicks", Kind.INTEGER, "Clicks by people on all links of these partners: the sample of CVR."),
    *CVR,
    STANDING,
    CURRENCY,
    Column("orders", "Orders", Kind.INTEGER, "Paid orders with a credit; one that partners share counts for each."),
    Column("revenue", "Net revenue", Kind.MONEY, "Net value credited in the brand's currency, less refunds."),
    Column("spent", "Spent", Kind.MONEY, "Everything on these partners, their parts of shared costs and commissions."),
    Column("roi", "ROI", Kind.PERCENT, "(Net revenue − spent) / spent."),
    Column("ratio", "Return", Kind.NUMBER, "Net revenue / spent: 5 is five back for each one spent, 5:1."),
    Column("cpa", "CPA", Kind.MONEY, "Spent / orders."),
)  # fmt: skip


@dataclass(slots=True)
class Group:
    """The partners of a tier, and what they published."""

    partners: list[Partner] = field(default_factory=list)
    placed: list[Counted] = field(default_factory=list)


def rows(session: Session, scope: Scope) -> list[Row]:
    """A row a tier, the smallest first, the brand's own accounts after the largest, the unknown one last."""
    books, placed = _returns.read(session, scope), counted(session, scope)
    clicked = clicks(session, scope, Link.partner_id)
    sold = credited(session, scope, Credit.partner_id)
    active = {*clicked, *(partner for partner, _ in sold)}
    groups = _groups(books, placed, scope, active)
    converted = {name: _converted(group, clicked, sold) for name, group in groups.items()}
    ranks = standings({name: one for name, one in converted.items() if name != OWN})
    return [
        _row(name, groups[name], converted[name], books, sold) | {"conversion": ranks.get(name)}
        for name in sorted(groups, key=_place)
    ]


def _groups(books: Books, kept: Sequence[Counted], scope: Scope, active: set[str]) -> dict[str, Group]:
    placed: dict[str, list[Counted]] = {}
    for one in kept:
        placed.setdefault(one.partner.id, []).append(one)
    groups: dict[str, Group] = {}
    for partner in books.partners.values():
        if partner.id in placed or (_is_sized(partner) and _is_kept(partner, scope, active)):
            group = groups.setdefault(_standing(partner), Group())
            group.partners.append(partner)
            group.placed += placed.get(partner.id, [])
    return groups


def _is_sized(partner: Partner) -> bool:
    return partner.followers is not None or partner.kind == OWN


def _is_kept(partner: Partner, scope: Scope, active: set[str]) -> bool:
    """Whether the filters keep who published nothing: a campaign keeps those who brought something to it."""
    named = scope.partner_id in (None, partner.id) and scope.channel in (None, partner.channel)
    return named and (scope.campaign_id is None or partner.id in active)


def _standing(partner: Partner) -> str:
    return OWN if partner.kind == OWN else tier_of(partner.followers) or UNKNOWN


def _place(name: str) -> int:
    return place_of_standing(None if name == UNKNOWN else name)


def _converted(group: Group, clicked: dict[str, Clicks], sold: dict[Key, Credited]) -> Converted:
    members = {partner.id for partner in group.partners}
    orders = sum(each.link_orders for (partner, _), each in sold.items() if partner in members)
    return Converted(orders, sum(each.human for partner, each in clicked.items() if partner in members))


def _row(name: str, group: Group, converted: Converted, books: Books, sold: dict[Key, Credited]) -> Row:
    counters = [one.counters for one in group.placed]
    pairs = [(each.engagement, each.views) for each in counters]
    return {
        "tier": name,
        "partners": len(group.partners),
        "placements": len(group.placed),
        "measured": sum(engagement is not None and views is not None for engagement, views in pairs),
        "views": known_sum(each.views for each in counters),
        "engagement": known_sum(each.engagement for each in counters),
        "er": metrics.engagement_rate(*known_pairs(pairs)),
        "clicks": converted.clicks,
        **rate_cells(converted.orders, converted.clicks),
        **_in_money(group, books, sold),
    }


def _in_money(group: Group, books: Books, sold: dict[Key, Credited]) -> Row:
    members, currency = {partner.id for partner in group.partners}, books.brand.currency
    earned = [each for (partner, other), each in sold.items() if partner in members and other == currency]
    revenue, orders = sum(each.revenue for each in earned), sum(each.orders for each in earned)
    spent = books.spent(cell for cell in books.cells if cell[1] in members).total
    return {
        "currency": currency,
        "orders": orders,
        "revenue": revenue,
        "spent": spent,
        "roi": metrics.return_on_investment(revenue, spent),
        "ratio": metrics.return_ratio(revenue, spent),
        "cpa": metrics.whole_units(metrics.cost_per_order(spent or None, orders)),
    }
